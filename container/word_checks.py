"""How a column of texts is compared with the training data's."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np

from container.encoding import FALSE, TRUE, is_missing
from container.number_checks import missing_check, percent
from container.reference import WordReference
from container.rules import DATA_TYPE, DRIFT, VALUES, Check, Counts, Rules, novelty
from container.significance import chi_square
from container.word_column import WordColumn

# Parts of the column's chance of a false alarm.
DISTRIBUTION, CATEGORY, NEW, MISSING, TYPE = 0.3, 0.5, 0.08, 0.08, 0.04
# Categories that would have fewer rows in the smaller sample are compared as one.
FEWEST_EXPECTED = 5


class Words:
    """Both samples counted by category; a boolean's spellings of one truth are one category."""

    def __init__(self, column: WordColumn, reference: WordReference, kind: str) -> None:
        self.sample, self.reference = column.counts, Counter(reference.counts)
        if kind == "boolean":
            self.sample, self.reference = _truths(self.sample), _truths(self.reference)
        self.names = sorted({*self.sample, *self.reference})
        self.now = np.array([self.sample[name] for name in self.names], dtype=np.float64)
        self.before = np.array([self.reference[name] for name in self.names], dtype=np.float64)
        self.unlisted, self.reference_unlisted = column.unlisted, reference.unlisted
        self.rows = int(self.now.sum()) + column.unlisted
        self.reference_rows = int(self.before.sum()) + reference.unlisted

    def pooled(self) -> tuple[np.ndarray, np.ndarray]:
        """Return both samples' counts of the common categories, and of all rare ones together at the end."""
        both = self.now + self.before
        common = both * min(self.rows, self.reference_rows) >= FEWEST_EXPECTED * (self.rows + self.reference_rows)
        now = np.append(self.now[common], self.now[~common].sum() + self.unlisted)
        before = np.append(self.before[common], self.before[~common].sum() + self.reference_unlisted)
        kept = now + before > 0
        return now[kept], before[kept]

    @property
    def largest_difference(self) -> float:
        """Return by how much the share of some category differs at most."""
        return float(np.abs(self.now / max(self.rows, 1) - self.before / max(self.reference_rows, 1)).max(initial=0.0))


def _truths(counts: Mapping[str, int]) -> Counter[str]:
    """Return counts with one word for each truth."""
    folded: Counter[str] = Counter()
    for word, count in counts.items():
        plain = word.lower()
        folded["true" if plain in TRUE else "false" if plain in FALSE else word] += count
    return folded


def word_checks(column: WordColumn, lacking: int, reference: WordReference, kind: str, rules: Rules) -> Iterator[Check]:
    """Yield all answers about the column; lacking counts rows without it."""
    words = Words(column, reference, kind)
    if words.rows and words.reference_rows:
        yield _distribution(words, rules)
        each = [(Counts(int(now), words.rows, int(before), words.reference_rows), _moved(name, now / words.rows, before / words.reference_rows),
                 "" if before else VALUES) for name, now, before in zip(words.names, words.now, words.before, strict=True)]
        yield from rules.strongest("category", DRIFT, CATEGORY, each)
        yield _new(words, rules)
        yield _types(words, rules)
    yield missing_check(column.missing + lacking, words.rows, reference.missing, reference.present + reference.missing, MISSING, rules)


def _moved(name: str, now: float, before: float) -> str:
    if not before:
        return f"{100 * now:.3g}% of rows have {name!r}, which is not in the training data."
    return f"{100 * now:.3g}% of rows have {name!r}; of the training data {100 * before:.3g}%."


def _distribution(words: Words, rules: Rules) -> Check:
    now, before = words.pooled()
    apart = now * math.sqrt(words.reference_rows / words.rows) - before * math.sqrt(words.rows / words.reference_rows)
    p_value = chi_square(float((apart**2 / (now + before)).sum()), len(now) - 1)
    distance = float(np.abs(now / words.rows - before / words.reference_rows).sum() / 2)
    return rules.check("distribution", DRIFT, DISTRIBUTION, p_value, distance, rules.least,
                       f"{100 * distance:.3g}% of rows would have to change their category to be as the training data.")


def _new(words: Words, rules: Rules) -> Check:
    """Return whether too many rows have a text that the training data has not."""
    new = words.before == 0
    counts = novelty(int(words.now[new].sum()) + words.unlisted, words.rows, words.before, words.reference_unlisted)
    example = next((f", such as {words.names[place]!r}" for place in np.flatnonzero(new)), "")
    text = (f"Categorical values requirement is not met. Expected match: {percent(1 - counts.shares[0])}%. "
            f"Observed: Only {percent(1 - counts.shares[1])}% of values are in the training data{example}.")
    return rules.share("new categories", VALUES, NEW, counts, text, only_more=True)


def _types(words: Words, rules: Rules) -> Check:
    counts = Counts(_numbers(words.sample), words.rows, _numbers(words.reference), words.reference_rows)
    text = (f"Data type match requirement is not met. Expected data type: String, Expected match: {percent(1 - counts.shares[0])}%. "
            f"Observed: Only {percent(1 - counts.shares[1])}% of data is String.")
    return rules.share("type", DATA_TYPE, TYPE, counts, text)


def _numbers(counts: Mapping[str, int]) -> int:
    return sum(count for word, count in counts.items() if _is_number(word))


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return not is_missing(word)
