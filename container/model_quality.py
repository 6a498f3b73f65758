"""How good a model's answers turn out to be, against what its evaluation promised."""

import math
from collections.abc import Mapping
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from container.answers import Answer
from container.ground_truth import Merged
from container.metrics import Metrics, deviations, measure
from container.paths import read_json
from container.rules import DRIFT, Check, Rules
from container.schema import Schema

# The metrics that are judged, and which way is better; others are told only.
JUDGED = {
    "binary": {"accuracy": 1, "auc": 1, "f1": 1},
    "multiclass": {"accuracy": 1, "weighted_f1": 1},
    "regression": {"r2": 1, "rmse": -1},
}
# Without a told probability these cannot be known.
OF_PROBABILITIES = {"auc", "log_loss"}
SECTIONS = {"binary": "binary_classification_metrics", "multiclass": "multiclass_classification_metrics", "regression": "regression_metrics"}
FEWEST_ROWS = 100
# A metric that is worse by less is as good; of an error that part of it.
LEAST = 0.02


def model_quality(merged: Merged, schema: Schema, evaluation: Path, rules: Rules) -> tuple[dict[str, Any], dict[str, Check]]:
    """Return what drift.json says of the model's quality, and of each metric that became worse the check that found it."""
    kind = schema.problem.type
    pairs = [pair for row in merged.rows if (pair := (_scores if schema.labels else _numbers)(*row, schema)) is not None]
    told = {"rows": len(pairs), "rows_needed": FEWEST_ROWS, "unmatched": merged.unmatched,
            "unreadable": merged.unreadable + len(merged.rows) - len(pairs)}
    if len(pairs) < FEWEST_ROWS:
        return told | {"verdict": "too few rows", "metrics": {}, "violations": []}, {}
    values, spreads = _measured(pairs, schema, all(answer.probability is not None for _, answer in merged.rows))
    promised = read_json(evaluation).get(SECTIONS[kind], {}) if evaluation.exists() else {}
    checks = {name: check for name in JUDGED[kind] if (check := _check(name, values, spreads, promised.get(name) or {}, kind, rules))}
    worse = {name: check for name, check in checks.items() if check.found}
    verdict = "worse" if worse else "not worse" if checks else "nothing to compare with"
    metrics = {name: {"value": value, "standard_deviation": spreads[name], "baseline": (promised.get(name) or {}).get("value"),
                      "worse": name in worse} for name, value in values.items()}
    return told | {"verdict": verdict, "metrics": metrics, "violations": [_violation(name, values[name], promised[name], kind) for name in worse]}, worse


def _measured(pairs: list[Any], schema: Schema, are_told: bool) -> tuple[Metrics, Metrics]:
    """Return metrics and their standard deviations; those of probabilities only where all were told."""
    kind = schema.problem.type
    targets = np.array([target for target, _ in pairs], dtype=np.int64 if schema.labels else np.float64)
    scores = np.array([score for _, score in pairs], dtype=np.float64)
    values = measure(targets, scores, kind)
    unknown = set() if kind == "binary" and are_told else OF_PROBABILITIES
    return {name: value for name, value in values.items() if name not in unknown}, deviations(targets, scores, kind)


def _scores(truth: str, answer: Answer, schema: Schema) -> tuple[int, list[float]] | None:
    """Return target and scores as container/metrics.py takes them; None for labels that the model does not know."""
    if truth not in schema.labels or answer.label not in schema.labels:
        return None
    told = answer.probability
    if schema.problem.type == "binary" and told is not None:
        return schema.labels.index(truth), [1 - told, told]
    return schema.labels.index(truth), [float(answer.label == label) for label in schema.labels]


def _numbers(truth: str, answer: Answer, _: Schema) -> tuple[float, float] | None:
    try:
        pair = float(truth), float(answer.label)
    except ValueError:
        return None
    return pair if all(map(math.isfinite, pair)) else None


def _check(name: str, values: Metrics, spreads: Metrics, promised: Mapping[str, float | None], kind: str, rules: Rules) -> Check | None:
    """Return whether a metric is worse than chance allows a model that is as good as at its evaluation."""
    value, before = values.get(name), promised.get("value")
    if value is None or before is None:
        return None
    fall = JUDGED[kind][name] * (before - value)
    spread = math.hypot(spreads[name] or 0.0, promised.get("standard_deviation") or 0.0) or 1e-9
    least = LEAST * (1 if JUDGED[kind][name] > 0 else abs(before))
    weight, normal = 1 / len(JUDGED[kind]), NormalDist()
    telling = max(least, -spread * normal.inv_cdf(rules.chance(weight)))
    text = f"Of answers whose truth is known {name} is {value:.4g}; at the model's evaluation it was {before:.4g}."
    return rules.check("model quality", DRIFT, weight, normal.cdf(-fall / spread), max(fall, 0.0), telling, text, fall >= least)


def _violation(name: str, value: float | None, promised: Mapping[str, float | None], kind: str) -> dict[str, Any]:
    """Return an entry in the form of Model Monitor's model quality reports."""
    check = "LessThanThreshold" if JUDGED[kind][name] > 0 else "GreaterThanThreshold"
    return {"constraint_check_type": check, "metric_name": name, "description": f"Metric {name} with {value} was {check} '{promised['value']}'"}
