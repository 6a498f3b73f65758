"""What the model answered, from captured answers: label and probability of each row, for the merge with ground truth."""

import base64
import csv
import io
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from container.capture_lines import Captured, Side
from container.capture_rows import KINDS
from container.encoding import plain_text
from container.errors import UnsupportedType
from container.media import CSV, JSON, JSONLINES, read_content_type
from container.schema import Schema


class Answer(NamedTuple):
    """The answer to one row: its request's id, the row's place in the request (from 0), label, and probability if it was told."""

    id: str
    place: int
    label: str
    probability: float | None


def read_answers(request: Captured, schema: Schema) -> list[Answer]:
    """Return the answers to a request's rows; none where they were not captured or cannot be read."""
    side = request.capture_data.endpoint_output
    if side is None:
        return []
    try:
        kind, charset = read_content_type(side.observedContentType or KINDS.get(side.encoding))
        rows = list(READERS[kind](_text(side, charset)))
        return [Answer(request.event_metadata.id, place, *_told(row, schema)) for place, row in enumerate(rows)]
    except (UnsupportedType, ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error):
        return []


def _text(side: Side, charset: str) -> str:
    return base64.b64decode(side.data, validate=True).decode(charset) if side.encoding == "BASE64" else side.data


def _csv(text: str) -> Iterator[list[str]]:
    return filter(None, csv.reader(io.StringIO(text, newline="")))


def _json(text: str) -> list[Any]:
    content = msgspec.json.decode(text)
    answers: list[Any] = content["predictions"] if isinstance(content, dict) else content
    return answers


def _json_lines(text: str) -> list[Any]:
    return [msgspec.json.decode(line) for line in text.split("\n") if line.strip()]


READERS: dict[str, Callable[[str], Any]] = {CSV: _csv, JSON: _json, JSONLINES: _json_lines}


def _told(row: Any, schema: Schema) -> tuple[str, float | None]:
    """Return label and probability from a record, or from cells: both, or one of them."""
    if isinstance(row, dict):
        label, probability = row.get("label"), row.get("probability")
    else:
        label, probability = _cells(row if isinstance(row, list) else [row], schema)
    if label is None:
        if schema.problem.type != "binary" or probability is None:
            raise ValueError("no label, and nothing that it follows from")
        label = schema.labels[float(probability) >= 0.5]
    return plain_text(label), None if probability in (None, "") else float(probability)


def _cells(cells: list[Any], schema: Schema) -> tuple[Any, Any]:
    if len(cells) > 1:
        return cells[0], cells[1]
    is_label = not schema.labels or plain_text(cells[0]) in schema.labels
    return (cells[0], None) if is_label else (None, cells[0])
