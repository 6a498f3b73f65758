"""The numbers of container/encoding.py for whole batches of a file: the same answers, found in C.

A column of numbers is read by Arrow, and by encoding.numbers where Arrow refuses it. Of other columns
only the different texts are encoded, by encoding.encode itself.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from container.encoding import LARGEST, MISSING, encode, numbers
from container.errors import CellRefused
from container.schema import Feature, Problem, Schema
from container.table import Batch

# The usual spellings; others are left to encoding.numbers.
MISSING_WORDS = pa.array(sorted({spelt for word in MISSING for spelt in (word, word.upper(), word.capitalize())} | {"NaN"}))


def encode_batch(batch: Batch, schema: Schema) -> np.ndarray:
    """Return rows x schema.width as float32; refuse the first cell that cannot be read, with its place."""
    matrix = np.zeros((batch.rows, schema.width), dtype=np.float32)
    start = 0
    for feature in schema.features:
        matrix[:, start : start + feature.width] = encode_cells(batch, feature)
        start += feature.width
    return matrix


def encode_cells(batch: Batch, feature: Feature) -> np.ndarray:
    """Return one feature's columns of the matrix."""
    cells = batch.columns[feature.name]
    try:
        if feature.type == "numeric":
            return numbers_of(cells, feature.name)[:, None]
        return _by_different_texts(cells, Schema(Problem("regression", ""), (), (feature,)))
    except CellRefused as error:
        raise batch.located(error) from None


def numbers_of(cells: pa.Array, name: str) -> np.ndarray:
    """Return what encoding.numbers returns for the cells, and refuse what it refuses."""
    present = pc.if_else(pc.is_in(cells, value_set=MISSING_WORDS), pa.scalar(None, pa.string()), cells)
    try:
        values = pc.cast(present, pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return numbers(_texts(cells), name)
    # Where one is too large the slow way says which.
    return numbers(_texts(cells), name) if (np.abs(values) > LARGEST).any() else values


def _texts(cells: pa.Array) -> np.ndarray:
    values: np.ndarray = cells.to_numpy(zero_copy_only=False)
    return values


def _by_different_texts(cells: pa.Array, one_feature: Schema) -> np.ndarray:
    coded = cells.dictionary_encode()
    places = coded.indices.to_numpy()
    try:
        encoded: np.ndarray = encode([coded.dictionary.to_pylist()], one_feature)[places]
        return encoded
    except CellRefused as error:
        row = int(np.flatnonzero(places == error.row - 1)[0]) + 1
        raise CellRefused(row, error.column, error.reason) from None
