"""Rows as columns of numpy: what the readers of captured data give, a bounded number of rows at a time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from container.encoding import LARGEST, Cell, is_missing, plain_text
from container.schema import Feature, Schema


@dataclass(frozen=True)
class Texts:
    """A column of texts: of each row the place of its text among words, which are all different; -1 where it is empty."""

    words: tuple[str, ...]
    codes: np.ndarray


@dataclass(frozen=True)
class Columns:
    """Rows that have the same columns.

    A numeric feature is in numbers (float64, nan where there is no value or no number; strays counts the latter), any
    other in texts, and one that these rows lack in neither. others names columns that are no features; the target's and
    ignored ones are left out. ids, where they were asked for, are the requests' inference ids, else their event ids.
    """

    rows: int
    numbers: Mapping[str, np.ndarray]
    texts: Mapping[str, Texts]
    strays: Mapping[str, int] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    ids: Sequence[str] | None = None


def other_names(names: Iterable[str], schema: Schema) -> tuple[str, ...]:
    """Return the names that neither a feature nor the target nor an ignored column has."""
    return tuple(name for name in names if name not in schema.known)


def columns_of(cells: Mapping[str, Sequence[Cell]], schema: Schema, ids: Sequence[str] | None = None) -> Columns:
    """Return rows that are there as cells by the names of their columns."""
    numbers, texts, strays = {}, {}, {}
    for feature in schema.features:
        if feature.name not in cells:
            continue
        if feature.type == "numeric":
            numbers[feature.name], strays[feature.name] = finite(_floats(cells[feature.name]))
        else:
            codes, words = _coded(cells[feature.name])
            texts[feature.name] = texts_of(words, codes, feature)
    rows = len(next(iter(cells.values()), ()))
    return Columns(rows, numbers, texts, {name: count for name, count in strays.items() if count}, other_names(cells, schema), ids)


def _floats(cells: Sequence[Cell]) -> np.ndarray:
    """Return cells as numbers, infinite where they are none."""
    try:
        values = np.array(cells, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return np.array([number_in(cell) for cell in cells])
    # Cells that are lists would make a table.
    return values if values.ndim == 1 else np.full(len(cells), np.inf)


def number_in(cell: Cell) -> float:
    """Return a cell's number: nan where there is no value, infinite where it is no number."""
    if is_missing(cell):
        return np.nan
    try:
        return float(cell)  # type: ignore[arg-type] # what is no number is refused below
    except (TypeError, ValueError, OverflowError):
        return np.inf


def finite(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the numbers with nan for what the model takes for none, and how many these are."""
    beyond = np.abs(values) > LARGEST
    count = int(np.count_nonzero(beyond))
    return (np.where(beyond, np.nan, values) if count else values), count


def _coded(cells: Sequence[Cell]) -> tuple[np.ndarray, list[str]]:
    places: dict[str, int] = {}
    texts: Iterable[str] = cells if {*map(type, cells)} <= {str} else map(plain_text, cells)  # type: ignore[assignment] # else all are texts
    codes = np.fromiter((places.setdefault(text, len(places)) for text in texts), dtype=np.int32, count=len(cells))
    return codes, list(places)


def texts_of(words: Sequence[str], codes: np.ndarray, feature: Feature) -> Texts:
    """Return a column whose words may hold blanks, be empty or be the same without their blanks."""
    places: dict[str, int] = {}
    # The last is for codes of -1.
    moved = np.full(len(words) + 1, -1, dtype=np.int32)
    for place, word in enumerate(words):
        text = word.strip()
        # As in encoding: NA may be a category, but is never a truth.
        if text and not (feature.type == "boolean" and is_missing(text)):
            moved[place] = places.setdefault(text, len(places))
    return Texts(tuple(places), moved[codes])
