"""How a column of numbers is compared with the training data's."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from container.number_column import NumberColumn
from container.reference import NumberReference
from container.rules import COMPLETENESS, DATA_TYPE, DRIFT, VALUES, Check, Counts, Rules, novelty
from container.significance import largest_distance, ranks, telling_distance

# Parts of the column's chance of a false alarm. Distances see any difference, centre and spread see small ones earlier.
DISTRIBUTION, CENTRE, SPREAD, VALUE, UNSEEN, RANGE, MISSING, TYPE = 0.25, 0.15, 0.15, 0.1, 0.05, 0.1, 0.1, 0.05
# Columns of no more different values are codes or counts, whose values are compared one by one, too.
FEW_VALUES = 32


@dataclass(frozen=True)
class Cells:
    """Both samples counted at the reference's values and between them, in order."""

    sample: np.ndarray
    reference: np.ndarray

    @property
    def distance(self) -> float:
        """Return the largest difference between the shares of both samples up to any number."""
        apart = np.cumsum(self.sample) / self.sample.sum() - np.cumsum(self.reference) / self.reference.sum()
        return float(np.abs(apart).max())

    @property
    def ranks(self) -> np.ndarray:
        """Return the mean rank of each cell's members in both samples together."""
        both: np.ndarray = self.sample + self.reference
        return np.asarray(np.cumsum(both) - (both - 1) / 2)


def cells_of(column: NumberColumn, reference: NumberReference) -> Cells | None:
    """Return both samples by cell; None where one of them has no numbers."""
    if not column.present or not reference.counts.sum():
        return None
    sample = np.empty(2 * len(reference.values) + 1)
    sample[1::2] = column.at_most - column.below
    sample[0::2] = np.append(column.below, column.present) - np.insert(column.at_most, 0, 0)
    counts = np.zeros(len(sample))
    counts[1::2] = reference.counts
    return Cells(sample, counts)


def number_checks(column: NumberColumn, lacking: int, reference: NumberReference, rules: Rules) -> Iterator[Check]:
    """Yield all answers about the column; lacking counts rows without it."""
    cells = cells_of(column, reference)
    if cells:
        yield from _shape(cells, column, reference, rules)
        yield _range(column, reference, rules)
        if len(reference.values) <= FEW_VALUES:
            yield from _values(cells, column, reference, rules)
    yield from _types(column, reference, rules)
    rows, all_rows = column.present + column.strays, reference.present + reference.missing
    yield missing_check(column.missing + lacking, rows, reference.missing, all_rows, MISSING, rules)


def missing_check(missing: int, present: int, reference_missing: int, reference_rows: int, weight: float, rules: Rules) -> Check:
    """Return whether more, or fewer, cells hold no value."""
    counts = Counts(missing, missing + present, reference_missing, reference_rows)
    before, now = counts.shares
    text = (f"Completeness requirement is not met. Expected completeness: {percent(1 - before)}%. "
            f"Observed: Only {percent(1 - now)}% of data is present.") if now > before else (
            f"Values are missing in {100 * now:.3g}% of rows; in the training data in {100 * before:.3g}%.")
    return rules.share("missing values", COMPLETENESS if now > before else DRIFT, weight, counts, text)


def percent(share: float) -> float:
    """Return a share as Model Monitor writes it: 100.0."""
    return round(100 * share, 6)


def _shape(cells: Cells, column: NumberColumn, reference: NumberReference, rules: Rules) -> Iterator[Check]:
    distance, sizes = cells.distance, (column.present, reference.present)
    text = f"The share of values up to some number differs by {distance:.4g}."
    yield rules.check("distribution", DRIFT, DISTRIBUTION, largest_distance(distance, *sizes), distance,
                      telling_distance(rules.chance(DISTRIBUTION), *sizes), text)
    middle = cells.ranks
    for name, weight, scores in (("centre", CENTRE, middle), ("spread", SPREAD, np.abs(middle - (sum(sizes) + 1) / 2))):
        text = f"Its values lie {_direction(scores, cells, name)} than the training data's."
        yield rules.check(name, DRIFT, weight, ranks(scores, cells.sample, cells.reference), distance, rules.least, text)


def _direction(scores: np.ndarray, cells: Cells, name: str) -> str:
    is_more = scores @ cells.sample / cells.sample.sum() > scores @ cells.reference / cells.reference.sum()
    return {"centre": ("lower", "higher"), "spread": ("closer together", "wider apart")}[name][int(is_more)]


def _range(column: NumberColumn, reference: NumberReference, rules: Rules) -> Check:
    """Return whether too many values are beyond all of the training data's on one side."""
    sides = {"below": (int(column.below[0]), reference.low), "above": (int(column.present - column.at_most[-1]), reference.high)}
    (side, (beyond, limit)) = max(sides.items(), key=lambda item: item[1][0])
    counts = Counts(beyond, column.present, 0, reference.present)
    text = f"{100 * counts.shares[1]:.3g}% of values are {side} {limit:.6g}, where the training data ends."
    # Two sides, of which the worse one is looked at.
    return rules.share("range", DRIFT, RANGE / 2, counts, text, only_more=True)


def _values(cells: Cells, column: NumberColumn, reference: NumberReference, rules: Rules) -> Iterator[Check]:
    before, now = reference.present, column.present
    each = [(Counts(int(count), now, int(known), before), (f"{100 * count / now:.3g}% of values are {value:.6g}; "
             f"of the training data's {100 * known / before:.3g}%."), DRIFT)
            for value, count, known in zip(reference.values, cells.sample[1::2], reference.counts, strict=True)]
    yield from rules.strongest("value", DRIFT, VALUE, each)
    counts = novelty(int(cells.sample[0::2].sum()), now, reference.counts)
    text = f"{100 * counts.shares[1]:.3g}% of values are none of the {len(reference.values)} in the training data."
    yield rules.share("new values", VALUES, UNSEEN, counts, text, only_more=True)


def _types(column: NumberColumn, reference: NumberReference, rules: Rules) -> Iterator[Check]:
    cells = column.present + column.strays
    expected = reference.inferred_type
    share = (column.whole if expected == "Integral" else column.present) / max(cells, 1)
    text = (f"Data type match requirement is not met. Expected data type: {expected}, Expected match: 100.0%. "
            f"Observed: Only {percent(share)}% of data is {expected}.")
    yield rules.share("type", DATA_TYPE, TYPE / 2, Counts(column.strays, cells, 0, reference.present), text, only_more=True)
    if reference.whole is None:
        return
    counts = Counts(column.present - column.whole, column.present, reference.present - reference.whole, reference.present)
    before, now = counts.shares
    if expected != "Integral":
        text = f"{100 * (1 - now):.3g}% of values are whole numbers; of the training data's {100 * (1 - before):.3g}%."
    yield rules.share("whole numbers", DATA_TYPE if expected == "Integral" else DRIFT, TYPE / 2, counts, text)
