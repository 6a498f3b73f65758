"""Joins rows and answers to records: {"features": {...}, "prediction": {"label", "probability"}}."""

from __future__ import annotations

import csv
import json
import math
from typing import Any


class RecordsMismatch(Exception):
    """The transform's answers do not belong to the rows."""


def joined(table: str, answers: str) -> list[dict[str, Any]]:
    """Return one record a row of the table."""
    rows = [{name: plain(text) for name, text in row.items()} for row in csv.DictReader(table.splitlines())]
    predictions = parsed(answers)
    if not rows or len(rows) != len(predictions):
        raise RecordsMismatch(f"{len(rows)} golden rows and {len(predictions)} predictions; each row needs one")
    return [{"features": row, "prediction": prediction} for row, prediction in zip(rows, predictions, strict=True)]


def parsed(answers: str) -> list[dict[str, Any]]:
    """Return the predictions of a JSON-lines reply, or of one {"predictions": [...]}."""
    try:
        found = [json.loads(line) for line in answers.splitlines() if line.strip()]
    except json.JSONDecodeError as error:
        raise RecordsMismatch(f"the transform's answer is not JSON lines: {error}; it starts with {answers[:80]!r}") from error
    return [prediction for item in found for prediction in (item.get("predictions", [item]))]


def plain(text: str | None) -> str | int | float | None:
    """Return a number where the text can be had back from it ('007' cannot), None for blank, else the text."""
    if not text:
        return None
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        if math.isfinite(value) and repr(value) == text:
            return value
    return text


def lines(records: list[dict[str, Any]]) -> str:
    """Return the records as JSON lines."""
    return "".join(json.dumps(record) + "\n" for record in records)
