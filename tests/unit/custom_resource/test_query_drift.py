"""The function query-drift: what it understands of either engine's files, what it publishes, and that a look is judged once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.custom_resource.cloud import Bucket

NOW = datetime(2026, 11, 21, 15, 0, 0, tzinfo=UTC)
FOLDER = "runs/r/monitoring/2026-11-21T15-00-00"
LOOK = {"Folder": f"s3://bucket/{FOLDER}", "Start": "2026-11-21T14:00:00+00:00", "End": "2026-11-21T15:00:00+00:00"}
MINUTES = {"name": "day_minutes", "type": "numeric", "distance": 0.31, "threshold": 0.1, "p_value": 1e-9, "drifted": True,
           "checks": [{"check": "missing_rate", "p_value": 0.4, "effect": 0.0, "description": "none missing"},
                      {"check": "baseline_drift_check", "p_value": 1e-9, "effect": 0.31, "description": "KS distance 0.31"}]}
CALM = {"name": "plan", "type": "categorical", "distance": 0.02, "threshold": 0.1, "p_value": 0.8, "drifted": False, "checks": []}
DRIFT = {"rows": 2000, "verdict": "drift", "rows_needed": 470, "features": [CALM, MINUTES]}
VIOLATIONS = {"violations": [
    {"feature_name": "day_minutes", "constraint_check_type": "baseline_drift_check",
     "description": "Baseline drift distance: 0.42 exceeds threshold: 0.1"},
    {"feature_name": " plan", "constraint_check_type": "data_type_check", "description": "Data type match requirement is not met."}]}
STATISTICS = {"dataset": {"item_count": 900}, "features": [{"name": "day_minutes"}, {"name": "plan"}, {"name": "state"}]}


class Account:
    """The bucket, CloudWatch, and jobs of SageMaker."""

    def __init__(self) -> None:
        self.s3, self.data, self.calls = Bucket("bucket", NOW), [], 0
        self.jobs: dict[str, dict[str, Any]] = {}

    def put_metric_data(self, Namespace: str, MetricData: list[dict[str, Any]]) -> None:  # noqa: N803
        assert Namespace == "MLDelivery" and len(MetricData) <= 1000
        self.data += MetricData
        self.calls += 1

    def describe_processing_job(self, ProcessingJobName: str) -> dict[str, Any]:  # noqa: N803
        return self.jobs[ProcessingJobName]

    def values(self) -> dict[str, float]:
        """Return what was published, by name and feature."""
        return {" ".join([datum["MetricName"], *(each["Value"] for each in datum["Dimensions"][2:])]): datum["Value"] for datum in self.data}


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def query(load: Any, account: Account, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Return a call of the function."""
    handler = load("query_drift")
    monkeypatch.setenv("ENDPOINT_NAME", "endpoint-p")
    monkeypatch.setenv("SCHEDULE_NAME", "churn-monitoring")
    monkeypatch.setattr(handler, "client", {"s3": account.s3, "cloudwatch": account, "sagemaker": account}.__getitem__)
    return lambda look=LOOK, execution="one": handler.handler({"Execution": execution, "Look": look}, None)


def test_what_drifted_is_published_and_told(account: Account, query: Any) -> None:
    account.s3.holds(f"{FOLDER}/drift.json", DRIFT)
    answer = query()
    assert account.values() == {"MonitoredRows": 2000, "DriftedFeatures": 1, "MaxFeatureDrift": 0.31, "FeatureDrift plan": 0.02,
                                "FeatureDrift day_minutes": 0.31}
    assert account.data[0]["Dimensions"] == [{"Name": "Endpoint", "Value": "endpoint-p"}, {"Name": "Schedule", "Value": "churn-monitoring"}]
    assert answer["Drifted"] == [{"Feature": "day_minutes", "Check": "baseline_drift_check", "Distance": 0.31, "Threshold": 0.1,
                                  "Description": "KS distance 0.31"}]
    assert answer["Report"] == "report.html"
    assert {key: answer[key] for key in ("Verdict", "Rows", "DriftedFeatures", "Features", *LOOK)} == {
        "Verdict": "drift", "Rows": 2000, "DriftedFeatures": 1, "Features": 2, **LOOK}


def test_too_few_rows_are_no_verdict_and_stay_with_the_next_look(account: Account, query: Any) -> None:
    account.s3.holds(f"{FOLDER}/drift.json", {**DRIFT, "verdict": "too few rows", "rows": 12, "features": []})
    account.s3.holds(f"{FOLDER}/window.json", {"end": "e", "keys": {}})
    assert query()["Verdict"] == "too few rows"
    assert account.values() == {"MonitoredRows": 12}
    assert "runs/r/monitoring/judged.json" not in account.s3.objects


@pytest.mark.parametrize("verdict", ["drift", "no drift"])
def test_what_was_judged_is_left_out_by_the_next_look(account: Account, query: Any, verdict: str) -> None:
    account.s3.holds(f"{FOLDER}/drift.json", {**DRIFT, "verdict": verdict})
    account.s3.holds(f"{FOLDER}/window.json", {"end": "e", "keys": {"a": "t"}})
    query()
    assert account.s3.read("runs/r/monitoring/judged.json") == {"end": "e", "keys": {"a": "t"}}


