"""Reads captured requests and their labels: JSON lines of SageMaker's data capture and of its ground truth. Pure.

A request's id is the InferenceId that it was sent with, or SageMaker's own event id; its label comes under the same id.
"""

from __future__ import annotations

import base64
import csv
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

SYNTHETIC = "synthetic-"  # what a release sends to prove a model; nobody ever labels it


class Unreadable(Exception):
    """A line or a body that is not what it should be."""


@dataclass(frozen=True)
class Table:
    """The rows of one request; without names they stand in the order of the model's features."""

    names: list[str] | None
    rows: list[list[Any]]


def event(line: str) -> dict[str, Any]:
    """Return a line's object."""
    try:
        found = json.loads(line)
    except ValueError as error:
        raise Unreadable(str(error)) from error
    if not isinstance(found, dict) or not isinstance(found.get("eventMetadata"), dict):
        raise Unreadable("no object with eventMetadata")
    return found


def request_id(capture: dict[str, Any]) -> str:
    """Return under which id the label of a captured request comes."""
    metadata = capture["eventMetadata"]
    return str(metadata.get("inferenceId") or metadata.get("eventId") or "")


def body(side: Any) -> str:
    """Return a side of an event as text, out of base64 where it is."""
    try:
        text = side["data"]
        return base64.b64decode(text, validate=True).decode("utf-8-sig") if side["encoding"] == "BASE64" else str(text)
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"no data: {error!r}") from error


def labels(truth: dict[str, Any]) -> list[str]:
    """Return the labels of a ground-truth event, one for each row of its request."""
    side = truth.get("groundTruthData")
    text = body(side)
    if isinstance(side, dict) and side["encoding"] == "JSON":
        found = parsed(text)
        return [cell(value) for value in (found if isinstance(found, list) else [found])]
    return [row[0].strip() for row in csv.reader(text.splitlines()) if row]


def table(capture: dict[str, Any], columns: Collection[str]) -> Table:
    """Return the rows that a captured request asked about; columns are names that a CSV's header may hold."""
    data = capture.get("captureData")
    side = data.get("endpointInput") if isinstance(data, dict) else None
    text = body(side)
    kind = str(side.get("observedContentType", "")).partition(";")[0].strip().lower() if isinstance(side, dict) else ""
    if kind not in READERS:
        raise Unreadable(f"content type {kind or 'missing'}")
    found = READERS[kind](text, columns)
    if not isinstance(found.rows, list) or not all(isinstance(row, list) for row in found.rows):
        raise Unreadable("no list of rows")
    if found.names is not None and not (isinstance(found.names, list) and all(isinstance(name, str) for name in found.names)):
        raise Unreadable("columns without names")
    return found


def from_csv(text: str, columns: Collection[str]) -> Table:
    """Return the rows of a CSV; its first line is a header when half of it names columns."""
    rows = [row for row in csv.reader(text.splitlines(), skipinitialspace=True) if row]
    names = [name.strip() for name in rows[0]] if rows else []
    if rows and 2 * sum(name in columns for name in names) >= len(names):
        return Table(names, [list(row) for row in rows[1:]])
    return Table(None, [list(row) for row in rows])


def from_json(text: str, columns: Collection[str]) -> Table:
    """Return the rows of any JSON form that the image serves."""
    found = parsed(text)
    if isinstance(found, dict) and {"columns", "data"} <= set(found):
        return Table(found["columns"], found["data"])
    return from_rows(found.get("instances") if isinstance(found, dict) else found)


def from_jsonlines(text: str, columns: Collection[str]) -> Table:
    """Return the rows of a body with one JSON text a line."""
    return from_rows([parsed(line) for line in text.split("\n") if line.strip()])


def from_rows(rows: Any) -> Table:
    """Return rows that are all lists, or all records."""
    if not isinstance(rows, list):
        raise Unreadable("no list of rows")
    if not rows or not isinstance(rows[0], dict):
        return Table(None, rows)
    names = list(rows[0])
    if any(not isinstance(row, dict) or set(row) != set(names) for row in rows):
        raise Unreadable("records with different fields")
    return Table(names, [[row[name] for name in names] for row in rows])


def parsed(text: str) -> Any:
    """Return what a JSON text means."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(str(error)) from error


def cell(value: Any) -> str:
    """Return a value as a CSV of training data has it; a missing one is empty."""
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else json.dumps(value)


READERS: dict[str, Callable[[str, Collection[str]], Table]] = {
    "text/csv": from_csv, "application/json": from_json, "application/jsonlines": from_jsonlines,
}
