"""One program of the image over one base folder, with the time and the memory that it took."""

import json
import os
import shutil
import time
from dataclasses import dataclass
from math import inf
from pathlib import Path

from benchmarks.jobs.rows import write_rows
from benchmarks.serving.errors import BenchmarkError, TookTooLong
from benchmarks.serving.model import CONFIG, HANDED_ON, PYTHON, ROOT
from benchmarks.serving.processes import family, resident_mb, start, stop


@dataclass(frozen=True)
class Cost:
    """What a program took: from its start to its end, and the most memory that it and its children held at once."""

    seconds: float
    peak_mb: float


def prepared(base: Path, rows: int) -> None:
    """Make a base folder with rows for prepare."""
    shutil.rmtree(base, ignore_errors=True)
    for folder in ("data/train", "config"):
        (base / "processing" / "input" / folder).mkdir(parents=True)
    write_rows(base / "processing/input/data/train/rows.csv", rows)
    (base / "processing/input/config/config.json").write_text(json.dumps(CONFIG))


def handed_on(base: Path) -> None:
    """Put what prepare wrote where train reads it; moved, since millions of rows need not be there twice."""
    for output, name in HANDED_ON.items():
        target = base / "input" / "data" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(base / "processing" / "output" / output, target)


def run(base: Path, program: str, *arguments: str, **variables: str) -> Cost:
    """Run a program; raises BenchmarkError with what it said when it fails."""
    words = [str(PYTHON), "-m", "container", program, *arguments]
    return cost_of(words, base / f"{program}.log", {"SAGEMAKER_BASE_DIR": str(base), **variables})


def cost_of(words: list[str], log: Path, variables: dict[str, str], limit: float = inf) -> Cost:
    """Run words; raises BenchmarkError when they fail or take more seconds than the limit."""
    began = time.perf_counter()
    with log.open("wb") as out:
        job = start(words, {**os.environ, **variables}, ROOT, out)
    peak = 0.0
    while True:
        pid, status, usage = os.wait4(job.pid, os.WNOHANG)
        if pid:
            break
        peak = max(peak, resident_mb(family(job.pid)))
        if time.perf_counter() - began > limit:
            stop(job)
            raise TookTooLong(f"over {limit:.0f} s")
        time.sleep(0.02)
    seconds = time.perf_counter() - began
    job.returncode = os.waitstatus_to_exitcode(status)
    if job.returncode:
        raise BenchmarkError(f"{' '.join(words[1:])} ended with {job.returncode}: {log.read_text()[-1500:].strip()}")
    # Sampling may miss a short peak of the program itself, which the system knows.
    return Cost(seconds, max(peak, usage.ru_maxrss * 1024 / 1e6))
