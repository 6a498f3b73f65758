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


def model_quality(merged: Merged, schema: Schema, evaluation: Path, false_alarms: float) -> dict[str, Any]:
    """Return what drift.json says of the model's quality."""
    kind = schema.problem.type
    pairs = [pair for row in merged.rows if (pair := (_scores if schema.labels else _numbers)(*row, schema)) is not None]
    told = {"rows": len(pairs), "unmatched": merged.unmatched, "unreadable": merged.unreadable + len(merged.rows) - len(pairs)}
    if len(pairs) < FEWEST_ROWS:
        return told | {"verdict": "too few rows", "rows_needed": FEWEST_ROWS, "metrics": {}, "violations": []}
    targets = np.array([target for target, _ in pairs], dtype=np.int64 if schema.labels else np.float64)
    scores = np.array([score for _, score in pairs], dtype=np.float64)
    values, spreads = measure(targets, scores, kind), deviations(targets, scores, kind)
    if kind == "multiclass" or any(answer.probability is None for _, answer in merged.rows):
        values = {name: value for name, value in values.items() if name not in OF_PROBABILITIES}
    promised = read_json(evaluation).get(SECTIONS[kind], {}) if evaluation.exists() else {}
    metrics = {name: _compared(name, values, spreads, promised.get(name) or {}, kind, false_alarms) for name in values}
    worse = [name for name, metric in metrics.items() if metric["worse"]]
    verdict = "worse" if worse else "not worse" if promised else "nothing to compare with"
    return told | {"verdict": verdict, "rows_needed": FEWEST_ROWS, "metrics": metrics,
                   "violations": [_violation(name, metrics[name], kind) for name in worse]}


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


def _compared(name: str, values: Metrics, spreads: Metrics, promised: Mapping[str, float | None], kind: str,
              false_alarms: float) -> dict[str, Any]:
    """Return a metric with what was promised; worse when that is improbable for a model that is as good as then."""
    value, before = values[name], promised.get("value")
    better = JUDGED[kind].get(name)
    told = {"value": value, "standard_deviation": spreads[name], "baseline": before,
            "baseline_standard_deviation": promised.get("standard_deviation"), "threshold": None, "worse": False}
    if better is None or value is None or before is None:
        return told
    spread = math.hypot(spreads[name] or 0.0, promised.get("standard_deviation") or 0.0)
    chance = NormalDist().inv_cdf(1 - false_alarms / len(JUDGED[kind]))
    allowed = max(chance * spread, LEAST * (1 if better > 0 else abs(before)))
    return told | {"threshold": before - better * allowed, "worse": better * (before - value) > allowed}


def _violation(name: str, metric: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return an entry in the form of Model Monitor's model quality reports."""
    check = "LessThanThreshold" if JUDGED[kind][name] > 0 else "GreaterThanThreshold"
    return {"constraint_check_type": check, "metric_name": name,
            "description": f"Metric {name} with {metric['value']} +/- {metric['standard_deviation']} was {check} '{metric['threshold']}'"}
