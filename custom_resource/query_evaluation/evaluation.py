"""Finds a metric in an evaluation laid out as SageMaker's model quality reports are."""

from __future__ import annotations

import math
from typing import Any


class MetricMissing(Exception):
    """The evaluation has no usable value of the gate's metric."""


def measured(evaluation: dict[str, Any], metric: str, where: str) -> tuple[float, float | None]:
    """Return a metric's value and standard deviation, None when there is none."""
    metrics = {name: entry for section, entries in evaluation.items() if section.endswith("_metrics")
               for name, entry in entries.items() if isinstance(entry, dict) and "value" in entry}
    if metric not in metrics:
        raise MetricMissing(f"{where} has no {metric}; it has {', '.join(sorted(metrics)) or 'no metric'}. "
                            "Choose one as gate.metric in model/config.yml")
    value = number(metrics[metric]["value"])
    if value is None:
        raise MetricMissing(f"{where}: {metric} is {metrics[metric]['value']!r}, which is no number to judge by")
    return value, number(metrics[metric].get("standard_deviation"))


def number(value: Any) -> float | None:
    """Return a finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)
