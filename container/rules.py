"""When a difference between captured and training data is drift: improbable without it, and large enough to matter.

The chance of a false alarm that a look may take is shared out: each column gets the same part, and in a column each
of its checks a fixed part of that, so that all checks together find something in undrifted data no oftener than that.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from container.significance import more, rarest, share

# Of the distance that counts, the part by which a share must have moved if it moved by ODDS, too: one new category
# in a hundred rows matters, one in a thousand does not.
SMALL_PART = 0.1
ODDS = 1.5
# Fewer rows than this are no sample, however small the baseline is.
FEWEST_ROWS = 30
# With so many times the baseline's rows a look sees nearly what it could see with any number.
MOST_TIMES_BASELINE = 2

DATA_TYPE, COMPLETENESS, DRIFT = "data_type_check", "completeness_check", "baseline_drift_check"
MISSING_COLUMN, EXTRA_COLUMN, VALUES = "missing_column_check", "extra_column_check", "categorical_values_check"


@dataclass(frozen=True)
class Counts:
    """How many rows of a sample have something, out of how many, and the same of the training data."""

    hits: int
    rows: int
    reference_hits: int
    reference_rows: int

    @property
    def shares(self) -> tuple[float, float]:
        """Return the share in the training data, then in the sample."""
        return self.reference_hits / max(self.reference_rows, 1), self.hits / max(self.rows, 1)


def novelty(new: int, rows: int, known: np.ndarray, unlisted: int = 0) -> Counts:
    """Return how many rows have a value that the training data has not, and how many of that are as new to its other rows.

    Where values are many, new ones are no drift: a value that only one row of the training data has is as new to all
    its others (known counts them by value). How many such rows there are is itself uncertain, the more so the more
    values stand in two rows (Good and Turing), so they count as fewer rows than they are.
    """
    alone, twice = int((known == 1).sum()) + unlisted, int((known == 2).sum())
    surer = alone / (alone + 2 * twice) if alone else 1.0
    return Counts(new, rows, round(alone * surer), max(round((int(known.sum()) + unlisted) * surer), 1))


@dataclass(frozen=True)
class Check:
    """One answer about one column; p_value is adjusted for all that the look checks, effect and threshold are distances."""

    name: str
    violation: str
    p_value: float
    effect: float
    threshold: float
    found: bool
    description: str


@dataclass(frozen=True)
class Rules:
    """What a look takes for drift: its chance of a false alarm, the least distance that counts, and how many columns share it."""

    level: float
    least: float
    columns: int

    def chance(self, weight: float) -> float:
        """Return the chance of a false alarm that a check of this weight may take."""
        return self.level * weight / self.columns

    def check(self, name: str, violation: str, weight: float, p_value: float, effect: float, telling: float, description: str,
              counts: bool | None = None) -> Check:
        """Return the answer of a check; telling is the distance that would be improbable enough."""
        adjusted = min(1.0, p_value / weight * self.columns)
        large = effect >= self.least if counts is None else counts
        found = large and adjusted <= self.level
        threshold = max(telling, self.least if counts is None else self.least * SMALL_PART)
        return Check(name, violation, adjusted, effect, min(threshold, effect) if found else threshold, found, description)

    def share(self, name: str, violation: str, weight: float, counts: Counts, description: str, only_more: bool = False) -> Check:
        """Return whether a share of the rows has moved."""
        numbers = (counts.hits, counts.rows, counts.reference_hits, counts.reference_rows)
        p_value = (more if only_more else share)(*numbers) if min(counts.rows, counts.reference_rows) else 1.0
        before, now = counts.shares
        return self.check(name, violation, weight, p_value, abs(now - before), self._telling(weight, counts), description,
                          self._matters(before, now))

    def _telling(self, weight: float, counts: Counts) -> float:
        rows = max(counts.rows + counts.reference_rows, 1)
        common = (counts.hits + counts.reference_hits) / rows
        joint = max(counts.rows * counts.reference_rows / rows, 1e-9)
        return min(1.0, -NormalDist().inv_cdf(self.chance(weight) / 2) * math.sqrt(common * (1 - common) / joint))

    def _matters(self, before: float, now: float) -> bool:
        moved, (low, high) = abs(now - before), sorted((before, now))
        return moved >= self.least or (moved >= self.least * SMALL_PART and high * (1 - low) >= ODDS * low * (1 - high))

    def strongest(self, name: str, violation: str, weight: float, each: Sequence[tuple[Counts, str, str]]) -> list[Check]:
        """Return the strongest of many checks on shares, each with its description and kind of violation where it has its own.

        Of so many only those count that could be improbable enough at all (Tarone), which depends on both samples
        together and so gives no sample an advantage.
        """
        if not each:
            return []
        chance = self.chance(weight)
        rare = {marked: rarest(marked, each[0][0].rows, each[0][0].reference_rows)
                for marked in {counts.hits + counts.reference_hits for counts, *_ in each}}
        smallest = np.sort([rare[counts.hits + counts.reference_hits] for counts, *_ in each])
        tests = next((number for number in range(1, len(each) + 1)
                      if np.searchsorted(smallest, chance / number, side="right") <= number), len(each))
        able = [entry for entry in each if rare[entry[0].hits + entry[0].reference_hits] <= chance / tests]
        found = [self.share(name, kind or violation, weight / tests, counts, text) for counts, text, kind in able]
        return sorted(found, key=lambda check: (not check.found, check.p_value))[:1]


def rows_needed(columns: int, reference_rows: int, level: float, threshold: float) -> int:
    """Return how many rows a look needs to tell a distance of the threshold, or what the baseline allows, from chance."""
    joint = math.log(2 * columns / level) / (2 * threshold**2)
    most = MOST_TIMES_BASELINE * reference_rows
    needed = joint * reference_rows / (reference_rows - joint) if reference_rows > joint else most
    return max(FEWEST_ROWS, math.ceil(min(needed, most)))
