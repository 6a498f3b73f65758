"""How probable a difference between two samples is when both come from one source.

Plain formulas on numbers and counts: importing scipy.stats costs more than a whole look at 100,000 rows. Tests
compare each of them with scipy's.
"""

import math

import numpy as np

# Terms of a tail that are added up; what follows is smaller than the smallest float beside them.
MOST_TERMS = 1_000_000
SMALLEST = 1e-300


def largest_distance(distance: float, first: int, second: int) -> float:
    """Return how probable a Kolmogorov-Smirnov distance at least this large is between samples of two sizes.

    The limit for large samples, which for small ones and for ties errs on the side of no alarm.
    """
    root = distance * math.sqrt(_joint(first, second))
    if root < 0.2:
        return 1.0
    total = sum((1 if term % 2 else -1) * math.exp(-2 * (term * root) ** 2) for term in range(1, 101))
    return min(max(2 * total, 0.0), 1.0)


def telling_distance(chance: float, first: int, second: int) -> float:
    """Return the Kolmogorov-Smirnov distance that is no more probable than the chance."""
    return math.sqrt(math.log(2 / max(chance, SMALLEST)) / (2 * _joint(first, second)))


def _joint(first: float, second: float) -> float:
    return first * second / (first + second)


def ranks(scores: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """Return how probable it is that two samples differ so much in their mean score, or more.

    first and second count each sample's members by cell and scores belong to the cells, so that equal values share
    a score; over all ways to draw the samples from their union the sum of scores is near normal.
    """
    both = first + second
    total, size, other = both.sum(), first.sum(), second.sum()
    mean = scores @ both / total
    variance = size * other / (total * (total - 1)) * (both @ (scores - mean) ** 2)
    if not variance > 0:
        return 1.0
    return math.erfc(abs(first @ (scores - mean)) / math.sqrt(2 * variance))


def share(hits: int, rows: int, other_hits: int, other_rows: int) -> float:
    """Return how probable two shares at least so different are: Fisher's exact test, both sides."""
    if hits * other_rows < other_hits * rows:
        return min(1.0, 2 * more(other_hits, other_rows, hits, rows))
    return min(1.0, 2 * more(hits, rows, other_hits, other_rows))


def more(hits: int, rows: int, other_hits: int, other_rows: int) -> float:
    """Return how probable at least so many of all hits in the first sample are: Fisher's exact test, one side."""
    marked, total = hits + other_hits, rows + other_rows
    expected = rows * marked / total
    if hits <= expected:
        return 1.0
    most = min(marked, rows)
    deviation = math.sqrt(expected * (1 - marked / total)) + 1
    places = np.arange(hits, min(most, hits + MOST_TERMS, int(hits + 50 * deviation)), dtype=np.float64)
    steps = (marked - places) / (places + 1) * ((rows - places) / (total - marked - rows + places + 1))
    tail = 1.0 + float(np.cumprod(steps).sum())
    return min(1.0, math.exp(_hypergeometric(hits, marked, rows, total) + math.log(tail)))


def _hypergeometric(hits: int, marked: int, rows: int, total: int) -> float:
    """Return the logarithm of the chance to draw so many of the marked among rows out of the total."""
    return _choices(marked, hits) + _choices(total - marked, rows - hits) - _choices(total, rows)


def _choices(of: int, taken: int) -> float:
    return math.lgamma(of + 1) - math.lgamma(taken + 1) - math.lgamma(of - taken + 1)


def rarest(marked: int, rows: int, other_rows: int) -> float:
    """Return the smallest answer that share can give for so many hits in both samples together."""
    total = rows + other_rows
    extremes = [_hypergeometric(hits, marked, rows, total) for hits in (max(0, marked - other_rows), min(marked, rows))]
    return min(1.0, 2 * math.exp(min(extremes)))


def chi_square(statistic: float, freedom: int) -> float:
    """Return how probable at least this chi-square is: the upper incomplete gamma function."""
    if freedom < 1 or statistic <= 0:
        return 1.0
    shape, at = freedom / 2, statistic / 2
    front = math.exp(shape * math.log(at) - at - math.lgamma(shape))
    return 1 - front * _series(shape, at) if at < shape + 1 else front * _fraction(shape, at)


def _series(shape: float, at: float) -> float:
    term = total = 1 / shape
    while term > total * 1e-16:
        shape += 1
        term *= at / shape
        total += term
    return total


def _fraction(shape: float, at: float) -> float:
    # Lentz's way to compute a continued fraction.
    bottom = at + 1 - shape
    upper, lower = 1 / SMALLEST, 1 / bottom
    found = lower
    for term in range(1, 10_000):
        factor = term * (shape - term)
        bottom += 2
        lower = 1 / (factor * lower + bottom)
        upper = bottom + factor / upper
        found *= upper * lower
        if abs(upper * lower - 1) < 1e-15:
            break
    return found
