"""constraint_violations.json, in the words of SageMaker Model Monitor."""

from collections.abc import Mapping
from typing import Any

from container.rules import DRIFT


def violations(judged: Mapping[str, Any]) -> dict[str, Any]:
    """Return what constraint_violations.json holds for a verdict: of each drifted column the worst check of each type."""
    found = []
    for feature in judged["features"]:
        worst: dict[str, Any] = {}
        for check in feature["checks"] if feature["drifted"] else ():
            worst.setdefault(check["constraint_check_type"], check)
        found += [{"feature_name": feature["name"], "constraint_check_type": kind, "description": _description(check)}
                  for kind, check in worst.items()]
    return {"violations": found}


def _description(check: Mapping[str, Any]) -> str:
    if check["constraint_check_type"] != DRIFT:
        return str(check["description"])
    words = f"{check['check'].capitalize()}: {check['description']}"
    return f"Baseline drift distance: {check['effect']} exceeds threshold: {check['threshold']}. {words}"
