"""Dividing rows at random, the same way each time, with each label's share kept."""

import numpy as np


def draw(labels: np.ndarray | None, rows: np.ndarray, fraction: float, generator: np.random.Generator) -> np.ndarray:
    """Return a sorted sample of rows of about this fraction, of each label when labels are given.

    labels holds one label for each row of the whole data set; rows are those to draw from.
    Of each label at least one row is drawn and one is left, where it has two.
    """
    if labels is None:
        groups = [rows]
    else:
        groups = [rows[labels[rows] == label] for label in np.unique(labels[rows])]
    drawn = [generator.permutation(group)[: _share(len(group), fraction)] for group in groups]
    return np.sort(np.concatenate(drawn))


def _share(size: int, fraction: float) -> int:
    return min(max(round(size * fraction), 1), size - 1) if size > 1 else 0
