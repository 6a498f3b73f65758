"""Prepare: what it writes, and what it refuses with which words."""

import csv
from pathlib import Path

import pytest
from image_jobs import CHURN, SAMPLE_ROWS, Job

from container.schema import Problem
from container.settings import Settings
from container.survey import survey
from container.table import csv_file, read_table


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def share_of_yes(rows: list[dict[str, str]]) -> float:
    return sum(row["churn"] == "yes" for row in rows) / len(rows)


def plain_rows(count: int = 40) -> list[list[str]]:
    rows = [[str(number), "red" if number % 3 else "blue", "yes" if number % 2 else "no"] for number in range(count)]
    return [["size", "colour", "bought"], *rows]


PLAIN = {"problem": {"type": "binary", "target": "bought", "positive": "yes"}, "data": {"seed": 1}}


def test_every_row_is_in_one_part_and_labels_keep_their_share(churn: Job):
    parts = [rows_of(churn.outputs / part / f"{part}.csv") for part in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [2333, 500, 500]
    assert sum(len(part) for part in parts) == SAMPLE_ROWS
    whole = share_of_yes([row for part in parts for row in part])
    assert [share_of_yes(part) for part in parts] == pytest.approx([whole] * 3, abs=0.005)


def test_the_schema_says_what_the_columns_are(churn: Job):
    schema = churn.json("processing/output/schema/schema.json")
    assert schema["problem"] == {"type": "binary", "target": "churn", "positive": "yes"}
    assert schema["labels"] == ["no", "yes"] and schema["ignored"] == [] and schema["run"] is None
    features = {feature["name"]: feature for feature in schema["features"]}
    assert len(features) == 19 and "churn" not in features
    assert features["international_plan"] == {"name": "international_plan", "type": "boolean"}
    assert features["account_length"] == {"name": "account_length", "type": "numeric"}
    assert len(features["state"]["categories"]) == 51


def test_golden_and_baseline_hold_features_only(churn: Job):
    golden = rows_of(churn.outputs / "golden" / "golden.csv")
    assert len(golden) == 20 and "churn" not in golden[0]
    train = rows_of(churn.outputs / "train" / "train.csv")
    baseline = rows_of(churn.outputs / "baseline" / "baseline.csv")
    assert baseline == [{name: value for name, value in row.items() if name != "churn"} for row in train]


def test_the_seed_decides_the_division(job: Job, in_process):
    written = []
    for seed in (1, 1, 2):
        job.config(PLAIN | {"data": {"seed": seed}})
        job.data(plain_rows())
        assert in_process(job, "prepare") == 0
        written.append((job.outputs / "test" / "test.csv").read_text())
    assert written[0] == written[1] != written[2]


def test_given_test_and_baseline_data_are_used_whole(job: Job, in_process):
    job.config(PLAIN)
    job.data(plain_rows())
    job.data([["bought", "colour", "size"], ["no", "green", "7"], ["yes", "red", ""]], "test")
    job.data([["size", "colour", "extra"], ["1", "red", "x"]], "baseline")
    assert in_process(job, "prepare") == 0
    assert rows_of(job.outputs / "test" / "test.csv") == [
        {"bought": "no", "size": "7", "colour": "green"}, {"bought": "yes", "size": "", "colour": "red"}]
    assert rows_of(job.outputs / "baseline" / "baseline.csv") == [{"size": "1", "colour": "red"}]
    assert len(rows_of(job.outputs / "train" / "train.csv")) == 34


def test_several_files_are_read_as_one_whatever_their_column_order(job: Job, in_process):
    job.config(PLAIN)
    job.data(plain_rows(), name="a.csv")
    job.data([["bought", "size", "colour"], ["yes", "100", "red"]], name="b.csv")
    assert in_process(job, "prepare") == 0
    parts = [rows_of(job.outputs / part / f"{part}.csv") for part in ("train", "validation", "test")]
    assert {"size": "100", "colour": "red", "bought": "yes"} in [row for part in parts for row in part]
    assert sum(map(len, parts)) == 41


def test_files_from_systems_that_shout_are_read(job: Job, in_process):
    job.config(PLAIN)
    job.data(plain_rows(), name="ROWS.CSV")
    assert in_process(job, "prepare") == 0


def test_ignored_columns_leave_and_declared_types_win(job: Job, in_process):
    problem = PLAIN["problem"] | {"ignore": ["colour"], "columns": {"size": "categorical"}}
    job.config({"problem": problem})
    job.data(plain_rows())
    assert in_process(job, "prepare") == 0
    schema = job.json("processing/output/schema/schema.json")
    assert [feature["name"] for feature in schema["features"]] == ["size"]
    assert schema["features"][0]["type"] == "categorical" and schema["ignored"] == ["colour"]


def test_a_file_with_a_byte_order_mark_quotes_and_blanks_is_read(tmp_path):
    path = tmp_path / "odd.csv"
    path.write_text('\ufeffname, size\n"Smith, J", 1\n"two\nlines",\n', encoding="utf-8")
    table = read_table(path)
    assert table.names == ["name", "size"]
    assert table.cells("name").tolist() == ["Smith, J", "two\nlines"] and table.cells("size").tolist() == ["1", ""]


def test_rows_that_repeat_stay_in_one_part(job: Job, in_process):
    job.config(PLAIN)
    header, *rows = plain_rows(60)
    job.data([header, *rows, *rows])
    assert in_process(job, "prepare") == 0
    parts = [{tuple(row.values()) for row in rows_of(job.outputs / part / f"{part}.csv")} for part in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [44, 8, 8] and not (parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2])


def test_rows_of_given_test_data_leave_the_training_data(job: Job, in_process, capsys):
    job.config(PLAIN)
    header, *rows = plain_rows(60)
    job.data([header, *rows])
    job.data([header[::-1], *(row[::-1] for row in rows[:10])], "test")
    assert in_process(job, "prepare") == 0
    learned = [row["size"] for part in ("train", "validation") for row in rows_of(job.outputs / part / f"{part}.csv")]
    assert sorted(map(int, learned)) == list(range(10, 60))
    assert "10 rows are in the given test data, too; they are used there only" in capsys.readouterr().out


def test_rows_too_plain_to_be_told_apart_are_divided_one_by_one(job: Job, in_process):
    job.config(PLAIN)
    job.data([["size", "bought"], *[["1", "yes"], ["2", "no"]] * 50])
    assert in_process(job, "prepare") == 0
    assert [len(rows_of(job.outputs / part / f"{part}.csv")) for part in ("train", "validation", "test")] == [68, 16, 16]


def test_golden_rows_show_every_label(job: Job, in_process):
    job.config(PLAIN | {"problem": {"type": "multiclass", "target": "kind"}, "data": {"seed": 1, "test": 0.4}})
    job.data([["size", "kind"], *([n, "rare" if n % 100 == 0 else "often"] for n in range(600))])
    assert in_process(job, "prepare") == 0
    kinds = {row["size"]: row["kind"] for row in rows_of(job.outputs / "test" / "test.csv")}
    assert {kinds[row["size"]] for row in rows_of(job.outputs / "golden" / "golden.csv")} == {"rare", "often"}


def test_a_column_that_turns_out_as_text_late_is_counted_from_its_start(job: Job, in_process, monkeypatch):
    monkeypatch.setattr("container.table.BLOCK", 200)
    job.config({"problem": {"type": "binary", "target": "bought", "positive": "yes"}})
    job.data([["code", "bought"], *([n % 3 if n < 190 else "A12", "yn"[n % 2]] for n in range(200))])
    job.config({"problem": {"type": "binary", "target": "bought", "positive": "y"}})
    assert in_process(job, "prepare") == 0
    (code,) = job.json("processing/output/schema/schema.json")["features"]
    assert code == {"name": "code", "type": "categorical", "categories": ["0", "1", "2", "A12"]}


def test_the_place_of_a_bad_cell_is_its_row_in_its_file_also_in_a_later_batch(job: Job, in_process, monkeypatch):
    monkeypatch.setattr("container.table.BLOCK", 200)
    job.config(PLAIN | {"problem": PLAIN["problem"] | {"columns": {"size": "numeric"}}})
    job.data(plain_rows(300), name="a.csv")
    job.data([*plain_rows(150), ["big", "red", "no"]], name="b.csv")
    assert in_process(job, "prepare") == 1
    assert "b.csv: row 151, column size: 'big' is not a number" in (job.base / "output" / "failure").read_text()


def test_batches_change_nothing_that_is_written(job: Job, in_process, monkeypatch, tmp_path):
    written = []
    for block in (1 << 20, 200):
        monkeypatch.setattr("container.table.BLOCK", block)
        job.config(PLAIN)
        job.data([["size", "colour", "bought"], *([n / 7, 'a,b "c"' if n % 9 == 0 else "red", "yes" if n % 4 else "no"] for n in range(400))])
        assert in_process(job, "prepare") == 0
        written.append({path.name: path.read_bytes() for path in job.outputs.rglob("*.*")})
    assert written[0] == written[1] and len(written[0]) == 6
    assert 'a,b "c"' in {row["colour"] for row in rows_of(job.outputs / "train" / "train.csv")}


def test_given_validation_data_are_used_whole_and_leave_the_training_data(job: Job, in_process):
    job.config(PLAIN)
    header, *rows = plain_rows(60)
    job.data([header, *rows])
    job.data([header, *rows[:9], ["1000", "red", "no"]], "validation")
    job.data([header, *rows[8:20]], "test")
    assert in_process(job, "prepare") == 0
    sizes = {part: sorted(int(row["size"]) for row in rows_of(job.outputs / part / f"{part}.csv")) for part in ("train", "validation", "test")}
    assert sizes == {"train": list(range(20, 60)), "validation": [*range(8), 1000], "test": list(range(8, 20))}


@pytest.mark.parametrize("date", ["2024-01-31", "31.1.2024", "1/31/24", "31-Jan-2024", "Jan 31, 2024", "2024-01-31T10:00:00.123Z", "10:45", "9:05 PM"])
def test_a_column_like_dates_is_refused_with_advice(job: Job, in_process, date):
    job.config(PLAIN)
    job.data(with_column("since", [date if n % 5 else "" for n in range(40)]))
    assert in_process(job, "prepare") == 1
    said = (job.base / "output" / "failure").read_text()
    assert f"column since holds dates such as '{date}'; put numbers in their place" in said and "problem.ignore" in said


def test_a_column_like_dates_is_kept_where_it_is_declared(job: Job, in_process):
    job.config({"problem": PLAIN["problem"] | {"columns": {"since": "categorical"}}})
    job.data(with_column("since", [f"2024-01-{1 + n % 3:02d}" for n in range(40)]))
    assert in_process(job, "prepare") == 0


def changed(column: int, row: int, text: str) -> list[list[str]]:
    rows = plain_rows()
    rows[row][column] = text
    return rows


def with_column(name: str, texts: list[str]) -> list[list[str]]:
    header, *rows = plain_rows(len(texts))
    return [[name, *header], *([text, *row] for text, row in zip(texts, rows, strict=True))]


REFUSED = {
    "target column missing": (CHURN, plain_rows(), "rows.csv: no column 'churn', which problem.target names"),
    "ignored column missing": (
        {"problem": PLAIN["problem"] | {"ignore": ["prize"]}}, plain_rows(), "no column 'prize', which problem.ignore"),
    "declared column missing": (
        {"problem": PLAIN["problem"] | {"columns": {"prize": "numeric"}}}, plain_rows(), "'prize', which problem.columns"),
    "constant target": (PLAIN, [*plain_rows(1), *[["1", "red", "no"]] * 9], "target bought has 1 label (no)"),
    "positive not a label": (
        {"problem": PLAIN["problem"] | {"positive": True}}, plain_rows(), "problem.positive is 'True'"),
    "label too rare": (
        {"problem": {"type": "multiclass", "target": "bought"}}, changed(2, 5, "maybe"), "label 'maybe' in 1 rows"),
    "three labels in a binary problem": (
        PLAIN, [*plain_rows(), *[["1", "red", "maybe"]] * 3], "set problem.type to multiclass"),
    "empty target": (PLAIN, changed(2, 5, ""), "rows.csv: row 5, column bought: the target is empty"),
    "text as regression target": (
        {"problem": {"type": "regression", "target": "colour"}}, plain_rows(), "column colour: 'blue' is not a number"),
    "constant regression target": (
        {"problem": {"type": "regression", "target": "size"}}, [["size", "x"], *[["3", str(n)] for n in range(9)]],
        "target size never changes"),
    "missing regression target": (
        {"problem": {"type": "regression", "target": "size"}}, changed(0, 4, "NA"), "row 4, column size"),
    "dates": (PLAIN, with_column("since", [f"2024-01-{1 + n % 28:02d}" for n in range(40)]), "column since holds dates"),
    "dates with time": (
        PLAIN, with_column("since", [f"2024-01-{1 + n % 28:02d}T10:00:00Z" for n in range(40)]), "column since holds dates"),
    "a name for each row": (PLAIN, with_column("id", [f"c-{n}" for n in range(300)]), "column id has another text"),
    "empty column": (PLAIN, with_column("note", [""] * 40), "column note has no value at all"),
    "infinite number": (PLAIN, changed(0, 3, "inf"), "prepare: rows.csv: row 3, column size: 'inf' is not finite"),
    "declared numeric but text": (
        {"problem": PLAIN["problem"] | {"columns": {"colour": "numeric"}}}, plain_rows(), "row 1, column colour"),
    "long row": (PLAIN, [*plain_rows(), ["1", "2", "3", "4"]], "row 41 has 4 cells; the header has 3"),
    "only long rows": (PLAIN, [["size", "bought"], ["1", "2", "3"]], "row 1 has 3 cells; the header has 2"),
    "short row": (PLAIN, [*plain_rows(), ["1", "2"]], "row 41 has 2 cells; the header has 3"),
    "open quote": (PLAIN, None, "rows.csv: no CSV"),
    "column named twice": (PLAIN, [["a", "a"], ["1", "2"]], "twice: 'a'"),
    "column without name": (PLAIN, [["a", ""], ["1", "2"]], "empty in column 2"),
    "empty file": (PLAIN, [], "rows.csv: empty"),
    "header only": (PLAIN, plain_rows(0), "rows.csv: no rows"),
    "header only of a regression": ({"problem": {"type": "regression", "target": "size"}}, plain_rows(0), "rows.csv: no rows"),
    "columns separated by semicolons": (PLAIN, [["size;colour;bought"], ["1;red;no"]], "separates columns by semicolons; a CSV here has commas"),
    "no header": (PLAIN, plain_rows()[1:], "Is the line of column names missing?"),
    "number as a class": ({"problem": {"type": "multiclass", "target": "size"}}, plain_rows(), "set problem.type to regression"),
    "columns no object": ({"problem": PLAIN["problem"] | {"columns": ["size"]}}, plain_rows(), "problem.columns is ['size']; it must be an object"),
    "ignore no list": ({"problem": PLAIN["problem"] | {"ignore": "size"}}, plain_rows(), "problem.ignore is 'size'; it must be a list"),
    "seed no number": (PLAIN | {"data": {"seed": "x"}}, plain_rows(), "data.seed is 'x'; allowed are whole numbers from 0"),
    "seed below zero": (PLAIN | {"data": {"seed": -1}}, plain_rows(), "data.seed is -1"),
    "no type of problem": ({"problem": {"target": "bought"}}, plain_rows(), "problem.type is not set; allowed are binary"),
    "only the target": (PLAIN, [["bought"], *[["yes"], ["no"]] * 9], "no column is left"),
    "unknown type of problem": ({"problem": {"type": "ranking", "target": "x"}}, plain_rows(), "problem.type is 'ranking'"),
    "no target": ({"problem": {"type": "binary"}}, plain_rows(), "problem.target is not set"),
    "unknown type of column": (
        {"problem": PLAIN["problem"] | {"columns": {"size": "date"}}}, plain_rows(), "problem.columns.size is 'date'"),
    "fraction too large": (PLAIN | {"data": {"test": 0.9}}, plain_rows(), "data.test is 0.9"),
    "no object": ([], plain_rows(), "config.json"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_data_is_refused_with_its_place(job: Job, in_process, case):
    config, rows, words = REFUSED[case]
    job.config(config)
    if rows is None:
        job.write("processing/input/data/train/rows.csv", 'size,bought\n"1,2\n')
    else:
        job.data(rows)
    assert in_process(job, "prepare") == 1
    assert words in (job.base / "output" / "failure").read_text()


GIVEN = {
    "lacks a column": ([["size", "bought"], ["1", "no"]], "given.csv: no column 'colour'"),
    "strange label": ([["size", "colour", "bought"], ["1", "red", "never"]], "given.csv: row 1, column bought: label 'never'"),
    "text for a number": ([["size", "colour", "bought"], ["big", "red", "no"]], "given.csv: row 1, column size: 'big'"),
    "one label": ([["size", "colour", "bought"], ["1", "red", "no"]], "one label only"),
    "no rows": ([["size", "colour", "bought"]], "given.csv: no rows"),
}


@pytest.mark.parametrize("case", GIVEN)
def test_given_test_data_must_fit_the_training_data(job: Job, in_process, case):
    rows, words = GIVEN[case]
    job.config(PLAIN)
    job.data(plain_rows())
    job.data(rows, "test", "given.csv")
    assert in_process(job, "prepare") == 1
    assert words in (job.base / "output" / "failure").read_text()


@pytest.mark.parametrize(("form", "odd"), [
    ("{0},5", "'0,5'"), ("{0},000", "'0,000'"), ("{0} %", "'0 %'"), ("${0}.50", "'$0.50'"), ("€ {0}", "'€ 0'"), ("-{0}'000.5", '"-0\'000.5"'),
])
def test_numbers_that_only_a_person_reads_are_refused_with_advice(job: Job, in_process, form, odd):
    job.config(PLAIN)
    job.data(with_column("price", [form.format(n) for n in range(40)]))
    assert in_process(job, "prepare") == 1
    assert f"rows.csv: column price holds numbers, but {odd} is none; write plain numbers" in (job.base / "output" / "failure").read_text()


@pytest.mark.parametrize("word", ["?", "-", "unknown"])
def test_a_word_among_numbers_is_named_and_not_made_a_category(job: Job, in_process, word):
    job.config(PLAIN)
    job.data(with_column("price", [word if n % 3 == 0 else f"{n}.5" for n in range(60)]))
    assert in_process(job, "prepare") == 1
    assert f"column price holds numbers, but {word!r} is none" in (job.base / "output" / "failure").read_text()
    job.config({"problem": PLAIN["problem"] | {"columns": {"price": "categorical"}}})
    assert in_process(job, "prepare") == 0


@pytest.mark.parametrize("texts", [[f"{n % 12}A" if n % 4 == 0 else str(n % 12) for n in range(60)], [f"{n % 20} %" for n in range(60)],
                                   [f"192.168.0.{n}" for n in range(60)], [f"{n}-{n + 10}" for n in range(60)]])
def test_codes_stay_categories(job: Job, in_process, texts):
    job.config(PLAIN)
    job.data(with_column("code", texts))
    assert in_process(job, "prepare") == 0
    assert job.json("processing/output/schema/schema.json")["features"][0]["type"] == "categorical"


@pytest.mark.parametrize(("content", "words"), [
    (b"PK\x03\x04\x14\xff", "it is a zip archive or an Excel file; bring a CSV"),
    (b"\x1f\x8b\x08\x00", "it is packed with gzip; bring a CSV"),
    ("size,colour,bought\n".encode("utf-16"), "it is UTF-16; bring a CSV"),
])
def test_another_kind_of_file_is_named(job: Job, in_process, content, words):
    job.config(PLAIN)
    job.data(plain_rows())
    (job.base / "processing/input/data/train/rows.csv").write_bytes(content)
    assert in_process(job, "prepare") == 1
    assert words in (job.base / "output" / "failure").read_text()


def test_files_with_different_columns_are_refused(job: Job, in_process):
    job.config(PLAIN)
    job.data(plain_rows(), name="a.csv")
    job.data([["size", "bought"], ["1", "no"]], name="b.csv")
    assert in_process(job, "prepare") == 1
    assert "b.csv and a.csv differ in their columns: colour" in (job.base / "output" / "failure").read_text()


def test_a_file_that_is_not_utf8_is_refused(job: Job, in_process):
    job.config(PLAIN)
    job.data(plain_rows())
    (job.base / "processing/input/data/train/rows.csv").write_bytes(b"size,colour,bought\n1,caf\xe9,no\n")
    assert in_process(job, "prepare") == 1
    assert "rows.csv: not UTF-8" in (job.base / "output" / "failure").read_text()


def test_the_positive_label_is_the_last(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("size,left\n" + "1,a\n2,b\n" * 5)
    settings = Settings(Problem("binary", "left", "a"), {}, (), 0.15, 0.15, 0)
    assert survey([csv_file(path)], settings).schema.labels == ("b", "a")


def test_na_is_a_category_and_a_missing_number(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("region,size,left\n" + "NA,NA,a\nEU,2,b\n,3,b\n" * 5)
    settings = Settings(Problem("binary", "left", "a"), {}, (), 0.15, 0.15, 0)
    region, size = survey([csv_file(path)], settings).schema.features
    assert region.categories == ("EU", "NA") and size.type == "numeric"


def test_categories_beyond_the_limit_count_as_unseen(tmp_path):
    from container.column_types import MOST_CATEGORIES

    path = tmp_path / "rows.csv"
    texts = [f"c{number}" for number in range(MOST_CATEGORIES + 5)] + [f"c{number}" for number in range(5, 50)]
    path.write_text("code,left\n" + "".join(f"{text},{'ab'[place % 2]}\n" for place, text in enumerate(texts)))
    settings = Settings(Problem("binary", "left", "a"), {}, (), 0.15, 0.15, 0)
    (code,) = survey([csv_file(path)], settings).schema.features
    assert len(code.categories) == MOST_CATEGORIES and "c7" in code.categories
