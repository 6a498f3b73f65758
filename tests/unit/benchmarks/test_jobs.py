"""The measurement of prepare and training: the rows, and what a program is found to take."""

import csv

import pytest

from benchmarks.jobs import job
from benchmarks.jobs.rows import write_rows
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.model import SAMPLE


def test_synthetic_rows_have_the_samples_schema_and_are_the_same_each_time(tmp_path):
    for name in ("one.csv", "two.csv"):
        write_rows(tmp_path / name, 5000)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    with (tmp_path / "one.csv").open(newline="") as file, SAMPLE.open(newline="") as sample:
        rows, model = list(csv.DictReader(file)), list(csv.DictReader(sample))
    assert len(rows) == 5000 and list(rows[0]) == list(model[0])
    for column in rows[0]:
        assert {row[column] for row in rows} <= {row[column] for row in model}
    assert len({tuple(row.values()) for row in rows}) > 4990
    assert 0.05 < sum(row["churn"] == "yes" for row in rows) / 5000 < 0.25


def test_a_program_that_fails_is_told_with_its_words(tmp_path):
    with pytest.raises(BenchmarkError, match="nonesuch"):
        job.run(tmp_path, "nonesuch")


def test_a_program_has_a_time_and_a_peak(tmp_path):
    job.prepared(tmp_path / "ml", 300)
    cost = job.run(tmp_path / "ml", "prepare")
    assert cost.seconds > 0 and cost.peak_mb > 10
    assert (tmp_path / "ml/processing/output/train/train.csv").is_file()
