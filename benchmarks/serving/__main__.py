"""Measure all stacks in one run, taking turns, the reference right before and right after each.

Usage: bash scripts/bench.sh serving [--rounds 5] [--seconds 3] [--only STACK]...
The machine's own noise is larger than most differences: only ratios within a run count, and only their median.
"""

import argparse
import os
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks.serving import nginx
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.load import Measured, load, tool
from benchmarks.serving.model import ROOT, expected, train, unseen_rows
from benchmarks.serving.report import FRAMEWORKS, Record, document, lines, write
from benchmarks.serving.server import Server
from benchmarks.serving.stacks import REFERENCE, STACKS, WORKERS, Row, Stack

FOLDER = ROOT / "build" / "bench"
TOLERANCE = 1e-5
MEASURED_ERRORS = (BenchmarkError, OSError, ValueError, KeyError)


def tell(line: str) -> None:
    """Say what is being done."""
    print(f"bench: {line}", file=sys.stderr, flush=True)


def check(server: Server, rows: list[Row], right: list[float]) -> None:
    """Ask for rows one by one and all at once; raises BenchmarkError when a probability is not the pipeline's."""
    single = [server.probabilities([row])[0] for row in rows[:50]]
    for found, wanted in ((single, right[:50]), (server.probabilities(rows), right)):
        if len(found) != len(wanted):
            raise BenchmarkError(f"it answered {len(found)} rows of {len(wanted)}")
        worst = max(abs(one - other) for one, other in zip(found, wanted, strict=True))
        if worst > TOLERANCE:
            raise BenchmarkError(f"its probabilities differ from the pipeline's by up to {worst:.2g}")


def measure(server: Server, row: Row, seconds: int) -> Measured:
    """Load a server with single rows."""
    stack = server.stack
    return load(server.port, stack.path, stack.body([row]), stack.content_type, seconds, FOLDER / "serving" / stack.name)


def thousand_rows(server: Server, rows: list[Row]) -> float:
    """Return the median milliseconds of a request with a thousand rows, from its sending to its answer's last byte."""
    taken = []
    for _ in range(15):
        began = time.perf_counter()
        server.probabilities(rows)
        taken.append(1000 * (time.perf_counter() - began))
    return median(taken)


class Run:
    """One run: servers that are up, what was seen of them, and what failed."""

    def __init__(self, stacks: list[Stack]) -> None:
        """Take the stacks to be measured."""
        base = FOLDER / "ml"
        self.reference = Server(REFERENCE, FOLDER / "serving", base)
        self.servers = [Server(stack, FOLDER / "serving", base) for stack in stacks]
        self.records = {stack.name: Record() for stack in (REFERENCE, *stacks)}
        self.failures: dict[str, str] = {}

    def start(self, rows: list[Row], right: list[float]) -> None:
        """Start everything; a stack that fails or answers wrongly is put down and remembered."""
        self.reference.start()
        for server in self.servers:
            self._tried(server, lambda server=server: (server.start(), check(server, rows, right)))

    def _tried(self, server: Server, action: object) -> None:
        if server.stack.name in self.failures:
            return
        try:
            action()  # type: ignore[operator]
        except MEASURED_ERRORS as error:
            self.failures[server.stack.name] = str(error) or repr(error)
            tell(f"{server.stack.name} failed: {error}")
            server.stop()

    def round(self, row: Row, seconds: int, counts: bool) -> None:
        """Let all take turns once; the reference stands between them."""
        before = self._reference(row, seconds, counts)
        for server in self.servers:
            found: list[Measured] = []
            self._tried(server, lambda server=server, found=found: found.append(measure(server, row, seconds)))
            after = self._reference(row, seconds, counts)
            if found and counts:
                self.records[server.stack.name].measured += found
                self.records[server.stack.name].around.append((before + after) / 2)
            before = after

    def _reference(self, row: Row, seconds: int, counts: bool) -> float:
        found = measure(self.reference, row, seconds)
        if counts:
            self.records[REFERENCE.name].measured.append(found)
        return found.requests_per_s

    def finish(self, rows: list[Row]) -> None:
        """Measure many rows a request, and memory after all that load."""
        for server in self.servers:
            record = self.records[server.stack.name]
            self._tried(server, lambda server=server, record=record: setattr(record, "thousand_rows_ms", thousand_rows(server, rows)))
        for server in (self.reference, *self.servers):
            self.records[server.stack.name].rss_mb = server.resident_mb()

    def stop(self) -> None:
        """End every server."""
        for server in (*self.servers, self.reference):
            server.stop()


def compare(stacks: list[Stack], rounds: int, seconds: int) -> Run:
    """Train, start, verify, measure."""
    tell("training the model that all serve")
    train(FOLDER / "ml")
    rows = unseen_rows(1000)
    wanted = expected(FOLDER / "ml", rows)
    run = Run(stacks)
    try:
        tell(f"starting {', '.join(stack.name for stack in stacks)} and verifying their answers")
        run.start(rows, wanted)
        for turn in range(rounds + 1):
            tell(f"round {turn} of {rounds}" if turn else "warming up")
            run.round(rows[0], seconds if turn else 1, counts=bool(turn))
        run.finish(rows)
    finally:
        run.stop()
    return run


def options(words: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="bench.sh serving", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--only", action="append", choices=[stack.name for stack in STACKS])
    return parser.parse_args(words)


def versions() -> dict[str, str]:
    """Return what each environment of another stack is pinned to: the packages that the table is about."""
    names = {"seed": ("flask", "gunicorn", "pandas", "scikit-learn"), **{name: (name,) for name in FRAMEWORKS}}
    lines = {stack: (ROOT / "requirements" / f"bench-{stack}.txt").read_text().splitlines() for stack in names}
    return {name: line.partition("==")[2].split()[0] for stack, wanted in names.items() for name in wanted
            for line in lines[stack] if line.startswith(f"{name}==")}


def main() -> int:
    """Print the table and write build/bench/serving.json; 1 when a stack could not be measured."""
    asked = options(sys.argv[1:])
    stacks = [stack for stack in STACKS if asked.only is None or stack.name in asked.only]
    setting = {"rounds": asked.rounds, "seconds": asked.seconds, "workers": WORKERS, "load": tool(), "nginx": nginx.found() is not None,
               "versions": versions(), "cores": os.cpu_count(), "busy": round(os.getloadavg()[0], 1)}
    if setting["busy"] > 0.5:
        tell(f"this machine is busy (load {setting['busy']}): rates will be low, latencies high and ratios rough")
    if not setting["nginx"]:
        tell("nginx is not installed: the reference and the seed's way answer without it (on Debian: apt-get install nginx-light)")
    try:
        run = compare(stacks, asked.rounds, asked.seconds)
    except BenchmarkError as error:
        tell(str(error))
        return 1
    reference = run.records.pop(REFERENCE.name)
    found = document(reference, run.records, run.failures, setting)
    print(f"load: {setting['load']}, single rows, {WORKERS} workers each, {asked.rounds} rounds of {asked.seconds} s")
    print("; ".join(f"{name} {number}" for name, number in setting["versions"].items()))
    print("\n".join(lines(found)))
    write(found, Path(FOLDER / "serving.json"))
    tell("figures are in build/bench/serving.json")
    return 1 if run.failures else 0


if __name__ == "__main__":
    sys.exit(main())
