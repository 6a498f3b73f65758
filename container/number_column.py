"""What the numbers of a column have shown so far: a bounded memory, however many come."""

import math

import numpy as np

from container.sketch import Sketch


class NumberColumn:
    """Moments, extremes, a sketch, and exact counts up to and below given edges."""

    def __init__(self, edges: np.ndarray | None = None) -> None:
        self.edges = np.empty(0) if edges is None else edges
        # Cells that hold no value, and those that hold something else than a number.
        self.missing = self.strays = 0
        self.present = self.whole = 0
        self.mean = self.squares = self.sum = 0.0
        self.low, self.high = math.inf, -math.inf
        self.sketch = Sketch()
        self.at_most = np.zeros(len(self.edges), dtype=np.int64)
        self.below = np.zeros(len(self.edges), dtype=np.int64)

    def add(self, values: np.ndarray, strays: int = 0) -> None:
        """Take in some cells: nan where there is no number, which strays of them hold in another form."""
        ordered = np.sort(values)
        # nan sorts last.
        ordered = ordered[: int(np.searchsorted(ordered, np.nan))]
        self.missing += len(values) - len(ordered) - strays
        self.strays += strays
        if not len(ordered):
            return
        mean = float(ordered.mean())
        self._add_moments(len(ordered), mean, float(((ordered - mean) ** 2).sum()), float(ordered.sum()))
        self.low, self.high = min(self.low, float(ordered[0])), max(self.high, float(ordered[-1]))
        self.whole += int(np.count_nonzero(ordered == np.floor(ordered)))
        self.at_most += np.searchsorted(ordered, self.edges, side="right")
        self.below += np.searchsorted(ordered, self.edges, side="left")
        self.sketch.add(ordered)

    def _add_moments(self, count: int, mean: float, squares: float, total: float) -> None:
        # Chan's rule: unlike sums of squares it loses nothing where the mean is large.
        both = self.present + count
        apart = mean - self.mean
        self.squares += squares + apart**2 * self.present * count / both
        self.mean += apart * count / both
        self.sum += total
        self.present = both

    @property
    def std_dev(self) -> float:
        """Return the standard deviation of all values, as a population's."""
        return math.sqrt(self.squares / self.present) if self.present else 0.0
