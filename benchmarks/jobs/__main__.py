"""Show what prepare or training costs at growing sizes.

Usage: bash scripts/bench.sh prepare|training [ROWS ...]      5 thousand to 5 million rows where none are named
"""

import argparse
import json
import shutil
import sys
from dataclasses import asdict

from benchmarks.jobs.job import Cost, handed_on, prepared, run
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.model import ROOT

SIZES = (5_000, 50_000, 500_000, 5_000_000)
FOLDER = ROOT / "build" / "bench"


def cost(kind: str, rows: int) -> Cost:
    """Make the rows, run what comes before, and measure; the files are gone afterwards."""
    base = FOLDER / "jobs" / str(rows)
    try:
        prepared(base, rows)
        found = run(base, "prepare")
        if kind == "training":
            handed_on(base)
            found = run(base, "train")
            if not (base / "model" / "model.onnx").is_file():
                raise BenchmarkError(f"train wrote no model.onnx: {(base / 'train.log').read_text()[-1500:]}")
        return found
    finally:
        shutil.rmtree(base, ignore_errors=True)


def main() -> int:
    """Print a line a size and write build/bench/NAME.json; 1 when a size failed."""
    parser = argparse.ArgumentParser(prog="bench.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("prepare", "training"))
    parser.add_argument("rows", nargs="*", type=int, default=SIZES)
    asked = parser.parse_args()
    costs, failures = {}, {}
    print(f"{asked.kind:<12} {'rows':>10} {'seconds':>8} {'rows/s':>10} {'peak MB':>8}")
    for rows in asked.rows:
        try:
            found = costs[rows] = cost(asked.kind, rows)
            print(f"{'':<12} {rows:>10,} {found.seconds:>8.1f} {rows / found.seconds:>10,.0f} {found.peak_mb:>8,.0f}", flush=True)
        except (BenchmarkError, OSError) as error:
            failures[rows] = str(error)
            print(f"{'':<12} {rows:>10,} FAILED: {error}", flush=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    figures = {rows: {name: round(value, 2) for name, value in asdict(found).items()} for rows, found in costs.items()}
    (FOLDER / f"{asked.kind}.json").write_text(json.dumps({"rows": figures, "failures": failures}, indent=2) + "\n")
    print(f"bench: figures are in build/bench/{asked.kind}.json", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
