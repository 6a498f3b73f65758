"""From cells to numbers."""

import math

import numpy as np
import pytest

from container.encoding import encode
from container.errors import CellRefused
from container.schema import Feature, Problem, Schema

SCHEMA = Schema(
    Problem("binary", "y", "yes"), ("no", "yes"),
    (Feature("size", "numeric"), Feature("plan", "boolean"), Feature("area", "categorical", ("415", "510"))),
)


def encoded(size=1, plan="yes", area="415"):
    return encode([[size], [plan], [area]], SCHEMA)[0].tolist()


def test_text_and_json_values_give_the_same_numbers():
    assert encoded("1.5", "yes", "415") == encoded(1.5, True, 415) == encoded(" 1.5 ", "TRUE", 415.0) == [1.5, 1, 1, 0]


@pytest.mark.parametrize("missing", ["", "NA", "nan", "null", "None", "n/a", None, " "])
def test_missing_numbers_and_booleans_become_nan(missing):
    size, plan, *_ = encoded(missing, missing)
    assert math.isnan(size) and math.isnan(plan)


@pytest.mark.parametrize("unseen", ["999", "", None, 3.5, True])
def test_unseen_and_missing_categories_are_all_zero(unseen):
    assert encoded(area=unseen)[2:] == [0, 0]


@pytest.mark.parametrize("bad", ["abc", "1,5", "inf", "-Infinity", 1e300, 10**400, "1e39"])
def test_what_is_no_finite_number_is_refused_with_row_and_column(bad):
    with pytest.raises(CellRefused) as refusal:
        encode([["1", bad], ["yes", "no"], ["", ""]], SCHEMA)
    assert (refusal.value.row, refusal.value.column) == (2, "size")


def test_what_is_no_boolean_is_refused():
    with pytest.raises(CellRefused, match="row 1, column plan: 'maybe' is neither"):
        encoded(plan="maybe")


def test_no_rows_make_an_empty_matrix_of_the_right_width():
    matrix = encode([[], [], []], SCHEMA)
    assert matrix.shape == (0, 4) and matrix.dtype == np.float32


def test_long_cells_are_cut_in_messages():
    with pytest.raises(CellRefused) as refusal:
        encoded(size="x" * 10_000)
    assert len(str(refusal.value)) < 100
