"""The table of times and memory, and what it comes to."""

from collections.abc import Iterator
from typing import Any

from benchmarks.monitor.stacks import FRAMEWORKS, OURS

Figures = dict[str, dict[str, dict[str, float]]]


def lines(kind: str, figures: Figures, failures: dict[str, dict[str, str]]) -> Iterator[str]:
    """Yield a table of one kind of data: a line a stack, a column a size."""
    sizes = sorted({size for found in (*figures.values(), *failures.values()) for size in found}, key=int)
    yield f"{kind:<10} " + " ".join(f"{int(size):>16,}" for size in sizes)
    for stack in (OURS, *FRAMEWORKS):
        if stack in figures or stack in failures:
            yield f"{stack:<10} " + " ".join(f"{_cell(stack, size, figures, failures):>16}" for size in sizes)
    for size in sizes:
        if told := _ratio(size, figures):
            yield told


def _cell(stack: str, size: str, figures: Figures, failures: dict[str, dict[str, str]]) -> str:
    found: dict[str, Any] | None = figures.get(stack, {}).get(size)
    if found:
        return f"{found['seconds']:.2f} s {found['rss_mb']:,.0f} MB"
    return "FAILED" if size in failures.get(stack, {}) else "-"


def _ratio(size: str, figures: Figures) -> str | None:
    """Return how many times faster ours is than the fastest framework."""
    others = {stack: figures[stack][size]["seconds"] for stack in FRAMEWORKS if size in figures.get(stack, {})}
    if size not in figures.get(OURS, {}) or not others:
        return None
    best = min(others, key=others.__getitem__)
    return f"{int(size):,} rows: {others[best] / figures[OURS][size]['seconds']:.1f} times as fast as the fastest framework, {best}"
