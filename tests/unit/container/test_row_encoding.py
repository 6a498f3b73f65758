"""A request's cells become the very numbers that a file's cells become."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.encoding import encode
from container.errors import CellRefused
from container.row_encoding import encode_rows
from container.schema import Feature, Problem, Schema

SCHEMA = Schema(
    Problem("binary", "y", "yes"), ("no", "yes"),
    (Feature("area", "categorical", ("415", "510", "true")), Feature("size", "numeric"), Feature("plan", "boolean"), Feature("age", "numeric")),
)
WORDS = st.sampled_from(["", "NA", "null", "415", " 510 ", "true", "Yes", "no", "1", "0", "2", "inf", "1e39", "x", "1_0", "-0.0", "nan"])
CELLS = st.one_of(WORDS, st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4))


@given(st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=5))
def test_rows_of_requests_are_encoded_as_rows_of_files(rows):
    columns = list(zip(*rows, strict=True))
    try:
        expected = encode(columns, SCHEMA)
    except CellRefused:
        with pytest.raises(CellRefused):
            encode_rows(columns, SCHEMA)
        return
    np.testing.assert_array_equal(encode_rows(columns, SCHEMA), expected)


def test_a_number_beyond_32_bits_is_refused_with_its_place():
    with pytest.raises(CellRefused) as refusal:
        encode_rows([["415"] * 2, ["1", "2"], ["no"] * 2, ["1", "-1e39"]], SCHEMA)
    assert (refusal.value.row, refusal.value.column) == (2, "age") and "'-1e39' is not finite" in str(refusal.value)
