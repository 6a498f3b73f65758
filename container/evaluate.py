"""Evaluate: measure a trained model on rows that it has never seen.

Reads processing/input/model/model.tar.gz and processing/input/test/test.csv; writes
evaluation.json, in the layout of SageMaker's model quality reports, and report.html.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from container.archive import unpack
from container.errors import Misused
from container.labelled_rows import read_rows
from container.metrics import confusion, deviations, measure, roc
from container.paths import processing_input, processing_output, write_json
from container.predictor import SCHEMA_FILE, load_predictor
from container.report import render
from container.schema import Schema, read_schema

CURVE_POINTS = 200


def main(arguments: list[str]) -> None:
    """Run the program."""
    if arguments:
        raise Misused("usage: python -m container evaluate")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        unpack(processing_input("model", "model.tar.gz"), folder)
        schema = read_schema(folder / SCHEMA_FILE)
        rows, targets = read_rows(processing_input("test", "test.csv"), schema)
        scores = load_predictor(folder).scores(rows)
    evaluation = evaluate(targets, scores, schema)
    write_json(processing_output("evaluation", "evaluation.json"), evaluation)
    processing_output("evaluation", "report.html").write_text(render(evaluation, schema), encoding="utf-8")
    for metric, entry in evaluation[section(schema)].items():
        if entry.get("value") is not None:
            print(f"test:{metric}={entry['value']:.6f};")


def section(schema: Schema) -> str:
    """Return the name under which SageMaker's reports keep this type of problem's metrics."""
    kind = schema.problem.type
    return "regression_metrics" if kind == "regression" else f"{kind}_classification_metrics"


def evaluate(targets: np.ndarray, scores: np.ndarray, schema: Schema) -> dict[str, Any]:
    """Return what evaluation.json holds."""
    kind = schema.problem.type
    values, spreads = measure(targets, scores, kind), deviations(targets, scores, kind)
    metrics: dict[str, Any] = {
        name: {"value": value, "standard_deviation": spreads[name]} for name, value in values.items()
    }
    if schema.labels:
        metrics["confusion_matrix"] = _confusion(targets, scores, schema.labels)
    if kind == "binary":
        metrics["receiver_operating_characteristic_curve"] = _curve(targets, scores)
    return {"dataset": {"item_count": len(targets), "target": schema.problem.target}, section(schema): metrics}


def _confusion(targets: np.ndarray, scores: np.ndarray, labels: tuple[str, ...]) -> dict[str, dict[str, int]]:
    """Return counts by actual label, then by predicted label."""
    table = confusion(targets, scores.argmax(axis=1), len(labels)).tolist()
    return {actual: dict(zip(labels, row, strict=True)) for actual, row in zip(labels, table, strict=True)}


def _curve(targets: np.ndarray, scores: np.ndarray) -> dict[str, list[float]]:
    false, true = roc(targets == 1, scores[:, 1])
    # Thinned: the curve is for eyes, the area is computed from all points.
    kept = np.unique(np.linspace(0, len(false) - 1, CURVE_POINTS).round().astype(int))
    return {"false_positive_rates": false[kept].tolist(), "true_positive_rates": true[kept].tolist()}
