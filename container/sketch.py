"""A sample of numbers that stands for all of them, in KLL's form: one at level i stands for 2**i.

Numbers come sorted and in bulk, which costs less than to hand them to a library one by one: of each run of
2**i the middle is kept, and where a level overflows every other number of it rises. A rank is off by about one
in 10,000, and not at all up to CAPACITY numbers.
"""

import numpy as np

CAPACITY = 16_384
# SageMaker Model Monitor's parameters. A sketch of theirs holds about k / (1 - c) numbers.
PARAMETERS = {"c": 0.64, "k": 2048.0}
WRITTEN = 5_600


class Sketch:
    """Numbers by level; all that is kept of a column of any length."""

    def __init__(self) -> None:
        self.levels = [np.empty(0)]
        # Which of two neighbours rises is drawn, so that errors even out; the same data give the same sketch.
        self._random = np.random.default_rng(0)

    def add(self, ordered: np.ndarray) -> None:
        """Take in sorted numbers."""
        level = 0
        while len(ordered) >> level > CAPACITY:
            level += 1
        chosen, rest = _middles(ordered, level)
        self._extend(level, chosen)
        self._extend(0, rest)
        self._shrink()

    def _extend(self, level: int, numbers: np.ndarray) -> None:
        while len(self.levels) <= level:
            self.levels.append(np.empty(0))
        self.levels[level] = np.concatenate([self.levels[level], numbers])

    def _shrink(self) -> None:
        level = 0
        while level < len(self.levels):
            numbers = self.levels[level]
            if len(numbers) > CAPACITY:
                numbers = np.sort(numbers)
                pairs = len(numbers) // 2 * 2
                self.levels[level] = numbers[pairs:]
                self._extend(level + 1, numbers[int(self._random.integers(2)) : pairs : 2])
            level += 1

    def weighted(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the different numbers in order, and for how many each stands."""
        numbers = np.concatenate(self.levels)
        weights = np.repeat(1 << np.arange(len(self.levels)), [len(level) for level in self.levels])
        found, places = np.unique(numbers, return_inverse=True)
        return found, np.bincount(places, weights=weights, minlength=len(found)).astype(np.int64)

    def written(self) -> list[list[float]]:
        """Return levels of at most WRITTEN numbers altogether, as statistics.json holds them."""
        numbers, weights = self.weighted()
        ends = np.cumsum(weights)
        total = int(ends[-1]) if len(ends) else 0
        level = 0
        while total >> level > WRITTEN:
            level += 1
        chosen, rest = _middles(np.arange(total), level)
        kept = [numbers[np.searchsorted(ends, places, side="right")].tolist() for places in (chosen, rest)]
        return [kept[0] + kept[1]] if not level else [kept[1], *([] for _ in range(level - 1)), kept[0]]


def _middles(ordered: np.ndarray, level: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the middle of each run of 2**level, and what remains after the last whole run."""
    run = 1 << level
    whole = len(ordered) // run * run
    return ordered[:whole].reshape(-1, run)[:, (run - 1) // 2], ordered[whole:]
