"""Golden records: rows whose predictions the workflow kept, and whether a version of the API still predicts the same."""

from __future__ import annotations

import json
import math
from typing import Any

TOLERANCE = 1e-3  # other processors round differently; a wrong model is wrong by more
MARK = "synthetic-"  # of a request's id; API Gateway gives ids of its own, so nobody outside can bear it


def key(run: str) -> str:
    """Return where a run's records lie in the project's bucket."""
    return f"runs/{run}/golden/records.jsonl"


def parse(content: bytes) -> list[dict[str, Any]]:
    """Return the records of a records.jsonl: {"features": {...}, "prediction": {...}} each."""
    return [json.loads(line) for line in content.decode().splitlines() if line.strip()]


def request(records: list[dict[str, Any]], request_id: str) -> dict[str, Any]:
    """Return API Gateway's event for the records' features."""
    return {"resource": "/api", "path": "/api", "httpMethod": "POST", "headers": {"Content-Type": "application/json"},
            "body": json.dumps([record["features"] for record in records]), "isBase64Encoded": False,
            "requestContext": {"requestId": request_id, "stage": "prd"}}


def difference(records: list[dict[str, Any]], predictions: list[dict[str, Any]]) -> str:
    """Return where predictions leave the golden ones first, empty when they agree."""
    if len(predictions) != len(records):
        return f"{len(predictions)} predictions for {len(records)} golden records"
    for number, (record, found) in enumerate(zip(records, predictions, strict=True), start=1):
        if not same(record["prediction"], found):
            return f"golden record {number}: {json.dumps(found)} instead of {json.dumps(record['prediction'])}"
    return ""


def same(expected: Any, found: Any) -> bool:
    """Return whether two predictions agree: numbers within the tolerance, all else exactly."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return expected.keys() == found.keys() and all(same(expected[key], found[key]) for key in expected)
    if isinstance(expected, (int, float)) and isinstance(found, (int, float)):
        return math.isclose(expected, found, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(expected == found)
