"""Telling equal rows, so that none stands in two parts of the data."""

import numpy as np
import pyarrow.compute as pc

from container.table import Batch

# A row that is told from others by less than this is too plain to be one observation: where few
# columns of few values make all rows repeat, equal rows are coincidence and stay where they are drawn.
LEAST_SHARE_OF_DIFFERENT_ROWS = 0.1


def row_keys(batch: Batch, names: list[str]) -> np.ndarray:
    """Return a 64-bit key of each row's cells, the same for equal rows within this process."""
    joined = pc.binary_join_element_wise(*(batch.columns[name] for name in names), "\x1f")
    return np.fromiter(map(hash, joined.to_pylist()), dtype=np.int64, count=batch.rows)


def first_equals(keys: np.ndarray) -> np.ndarray | None:
    """Return for each row the first one that equals it; None when all differ or equality is coincidence."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    if len(first) == len(keys) or not tells_observations(len(first), len(keys)):
        return None
    return first[inverse]


def tells_observations(different: int, rows: int) -> bool:
    """Tell whether equal rows are one observation written twice rather than two that look alike."""
    return different >= LEAST_SHARE_OF_DIFFERENT_ROWS * rows
