"""Whole batches of cells become the same numbers as single requests' cells."""

import numpy as np
import pyarrow as pa
import pytest

from container.bulk_encoding import encode_batch
from container.encoding import encode
from container.errors import CellRefused, Refused
from container.schema import Feature, Problem, Schema
from container.table import Batch

SCHEMA = Schema(
    Problem("binary", "y", "yes"), ("no", "yes"),
    (Feature("size", "numeric"), Feature("plan", "boolean"), Feature("area", "categorical", ("415", "510"))),
)
SIZES = ["1", "-2.5", "", "NA", "nan", "NaN", "nUlL", "None", "+5", "1e5", "1_000", ".5", "5.", "0.1", "3.4e38", "1e-400", "-0", "٣"]


def batch(*columns: list[str]) -> Batch:
    cells = dict(zip(SCHEMA.names, map(pa.array, columns), strict=True))
    return Batch(cells, "rows.csv", 10, len(columns[0]))


@pytest.mark.parametrize("sizes", [SIZES, *([size] for size in SIZES)], ids=str)
def test_both_ways_give_the_same_numbers(sizes):
    plans = [["yes", "NO", "", "n/a", "1", "t"][place % 6] for place in range(len(sizes))]
    areas = [["415", "510", "", "unseen"][place % 4] for place in range(len(sizes))]
    found, expected = encode_batch(batch(sizes, plans, areas), SCHEMA), encode([sizes, plans, areas], SCHEMA)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("bad", ["abc", "1,5", "inf", "-Infinity", "1e300", "1e400", "1e39", "0x10"])
def test_both_ways_refuse_the_same(bad):
    columns = [["1", bad, "x"], ["yes"] * 3, [""] * 3]
    with pytest.raises(CellRefused) as refusal:
        encode([column[:2] for column in columns], SCHEMA)
    with pytest.raises(Refused, match="^rows.csv: row 12, column size: ") as located:
        encode_batch(batch(*[column[:2] for column in columns]), SCHEMA)
    assert str(located.value).endswith(refusal.value.reason)


def test_the_first_row_of_a_text_that_is_no_boolean_is_named():
    with pytest.raises(Refused, match="^rows.csv: row 12, column plan: 'maybe'"):
        encode_batch(batch(["1"] * 4, ["yes", "maybe", "no", "maybe"], [""] * 4), SCHEMA)
