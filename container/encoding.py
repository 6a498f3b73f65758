"""From cells to the numbers that a model reads: one function for training and for serving.

Everything becomes float32 here, before the estimator sees it, so that the estimator and its ONNX
form are given the very same numbers. A category takes one column each; a missing or unseen
category is all zeros. Cells are text (CSV) or JSON's text, numbers, booleans and null.
"""

from collections.abc import Sequence

import numpy as np

from container.errors import CellRefused
from container.schema import Feature, Schema

Cell = str | int | float | bool | None
# A column: a list of cells, or numpy's array of text as files are read.
Cells = Sequence[Cell] | np.ndarray

# In a column of numbers or booleans these words mean that there is no value. In a categorical
# column only the empty cell does: NA may be Namibia.
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})
TRUE = frozenset({"true", "yes", "t", "y", "1"})
FALSE = frozenset({"false", "no", "f", "n", "0"})
LARGEST = float(np.finfo(np.float32).max)


def encode(columns: Sequence[Cells], schema: Schema) -> np.ndarray:
    """Return rows x schema.width as float32; columns stand in the order of schema.features."""
    rows = len(columns[0]) if columns else 0
    matrix = np.zeros((rows, schema.width), dtype=np.float32)
    start = 0
    for feature, cells in zip(schema.features, columns, strict=True):
        matrix[:, start : start + feature.width] = ENCODERS[feature.type](cells, feature)
        start += feature.width
    return matrix


def numbers(cells: Cells, name: str) -> np.ndarray:
    """Return cells as float64, missing ones as NaN; refuse the first that is no finite number."""
    try:
        values = np.array(cells, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        values = np.array([number(cell, row, name) for row, cell in enumerate(cells, 1)])
    beyond = np.flatnonzero(np.abs(values) > LARGEST)
    if beyond.size:
        row = int(beyond[0])
        raise CellRefused(row + 1, name, f"{shown(cells[row])} is not finite in 32 bits")
    return values


def number(cell: Cell, row: int, name: str) -> float:
    """Return the number in a cell, NaN for a missing one."""
    if is_missing(cell):
        return np.nan
    try:
        return float(cell)  # type: ignore[arg-type] # what is no number is refused here
    except OverflowError:
        raise CellRefused(row, name, "the number is not finite in 32 bits") from None
    except (TypeError, ValueError):
        raise CellRefused(row, name, f"{shown(cell)} is not a number") from None


def is_missing(cell: Cell) -> bool:
    """Tell whether a cell of a numeric or boolean column holds no value."""
    return cell is None or (isinstance(cell, str) and cell.strip().lower() in MISSING)


def shown(cell: Cell) -> str:
    """Return a cell as an error shows it, cut where it is long."""
    text = repr(cell)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _encode_numeric(cells: Cells, feature: Feature) -> np.ndarray:
    return numbers(cells, feature.name)[:, None]


def _encode_boolean(cells: Cells, feature: Feature) -> np.ndarray:
    return np.array([[truth(cell, row, feature.name)] for row, cell in enumerate(cells, 1)]).reshape(-1, 1)


def truth(cell: Cell, row: int, name: str) -> float:
    """Return 1 or 0 for a boolean cell, NaN for a missing one."""
    if is_missing(cell):
        return np.nan
    word = plain_text(cell).lower()
    if word in TRUE:
        return 1.0
    if word in FALSE:
        return 0.0
    raise CellRefused(row, name, f"{shown(cell)} is neither yes nor no, true nor false")


def _encode_categorical(cells: Cells, feature: Feature) -> np.ndarray:
    places = {category: place for place, category in enumerate(feature.categories)}
    block = np.zeros((len(cells), feature.width), dtype=np.float32)
    for row, cell in enumerate(cells):
        place = places.get(plain_text(cell))
        if place is not None:
            block[row, place] = 1.0
    return block


def plain_text(cell: Cell) -> str:
    """Return a cell as CSV would hold it: JSON's 415.0 and 415 are both the category 415."""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None else str(cell)


ENCODERS = {"numeric": _encode_numeric, "boolean": _encode_boolean, "categorical": _encode_categorical}
