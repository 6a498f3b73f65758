"""From a request's cells to the numbers that a model reads: encoding.encode's numbers (a test compares), for one row as for many.

For one row the calls of numpy are the cost, so cells become numbers in Python and numpy is called a few times in all.
"""

from collections.abc import Sequence

import numpy as np

from container.encoding import FALSE, LARGEST, TRUE, Cell, number, plain_text, shown, truth
from container.errors import CellRefused
from container.schema import Feature, Schema

TRUTHS: dict[Cell, float] = {**dict.fromkeys(TRUE, 1.0), **dict.fromkeys(FALSE, 0.0), True: 1.0, False: 0.0}


def encode_rows(columns: Sequence[Sequence[Cell]], schema: Schema) -> np.ndarray:
    """Return rows x schema.width as float32; columns stand in the order of schema.features."""
    values, value_places, start = [], [], 0
    hit_rows: list[int] = []
    hit_places: list[int] = []
    for feature, cells in zip(schema.features, columns, strict=True):
        if feature.type == "categorical":
            _mark(cells, feature, start, hit_rows, hit_places)
        else:
            values.append(_floats(cells, feature.name) if feature.type == "numeric" else _truths(cells, feature.name))
            value_places.append(start)
        start += feature.width
    matrix = np.zeros((len(columns[0]), start), dtype=np.float32)
    if values:
        matrix[:, value_places] = _finite(np.array(values), columns, schema).T
    matrix[hit_rows, hit_places] = 1.0
    return matrix


def _mark(cells: Sequence[Cell], feature: Feature, start: int, hit_rows: list[int], hit_places: list[int]) -> None:
    """Add where a categorical column has its ones."""
    places = feature.places
    for row, cell in enumerate(cells):
        place = places.get(cell)  # type: ignore[arg-type]  # what is no text is simply not found
        if place is None:
            place = places.get(plain_text(cell))
        if place is not None:
            hit_rows.append(row)
            hit_places.append(start + place)


def _floats(cells: Sequence[Cell], name: str) -> list[float]:
    try:
        return list(map(float, cells))  # type: ignore[arg-type] # what is no number is refused below
    except (TypeError, ValueError, OverflowError):
        return [number(cell, row, name) for row, cell in enumerate(cells, 1)]


def _truths(cells: Sequence[Cell], name: str) -> list[float]:
    try:
        return [TRUTHS[cell] for cell in cells]
    except KeyError:
        return [truth(cell, row, name) for row, cell in enumerate(cells, 1)]


def _finite(values: np.ndarray, columns: Sequence[Sequence[Cell]], schema: Schema) -> np.ndarray:
    """Return values by feature and row as they are; refuse the first that 32 bits cannot hold."""
    beyond = np.abs(values) > LARGEST
    if beyond.any():
        which, row = map(int, np.argwhere(beyond)[0])
        place = [place for place, feature in enumerate(schema.features) if feature.type != "categorical"][which]
        raise CellRefused(row + 1, schema.names[place], f"{shown(columns[place][row])} is not finite in 32 bits")
    return values
