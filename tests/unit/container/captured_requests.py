"""Lines as SageMaker captures them, and what the readers make of them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from container.captures import Seen, captures, columns_of_all
from container.columns import Columns
from container.schema import Feature, Problem, Schema

SCHEMA = Schema(Problem("binary", "churn", "yes"), ("no", "yes"), (
    Feature("state", "categorical"), Feature("calls", "numeric"), Feature("plan", "boolean")), ignored=("name",))


def line(data: str, kind: str | None = "text/csv", encoding: str = "CSV", event: str = "event", inference: str | None = None,
         answer: tuple[str, str] | None = None) -> str:
    """Return one captured request, with its answer (content type and body) where it is given."""
    sides = {"endpointInput": {"observedContentType": kind, "mode": "INPUT", "data": data, "encoding": encoding}}
    if answer:
        sides["endpointOutput"] = {"observedContentType": answer[0], "mode": "OUTPUT", "data": answer[1],
                                   "encoding": "CSV" if answer[0] == "text/csv" else "JSON"}
    ids = {"eventId": event} | ({"inferenceId": inference} if inference else {})
    return json.dumps({"captureData": sides, "eventMetadata": {**ids, "inferenceTime": "2026-01-01T00:00:00Z"}, "eventVersion": "0"})


def read(folder: Path, lines: Iterable[str], schema: Schema = SCHEMA, **options: Any) -> tuple[list[Columns], Seen]:
    """Return what is read of a file with these lines."""
    file = folder / "churn/AllTraffic/2026/01/01/00/00-00.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines), encoding="utf-8")
    seen = Seen()
    return list(columns_of_all(captures(folder, schema, **options), seen)), seen


def cells(columns: Iterable[Columns]) -> list[dict[str, Any]]:
    """Return columns as rows, an absent value as None."""
    rows = []
    for each in columns:
        for row in range(each.rows):
            numbers = {name: None if np.isnan(values[row]) else float(values[row]) for name, values in each.numbers.items()}
            texts = {name: found.words[found.codes[row]] if found.codes[row] >= 0 else None for name, found in each.texts.items()}
            rows.append(numbers | texts)
    return rows
