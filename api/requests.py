"""Reads a request of API Gateway: CSV, JSON or a file in base64 becomes a table of the model's columns.

A table is refused here rather than by the endpoint, so that the reason names row and column.
"""

from __future__ import annotations

import base64
import binascii
import csv
import json
import math
from typing import Any

from api.errors import RequestRefused
from api.schema import Schema

JSON, CSV, BINARY = "application/json", "text/csv", "application/octet-stream"
FORMS = ('a list of records, {"instances": [...]}, {"features": [...]}, {"columns": [...], "data": [[...]]} '
         'or {"file": "<a CSV in base64>"}')
Rows = list[list[Any]]


def table(event: dict[str, Any], schema: Schema) -> Rows:
    """Return the event's rows in the order of the schema's features, or raise RequestRefused."""
    content, kind = body(event), content_type(event)
    if not content.strip():
        raise RequestRefused(400, "the body is empty; send CSV or JSON")
    rows = from_csv(text(content), schema) if kind in (CSV, BINARY) else from_json(content, schema)
    if not rows:
        raise RequestRefused(400, "the request holds no row")
    return [numbers(row, index, schema) for index, row in enumerate(rows, start=1)]


def content_type(event: dict[str, Any]) -> str:
    """Return the media type, which decides how the body is read."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    kind = (headers.get("content-type") or "").split(";")[0].strip().lower()
    if kind not in (JSON, CSV, BINARY):
        raise RequestRefused(415, f"Content-Type is {kind or 'missing'}; allowed: {CSV}, {JSON}, {BINARY} (a CSV file)")
    return kind


def body(event: dict[str, Any]) -> bytes:
    """Return the body's bytes."""
    content = event.get("body") or ""
    return from_base64(content, "the body") if event.get("isBase64Encoded") else content.encode()


def from_base64(content: Any, what: str) -> bytes:
    """Return the bytes behind base64."""
    try:
        return base64.b64decode("".join(content.split()), validate=True)
    except (AttributeError, ValueError, binascii.Error):
        raise RequestRefused(400, f"{what} is not base64") from None


def text(content: bytes) -> str:
    """Return the bytes as text."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RequestRefused(400, f"the CSV is not UTF-8 text: byte {error.start}") from None


def from_csv(content: str, schema: Schema) -> Rows:
    """Return the rows of a CSV; its first line is a header when it holds a column's name."""
    try:
        lines = [line for line in csv.reader(content.splitlines()) if line]
    except csv.Error as error:
        raise RequestRefused(400, f"the CSV cannot be read: {error}") from None
    header = [cell.strip() for cell in lines[0]] if lines else []
    if set(header) & set(schema.features):
        return by_columns(header, lines[1:], schema)
    return [by_position(line, index, schema) for index, line in enumerate(lines, start=1)]


def from_json(content: bytes, schema: Schema) -> Rows:
    """Return the rows of any JSON form."""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RequestRefused(400, f"the body is not JSON: {error}") from None
    if isinstance(data, dict) and "file" in data:
        return from_csv(text(from_base64(data["file"], "file")), schema)
    if isinstance(data, dict) and {"columns", "data"} <= set(data):
        return from_columns(data["columns"], data["data"], schema)
    return [from_record(record, index, schema) for index, record in enumerate(records(data), start=1)]


def records(data: Any) -> list[Any]:
    """Return the list of records; {"features": ...} may be one record alone."""
    if isinstance(data, dict):
        features = data.get("features")
        alone = isinstance(features, dict) or (
            isinstance(features, list) and bool(features) and not any(isinstance(value, (list, dict)) for value in features))
        data = [features] if alone else data.get("instances", features)
    if not isinstance(data, list):
        raise RequestRefused(400, f"the JSON has no known form; allowed: {FORMS}")
    return data


def from_columns(columns: Any, data: Any, schema: Schema) -> Rows:
    """Return the rows of {"columns", "data"}."""
    if not (isinstance(columns, list) and all(isinstance(name, str) for name in columns)):
        raise RequestRefused(400, "columns is not a list of names")
    if not (isinstance(data, list) and all(isinstance(row, list) for row in data)):
        raise RequestRefused(400, "data is not a list of rows, each a list of values")
    return by_columns(columns, data, schema)


def from_record(record: Any, index: int, schema: Schema) -> list[Any]:
    """Return one record, given by name or by position."""
    if isinstance(record, dict):
        check_names(list(record), schema, f"row {index}")
        return [record[name] for name in schema.features]
    if isinstance(record, list):
        return by_position(record, index, schema)
    raise RequestRefused(400, f"row {index} is {shown(record)}; allowed: an object or a list of values")


def by_columns(columns: list[str], rows: list[list[Any]], schema: Schema) -> Rows:
    """Return rows that share a header."""
    check_names(columns, schema, "the header")
    for index, row in enumerate(rows, start=1):
        if len(row) != len(columns):
            raise RequestRefused(400, f"row {index} has {len(row)} values; the header has {len(columns)}")
    places = [columns.index(name) for name in schema.features]
    return [[row[place] for place in places] for row in rows]


def by_position(row: list[Any], index: int, schema: Schema) -> list[Any]:
    """Return a row that has no names."""
    if len(row) != len(schema.features):
        raise RequestRefused(400, f"row {index} has {len(row)} values; the model takes {len(schema.features)}: "
                                  f"{', '.join(schema.features)}")
    return list(row)


def check_names(names: list[str], schema: Schema, where: str) -> None:
    """Refuse names that are missing, unknown or given twice; the target and ignored columns may come along."""
    missing = [name for name in schema.features if name not in names]
    unknown = sorted(set(names) - set(schema.features) - schema.unread)
    if missing:
        raise RequestRefused(400, f"{where} lacks {', '.join(missing)}")
    if unknown:
        raise RequestRefused(400, f"{where} has the unknown column {', '.join(unknown)}; the model takes {', '.join(schema.features)}")
    if len(set(names)) < len(names):
        raise RequestRefused(400, f"{where} names a column twice")


def numbers(row: list[Any], index: int, schema: Schema) -> list[Any]:
    """Return the row with its numeric columns as numbers; blank stays missing."""
    return [value_of(name, value, index, name in schema.numeric) for name, value in zip(schema.features, row, strict=True)]


def value_of(name: str, value: Any, index: int, numeric: bool) -> Any:
    """Return one value as the endpoint takes it."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, (list, dict)):
        raise RequestRefused(400, f"row {index}: {name} is {shown(value)}; allowed: one value")
    if isinstance(value, str) and not numeric:
        return value.strip()
    number = number_of(value)
    if number is None and (numeric or isinstance(value, float)):
        raise RequestRefused(400, f"row {index}: {name} is {shown(value)}; allowed: {'a number' if numeric else 'a text'}")
    return number if numeric else value


def number_of(value: Any) -> int | float | None:
    """Return a finite number; None for what is none. Python's own 1_000 and true are none."""
    if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(number):
        return None
    return value if isinstance(value, int) else number


def shown(value: Any) -> str:
    """Return the start of a value for a message."""
    found = json.dumps(value)
    return found if len(found) <= 60 else f"{found[:60]}..."
