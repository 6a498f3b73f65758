"""The function query_evaluation."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any

import pytest

EVALUATION = {"binary_classification_metrics": {
    "auc": {"value": 0.93, "standard_deviation": 0.01}, "accuracy": {"value": 1}, "f1": {"value": float("nan")},
    "confusion_matrix": {"no": {"no": 1}}}}


def asked(load: Any, monkeypatch: pytest.MonkeyPatch, metric: str) -> dict[str, Any]:
    handler = load("query_evaluation")
    objects = {("bucket", "runs/x/evaluation.json"): json.dumps(EVALUATION).encode()}
    s3 = SimpleNamespace(get_object=lambda Bucket, Key: {"Body": io.BytesIO(objects[Bucket, Key])})  # noqa: N803
    monkeypatch.setattr(handler, "s3", lambda: s3)
    return dict(handler.handler({"EvaluationUri": "s3://bucket/runs/x/evaluation.json", "Metric": metric}, None))


@pytest.mark.parametrize(("metric", "value", "deviation"), [("auc", 0.93, 0.01), ("accuracy", 1.0, None)])
def test_the_metric_is_found_in_its_section(load: Any, monkeypatch: pytest.MonkeyPatch, metric: str, value: float, deviation: float | None) -> None:
    assert asked(load, monkeypatch, metric) == {"Metric": metric, "Value": value, "StandardDeviation": deviation}


@pytest.mark.parametrize(("metric", "message"), [
    ("r2", "has no r2; it has accuracy, auc, f1. Choose one as gate.metric in model/config.yml"),
    ("f1", "f1 is nan, which is no number to judge by"),
])
def test_a_metric_that_cannot_be_judged_fails(load: Any, monkeypatch: pytest.MonkeyPatch, metric: str, message: str) -> None:
    with pytest.raises(Exception, match=message):
        asked(load, monkeypatch, metric)
