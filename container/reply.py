"""From labels and probabilities to a response's body, one writer for each type asked for."""

import csv
import io
import json
from collections.abc import Callable, Sequence

Labels = Sequence[str | float]
Probabilities = Sequence[float | None]


def accepted(accept: str | None) -> str | None:
    """Return the first type of an Accept header that has a writer; JSON by default, None when none fits."""
    for asked in (accept or "*/*").split(","):
        kind = asked.split(";")[0].strip().lower()
        if kind in WRITERS:
            return kind
        if kind in ("*/*", "application/*", ""):
            return "application/json"
    return None


def write_reply(labels: Labels, probabilities: Probabilities, kind: str) -> str:
    """Return the body of a response of this type."""
    return WRITERS[kind](labels, probabilities)


def _records(labels: Labels, probabilities: Probabilities) -> list[dict[str, str | float | None]]:
    return [
        {"label": label, "probability": probability}
        for label, probability in zip(labels, probabilities, strict=True)
    ]


def _write_json(labels: Labels, probabilities: Probabilities) -> str:
    return json.dumps({"predictions": _records(labels, probabilities)})


def _write_jsonlines(labels: Labels, probabilities: Probabilities) -> str:
    return "".join(json.dumps(record) + "\n" for record in _records(labels, probabilities))


def _write_csv(labels: Labels, probabilities: Probabilities) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(zip(labels, probabilities, strict=True))
    return text.getvalue()


WRITERS: dict[str, Callable[[Labels, Probabilities], str]] = {
    "application/json": _write_json,
    "text/csv": _write_csv,
    "application/jsonlines": _write_jsonlines,
}
