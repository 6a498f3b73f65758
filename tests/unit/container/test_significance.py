"""Our formulas against scipy's, which cost too long an import to be used in a look."""

import math

import numpy as np
import pytest
import scipy.stats

from container import significance

SEEDS = range(40)


@pytest.mark.parametrize("seed", SEEDS)
def test_shares_are_compared_as_by_fishers_exact_test(seed: int):
    random = np.random.default_rng(seed)
    rows, other_rows = random.integers(20, 5000, 2).tolist()
    hits, other_hits = int(random.integers(0, min(rows, 80))), int(random.integers(0, min(other_rows, 80)))
    tail = scipy.stats.hypergeom.sf(hits - 1, rows + other_rows, hits + other_hits, rows)
    if hits * other_rows > other_hits * rows:
        assert significance.more(hits, rows, other_hits, other_rows) == pytest.approx(tail, rel=1e-9)
        assert significance.share(hits, rows, other_hits, other_rows) == pytest.approx(min(1, 2 * tail), rel=1e-9)
    assert significance.share(hits, rows, other_hits, other_rows) == significance.share(other_hits, other_rows, hits, rows)
    marked = hits + other_hits
    ends = [scipy.stats.hypergeom.pmf(end, rows + other_rows, marked, rows) for end in (min(marked, rows), max(0, marked - other_rows))]
    assert significance.rarest(marked, rows, other_rows) == pytest.approx(min(1, 2 * min(ends)), rel=1e-8)


def test_shares_of_ten_million_rows_are_compared():
    expected = scipy.stats.hypergeom.sf(5_010_000 - 1, 10_200_000, 5_109_000, 10_000_000)
    assert significance.more(5_010_000, 10_000_000, 99_000, 200_000) == pytest.approx(expected, rel=1e-4)
    assert significance.share(0, 10_000_000, 0, 3000) == significance.share(5, 5, 3000, 3000) == 1.0


@pytest.mark.parametrize("seed", SEEDS)
def test_chi_square_is_scipys(seed: int):
    random = np.random.default_rng(seed)
    statistic, freedom = random.uniform(0.1, 500), int(random.integers(1, 400))
    expected = scipy.stats.chi2.sf(statistic, freedom)
    assert significance.chi_square(statistic, freedom) == pytest.approx(expected, rel=1e-8, abs=1e-12)


def test_chi_square_of_nothing_says_nothing():
    assert significance.chi_square(0.0, 5) == significance.chi_square(3.0, 0) == 1.0


@pytest.mark.parametrize("seed", SEEDS)
def test_distances_are_those_of_kolmogorov_and_smirnov(seed: int):
    random = np.random.default_rng(seed)
    distance, sizes = random.uniform(0.001, 0.5), random.integers(30, 5000, 2).tolist()
    expected = scipy.stats.kstwobign.sf(distance * math.sqrt(sizes[0] * sizes[1] / sum(sizes)))
    assert significance.largest_distance(distance, *sizes) == pytest.approx(expected, rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("chance", [1e-2, 1e-4, 1e-8])
def test_the_telling_distance_has_the_chance(chance: float):
    assert significance.largest_distance(significance.telling_distance(chance, 2000, 3333), 2000, 3333) == pytest.approx(chance, rel=1e-3)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("values", [2, 20, 10_000])
def test_ranks_are_compared_as_by_mann_and_whitney(seed: int, values: int):
    random = np.random.default_rng(seed)
    first, second = random.integers(0, values, 400), random.integers(0, values + 1, 700)
    _, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    counts = np.array([np.bincount(part, minlength=places.max() + 1) for part in (places[:400], places[400:])], dtype=float)
    both = counts.sum(axis=0)
    expected = scipy.stats.mannwhitneyu(first, second, use_continuity=False, method="asymptotic").pvalue
    assert significance.ranks(np.cumsum(both) - (both - 1) / 2, *counts) == pytest.approx(expected, rel=1e-8)


def test_ranks_of_one_value_say_nothing():
    assert significance.ranks(np.array([1.0]), np.array([5.0]), np.array([7.0])) == 1.0
