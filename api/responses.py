"""Answers as API Gateway takes them."""

from __future__ import annotations

import json
from typing import Any


def predicted(predictions: list[dict[str, Any]], model_run: str) -> dict[str, Any]:
    """Return 200 with the predictions, and the run whose model made them."""
    return response(200, {"predictions": predictions}, model_run)


def refused(status: int, reason: str, request_id: str, model_run: str) -> dict[str, Any]:
    """Return an error with its reason and the id under which the log knows it."""
    return response(status, {"error": reason, "requestId": request_id}, model_run)


def response(status: int, content: dict[str, Any], model_run: str) -> dict[str, Any]:
    """Return a proxy response."""
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json", "X-Model-Run": model_run},
        "body": json.dumps(content),
        "isBase64Encoded": False,
    }
