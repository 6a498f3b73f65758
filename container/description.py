"""What rows have shown so far, column by column, in a bounded memory: rows are read on all cores and counted here, which is a twentieth of the work."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from container.columns import Columns
from container.number_column import NumberColumn
from container.reference import NumberReference, Reference
from container.schema import Feature
from container.word_column import WordColumn

# Rows that are counted at once: sorting and looking up are cheaper for many.
BULK = 131_072
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

    def add(self, parts: Sequence[Columns]) -> None:
        """Take in some rows, which may come in parts with columns of their own."""
        self.rows += sum(part.rows for part in parts)
        for name, column in self.numbers.items():
            having = [part for part in parts if name in part.numbers]
            if having:
                column.add(np.concatenate([part.numbers[name] for part in having]), sum(part.strays.get(name, 0) for part in having))
            self._count_lacking(name, parts, having)
        for name, words in self.words.items():
            having = [part for part in parts if name in part.texts]
            for part in having:
                words.add(part.texts[name])
            self._count_lacking(name, parts, having)
        for part in parts:
            self._count_others(dict.fromkeys(part.others, part.rows))

    def _count_lacking(self, name: str, parts: Sequence[Columns], having: Sequence[Columns]) -> None:
        if len(having) < len(parts):
            self.lacking[name] += sum(part.rows for part in parts) - sum(part.rows for part in having)

    def _count_others(self, counts: Mapping[str, int]) -> None:
        for name, count in counts.items():
            if name in self.others or len(self.others) < MOST_OTHERS:
                self.others[name] += count


def describe(columns: Iterable[Columns], features: Sequence[Feature], reference: Mapping[str, Reference] | None = None) -> Description:
    """Return what rows show that come a few at a time."""
    found, waiting, rows = Description(features, reference), [], 0
    for part in columns:
        waiting.append(part)
        rows += part.rows
        if rows >= BULK:
            found.add(waiting)
            waiting, rows = [], 0
    found.add(waiting)
    return found
