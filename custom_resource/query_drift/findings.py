"""What a look found: of the image's `monitor` (drift.json) or of AWS's analyzer (constraint_violations.json). Nothing here asks AWS.

The image judges by tests and says itself what drifted; AWS's analyzer lists violations and has the distance in its words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

MOST = 20  # features that are told one by one: the state machine's input and a mail are short
DISTANCE = re.compile(r"distance: (?P<distance>[\d.eE+-]+) exceeds threshold: (?P<threshold>[\d.eE+-]*\d)")


@dataclass(frozen=True)
class Feature:
    """One column: how far it is from the training data, and what a check said of it."""

    name: str
    drifted: bool
    distance: float | None = None
    threshold: float | None = None
    check: str = ""
    description: str = ""

    @property
    def summary(self) -> dict[str, Any]:
        """Return what is told of it."""
        return {"Feature": self.name, "Check": self.check, "Distance": self.distance, "Threshold": self.threshold,
                "Description": self.description}


@dataclass(frozen=True)
class Findings:
    """What one look found."""

    verdict: str
    rows: int
    features: list[Feature] = field(default_factory=list)
    rows_needed: int = 0

    @property
    def judged(self) -> bool:
        """Return whether there were enough rows for a verdict."""
        return self.verdict != "too few rows"

    @property
    def drifted(self) -> list[Feature]:
        """Return what drifted, the farthest first."""
        return sorted((each for each in self.features if each.drifted), key=lambda each: -(each.distance or 0.0))

    @property
    def summary(self) -> dict[str, Any]:
        """Return what the guard and the mail need."""
        return {"Verdict": self.verdict, "Rows": self.rows, "RowsNeeded": self.rows_needed, "Features": len(self.features),
                "DriftedFeatures": len(self.drifted), "Drifted": [each.summary for each in self.drifted[:MOST]]}


def of_monitor(document: dict[str, Any]) -> Findings:
    """Read drift.json."""
    features = [Feature(each["name"], each["drifted"], each.get("distance"), each.get("threshold"), *worst(each.get("checks", [])))
                for each in document["features"]]
    return Findings(document["verdict"], document["rows"], features, document.get("rows_needed", 0))


def worst(checks: list[dict[str, Any]]) -> tuple[str, str]:
    """Return name and words of the check that is the least likely by chance."""
    if not checks:
        return "", ""
    check = min(checks, key=lambda each: 1.0 if each.get("p_value") is None else each["p_value"])
    return check["check"], check.get("description", "")


def of_analyzer(violations: dict[str, Any], statistics: dict[str, Any]) -> Findings:
    """Read constraint_violations.json and statistics.json; a feature that no violation names has not drifted."""
    found: dict[str, Feature] = {item["name"]: Feature(item["name"], False) for item in statistics.get("features", [])}
    for violation in violations["violations"]:
        feature = violated(violation)
        known = found.get(feature.name)
        if known is None or not known.drifted or (feature.distance or 0.0) > (known.distance or 0.0):
            found[feature.name] = feature
    drifted = any(feature.drifted for feature in found.values())
    return Findings("drift" if drifted else "no drift", int(statistics.get("dataset", {}).get("item_count", 0)), list(found.values()))


def violated(violation: dict[str, str]) -> Feature:
    """Return the feature of a violation, with the numbers that its words hold."""
    words = violation.get("description", "")
    numbers = DISTANCE.search(words)
    distance, threshold = (float(numbers["distance"]), float(numbers["threshold"])) if numbers else (None, None)
    return Feature(violation["feature_name"].strip(), True, distance, threshold, violation["constraint_check_type"], words)
