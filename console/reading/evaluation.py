"""What a run's evaluation.json says: each metric with its interval, against the live model's on the same rows; counts and curve.

Laid out as SageMaker's model quality reports are; an image of one's own may write less of it, or something else.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

CERTAIN = 2  # a difference of less than so many deviations may be chance; the report says it alike
SMALLER_IS_BETTER = frozenset({"rmse", "mae", "mse", "log_loss", "false_positive_rate", "false_negative_rate"})
BOUNDS = {"r2": (-math.inf, 1.0), **dict.fromkeys(("log_loss", "rmse", "mae", "mse"), (0.0, math.inf))}  # of all others: 0 and 1
CONSTANT = "_best_constant_classifier"  # what always answering the commonest label is worth
CURVE = "receiver_operating_characteristic_curve"


class Unreadable(Exception):
    """The evaluation holds no metric; the message says what it holds."""


@dataclass(frozen=True)
class Measured:
    """A number and how far it may be off."""

    value: float
    deviation: float | None = None

    def interval(self, bounds: tuple[float, float] = (-math.inf, math.inf)) -> tuple[float, float] | None:
        """Return between what the true value lies with 95 % confidence, None where that is not known."""
        if self.deviation is None:
            return None
        return max(self.value - CERTAIN * self.deviation, bounds[0]), min(self.value + CERTAIN * self.deviation, bounds[1])


@dataclass(frozen=True)
class Metric:
    """A metric of the candidate, the live model's on the same rows, and their difference."""

    name: str
    own: Measured
    live: Measured | None = None
    difference: Measured | None = None

    @property
    def bounds(self) -> tuple[float, float]:
        return BOUNDS.get(self.name, (0.0, 1.0))

    @property
    def constant(self) -> bool:
        """Whether it measures no model, but what guessing is worth on these rows."""
        return self.name.endswith(CONSTANT)

    @property
    def verdict(self) -> str:
        """What the difference means: better, worse, no certain difference; blank without a live model."""
        if self.difference is None or self.constant:
            return ""
        value, deviation = self.difference.value, self.difference.deviation
        if deviation is None or abs(value) <= CERTAIN * deviation:
            return "no certain difference"
        return "better" if (value < 0) == (self.name in SMALLER_IS_BETTER) else "worse"


@dataclass(frozen=True)
class Evaluation:
    """An evaluation as it is shown."""

    metrics: tuple[Metric, ...]
    rows: int | None = None
    target: str = ""
    compared: bool = False
    why_not: str = ""  # there is a live model, and it could not be compared
    labels: tuple[str, ...] = ()
    counts: tuple[tuple[int, ...], ...] = ()  # by actual label, then by predicted label
    curve: tuple[tuple[float, float], ...] = ()  # false and true positive rates

    def metric(self, name: str) -> Metric | None:
        """Return a metric by its name."""
        return next((metric for metric in self.metrics if metric.name == name), None)


def parse(content: bytes) -> Evaluation:
    """Return what an evaluation.json says; raises Unreadable where it measures nothing."""
    try:
        found = json.loads(content)
    except ValueError as error:
        raise Unreadable(f"it is not JSON ({error})") from error
    sections = [entry for name, entry in found.items() if name.endswith("_metrics")] if isinstance(found, dict) else []
    section: dict[str, Any] = sections[0] if sections and isinstance(sections[0], dict) else {}
    live = _plain(found.get("live_model")) if isinstance(found, dict) else {}
    metrics = tuple(_metrics(section, _plain(live.get("metrics")), _plain(live.get("difference"))))
    if not metrics:
        raise Unreadable(f"it holds {', '.join(sorted(found)) or 'nothing'}, and no metric" if isinstance(found, dict) else "it is no object")
    dataset, (labels, counts) = _plain(found.get("dataset")), _confusion(section.get("confusion_matrix"))
    return Evaluation(
        metrics, _whole(dataset.get("item_count")), str(dataset.get("target") or ""), bool(live.get("compared")),
        str(live.get("reason") or ""), labels, counts, _curve(_plain(section.get(CURVE))))


def _metrics(section: dict[str, Any], live: dict[str, Any], difference: dict[str, Any]) -> Iterator[Metric]:
    for name, entry in section.items():
        if own := measured(entry):
            yield Metric(name, own, measured(live.get(name)), measured(difference.get(name)))


def measured(entry: Any) -> Measured | None:
    """Return an entry's number, None where it is none or not defined."""
    value = _number(entry.get("value")) if isinstance(entry, dict) else None
    return None if value is None else Measured(value, _number(entry.get("standard_deviation")))


def _confusion(matrix: Any) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]:
    """Return labels and counts; empty for what is no square of numbers."""
    labels = tuple(_plain(matrix))
    counts = tuple(tuple(_whole(_plain(row).get(label)) for label in labels) for row in _plain(matrix).values())
    whole = tuple(tuple(count for count in row if count is not None) for row in counts)
    return (labels, whole) if whole == counts else ((), ())


def _curve(found: dict[str, Any]) -> tuple[tuple[float, float], ...]:
    first, second = (found.get(f"{name}_positive_rates") or [] for name in ("false", "true"))
    if not isinstance(first, list) or not isinstance(second, list) or len(first) != len(second):
        return ()
    points = tuple((x, y) for x, y in zip(map(_number, first), map(_number, second), strict=True) if x is not None and y is not None)
    return points if len(points) == len(first) else ()


def _plain(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> float | None:
    """Return a finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
