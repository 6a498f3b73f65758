"""The model in production, measured on the rows on which the new one is."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from container.archive import unpack
from container.errors import Refused
from container.labelled_rows import read_rows
from container.metrics import deviations, difference, measure
from container.paths import read_json
from container.predictor import MODEL_FILE, SCHEMA_FILE, load_predictor
from container.schema import Schema, read_schema


def score_archive(archive: Path, test: Path, like: Schema | None = None) -> tuple[Schema, dict[str, Any], np.ndarray, np.ndarray]:
    """Return the schema and description of an archive's model, and targets and its scores for the test file's rows."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        unpack(archive, folder)
        schema = read_schema(folder / SCHEMA_FILE)
        if like:
            _check_alike(schema, like)
        rows, targets = read_rows(test, schema)
        described = read_json(folder / MODEL_FILE) if (folder / MODEL_FILE).is_file() else {}
        return schema, described, targets, load_predictor(folder).scores(rows)


def _check_alike(live: Schema, schema: Schema) -> None:
    for name, theirs, ours in (("problem", live.problem, schema.problem), ("labels", live.labels, schema.labels)):
        if theirs != ours:
            raise Refused(f"its {name} differs: {theirs}, not {ours}")


def live_scores(archive: Path, test: Path, schema: Schema) -> np.ndarray | str | None:
    """Return the live model's scores, or why there are none; None without a live model.

    A live model that cannot be compared, perhaps made for other columns, stops no evaluation: the
    new one may be made to replace it.
    """
    if not archive.is_file():
        return None
    try:
        return score_archive(archive, test, schema)[3]
    except Refused as error:
        return f"the live model cannot be compared: {error}"


def compared(targets: np.ndarray, scores: np.ndarray, live: np.ndarray | str | None, problem_type: str) -> dict[str, Any] | None:
    """Return what evaluation.json holds of the live model: its metrics, and by how much the new model's exceed them."""
    if live is None:
        return None
    if isinstance(live, str):
        return {"compared": False, "reason": live}
    more, spread = difference(targets, scores, live, problem_type)
    own, own_spread = measure(targets, live, problem_type), deviations(targets, live, problem_type)
    return {
        "compared": True,
        "metrics": {name: {"value": value, "standard_deviation": own_spread[name]} for name, value in own.items()},
        "difference": {name: {"value": value, "standard_deviation": spread[name]} for name, value in more.items()},
    }
