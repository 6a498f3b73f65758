"""What the texts of a column have shown so far: counts by text, of so many different ones that they fit into memory."""

from collections import Counter
from collections.abc import Iterable

import numpy as np

from container.columns import Texts

# Different texts beside the known ones. A column with more names rows; the rare ones are then counted together.
MOST_WORDS = 100_000


class WordColumn:
    """Counts by text; those of the known texts are never given up."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._known = frozenset(known)
        self.counts: Counter[str] = Counter()
        # Rows whose texts were too many to keep.
        self.unlisted = 0
        self.missing = 0

    def add(self, texts: Texts) -> None:
        """Take in some cells."""
        counts = np.bincount(texts.codes + 1, minlength=len(texts.words) + 1).tolist()
        self.missing += counts[0]
        for word, count in zip(texts.words, counts[1:], strict=True):
            if count:
                self.counts[word] += count
        if len(self.counts) > len(self._known) + MOST_WORDS:
            self._forget()

    def _forget(self) -> None:
        """Give up the rarer half of what is not known."""
        others = sorted((word for word in self.counts if word not in self._known), key=lambda word: (-self.counts[word], word))
        for word in others[MOST_WORDS // 2 :]:
            self.unlisted += self.counts.pop(word)

    @property
    def present(self) -> int:
        """Return how many cells hold a text."""
        return sum(self.counts.values()) + self.unlisted
