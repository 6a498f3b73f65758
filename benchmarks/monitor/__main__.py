"""Measure a look at captured data beside Evidently, whylogs and NannyML; all get the same rows and must find the same.

Usage: bash scripts/bench.sh monitor [ROWS ...] [--large] [--rounds 2] [--limit 180] [--only STACK] [--kind captures|csv]
10 thousand, 100 thousand and 1 million rows where none are named; --large adds 5 and 10 million.
"""

import argparse
import json
import os
import shutil
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.jobs.job import Cost, cost_of
from benchmarks.monitor.answers import differences, ours
from benchmarks.monitor.data import WRITERS, write_baseline
from benchmarks.monitor.report import lines
from benchmarks.monitor.stacks import FRAMEWORKS, OURS, look
from benchmarks.serving.errors import BenchmarkError, TookTooLong
from benchmarks.serving.model import ROOT

SIZES, LARGE = [10_000, 100_000, 1_000_000], [5_000_000, 10_000_000]
FOLDER = ROOT / "build" / "bench"
# A program that takes this long runs once.
LONG = 20


class Run:
    """One run over all kinds of data and sizes, and what was seen."""

    def __init__(self, stacks: list[str], rounds: int, limit: float) -> None:
        """Describe the training data."""
        self.stacks, self._rounds, self._limit = stacks, rounds, limit
        self._base = FOLDER / "monitor" / "ml"
        self._baseline = write_baseline(self._base)
        self.figures: dict[str, dict[str, dict[str, dict[str, float]]]] = defaultdict(lambda: defaultdict(dict))
        self.failures: dict[str, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
        self.drifted: dict[str, int] = {}
        self._gave_up: set[tuple[str, str]] = set()

    def measure(self, kind: str, rows: int) -> None:
        """Let all stacks look at the same rows; ours first, with which the others are compared."""
        folder = FOLDER / "monitor" / kind
        tell(f"writing {rows:,} rows ({kind})")
        WRITERS[kind](folder, rows)
        right: dict[str, Any] | None = None
        try:
            for stack in self.stacks:
                right = self._tried(stack, kind, rows, folder, right) or right
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _tried(self, stack: str, kind: str, rows: int, folder: Path, right: dict[str, Any] | None) -> dict[str, Any] | None:
        if (stack, kind) in self._gave_up:
            return None
        tell(f"{stack}: {rows:,} rows ({kind})")
        try:
            cost, answers = self._best(stack, kind, folder)
            if wrong := list(differences(right or answers, answers)):
                raise BenchmarkError(f"it answers otherwise: {'; '.join(wrong[:3])}")
        except (BenchmarkError, OSError, ValueError, KeyError) as error:
            self.failures[kind][stack][str(rows)] = str(error) or repr(error)
            self._gave_up |= {(stack, kind)} if isinstance(error, TookTooLong) else set()
            tell(f"{stack}: {error}")
            return None
        self.figures[kind][stack][str(rows)] = {"seconds": round(cost.seconds, 3), "rss_mb": round(cost.peak_mb, 1)}
        self.drifted[stack] = len(answers["drifted"])
        return answers if stack == OURS else None

    def _best(self, stack: str, kind: str, folder: Path) -> tuple[Cost, dict[str, Any]]:
        """Return the least that a stack took, and what it said."""
        asked = look(stack, kind, folder, self._base, self._baseline)
        costs = [cost_of(asked.words, FOLDER / "monitor" / f"{stack}.log", asked.variables, self._limit)]
        while len(costs) < self._rounds and costs[0].seconds < LONG:
            costs.append(cost_of(asked.words, FOLDER / "monitor" / f"{stack}.log", asked.variables, self._limit))
        answers = ours(self._base) if stack == OURS else json.loads(asked.answers.read_text())
        return Cost(min(cost.seconds for cost in costs), min(cost.peak_mb for cost in costs)), answers


def tell(line: str) -> None:
    """Say what is being done."""
    print(f"bench: {line}", file=sys.stderr, flush=True)


def options(words: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="bench.sh monitor", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", type=int)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--limit", type=float, default=180)
    parser.add_argument("--only", action="append", choices=[OURS, *FRAMEWORKS])
    parser.add_argument("--kind", action="append", choices=list(WRITERS))
    return parser.parse_args(words)


def versions() -> dict[str, str]:
    """Return what each framework is pinned to."""
    found = {stack: (ROOT / "requirements" / f"bench-{stack}.txt").read_text().splitlines() for stack in FRAMEWORKS}
    return {stack: line.partition("==")[2].split()[0] for stack, pins in found.items() for line in pins if line.startswith(f"{stack}==")}


def main() -> int:
    """Print the tables and write build/bench/monitor.json; 1 when a stack failed otherwise than by being too slow."""
    asked = options(sys.argv[1:])
    busy = round(os.getloadavg()[0], 1)
    if busy > 0.5:
        tell(f"this machine is busy (load {busy}): times will be long and ratios rough")
    FOLDER.joinpath("monitor").mkdir(parents=True, exist_ok=True)
    try:
        run = Run([stack for stack in (OURS, *FRAMEWORKS) if not asked.only or stack in asked.only], asked.rounds, asked.limit)
    except BenchmarkError as error:
        tell(str(error))
        return 1
    kinds = asked.kind or list(WRITERS)
    for rows in asked.rows or [*SIZES, *(LARGE if asked.large else [])]:
        for kind in kinds:
            run.measure(kind, rows)
    print("; ".join(f"{name} {number}" for name, number in versions().items()) + f"; {os.cpu_count()} cores")
    for kind in kinds:
        print("\n".join(lines(kind, run.figures[kind], run.failures[kind])))
    print("columns called drifted, of which one is: " + ", ".join(f"{stack} {count}" for stack, count in run.drifted.items()))
    setting = {"rounds": asked.rounds, "limit": asked.limit, "cores": os.cpu_count(), "busy": busy, "versions": versions()}
    document = {"stacks": run.figures["captures"], "csv": run.figures["csv"], "failures": run.failures, "setting": setting}
    (FOLDER / "monitor.json").write_text(json.dumps(document, indent=2) + "\n")
    tell("figures are in build/bench/monitor.json")
    reasons = [reason for found in run.failures.values() for stack in found.values() for reason in stack.values()]
    return 1 if any(not reason.startswith("over ") for reason in reasons) else 0


if __name__ == "__main__":
    sys.exit(main())
