"""The whole of `monitor` on captured requests, as SageMaker runs a monitor of one's own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from captured_requests import line
from drift_data import CHANGES, Cells, churn, rows_of, split
from image_jobs import Job
from jsonschema import Draft202012Validator

SCHEMAS = Path(__file__).parent / "schemas"
FILES = ("statistics", "constraints", "constraint_violations")
AWS_CHECKS = {
    "mean shifted by 0.2 standard deviations": "baseline_drift_check", "new category in 1 % of rows": "categorical_values_check",
    "5 % of numbers missing": "completeness_check", "numbers became texts": "data_type_check", "two columns swapped": "baseline_drift_check",
    "number constant": "baseline_drift_check", "rare category vanished": "baseline_drift_check", "rate from 10 to 20 %": "baseline_drift_check",
    "extra column": "extra_column_check", "missing column": "missing_column_check",
}
Look = Callable[..., dict[str, Any]]


def requests(cells: Cells, kind: str = "application/json", per_request: int = 1) -> list[str]:
    """Return captured requests with these rows."""
    rows = list(zip(*(column.tolist() for column in cells.values()), strict=True))
    if kind == "text/csv":
        return [line("\n".join(",".join(map(str, row)) for row in rows[start : start + per_request]), event=f"e{start}")
                for start in range(0, len(rows), per_request)]
    records = [dict(zip(cells, (None if value == "" or value != value else value for value in row), strict=True)) for row in rows]
    return [line(json.dumps({"instances": records[start : start + per_request]}), kind, "JSON", f"e{start}")
            for start in range(0, len(records), per_request)]


def write_csv(job: Job, name: str, cells: Cells) -> None:
    rows = zip(*(column.tolist() for column in cells.values()), strict=True)
    job.write(name, "\n".join([",".join(cells), *(",".join(map(str, row)) for row in rows)]) + "\n")


@pytest.fixture
def look(job: Job, in_process) -> Look:
    """Return a function that runs the baseline on rows and then a look at captured lines, and returns drift.json."""

    def run(before: Cells, lines: list[str] | None, config: dict[str, Any] | None = None, schema: Any = None) -> dict[str, Any]:
        _, found = churn()
        job.write("processing/input/schema/schema.json", json.dumps((schema or found).to_json()))
        write_csv(job, "processing/input/baseline/baseline.csv", before)
        if config is not None:
            job.config({"monitoring": config})
        assert in_process(job, "monitor", "baseline") == 0
        job.hand_on(("baseline/statistics.json", "processing/input/baseline/statistics.json"),
                    ("baseline/constraints.json", "processing/input/baseline/constraints.json"))
        if lines is not None:
            job.write("processing/input/captures/e/AllTraffic/2026/01/01/00/a.jsonl", "\n".join(lines) + "\n")
        assert in_process(job, "monitor") == 0
        return job.json("processing/output/drift.json")

    return run


@pytest.fixture(scope="module")
def samples() -> tuple[Cells, Cells]:
    """Return rows of the sample for the baseline, and 2,000 others."""
    return split(churn()[0], 7, 3000, 2000)


def schema_of_file(name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8")))


def violations(job: Job) -> list[dict[str, str]]:
    return job.json("processing/output/constraint_violations.json")["violations"]


@pytest.mark.parametrize("kind", ["application/json", "text/csv"])
def test_undrifted_requests_violate_nothing(job: Job, look: Look, samples, kind: str):
    told = look(samples[0], requests(samples[1], kind, per_request=3))
    assert (told["verdict"], told["rows"], told["unreadable"], told["synthetic"]) == ("no drift", 2000, 0, 0)
    assert violations(job) == [] and told["model_quality"] is None
    assert [feature["name"] for feature in told["features"]] == list(samples[0])
    for name in FILES:
        schema_of_file(name).validate(job.json(f"processing/output/{name}.json"))
    for name in FILES[:2]:
        schema_of_file(name).validate(job.json(f"processing/input/baseline/{name}.json"))


@pytest.mark.parametrize("change", AWS_CHECKS)
def test_a_change_is_a_violation_by_model_monitors_name(job: Job, look: Look, samples, change: str):
    plant, column, checks = CHANGES[change]
    told = look(samples[0], requests(plant(samples[1], samples[0], np.random.default_rng(1))))
    assert told["verdict"] == "drift"
    feature = next(feature for feature in told["features"] if feature["name"] == column)
    assert feature["drifted"] and feature["p_value"] <= told["level"] and feature["distance"] >= feature["threshold"]
    assert checks & {check["check"] for check in feature["checks"]}
    found = violations(job)
    assert {violation["feature_name"] for violation in found} == {each["name"] for each in told["features"] if each["drifted"]}
    assert AWS_CHECKS[change] in {violation["constraint_check_type"] for violation in found if violation["feature_name"] == column}
    schema_of_file("constraint_violations").validate(job.json("processing/output/constraint_violations.json"))


def test_violations_speak_as_model_monitor_does(job: Job, look: Look, samples):
    before, now = samples
    now = {name: column for name, column in now.items() if name != "total_eve_charge"}
    now |= {"total_day_calls": now["total_day_calls"] + 0.5, "total_day_minutes": now["total_day_minutes"] * 2,
            "account_length": np.where(np.arange(2000) % 4 == 0, np.nan, now["account_length"])}
    look(before, requests(now))
    told = {(each["feature_name"], each["constraint_check_type"]): each["description"] for each in violations(job)}
    assert told["total_day_calls", "data_type_check"] == ("Data type match requirement is not met. Expected data type: Integral, "
                                                          "Expected match: 100.0%. Observed: Only 0.0% of data is Integral.")
    assert "Expected completeness: 100.0%. Observed: Only 75.0% of data is present." in told["account_length", "completeness_check"]
    assert "Number of columns in current dataset: 18, Number of columns in baseline constraints: 19" in told["total_eve_charge", "missing_column_check"]
    words = told["total_day_minutes", "baseline_drift_check"].split()
    distance, threshold = words[words.index("distance:") + 1], words[words.index("threshold:") + 1].rstrip(".")
    assert float(distance) > float(threshold) > 0


def test_the_schemas_refuse_what_is_not_model_monitors():
    wrong = {"statistics": {"version": 0, "dataset": {"item_count": 1}, "features": [{"name": "x", "inferred_type": "Integral"}]},
             "constraints": {"version": 0, "features": [{"name": "x", "inferred_type": "Number", "completeness": 1}], "monitoring_config": {}},
             "constraint_violations": {"violations": [{"feature_name": "x", "constraint_check_type": "drift", "description": "far"}]}}
    for name, content in wrong.items():
        assert not schema_of_file(name).is_valid(content), name


def test_synthetic_and_unreadable_requests_are_counted_and_left_out(look: Look, samples):
    shifted = rows_of(samples[1], slice(300)) | {"total_day_minutes": np.full(300, 9999.0)}
    lines = [json.dumps(each | {"eventMetadata": {"eventId": "x", "inferenceId": "synthetic-1"}}) for each in map(json.loads, requests(shifted))]
    told = look(samples[0], [*requests(samples[1]), *lines, "no json", line("1,2,3")])
    assert (told["verdict"], told["rows"], told["synthetic"], told["unreadable"]) == ("no drift", 2000, 300, 2)
    assert len(told["faults"]) == 2 and all("a.jsonl" in fault for fault in told["faults"])


def test_requests_none_of_which_can_be_read_fail_the_job(job: Job, look: Look, samples, in_process):
    look(samples[0], requests(rows_of(samples[1], slice(5))))
    job.write("processing/input/captures/e/AllTraffic/2026/01/01/00/a.jsonl", "no json\n")
    assert in_process(job, "monitor") == 1
    assert "none of 1 captured requests can be read" in (job.base / "output" / "failure").read_text()


def test_a_look_without_requests_has_too_few_rows(job: Job, look: Look, samples, in_process):
    job.write("processing/input/captures/.keep", "")
    told = look(samples[0], None)
    assert (told["verdict"], told["rows"]) == ("too few rows", 0) and violations(job) == []
    schema_of_file("statistics").validate(job.json("processing/output/statistics.json"))


def test_the_configuration_sets_the_limits(job: Job, look: Look, samples):
    told = look(samples[0], requests(samples[1]), {"false_alarms": 0.05, "threshold": 0.2, "least_effect": 0.1})
    assert (told["level"], told["features"][0]["aws"]["threshold"]) == (0.05, 0.2) and told["rows_needed"] < 100
    given = job.json("processing/input/baseline/constraints.json")["monitoring_config"]["distribution_constraints"]
    assert (given["comparison_threshold"], given["categorical_comparison_threshold"]) == (0.2, 0.2)


@pytest.mark.parametrize(("section", "said"), [
    ({"false_alarms": 0}, "monitoring.false_alarms is 0; allowed is a number above 0 and at most 0.2"),
    ({"least_effect": "much"}, "monitoring.least_effect is 'much'"), ([], "monitoring is [0]; it must be an object")])
def test_a_limit_that_is_none_is_named(job: Job, in_process, section, said: str):
    job.config({"monitoring": section or [0]})
    assert in_process(job, "monitor") == 1
    assert said in (job.base / "output" / "failure").read_text()


def test_the_environment_names_other_places(job: Job, look: Look, samples, in_process, monkeypatch):
    look(samples[0], requests(rows_of(samples[1], slice(5))))
    write_csv(job, "elsewhere/data/a.csv", samples[1])
    for file in FILES[:2]:
        (job.base / f"processing/input/baseline/{file}.json").rename(job.base / f"elsewhere/{file}.json")
    (job.base / "processing/input/schema/schema.json").unlink()
    for name, value in {"dataset_format": '{"csv": {"header": true}}', "dataset_source": f"{job.base}/elsewhere/data",
                        "output_path": f"{job.base}/elsewhere/output", "baseline_statistics": f"{job.base}/elsewhere/statistics.json",
                        "baseline_constraints": f"{job.base}/elsewhere/constraints.json", "publish_cloudwatch_metrics": "Enabled",
                        "start_time": "2026-01-01T00:00:00Z", "end_time": "2026-01-01T01:00:00Z"}.items():
        monkeypatch.setenv(name, value)
    assert in_process(job, "monitor") == 0
    told = job.json("elsewhere/output/drift.json")
    assert told["verdict"] == "no drift" and told["rows"] == 2000
    assert told["window"] == {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T01:00:00Z"}
    monkeypatch.setenv("dataset_format", '{"parquet": {}}')
    assert in_process(job, "monitor") == 1
    assert "sagemakerCaptureJson or csv" in (job.base / "output" / "failure").read_text()


@pytest.mark.parametrize("missing", ["processing/input/baseline/statistics.json", "processing/input/baseline/constraints.json", "captures"])
def test_an_input_that_is_missing_is_named(job: Job, look: Look, samples, in_process, missing: str):
    look(samples[0], requests(rows_of(samples[1], slice(5))))
    path = job.base / missing if missing.endswith(".json") else job.base / "processing/input/captures"
    path.rename(job.base / "gone")
    assert in_process(job, "monitor") == 1
    assert f"{path.name} is missing" in (job.base / "output" / "failure").read_text()


def test_a_baseline_of_another_run_is_refused(job: Job, look: Look, samples, in_process):
    look(samples[0], requests(rows_of(samples[1], slice(5))))
    statistics = job.json("processing/input/baseline/statistics.json")
    statistics["features"].pop(3)
    job.write("processing/input/baseline/statistics.json", json.dumps(statistics))
    assert in_process(job, "monitor") == 1
    assert f"lacks the feature {list(samples[0])[3]!r}" in (job.base / "output" / "failure").read_text()
    job.write("processing/input/baseline/statistics.json", json.dumps({"features": []}))
    assert in_process(job, "monitor") == 1
    assert "is no statistics.json of the baseline" in (job.base / "output" / "failure").read_text()


def test_a_look_loads_nothing_heavy(job: Job, look: Look, samples):
    look(samples[0], requests(rows_of(samples[1], slice(5))))
    import os
    import subprocess
    import sys

    code = "import sys; from container.__main__ import main; main(['monitor']); print(sorted({'scipy', 'sklearn', 'pandas', 'onnx'} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], env={**os.environ, "SAGEMAKER_BASE_DIR": str(job.base)}, capture_output=True, text=True,
                           cwd=Path(__file__).resolve().parents[3], timeout=60, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"
