"""What a look counts: the same numbers as numpy's, in parts as at once, and in bounded memory."""

import numpy as np
import pytest
from drift_data import Cells, baseline_of, churn, distance, made_up, rows_of

from container.aws_rule import AwsRule
from container.baseline import constraints, statistics
from container.columns import Texts, columns_of
from container.description import Description, describe
from container.number_column import NumberColumn
from container.reference import reference_of
from container.sketch import CAPACITY, WRITTEN, Sketch
from container.verdict import Limits, judge
from container.word_column import MOST_WORDS, WordColumn


def test_statistics_and_constraints_are_numpys():
    cells, schema = churn()
    found = statistics(describe([columns_of(cells, schema)], schema.features), schema.features)
    limits = {entry["name"]: entry for entry in constraints(found)["features"]}
    for entry in found["features"]:
        column = cells[entry["name"]]
        if entry["inferred_type"] == "String":
            buckets = entry["string_statistics"]["distribution"]["categorical"]["buckets"]
            words, counts = np.unique(column, return_counts=True)
            assert {bucket["value"]: bucket["count"] for bucket in buckets} == dict(zip(words.tolist(), counts.tolist(), strict=True))
            assert set(limits[entry["name"]]["string_constraints"]["domains"]) == set(words.tolist())
            assert entry["string_statistics"]["distinct_count"] == len(words)
            continue
        numbers = entry["numerical_statistics"]
        expected = {"mean": column.mean(), "sum": column.sum(), "std_dev": column.std(), "min": column.min(), "max": column.max()}
        assert {name: numbers[name] for name in expected} == pytest.approx(expected, rel=1e-12)
        counts, edges = np.histogram(column, bins=10)
        assert [bucket["count"] for bucket in numbers["distribution"]["kll"]["buckets"]] == counts.tolist()
        assert [bucket["upper_bound"] for bucket in numbers["distribution"]["kll"]["buckets"]] == pytest.approx(edges[1:].tolist())
        assert sorted(numbers["distribution"]["kll"]["sketch"]["data"][0]) == np.sort(column).tolist()
        assert entry["inferred_type"] == ("Integral" if (column == np.floor(column)).all() else "Fractional")
        assert limits[entry["name"]]["num_constraints"]["is_non_negative"] == bool((column >= 0).all())
        assert limits[entry["name"]]["completeness"] == 1.0


def test_distances_are_those_of_all_values():
    cells, schema = churn()
    before, now = rows_of(cells, slice(3000)), rows_of(cells, slice(3000, None))
    baseline = baseline_of(before, schema)
    told = judge(describe([columns_of(now, schema)], schema.features, baseline.columns), baseline, schema.features, Limits(), AwsRule(robust=False))
    for feature in told["features"]:
        if feature["type"] == "numeric":
            assert feature["aws"]["distance"] == pytest.approx(distance(before[feature["name"]], now[feature["name"]]), abs=1e-12)


def parts_of(cells: Cells, size: int) -> list[Cells]:
    rows = len(next(iter(cells.values())))
    return [rows_of(cells, slice(start, start + size)) for start in range(0, rows, size)]


def summary(found: Description) -> tuple:
    return (found.rows, found.lacking, found.others,
            {name: (each.present, each.missing, each.strays, each.whole, each.low, each.high, each.at_most.tolist(), each.below.tolist())
             for name, each in found.numbers.items()},
            {name: (each.counts, each.missing) for name, each in found.words.items()})


def test_parts_are_counted_as_the_whole():
    cells, schema = made_up(5, 5000)
    baseline = baseline_of(rows_of(cells, slice(2000)), schema)
    now = rows_of(cells, slice(2000, None)) | {"extra": np.zeros(3000)}
    whole = describe([columns_of(now, schema)], schema.features, baseline.columns)
    parts = Description(schema.features, baseline.columns)
    for part in parts_of(now, 170):
        parts.add([columns_of(part, schema)])
    assert summary(whole) == summary(parts)
    for name, column in whole.numbers.items():
        other = parts.numbers[name]
        assert (other.mean, other.std_dev) == pytest.approx((column.mean, column.std_dev), rel=1e-9)


def test_columns_that_only_some_rows_have_are_counted():
    cells, schema = churn()
    some, others = rows_of(cells, slice(10)), rows_of(cells, slice(10, 30)) | {"note": np.array(["x"] * 20)}
    del some["state"], some["total_day_calls"]
    found = describe([columns_of(some, schema), columns_of(others, schema)], schema.features)
    assert found.rows == 30 and found.lacking == {"state": 10, "total_day_calls": 10} and found.others == {"note": 20}


def test_cells_that_are_no_numbers_are_counted_apart_from_missing_ones():
    column = NumberColumn(np.array([1.0, 2.0]))
    column.add(np.array([1.0, np.nan, np.nan, 2.5, np.nan]), strays=1)
    column.add(np.array([np.nan]))
    assert (column.present, column.missing, column.strays, column.whole) == (2, 3, 1, 1)
    assert column.at_most.tolist() == [1, 1] and column.below.tolist() == [0, 1]


@pytest.mark.parametrize("part", [1000, 300_000])
def test_a_sketch_of_many_numbers_is_small_and_right(part: int):
    numbers = np.random.default_rng(2).lognormal(0, 2, 1_000_000)
    sketch = Sketch()
    for start in range(0, len(numbers), part):
        sketch.add(np.sort(numbers[start : start + part]))
    assert sum(map(len, sketch.levels)) < 2 * CAPACITY * len(sketch.levels)
    levels = sketch.written()
    assert sum(map(len, levels)) <= 2 * WRITTEN and sum(len(level) << place for place, level in enumerate(levels)) == len(numbers)
    known = reference_of({"name": "x", "inferred_type": "Fractional", "numerical_statistics": {
        "common": {"num_present": len(numbers), "num_missing": 0}, "distribution": {"kll": {"sketch": {"data": levels}}}}})
    ordered = np.sort(numbers)
    told = np.cumsum(known.counts) / len(numbers)
    assert np.abs(told - np.searchsorted(ordered, known.values, side="right") / len(numbers)).max() < 0.001


def test_texts_without_number_take_a_bounded_memory():
    column = WordColumn(["kept"])
    for start in range(0, 4 * MOST_WORDS, 1000):
        words = ("kept", *(f"w{number}" for number in range(start, start + 1000)))
        column.add(Texts(words, np.arange(1001)))
    assert len(column.counts) <= MOST_WORDS + 1000 and column.counts["kept"] == 400 and column.present == 4 * MOST_WORDS + 400
