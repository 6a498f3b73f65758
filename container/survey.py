"""Reading a data set once, or twice where a column changes its mind, to learn what it is."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from container.bulk_encoding import encode_cells
from container.column_types import ColumnSurvey
from container.errors import FileRefused, Refused
from container.row_identity import row_keys
from container.schema import Feature, Schema
from container.settings import Settings
from container.table import Batch, CsvFile, batches_of
from container.target_survey import label_places, target_survey


@dataclass(frozen=True)
class Survey:
    """A data set's schema, and of each row its place among the labels (None for regression) and its key."""

    schema: Schema
    labels: np.ndarray | None
    keys: np.ndarray

    def __len__(self) -> int:
        return len(self.keys)


def source(files: list[CsvFile]) -> str:
    """Return the files' names for messages."""
    return ", ".join(file.path.name for file in files)


def survey(files: list[CsvFile], settings: Settings) -> Survey:
    """Return what the training data are; refuse what cannot be learned from."""
    names = _feature_names(files, settings)
    target = target_survey(settings.problem)
    columns = [ColumnSurvey(name, settings.types.get(name)) for name in names]
    keys = _read(files, [settings.problem.target, *names], [target, *columns])
    if not len(keys):
        raise Refused(f"{source(files)}: no rows")
    labels, places = target.labels(source(files))
    features = tuple(_feature(column, source(files)) for column in _read_again(files, columns))
    return Survey(Schema(settings.problem, labels, features, settings.ignored), places, keys)


def _feature(column: ColumnSurvey, where: str) -> Feature:
    try:
        return column.feature()
    except FileRefused:
        raise
    except Refused as error:
        raise Refused(f"{where}: {error}") from None


class Reader(Protocol):
    """What takes in batches."""

    def read(self, batch: Batch) -> None:
        """Take in one more batch."""


def _read(files: list[CsvFile], names: list[str], readers: list[Reader]) -> np.ndarray:
    """Show every batch to the readers; return the rows' keys."""
    keys = [np.empty(0, dtype=np.int64)]
    for batch in batches_of(files, names):
        for reader in readers:
            reader.read(batch)
        keys.append(row_keys(batch, names))
    return np.concatenate(keys)


def _read_again(files: list[CsvFile], columns: list[ColumnSurvey]) -> list[ColumnSurvey]:
    """Return the columns' surveys; those that were taken for numbers until a text turned up are made anew."""
    again = {column.name: ColumnSurvey(column.name, None, textual=True) for column in columns if column.is_behind}
    if again:
        for batch in batches_of(files, list(again)):
            for column in again.values():
                column.read(batch)
    return [again.get(column.name, column) for column in columns]


def _feature_names(files: list[CsvFile], settings: Settings) -> list[str]:
    named = {"problem.target": [settings.problem.target], "problem.ignore": settings.ignored,
             "problem.columns": settings.types}
    for field, names in named.items():
        for name in names:
            if name not in files[0].names:
                raise Refused(f"{source(files)}: no column {name!r}, which {field} names; "
                              f"it has {', '.join(files[0].names)}{_header_advice(files[0].names)}")
    left_out = {settings.problem.target, *settings.ignored}
    found = [name for name in files[0].names if name not in left_out]
    if not found:
        raise Refused(f"{source(files)}: no column is left besides {', '.join(sorted(left_out))}")
    return found


def _header_advice(names: list[str]) -> str:
    """Return what may be wrong with a header that lacks a name; nothing where it looks like one."""
    for mark, word in {";": "semicolons", "\t": "tabs", "|": "bars"}.items():
        if len(names) == 1 and mark in names[0]:
            return f". It separates columns by {word}; a CSV here has commas"
    if any(name.replace(".", "", 1).lstrip("-").isdecimal() for name in names):
        return ". Is the line of column names missing?"
    return ""


def survey_given(files: list[CsvFile], schema: Schema, with_target: bool) -> Survey:
    """Return the rows of data given beside the training data; refuse what does not fit that."""
    target = schema.problem.target
    wanted = [target, *schema.names] if with_target else schema.names
    lacking = [name for name in wanted if name not in files[0].names]
    if lacking:
        raise Refused(f"{source(files)}: no column {lacking[0]!r}, which the training data has")
    numbers = target_survey(schema.problem) if with_target and not schema.labels else None
    readers: list[Reader] = [_Fit(schema), *([numbers] if numbers else [])]
    labels = _Labels(schema) if with_target and schema.labels else None
    keys = _read(files, wanted, [*readers, *([labels] if labels else [])])
    if not len(keys):
        raise Refused(f"{source(files)}: no rows")
    if numbers:
        numbers.labels(source(files))
    return Survey(schema, labels.places(source(files)) if labels else None, keys)


class _Fit:
    """Reads every cell whose text may be none of the column's type."""

    def __init__(self, schema: Schema) -> None:
        self._features = [feature for feature in schema.features if feature.type != "categorical"]

    def read(self, batch: Batch) -> None:
        for feature in self._features:
            encode_cells(batch, feature)


class _Labels:
    """Each row's place among the labels of the training data."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._places: list[np.ndarray] = []

    def read(self, batch: Batch) -> None:
        self._places.append(label_places(batch, self._schema.problem.target, self._schema.labels).astype(np.uint8))

    def places(self, where: str) -> np.ndarray:
        found = np.concatenate(self._places)
        if (found == found[0]).all():
            raise Refused(f"{where}: target {self._schema.problem.target} has one label only; metrics need two")
        return found
