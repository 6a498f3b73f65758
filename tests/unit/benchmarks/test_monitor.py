"""The measurement of monitoring: the data, what a framework is found to answer, the table, and this image's own look."""

import csv
import json
from pathlib import Path

import pytest

from benchmarks.jobs.job import cost_of
from benchmarks.jobs.rows import write_rows
from benchmarks.monitor.__main__ import Run, options, versions
from benchmarks.monitor.answers import differences, ours
from benchmarks.monitor.data import DRIFTED, LONGER, write_baseline, write_captures, write_csv
from benchmarks.monitor.report import lines
from benchmarks.monitor.stacks import FRAMEWORKS, look
from benchmarks.serving.errors import BenchmarkError, TookTooLong
from benchmarks.serving.model import PYTHON, ROOT

SAID = {"rows": 1000, "columns": {"size": {"mean": 2.0, "std_dev": 1.0}, "town": {"counts": {"a": 900, "b": 100}}}, "drifted": [DRIFTED]}


def test_captures_and_csv_hold_the_same_rows_with_one_column_changed(tmp_path: Path):
    write_rows(tmp_path / "plain.csv", 3000)
    write_csv(tmp_path / "csv", 3000)
    write_captures(tmp_path / "captures", 3000)
    plain, changed = ([*csv.DictReader(file.read_text().splitlines())] for file in (tmp_path / "plain.csv", tmp_path / "csv/rows.csv"))
    assert len(changed) == 3000
    for before, after in zip(plain, changed, strict=True):
        assert abs(float(after.pop(DRIFTED)) - LONGER * float(before.pop(DRIFTED))) < 0.051
        assert before == after
    captured = [json.loads(line) for line in (tmp_path / "captures/captured.jsonl").read_text().splitlines()]
    rows = (tmp_path / "csv/rows.csv").read_text().splitlines()[1:]
    assert [line["captureData"]["endpointInput"]["data"] for line in captured] == [row.rpartition(",")[0] for row in rows]
    assert len({line["eventMetadata"]["eventId"] for line in captured}) == 3000


def test_answers_that_agree_have_no_difference():
    assert list(differences(SAID, SAID)) == []
    assert list(differences(SAID, SAID | {"columns": SAID["columns"] | {"size": {"mean": 2.0000001, "std_dev": 1.0005}}})) == []


@pytest.mark.parametrize(("other", "what"), [
    ({"rows": 999}, "999 rows, not 1000"),
    ({"drifted": ["size"]}, f"{DRIFTED}, whose values are others"),
    ({"columns": SAID["columns"] | {"size": {"mean": 2.1, "std_dev": 1.0}}}, "size: mean 2.1, not 2.0"),
    ({"columns": SAID["columns"] | {"town": {"counts": {"a": 900}}}}, "town: 0 rows with b, not 100"),
])
def test_answers_that_differ_are_told(other: dict, what: str):
    assert [text for text in differences(SAID, SAID | other) if what in text]


def test_the_table_compares_with_the_fastest_framework():
    figures = {"ours": {"1000000": {"seconds": 1.5, "rss_mb": 180.0}}, "nannyml": {"1000000": {"seconds": 7.5, "rss_mb": 1250.0}},
               "whylogs": {"1000000": {"seconds": 15.0, "rss_mb": 1000.0}}}
    found = list(lines("captures", figures, {"evidently": {"1000000": "over 180 s"}}))
    assert "1.50 s 180 MB" in found[1] and "FAILED" in found[2] and found[2].startswith("evidently")
    assert found[-1] == "1,000,000 rows: 5.0 times as fast as the fastest framework, nannyml"


def test_a_framework_is_pinned_and_has_a_program():
    assert set(versions()) == set(FRAMEWORKS)
    for stack in FRAMEWORKS:
        assert (ROOT / "benchmarks" / "monitor" / f"{stack}.py").is_file()


def test_sizes_end_in_minutes_unless_more_are_asked_for():
    assert options([]).rows == [] and not options([]).large and options(["500", "--large"]).rows == [500]


def test_a_program_that_is_too_slow_is_stopped(tmp_path: Path):
    with pytest.raises(TookTooLong, match=r"over 0 s"):
        cost_of([str(PYTHON), "-c", "import time; time.sleep(60)"], tmp_path / "log", {}, limit=0.2)


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a base folder with a described baseline, and the baseline's rows."""
    base = tmp_path_factory.mktemp("bench") / "ml"
    return base, write_baseline(base)


@pytest.mark.parametrize(("kind", "write"), [("captures", write_captures), ("csv", write_csv)])
def test_our_look_finds_what_was_changed(baseline: tuple[Path, Path], tmp_path: Path, kind: str, write):
    write(tmp_path / "data", 3000)
    asked = look("ours", kind, tmp_path / "data", *baseline)
    cost = cost_of(asked.words, tmp_path / "log", asked.variables)
    said = ours(baseline[0])
    assert said["rows"] == 3000 and said["drifted"] == [DRIFTED]
    write_csv(tmp_path / "again", 3000)
    values = [float(row[DRIFTED]) for row in csv.DictReader((tmp_path / "again/rows.csv").read_text().splitlines())]
    assert abs(said["columns"][DRIFTED]["mean"] - sum(values) / 3000) < 1e-9
    assert 0 < cost.seconds < 60 and cost.peak_mb > 10


def test_a_stack_that_answers_otherwise_has_no_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("benchmarks.monitor.__main__.write_baseline", lambda base: tmp_path / "baseline.csv")
    run = Run(["ours", "whylogs"], rounds=1, limit=10)
    run.stacks = ["whylogs"]
    monkeypatch.setattr(run, "_best", lambda stack, kind, folder: (None, SAID | {"rows": 3}))
    assert run._tried("whylogs", "csv", 1000, tmp_path, SAID) is None
    assert "3 rows, not 1000" in run.failures["csv"]["whylogs"]["1000"] and not run.figures["csv"]


def test_a_stack_that_was_too_slow_is_not_asked_for_more_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("benchmarks.monitor.__main__.write_baseline", lambda base: tmp_path / "baseline.csv")
    run, asked = Run(["whylogs"], rounds=1, limit=10), []

    def slow(stack: str, kind: str, folder: Path):
        asked.append(stack)
        raise TookTooLong("over 10 s")

    monkeypatch.setattr(run, "_best", slow)
    for rows in (1000, 2000):
        run._tried("whylogs", "csv", rows, tmp_path, SAID)
    assert asked == ["whylogs"] and run.failures["csv"]["whylogs"] == {"1000": "over 10 s"}
    assert issubclass(TookTooLong, BenchmarkError)
