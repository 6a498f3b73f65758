"""What turned out to be true, joined with what the model had answered.

Ground truth comes as SageMaker's merge jobs take it: JSON lines whose eventMetadata.eventId is the inference id that
the client gave, else the captured event id, and whose groundTruthData.data holds a line for each row of the request.
"""

import base64
import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from container.blocks import after_line, blocks
from container.capture_lines import SYNTHETIC, Captured, Side, captured
from container.encoding import plain_text
from container.schema import Schema


class Truth(msgspec.Struct, gc=False, frozen=True):
    """The labels of one request's rows."""

    data: str
    encoding: str = ""


class Event(msgspec.Struct, gc=False, frozen=True):
    """The request."""

    eventId: str  # noqa: N815  (SageMaker's name)


class TruthLine(msgspec.Struct, gc=False, frozen=True, rename="camel"):
    """One line of ground truth."""

    ground_truth_data: Truth
    event_metadata: Event


@dataclass
class Merged:
    """Rows with truth and answer: labels as text, and the probability that was told, None where none was."""

    truths: list[str] = field(default_factory=list)
    labels: list[str | None] = field(default_factory=list)
    probabilities: list[float | None] = field(default_factory=list)
    # Lines of ground truth, or answers to them, that cannot be read; and requests whose answers are not among the captures.
    unreadable: int = 0
    unmatched: int = 0


def merge(truth_folder: Path, capture_folder: Path, schema: Schema) -> Merged:
    """Return the rows of captured requests whose truth is known."""
    merged = Merged()
    waiting = _truths(truth_folder, merged)
    for request in _answered(capture_folder) if waiting else ():
        truths = waiting.pop(request.event_metadata.id, None)
        if truths is not None:
            _join(truths, request.capture_data.endpoint_output, schema, merged)
    merged.unmatched = len(waiting)
    return merged


def _truths(folder: Path, merged: Merged) -> dict[str, list[str]]:
    """Return labels by request; of a request that is told twice the later telling."""
    decoder = msgspec.json.Decoder(TruthLine)
    found = {}
    for path in sorted(folder.rglob("*.jsonl")):
        with path.open("rb") as file:
            for line in filter(None, map(bytes.strip, file)):
                try:
                    told = decoder.decode(line)
                    found[told.event_metadata.eventId] = _labels(told.ground_truth_data)
                except (msgspec.DecodeError, ValueError):
                    merged.unreadable += 1
    return found


def _labels(truth: Truth) -> list[str]:
    text = base64.b64decode(truth.data, validate=True).decode() if truth.encoding == "BASE64" else truth.data
    if truth.encoding == "JSON" or text.lstrip().startswith("["):
        content = json.loads(text)
        return [plain_text(label) for label in (content if isinstance(content, list) else [content])]
    return [row[0].strip() for row in csv.reader(io.StringIO(text, newline="")) if row]


def _answered(folder: Path) -> Iterator[Captured]:
    files = ((path.name, path) for path in sorted(folder.rglob("*.jsonl")))
    for block in blocks(files, after_line):
        for request in captured(block)[0]:
            if request.capture_data.endpoint_output and not request.event_metadata.inference_id.startswith(SYNTHETIC):
                yield request


def _join(truths: list[str], answer: Side | None, schema: Schema, merged: Merged) -> None:
    try:
        answers = list(_answers(answer, schema)) if answer else []
    except (ValueError, TypeError, AttributeError, KeyError):
        answers = []
    if len(answers) != len(truths):
        merged.unreadable += 1
        return
    for truth, (label, probability) in zip(truths, answers, strict=True):
        merged.truths.append(truth)
        merged.labels.append(label)
        merged.probabilities.append(probability)


def _answers(answer: Side, schema: Schema) -> Iterator[tuple[str | None, float | None]]:
    """Yield label and probability of each row that an answer tells, in any form that the image answers in."""
    text = base64.b64decode(answer.data).decode() if answer.encoding == "BASE64" else answer.data
    kind = answer.observedContentType or ""
    if kind.startswith("text/csv"):
        for cells in csv.reader(io.StringIO(text, newline="")):
            yield _of_cells(cells, schema)
        return
    records = [json.loads(line) for line in text.splitlines() if line] if "jsonlines" in kind else json.loads(text)["predictions"]
    for record in records:
        yield _of_record(record, schema)


def _of_cells(cells: list[str], schema: Schema) -> tuple[str | None, float | None]:
    # One cell is what was asked for: a label, or a probability that is no label.
    is_label = len(cells) > 1 or not schema.labels or cells[0] in schema.labels
    probability = cells[1] if len(cells) > 1 else "" if is_label else cells[0]
    return (cells[0] if is_label else None), (float(probability) if probability else None)


def _of_record(record: dict[str, Any], schema: Schema) -> tuple[str | None, float | None]:
    told = record.get("probability")
    each = record.get("probabilities")
    if told is None and each and schema.problem.type == "binary":
        told = each[schema.labels[1]]
    label = record.get("label", max(each, key=each.get) if each else None)
    return (None if label is None else plain_text(label)), (None if told is None else float(told))
