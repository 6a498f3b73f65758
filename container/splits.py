"""Dividing rows at random, the same way each time, with each label's share kept and no row in two parts."""

import numpy as np

TRAIN, VALIDATION, TEST, LEFT_OUT = range(4)


def divide(rows: int, labels: np.ndarray | None, validation: float, test: float, firsts: np.ndarray | None, seed: int) -> np.ndarray:
    """Return each row's part: test, validation (neither when its share is 0) or train.

    labels holds each row's label; shares are of all rows. firsts names for each row the first that
    equals it: rows that are equal come into one part.
    """
    generator = np.random.default_rng(seed)
    everything = np.arange(rows)
    different = everything if firsts is None else np.flatnonzero(firsts == everything)
    parts = np.full(rows, TRAIN, dtype=np.uint8)
    if test:
        parts[draw(labels, different, test, generator)] = TEST
    left = different[parts[different] == TRAIN]
    if validation:
        # The share is of all rows, also where the test rows have been taken out before.
        parts[draw(labels, left, min(validation * len(different) / max(len(left), 1), 0.5), generator)] = VALIDATION
    return parts if firsts is None else parts[firsts]


def draw(labels: np.ndarray | None, rows: np.ndarray, fraction: float, generator: np.random.Generator) -> np.ndarray:
    """Return a sorted sample of rows of about this fraction, of each label when labels are given.

    labels holds one label for each row of the whole data set; rows are those to draw from.
    Of each label at least one row is drawn and one is left, where it has two.
    """
    if labels is None:
        groups = [rows]
    else:
        of_rows = labels[rows]
        groups = [rows[of_rows == label] for label in np.unique(of_rows)]
    drawn = [generator.permutation(group)[: _share(len(group), fraction)] for group in groups]
    return np.sort(np.concatenate([rows[:0], *drawn]))


def sample(labels: np.ndarray | None, rows: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Return a sorted sample of about this many rows, with every label that they have among them."""
    if len(rows) <= size:
        return rows
    generator = np.random.default_rng(seed)
    if labels is None:
        return np.sort(generator.permutation(rows)[:size])
    shuffled = generator.permutation(rows)
    _, first = np.unique(labels[shuffled], return_index=True)
    rest = np.setdiff1d(np.arange(min(len(shuffled), size + len(first))), first)
    return np.sort(shuffled[np.concatenate([first[:size], rest])[:size]])


def _share(size: int, fraction: float) -> int:
    return min(max(round(size * fraction), 1), size - 1) if size > 1 else 0
