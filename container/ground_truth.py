"""What turned out to be true, joined with what the model had answered.

Ground truth comes as SageMaker's merge jobs take it: JSON lines whose eventMetadata.eventId is the inference id that
the client gave, else the captured event id, and whose groundTruthData.data holds a line for each row of the request.
"""

import base64
import csv
import io
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from container.answers import Answer
from container.encoding import plain_text


class Told(msgspec.Struct, gc=False, frozen=True):
    """The labels of one request's rows."""

    data: str
    encoding: str = ""


class Event(msgspec.Struct, gc=False, frozen=True, rename="camel"):
    """The request."""

    event_id: str


class TruthLine(msgspec.Struct, gc=False, frozen=True, rename="camel"):
    """One line of ground truth."""

    ground_truth_data: Told
    event_metadata: Event


@dataclass
class Truths:
    """Labels by request, each row's in order; unreadable counts lines that tell none."""

    labels: dict[str, list[str]] = field(default_factory=dict)
    unreadable: int = 0


@dataclass
class Merged:
    """Rows with truth and answer; unmatched counts requests without a captured answer, unreadable those with another number of rows."""

    rows: list[tuple[str, Answer]] = field(default_factory=list)
    unmatched: int = 0
    unreadable: int = 0


def read_truths(folder: Path) -> Truths:
    """Return what all files below a folder tell; of a request that is told twice the later telling."""
    decoder, found = msgspec.json.Decoder(TruthLine), Truths()
    for path in sorted(folder.rglob("*.jsonl")):
        with path.open("rb") as file:
            for line in filter(None, map(bytes.strip, file)):
                try:
                    told = decoder.decode(line)
                    found.labels[told.event_metadata.event_id] = _labels(told.ground_truth_data)
                except (msgspec.DecodeError, ValueError, csv.Error):
                    found.unreadable += 1
    return found


def _labels(told: Told) -> list[str]:
    text = base64.b64decode(told.data, validate=True).decode() if told.encoding == "BASE64" else told.data
    if told.encoding == "JSON":
        content = msgspec.json.decode(text)
        return [plain_text(label) for label in (content if isinstance(content, list) else [content])]
    return [row[0].strip() for row in csv.reader(io.StringIO(text, newline="")) if row]


def merge(truths: Truths, answers: Iterable[Answer]) -> Merged:
    """Return the rows whose truth and answer are known."""
    by_request: dict[str, dict[int, Answer]] = defaultdict(dict)
    for answer in answers:
        by_request[answer.id][answer.place] = answer
    merged = Merged(unreadable=truths.unreadable)
    for request, labels in truths.labels.items():
        rows = by_request.get(request, {})
        if not rows:
            merged.unmatched += 1
        elif len(rows) != len(labels):
            merged.unreadable += 1
        else:
            merged.rows += zip(labels, (rows[place] for place in sorted(rows)), strict=True)
    return merged
