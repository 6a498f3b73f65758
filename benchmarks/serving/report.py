"""Rounds into figures, figures into a table and a file."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.serving.load import Measured

FRAMEWORKS = ("litserve", "mlserver", "bentoml")


@dataclass
class Record:
    """What the rounds saw of one stack: each measurement, and the reference's rate right before and after it."""

    measured: list[Measured] = field(default_factory=list)
    around: list[float] = field(default_factory=list)
    rss_mb: float = 0.0
    thousand_rows_ms: float | None = None

    def figures(self) -> dict[str, Any]:
        """Return medians over the rounds; the ratio is the median of each round's own ratio."""
        found = {name: round(median(getattr(each, name) for each in self.measured), 2)
                 for name in ("requests_per_s", "p50_ms", "p99_ms")}
        ratios = [each.requests_per_s / rate for each, rate in zip(self.measured, self.around, strict=False)]
        return ({"ratio": round(median(ratios), 4)} if ratios else {}) | found | {"rss_mb": round(self.rss_mb, 1)} | (
            {} if self.thousand_rows_ms is None else {"thousand_rows_ms": round(self.thousand_rows_ms, 2)})


def document(reference: Record, records: dict[str, Record], failures: dict[str, str], setting: dict[str, Any]) -> dict[str, Any]:
    """Return what is written: figures of all that could be measured, reasons of all that could not."""
    return {"reference": reference.figures(), "failures": failures, "setting": setting,
            "stacks": {name: record.figures() for name, record in records.items() if record.measured}}


def lines(found: dict[str, Any]) -> Iterator[str]:
    """Yield the table and what it comes to."""
    yield f"{'stack':<10} {'requests/s':>10} {'ratio to R':>10} {'p50 ms':>8} {'p99 ms':>8} {'1,000 rows ms':>13} {'memory MB':>10}"
    for name, row in {"R": found["reference"], **found["stacks"]}.items():
        rows = f"{row['thousand_rows_ms']:.1f}" if "thousand_rows_ms" in row else ""
        yield (f"{name:<10} {row['requests_per_s']:10.0f} {row.get('ratio', 1):10.3f} {row['p50_ms']:8.2f} {row['p99_ms']:8.2f} "
               f"{rows:>13} {row['rss_mb']:10.0f}")
    yield from (f"{name:<10} FAILED: {reason}" for name, reason in found["failures"].items())
    ratios = {name: found["stacks"][name]["ratio"] for name in ("ours", *FRAMEWORKS) if name in found["stacks"]}
    if "ours" in ratios:
        yield f"ours answers {ratios['ours']:.2f} of the reference's requests"
        if best := max((name for name in ratios if name != "ours"), key=ratios.__getitem__, default=None):
            yield f"and {ratios['ours'] / ratios[best]:.1f} times those of the best framework, {best}"


def write(found: dict[str, Any], file: Path) -> None:
    """Write the figures."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=2) + "\n")
