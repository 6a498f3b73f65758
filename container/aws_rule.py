"""SageMaker Model Monitor's own rule, reported beside ours: one distance a column, drift where it exceeds the threshold.

As its open-source library deequ computes it. Robust takes off what chance alone may add; a distance of categories is
the largest difference between two shares.
"""

import math
from dataclasses import dataclass
from typing import Any

from container.errors import Refused

ROBUST = 1.8


@dataclass(frozen=True)
class AwsRule:
    """The thresholds that constraints.json gives, and whether distances are robust."""

    threshold: float = 0.1
    categorical_threshold: float = 0.1
    robust: bool = True

    def judge(self, distance: float | None, rows: int, reference_rows: int, is_number: bool) -> dict[str, Any]:
        """Return what the rule says of a column whose samples are so far apart; None where there is nothing to compare."""
        threshold = self.threshold if is_number else self.categorical_threshold
        if distance is not None and self.robust:
            distance = max(0.0, distance - ROBUST * math.sqrt((rows + reference_rows) / (rows * reference_rows)))
        return {"distance": distance, "threshold": threshold, "flagged": distance is not None and distance > threshold}


def aws_rule(constraints: dict[str, Any], threshold: float | None = None) -> AwsRule:
    """Return the rule that constraints.json names; a threshold goes over what stands there."""
    try:
        found = constraints.get("monitoring_config", {}).get("distribution_constraints", {})
        number = float(threshold if threshold is not None else found.get("comparison_threshold", 0.1))
        category = float(threshold if threshold is not None else found.get("categorical_comparison_threshold", number))
        return AwsRule(number, category, found.get("comparison_method", "Robust") != "Simple")
    except (AttributeError, TypeError, ValueError) as error:
        raise Refused(f"constraints.json: monitoring_config is not as monitor baseline writes it: {error}") from None
