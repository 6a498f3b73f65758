"""What the target column holds: labels, or numbers to predict."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from container.bulk_encoding import numbers_of
from container.errors import CellRefused, Refused
from container.schema import Problem
from container.table import Batch

FEWEST_ROWS_OF_A_LABEL = 3
MOST_LABELS = 100
# Counting ends here: so many labels are numbers or names.
COUNTED_LABELS = 1000
REGRESSION = "; for a number to predict, set problem.type to regression"


class LabelSurvey:
    """The labels seen so far, and each row's."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._seen: dict[str, int] = {}
        self._codes: list[np.ndarray] = []

    def read(self, batch: Batch) -> None:
        """Take in some more of the target; refuse an empty cell."""
        coded = batch.columns[self._problem.target].dictionary_encode()
        places = coded.indices.to_numpy()
        texts = coded.dictionary.to_pylist()
        if "" in texts:
            row = int(np.flatnonzero(places == texts.index(""))[0]) + 1
            raise batch.located(CellRefused(row, self._problem.target, "the target is empty; remove the row"))
        # After so many, labels are no longer told apart: the survey will end in a refusal.
        known = [min(self._seen.setdefault(text, len(self._seen)), COUNTED_LABELS) for text in texts]
        while len(self._seen) > COUNTED_LABELS + 1:
            self._seen.popitem()
        self._codes.append(np.array(known, dtype=np.uint16)[places])

    def labels(self, where: str) -> tuple[tuple[str, ...], np.ndarray]:
        """Return the labels in the order of the model's outputs (the positive one last), and each row's place among them."""
        codes = np.concatenate(self._codes) if self._codes else np.empty(0, dtype=np.uint16)
        where = f"{where}: target {self._problem.target}"
        counts = np.bincount(codes, minlength=len(self._seen))
        self._check(dict(sorted(zip(self._seen, counts.tolist(), strict=True))), where)
        ordered = _ordered(sorted(self._seen), self._problem, where)
        places = np.array([ordered.index(label) for label in self._seen], dtype=np.uint8)
        return ordered, places[codes]

    def _check(self, counts: dict[str, int], where: str) -> None:
        if len(counts) < 2:
            raise Refused(f"{where} has {len(counts)} label ({', '.join(counts)}); learning needs at least 2")
        if len(counts) > COUNTED_LABELS:
            raise Refused(f"{where} has more than {COUNTED_LABELS} labels{REGRESSION}")
        for label, count in counts.items():
            if count < FEWEST_ROWS_OF_A_LABEL:
                raise Refused(f"{where} has label {label!r} in {count} rows; each label needs {FEWEST_ROWS_OF_A_LABEL}: "
                              f"add rows, merge labels or remove it{_regression_advice(list(counts))}")


def _regression_advice(labels: list[str]) -> str:
    return REGRESSION if all(label.replace(".", "", 1).lstrip("-").isdecimal() for label in labels) else ""


def _ordered(labels: list[str], problem: Problem, where: str) -> tuple[str, ...]:
    if len(labels) > MOST_LABELS:
        raise Refused(f"{where} has {len(labels)} labels{REGRESSION}")
    if problem.type == "multiclass":
        return tuple(labels)
    if len(labels) != 2:
        raise Refused(f"{where} has {len(labels)} labels; set problem.type to multiclass or merge them to 2")
    if problem.positive not in labels:
        raise Refused(f"{where} has the labels {', '.join(labels)}; problem.positive is {problem.positive!r} "
                      "and must be one of them (quote it in config.yml)")
    return tuple(sorted(labels, key=lambda label: label == problem.positive))


class NumberSurvey:
    """The range of the numbers seen so far."""

    def __init__(self, problem: Problem) -> None:
        self._target = problem.target
        self._lowest, self._highest = np.inf, -np.inf

    def read(self, batch: Batch) -> None:
        """Take in some more of the target; refuse what is no number."""
        values = numeric_targets(batch, self._target)
        self._lowest, self._highest = values.min(initial=self._lowest), values.max(initial=self._highest)

    def labels(self, where: str) -> tuple[tuple[str, ...], None]:
        """Return no labels; refuse numbers that never change."""
        if self._lowest >= self._highest:
            raise Refused(f"{where}: target {self._target} never changes; there is nothing to learn")
        return (), None


def target_survey(problem: Problem) -> LabelSurvey | NumberSurvey:
    """Return an empty survey of the problem's target."""
    return NumberSurvey(problem) if problem.type == "regression" else LabelSurvey(problem)


def numeric_targets(batch: Batch, target: str) -> np.ndarray:
    """Return a batch's targets as numbers; refuse a missing one."""
    try:
        values = numbers_of(batch.columns[target], target)
        missing = np.flatnonzero(np.isnan(values))
        if missing.size:
            raise CellRefused(int(missing[0]) + 1, target, "the target has no number; remove the row")
    except CellRefused as error:
        raise batch.located(error) from None
    return values


def label_places(batch: Batch, target: str, labels: tuple[str, ...]) -> np.ndarray:
    """Return each row's place in the labels; refuse a label that is not among them."""
    places = pc.index_in(batch.columns[target], value_set=pa.array(labels, pa.string()))
    if places.null_count:
        row = int(np.flatnonzero(places.is_null().to_numpy(zero_copy_only=False))[0])
        cell = batch.columns[target][row].as_py()
        raise batch.located(CellRefused(row + 1, target, f"label {cell!r} is not among {', '.join(labels)}"))
    codes: np.ndarray = places.to_numpy()
    return codes