def test_a_look_is_judged_by_one_execution_which_may_try_again(account: Account, query: Any) -> None:
    account.s3.holds(f"{FOLDER}/drift.json", DRIFT)
    assert [query(execution=name)["Verdict"] for name in ("one", "two", "one")] == ["drift", "judged before", "drift"]
    assert account.calls == 2


def job(**changes: Any) -> dict[str, Any]:
    """Return a job of the monitoring schedule as SageMaker describes it."""
    return {"MonitoringScheduleArn": "arn:aws:sagemaker:us-east-1:123456789012:monitoring-schedule/churn-monitoring",
            "ProcessingJobStatus": "Completed", "ProcessingEndTime": NOW, "Environment": {"start_time": "2026-11-21T14:00:00Z"},
            "ProcessingOutputConfig": {"Outputs": [{"S3Output": {"S3Uri": f"s3://bucket/{FOLDER}/"}}]}} | changes


def test_aws_analyzers_violations_are_read_with_their_numbers(account: Account, query: Any) -> None:
    account.jobs["model-monitoring-1"] = job()
    account.s3.holds(f"{FOLDER}/constraint_violations.json", VIOLATIONS)
    account.s3.holds(f"{FOLDER}/statistics.json", STATISTICS)
    answer = query({"Job": "model-monitoring-1"})
    assert account.values() == {"MonitoredRows": 900, "DriftedFeatures": 2, "MaxFeatureDrift": 0.42, "FeatureDrift day_minutes": 0.42}
    assert [(each["Feature"], each["Check"], each["Distance"], each["Threshold"]) for each in answer["Drifted"]] == [
        ("day_minutes", "baseline_drift_check", 0.42, 0.1), ("plan", "data_type_check", None, None)]
    assert answer["Report"] == "constraint_violations.json"
    assert (answer["Start"], answer["End"], answer["Features"]) == ("2026-11-21T14:00:00Z", NOW.isoformat(), 3)


def test_an_analysis_without_violations_found_no_drift(account: Account, query: Any) -> None:
    account.jobs["model-monitoring-1"] = job()
    account.s3.holds(f"{FOLDER}/statistics.json", STATISTICS)
    assert query({"Job": "model-monitoring-1"})["Verdict"] == "no drift"
    assert account.values() == {"MonitoredRows": 900, "DriftedFeatures": 0, "MaxFeatureDrift": 0.0}


@pytest.mark.parametrize("changes", [{"MonitoringScheduleArn": ""}, {"MonitoringScheduleArn": "arn:x/other-monitoring"}])
def test_other_jobs_of_the_project_are_left_alone(account: Account, query: Any, changes: dict[str, str]) -> None:
    account.jobs["churn-0a1b2c3d-train"] = job(**changes)
    assert query({"Job": "churn-0a1b2c3d-train"}) == {"Verdict": "not ours"}
    assert (account.calls, account.s3.objects) == (0, {})


def test_a_look_that_failed_says_why(account: Account, query: Any) -> None:
    account.jobs["model-monitoring-1"] = job(ProcessingJobStatus="Failed", FailureReason="no disk")
    with pytest.raises(Exception, match="job model-monitoring-1 of the monitoring schedule is Failed: no disk"):
        query({"Job": "model-monitoring-1"})
    with pytest.raises(Exception, match="has neither drift.json nor statistics.json: see the job's log"):
        query()


def test_any_columns_name_can_be_a_dimension(load: Any) -> None:
    load("query_drift")
    from findings import Feature  # type: ignore[import-not-found]
    from metrics import named  # type: ignore[import-not-found]

    values = [named(Feature(name, True))["Value"] for name in ("größe", ":x", " ", "y" * 2000)]
    assert values[:3] == ["gr\\xf6\\xdfe", "_:x", "_ "]
    assert max(map(len, values)) <= 1024


def test_a_wide_table_takes_several_calls_and_a_short_summary(account: Account, query: Any) -> None:
    account.s3.holds(f"{FOLDER}/drift.json", {**DRIFT, "features": [{**MINUTES, "name": f"f{number}"} for number in range(1200)]})
    answer = query()
    assert (account.calls, len(account.data), answer["DriftedFeatures"], len(answer["Drifted"])) == (3, 1203, 1200, 20)


def test_a_fault_of_s3_is_not_taken_for_a_missing_file(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.unit.custom_resource.cloud import refusal

    def refuse(**_: Any) -> None:
        raise refusal("AccessDenied")

    handler = load("query_drift")
    monkeypatch.setattr(handler, "client", lambda service: SimpleNamespace(get_object=refuse, put_object=lambda **_: None))
    with pytest.raises(Exception, match="AccessDenied"):
        handler.handler({"Execution": "one", "Look": LOOK}, None)
