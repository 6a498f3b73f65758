"""From a model's scores to a response's body, one writer for each type asked for."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from container.errors import NotAcceptable, Refused
from container.media import CSV, JSONLINES, Wish
from container.schema import Schema

Values = Sequence[Any]


def write_reply(scores: np.ndarray, schema: Schema, wish: Wish) -> bytes:
    """Return the body of a response that tells of each row what was asked for.

    Binary: probability is the positive class's. Multiclass: the named label's. Regression: the
    number is the label, and there is no probability. probabilities has one for each label.
    """
    if not np.isfinite(scores).all():
        row = int(np.argmin(np.isfinite(scores).reshape(len(scores), -1).all(axis=1))) + 1
        raise Refused(f"row {row}: the model's answer is not finite; its values are beyond what the model can compute with")
    columns = _columns(scores, schema, wish.answer)
    if wish.kind == CSV:
        return _csv(columns)
    records = _records(columns)
    if wish.kind == JSONLINES:
        return "".join(f"{record}\n" for record in records).encode()
    return f'{{"predictions": [{", ".join(records)}]}}'.encode()


def _columns(scores: np.ndarray, schema: Schema, answer: str) -> dict[str, Values]:
    """Return what a reply tells of the rows, by name."""
    if not schema.labels:
        if answer.startswith("probabilit"):
            raise NotAcceptable("a regression has no probabilities; ask for answer=label")
        label: dict[str, Values] = {"label": scores.tolist()}
        return label if answer == "label" else {**label, "probability": [None] * len(scores)}
    labels = [schema.labels[place] for place in scores.argmax(axis=1).tolist()]
    told = (scores[:, 1] if schema.problem.type == "binary" else scores.max(axis=1)).tolist()
    columns: dict[str, Values] = {"label": labels, "probability": told}
    if answer == "probabilities":
        return {**columns, "probabilities": [dict(zip(schema.labels, row, strict=True)) for row in scores.tolist()]}
    return columns if answer == "both" else {answer: columns[answer]}


def _csv(columns: dict[str, Values]) -> bytes:
    each = columns.pop("probabilities", None)
    rows = zip(*columns.values(), *(zip(*(row.values() for row in each), strict=True) if each else ()), strict=True)
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _records(columns: dict[str, Values]) -> list[str]:
    """Return JSON objects as text: put together here, because of each only the values differ."""
    pattern = "{" + ", ".join(f"{json.dumps(name)}: %s" for name in columns) + "}"
    return [pattern % values for values in zip(*map(_json_values, columns.values()), strict=True)]


def _json_values(values: Values) -> list[str]:
    if values and isinstance(values[0], float):
        return [repr(value) for value in values]
    known = {value: json.dumps(value) for value in set(values)} if not isinstance(values[0], dict) else {}
    return [known[value] for value in values] if known else [json.dumps(value) for value in values]
