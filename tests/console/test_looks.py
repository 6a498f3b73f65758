"""What looks at production found and decided, as the executions of NAME-monitoring tell it."""

import json
from datetime import UTC, datetime
from typing import Any

from console.reading.looks import Drifted, looks, of_execution
from tests.console.any_order import Stubs, project, refusal

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ARN = "arn:aws:states:us-east-1:000000000000:execution:demo-monitoring:{}"
FOLDER = "s3://demo-bucket/runs/11111111-aaaa-4aaa-8aaa-aaaaaaaaaaaa/monitoring/2026-11-21T12-00-00"
FOUND = {"Verdict": "drift", "Rows": 2692, "RowsNeeded": 501, "Features": 19, "DriftedFeatures": 1, "Folder": FOLDER, "Report": "report.html",
         "Start": "2026-11-21T11:00:00+00:00", "End": "2026-11-21T12:00:00+00:00", "Drifted": [
             {"Feature": "total_day_minutes", "Check": "centre", "Distance": 0.19, "Threshold": 0.05, "Description": "Its values lie higher."}]}
ANSWER = {"Decision": "cooldown", "Why": "Drift started a retraining 5 minutes ago.", "Run": "", "Mailed": False}


def execution(name: str, status: str = "SUCCEEDED", **more: Any) -> dict[str, Any]:
    return {"executionArn": ARN.format(name), "stateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:demo-monitoring", "status": status,
            "startDate": NOW, "stopDate": NOW, **more}


def test_a_look_with_drift_tells_verdict_features_and_decision() -> None:
    look = of_execution(execution("a", output=json.dumps({"Found": {"Drift": FOUND}, "Retraining": {"Answer": ANSWER}})))
    assert (look.verdict, look.rows, look.rows_needed, look.drifted_in_all) == ("drift", 2692, 501, 1)
    assert look.drifted == (Drifted("total_day_minutes", "centre", 0.19, 0.05, "Its values lie higher."),)
    assert (look.decision, look.decision_why, look.retraining) == ("cooldown", "Drift started a retraining 5 minutes ago.", "")
    assert (look.bucket, look.run) == ("demo-bucket", "11111111-aaaa-4aaa-8aaa-aaaaaaaaaaaa")


def test_a_look_without_captures_says_why() -> None:
    look = of_execution(execution("b", output=json.dumps({"Planned": {"Plan": {"Captures": 0, "Why": "demo-p has captured nothing since noon"}}})))
    assert (look.verdict, look.why, look.run) == ("nothing to look at", "demo-p has captured nothing since noon", "")


def test_the_job_of_another_schedule_is_no_verdict_on_anything() -> None:
    assert of_execution(execution("c", output=json.dumps({"Found": {"Drift": {"Verdict": "not ours"}}}))).verdict == "not ours"


def test_a_failed_look_says_what_failed_in_it() -> None:
    cause = json.dumps({"errorType": "EndpointGone", "errorMessage": "endpoint demo-p is gone, so nothing is watched"})
    assert of_execution(execution("d", "FAILED", error="EndpointGone", cause=cause)).why == "endpoint demo-p is gone, so nothing is watched"
    assert of_execution(execution("e", "FAILED", error="States.Timeout")).why == "States.Timeout"
    assert of_execution(execution("f", "FAILED", cause="plain words")).why == "plain words"


def test_a_page_of_looks_reads_what_has_ended_once_and_asks_nothing_of_what_runs() -> None:
    stubs = Stubs()
    items = [{"executionArn": ARN.format("run"), "stateMachineArn": "m", "name": "run", "status": "RUNNING", "startDate": NOW},
             {"executionArn": ARN.format("once"), "stateMachineArn": "m", "name": "once", "status": "SUCCEEDED", "startDate": NOW}]
    stubs.answer("stepfunctions", "ListExecutions", lambda given: {"executions": items, "nextToken": "more"})
    stubs.answer("stepfunctions", "DescribeExecution", lambda given: execution("once", output=json.dumps({"Found": {"Drift": FOUND}})))
    asked = project(stubs, "looks")
    for _ in range(2):
        found = looks(asked)
    assert [look.status for look in found.page] == ["RUNNING", "SUCCEEDED"] and found.older == "more"
    assert len(stubs.named("DescribeExecution")) == 1
    looks(asked, "more")
    assert [call.get("nextToken") for call in stubs.named("ListExecutions")] == [None, None, "more"]


def test_where_nothing_is_watched_there_are_no_looks() -> None:
    stubs = Stubs()
    stubs.answer("stepfunctions", "ListExecutions", refusal("StateMachineDoesNotExist", "State Machine Does Not Exist"))
    assert not looks(project(stubs, "unwatched")).watched
