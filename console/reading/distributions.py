"""A feature's values beside those of the training data, from two statistics.json. Nothing here asks AWS.

Numbers stand in KLL's form, as SageMaker Model Monitor writes them: one at level i stands for 2**i.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

RANGES, MOST_NAMES = 24, 12
BEYOND = 0.002  # of the values the part at each end that may lie beyond the picture: one wild value would make all others a line
EMPTY = "(empty)"
Weighted = list[tuple[float, float]]  # values in order, and for how many each stands


@dataclass(frozen=True)
class Numbers:
    """Percent of the values in each range: of the training data, and of what was captured."""

    edges: tuple[float, ...]
    before: tuple[float, ...]
    now: tuple[float, ...]
    missing: tuple[float, float]  # percent of the rows without a number


@dataclass(frozen=True)
class Words:
    """Percent of the rows with each text; of many those that differ most."""

    names: tuple[str, ...]
    before: tuple[float, ...]
    now: tuple[float, ...]
    left_out: int


Distribution = Numbers | Words


def feature(statistics: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """Return what a statistics.json says of a feature; None where it says nothing."""
    return next((each for each in statistics.get("features", []) if each["name"] == name), None)


def compared(before: Mapping[str, Any], now: Mapping[str, Any]) -> Distribution | None:
    """Return a feature's two distributions; None where one is of numbers and the other one of texts."""
    both = before, now
    if all("numerical_statistics" in each for each in both):
        return _numbers(*(each["numerical_statistics"] for each in both))
    if all("string_statistics" in each for each in both):
        return _words(*(each["string_statistics"] for each in both))
    return None


def _numbers(before: Mapping[str, Any], now: Mapping[str, Any]) -> Numbers:
    sides = [_weighted(each) for each in (before, now)]
    spans = [span for span in map(_span, sides) if span] or [(0.0, 1.0)]
    is_whole = all(value == math.floor(value) for side in sides for value, _ in side)
    edges = _edges(min(low for low, _ in spans), max(high for _, high in spans), is_whole)
    heights = [_heights(side, edges) for side in sides]
    return Numbers(tuple(edges), heights[0], heights[1], (_missing(before), _missing(now)))


def _weighted(found: Mapping[str, Any]) -> Weighted:
    """Return the values of a sketch; of statistics without one the middles of their ranges."""
    kll = found.get("distribution", {}).get("kll", {})
    levels = kll.get("sketch", {}).get("data", [])
    values = [(float(value), float(1 << place)) for place, level in enumerate(levels) for value in level]
    if not values:
        values = [((bucket["lower_bound"] + bucket["upper_bound"]) / 2, bucket["count"]) for bucket in kll.get("buckets", [])]
    return sorted(values)


def _span(side: Weighted) -> tuple[float, float] | None:
    """Return between which numbers nearly all lie."""
    up_to = list(accumulate(weight for _, weight in side))
    if not up_to or not up_to[-1]:
        return None
    last = len(side) - 1
    return side[min(bisect_right(up_to, BEYOND * up_to[-1]), last)][0], side[min(bisect_right(up_to, (1 - BEYOND) * up_to[-1]), last)][0]


def _edges(low: float, high: float, is_whole: bool) -> list[float]:
    if is_whole:  # ranges of whole numbers hold as many each, or they would differ without reason
        width = max(math.ceil((high - low + 1) / RANGES), 1)
        return [low + width * place for place in range(math.ceil((high - low + 1) / width) + 1)]
    if low == high:
        low, high = low - 0.5, high + 0.5
    return [low + (high - low) * place / RANGES for place in range(RANGES + 1)]


def _heights(side: Weighted, edges: Sequence[float]) -> tuple[float, ...]:
    """Return the percent of the values in each range; what lies beyond counts at the ends."""
    counts = [0.0] * (len(edges) - 1)
    for value, weight in side:
        counts[min(max(bisect_right(edges, value) - 1, 0), len(counts) - 1)] += weight
    total = sum(counts) or 1.0
    return tuple(100 * count / total for count in counts)


def _missing(found: Mapping[str, Any]) -> float:
    common = found.get("common", {})
    present, missing = common.get("num_present", 0), common.get("num_missing", 0)
    return float(100 * missing / max(present + missing, 1))


def _words(before: Mapping[str, Any], now: Mapping[str, Any]) -> Words:
    sides = [_shares(each) for each in (before, now)]
    first, second = sides
    every = {*first, *second}
    shown = sorted(every, key=lambda word: (-abs(first.get(word, 0.0) - second.get(word, 0.0)), word))[:MOST_NAMES]
    shown.sort(key=lambda word: (-max(first.get(word, 0.0), second.get(word, 0.0)), word))
    return Words(tuple(shown), tuple(first.get(word, 0.0) for word in shown), tuple(second.get(word, 0.0) for word in shown),
                 len(every) - len(shown))


def _shares(found: Mapping[str, Any]) -> dict[str, float]:
    common = found.get("common", {})
    rows = max(common.get("num_present", 0) + common.get("num_missing", 0), 1)
    buckets = found.get("distribution", {}).get("categorical", {}).get("buckets", [])
    shares = {str(bucket["value"]): 100 * bucket["count"] / rows for bucket in buckets}
    missing = common.get("num_missing", 0)
    return shares | ({EMPTY: 100 * missing / rows} if missing else {})
