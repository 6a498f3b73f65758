"""How programs are chosen and how they end."""

import json

import pytest
from image_jobs import Job

from container.__main__ import main


@pytest.mark.parametrize("arguments", [[], ["predict"], ["prepare", "more"], ["monitor", "nothing"], ["monitor", "baseline", "more"]])
def test_a_wrong_call_says_how_to_call_and_exits_2(arguments, capsys):
    assert main(arguments) == 2
    assert "usage: python -m container" in capsys.readouterr().err


def test_a_refusal_exits_1_and_leaves_its_reason_where_sagemaker_looks(job: Job):
    job.config({"problem": {"type": "binary", "target": "churn", "positive": "yes"}})
    ended = job.run("prepare")
    assert ended.returncode == 1
    assert "holds no .csv file" in ended.stderr and "Traceback" not in ended.stderr
    assert (job.base / "output" / "failure").read_text() == (job.base / "output" / "message").read_text()
    assert (job.base / "output" / "failure").read_text().startswith("prepare: ")


def test_an_unexpected_exception_fails_the_job_and_shows_its_trace_in_the_log(job: Job, in_process, monkeypatch, capsys):
    monkeypatch.setattr("container.prepare.read_settings", lambda path: 1 / 0)
    assert in_process(job, "prepare") == 1
    assert "Traceback" in capsys.readouterr().err
    assert (job.base / "output" / "failure").read_text() == "prepare: ZeroDivisionError: division by zero"


def test_a_very_long_reason_is_cut_to_what_sagemaker_keeps(job: Job, in_process):
    job.config({"problem": {"type": "binary", "target": "x" * 5000}})
    job.data([["a", "b"], [1, 2]])
    assert in_process(job, "prepare") == 1
    assert len((job.base / "output" / "failure").read_text()) == 1024


@pytest.mark.parametrize(
    ("program", "missing"),
    [("prepare", "config.json"), ("train", "schema.json"), ("evaluate", "model.tar.gz"),
     ("monitor baseline", "schema.json")],
)
def test_a_missing_input_is_named(job: Job, in_process, program, missing):
    assert in_process(job, *program.split()) == 1
    assert missing in (job.base / "output" / "failure").read_text()


def test_a_json_input_that_is_no_json_is_named(job: Job, in_process):
    job.write("processing/input/config/config.json", "problem: binary")
    assert in_process(job, "prepare") == 1
    assert "config.json is no JSON" in (job.base / "output" / "failure").read_text()


def test_written_json_has_no_nan(tmp_path):
    from container.paths import write_json

    with pytest.raises(ValueError, match="Out of range float"):
        write_json(tmp_path / "x.json", {"value": float("nan")})
    write_json(tmp_path / "y.json", {"value": None})
    assert json.loads((tmp_path / "y.json").read_text()) == {"value": None}
