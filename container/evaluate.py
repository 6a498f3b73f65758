"""Evaluate: measure a trained model on rows that it has never seen.

Reads processing/input/model/model.tar.gz, processing/input/test/test.csv and, where there is one,
the model in production, processing/input/live/model.tar.gz; writes evaluation.json, in the layout
of SageMaker's model quality reports, and report.html.
"""

from typing import Any

import numpy as np

from container.errors import Misused
from container.live_model import compared, live_scores, score_archive
from container.metrics import confusion, deviations, measure, precision_recall, roc
from container.paths import processing_input, processing_output, write_json
from container.report import render
from container.schema import Schema

CURVE_POINTS = 200


def main(arguments: list[str]) -> None:
    """Run the program."""
    if arguments:
        raise Misused("usage: python -m container evaluate")
    test = processing_input("test", "test.csv")
    schema, model, targets, scores = score_archive(processing_input("model", "model.tar.gz"), test)
    live = live_scores(processing_input("live", "model.tar.gz"), test, schema)
    evaluation = evaluate(targets, scores, schema)
    comparison = compared(targets, scores, live, schema.problem.type)
    if comparison:
        evaluation["live_model"] = comparison
    write_json(processing_output("evaluation", "evaluation.json"), evaluation)
    page = render(evaluation, schema, model, targets, scores, live if isinstance(live, np.ndarray) else None)
    processing_output("evaluation", "report.html").write_text(page, encoding="utf-8")
    _print(evaluation[section(schema)], comparison)


def _print(metrics: dict[str, Any], comparison: dict[str, Any] | None) -> None:
    for name, entry in metrics.items():
        if entry.get("value") is not None:
            print(f"test:{name}={entry['value']:.6f};")
    if comparison and not comparison["compared"]:
        print(f"evaluate: {comparison['reason']}")
    for name, entry in (comparison or {}).get("difference", {}).items():
        if None not in entry.values():
            print(f"evaluate: {name} exceeds the live model's by {entry['value']:.4f}, standard deviation {entry['standard_deviation']:.4f}")


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
        metrics["receiver_operating_characteristic_curve"] = _points(
            "false_positive_rates", "true_positive_rates", *roc(targets == 1, scores[:, 1]))
        metrics["precision_recall_curve"] = _points("precisions", "recalls", *precision_recall(targets == 1, scores[:, 1]))
    return {"dataset": {"item_count": len(targets), "target": schema.problem.target}, section(schema): metrics}


def _confusion(targets: np.ndarray, scores: np.ndarray, labels: tuple[str, ...]) -> dict[str, dict[str, int]]:
    """Return counts by actual label, then by predicted label."""
    table = confusion(targets, scores.argmax(axis=1), len(labels)).tolist()
    return {actual: dict(zip(labels, row, strict=True)) for actual, row in zip(labels, table, strict=True)}


def _points(first_name: str, second_name: str, first: np.ndarray, second: np.ndarray) -> dict[str, list[float]]:
    # Thinned: the curves are for eyes, areas are computed from all points.
    kept = np.unique(np.linspace(0, len(first) - 1, CURVE_POINTS).round().astype(int))
    return {first_name: first[kept].tolist(), second_name: second[kept].tolist()}
