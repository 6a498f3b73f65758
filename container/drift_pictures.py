"""Pictures of a column: the training data's values and what was captured."""

from collections.abc import Mapping

import numpy as np

from container.charts import Axis, Series, overlaid, pairs
from container.description import Description
from container.number_column import NumberColumn
from container.reference import NumberReference, Reference, WordReference
from container.word_column import WordColumn

RANGES, MOST_NAMES = 30, 12
# Of the values, the part at each end that may lie beyond the picture: one wild value would make all others a line.
BEYOND = 0.002
BEFORE, NOW = "training data", "captured"
EMPTY = "(empty)"


def picture(name: str, found: Description, reference: Reference, is_titled: bool = True) -> str:
    """Return a column's picture; untitled, its title says what it shows and not of which column."""
    if isinstance(reference, NumberReference):
        return _numbers(name if is_titled else "Values", found.numbers[name], reference)
    return _words(f"{name}: " if is_titled else "", found.words[name], reference)


def gaps(column: NumberColumn, reference: NumberReference) -> str:
    """Return a picture of the rows that have no number; nothing where all have one."""
    before, now = reference.present + reference.missing, column.present + column.missing + column.strays
    if not reference.missing + column.missing + column.strays:
        return ""
    return pairs("Rows without a number", ["no value", "another text"], [
        (BEFORE, [reference.missing / max(before, 1), 0.0]), (NOW, [column.missing / max(now, 1), column.strays / max(now, 1)])])


def _numbers(title: str, column: NumberColumn, reference: NumberReference) -> str:
    before, now = (reference.values, reference.counts), column.sketch.weighted()
    edges = _edges([*map(_span, (before, now))], all((values == np.floor(values)).all() for values, _ in (before, now)))
    heights = [_percent(values, weights, edges) for values, weights in (before, now)]
    top = max(float(each.max()) for each in heights) or 1.0
    series = [Series(each, edges.tolist(), height.tolist()) for each, height in zip((BEFORE, NOW), heights, strict=True)]
    return overlaid(title, Axis("value", float(edges[0]), float(edges[-1])), Axis("% of values", 0, top), *series)


def _span(weighted: tuple[np.ndarray, np.ndarray]) -> tuple[float, float] | None:
    """Return between which numbers nearly all lie."""
    values, weights = weighted
    if not weights.sum():
        return None
    up_to = np.cumsum(weights) / weights.sum()
    return float(values[np.searchsorted(up_to, BEYOND, side="right")]), float(values[np.searchsorted(up_to, 1 - BEYOND)])


def _edges(spans: list[tuple[float, float] | None], is_whole: bool) -> np.ndarray:
    there = [span for span in spans if span] or [(0.0, 1.0)]
    low, high = min(low for low, _ in there), max(high for _, high in there)
    if is_whole:
        # Ranges of whole numbers hold as many each, or they would differ without reason.
        width = max(np.ceil((high - low + 1) / RANGES), 1.0)
        return np.arange(low, high + width + 1, width)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, RANGES + 1)


def _percent(values: np.ndarray, weights: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return how many in a hundred of the values lie in each range; what lies beyond counts at the ends."""
    shares: np.ndarray = 100 * np.histogram(np.clip(values, edges[0], edges[-1]), edges, weights=weights)[0] / max(weights.sum(), 1)
    return shares


def _words(title: str, column: WordColumn, reference: WordReference) -> str:
    sides = [_shares(reference.counts, reference.unlisted, reference.missing), _shares(column.counts, column.unlisted, column.missing)]
    before, now = sides
    words = {*before, *now}
    # Of many those that differ most, the most frequent first.
    shown = sorted(words, key=lambda word: (-abs(before.get(word, 0) - now.get(word, 0)), word))[:MOST_NAMES]
    shown.sort(key=lambda word: (-max(before.get(word, 0), now.get(word, 0)), word))
    kind = "categories" if len(shown) == len(words) else f"the {len(shown)} of {len(words)} categories that differ most"
    return pairs(f"{title}{kind}" if title else kind.capitalize(), shown,
                 [(each, [side.get(word, 0.0) for word in shown]) for each, side in zip((BEFORE, NOW), sides, strict=True)])


def _shares(counts: Mapping[str, int], unlisted: int, missing: int) -> dict[str, float]:
    rows = max(sum(counts.values()) + unlisted + missing, 1)
    return {word: count / rows for word, count in counts.items()} | ({EMPTY: missing / rows} if missing else {})
