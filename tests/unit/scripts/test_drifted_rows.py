"""Rows that are not like the training data."""

import itertools
import statistics

import pytest

import drifted_rows
from drifted_rows import DriftError, Table

CSV = "minutes,plan\n" + "".join(f"{number}.5,{'yes' if number % 4 else 'no'}\n" for number in range(100))
TABLE = drifted_rows.read(CSV, "a.csv")


def column(table: Table, feature: str) -> list[str]:
    return [row[table.header.index(feature)] for row in table.rows]


@pytest.mark.parametrize(("change", "first", "last"), [
    ("minutes=+25", 25.5, 124.5), ("minutes=-0.5", 0.0, 99.0), ("minutes=*2", 1.0, 199.0), ("minutes==7", 7.0, 7.0)])
def test_a_number_is_moved_scaled_or_set(change: str, first: float, last: float) -> None:
    found = [float(value) for value in column(drifted_rows.shifted(TABLE, change, 1), "minutes")]
    assert (found[0], found[-1]) == (first, last)


def test_a_shift_in_standard_deviations_is_that_of_the_rows() -> None:
    spread = statistics.pstdev(drifted_rows.numbers(TABLE, "minutes"))
    moved = drifted_rows.numbers(drifted_rows.shifted(TABLE, "minutes=-2sd", 1), "minutes")
    assert statistics.fmean(moved) == pytest.approx(50 - 2 * spread, rel=1e-5)


def test_a_share_goes_missing_and_stays_so_under_a_second_change() -> None:
    holes = drifted_rows.shifted(TABLE, "minutes=missing:0.3", 1)
    assert 15 <= column(holes, "minutes").count("") <= 45
    assert column(drifted_rows.shifted(holes, "minutes=+1sd", 1), "minutes").count("") == column(holes, "minutes").count("")


def test_other_columns_and_the_rows_given_stay() -> None:
    changed = drifted_rows.shifted(TABLE, "plan==perhaps", 1)
    assert set(column(changed, "plan")) == {"perhaps"}
    assert column(changed, "minutes") == column(TABLE, "minutes")
    assert "perhaps" not in column(TABLE, "plan")


@pytest.mark.parametrize(("change", "words"), [
    ("minutes", "is no change; allowed: FEATURE=+1sd"), ("minutes=more", "is no change"),
    ("hours=+1sd", "there is no feature 'hours'; there are minutes, plan"),
    ("plan=+1sd", "plan holds 'no', which is no number")])
def test_what_cannot_be_done_is_refused_by_name(change: str, words: str) -> None:
    with pytest.raises(DriftError, match=words.replace("+", r"\+")):
        drifted_rows.shifted(TABLE, change, 1)


@pytest.mark.parametrize(("text", "words"), [("minutes,plan\n", "has no rows"), ("a,b\n1,2\n3\n", "row 3: 1 values where the header has 2")])
def test_a_broken_file_is_refused_by_name(text: str, words: str) -> None:
    with pytest.raises(DriftError, match=rf"my\.csv.*{words}"):
        drifted_rows.read(text, "my.csv")


def test_the_models_features_are_taken_in_their_order_and_a_missing_one_is_named() -> None:
    assert drifted_rows.only(TABLE, ["plan"], "a.csv").rows[:2] == [["no"], ["yes"]]
    with pytest.raises(DriftError, match="lacks age"):
        drifted_rows.only(TABLE, ["age", "plan"], "a.csv")


def test_rows_are_drawn_anew_and_the_same_by_seed() -> None:
    first, again, other = (list(itertools.islice(drifted_rows.endless(TABLE, seed), 20)) for seed in (1, 1, 2))
    assert first == again != other


def test_the_first_feature_of_many_numbers_is_chosen() -> None:
    assert drifted_rows.first_number(Table(["plan", "minutes"], [[row[1], row[0]] for row in TABLE.rows])) == "minutes"
    with pytest.raises(DriftError, match="choose one with --shift"):
        drifted_rows.first_number(Table(["plan"], [["no"], ["yes"]]))
