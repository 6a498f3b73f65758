"""What rows have shown so far, column by column: parts of the data are described apart, even in other processes, and merged."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from container.number_column import NumberColumn
from container.reference import NumberReference, Reference
from container.schema import Feature
from container.word_column import WordColumn

if TYPE_CHECKING:
    from container.columns import Columns

# Different names of columns that are no features; more are counted as the last of them.
MOST_OTHERS = 1_000


class Description:
    """Rows as columns of numbers and words; with a reference they are counted so that they can be compared with it."""

    def __init__(self, features: Sequence[Feature], reference: Mapping[str, Reference] | None = None) -> None:
        self.rows = 0
        self.numbers: dict[str, NumberColumn] = {}
        self.words: dict[str, WordColumn] = {}
        # Rows in which a feature does not even stand, and those in which a column stands that is none.
        self.lacking: Counter[str] = Counter()
        self.others: Counter[str] = Counter()
        for feature in features:
            known = (reference or {}).get(feature.name)
            if feature.type == "numeric":
                self.numbers[feature.name] = NumberColumn(known.values if isinstance(known, NumberReference) else None)
            else:
                self.words[feature.name] = WordColumn(() if known is None or isinstance(known, NumberReference) else known.counts)

    def add(self, columns: "Columns") -> None:
        """Take in some rows."""
        self.rows += columns.rows
        for name, numbers in self.numbers.items():
            if name in columns.numbers:
                numbers.add(columns.numbers[name], columns.strays.get(name, 0))
            else:
                self.lacking[name] += columns.rows
        for name, words in self.words.items():
            if name in columns.texts:
                words.add(columns.texts[name])
            else:
                self.lacking[name] += columns.rows
        self._count_others(dict.fromkeys(columns.others, columns.rows))

    def merge(self, other: "Description") -> None:
        """Take in what other rows of the same features have shown."""
        self.rows += other.rows
        for name, numbers in self.numbers.items():
            numbers.merge(other.numbers[name])
        for name, words in self.words.items():
            words.merge(other.words[name])
        self.lacking.update(other.lacking)
        self._count_others(other.others)

    def _count_others(self, counts: Mapping[str, int]) -> None:
        for name, count in counts.items():
            if name in self.others or len(self.others) < MOST_OTHERS:
                self.others[name] += count
