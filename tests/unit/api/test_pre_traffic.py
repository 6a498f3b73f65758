"""The hook before a version takes traffic: what it proves, and that it reports once whatever happens."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api import golden, pre_traffic
from tests.unit.api.cloud import DEPLOYMENT, ENDPOINT, EVENT, LIVE, RECORDS, RUN, Cloud, context, predicted, reply

GOOD = reply(predicted(0.2500004, 0.75))
ACCOMPANIED = {"DeploymentId": DEPLOYMENT, "ModelRun": RUN, "FormerEndpoint": LIVE}


def before(*remaining: int) -> dict[str, str]:
    return pre_traffic.handler(EVENT, context(*remaining))


def alike(cloud: Cloud, instances: int = 2) -> None:
    """The endpoint serves with the live one's capacity."""
    cloud.describes()
    cloud.lives()
    cloud.describes(LIVE, instances=instances)
    cloud.describes()


def test_a_version_that_predicts_as_in_training_takes_traffic_accompanied_by_requests(cloud: Cloud) -> None:
    alike(cloud)
    cloud.keeps(*RECORDS)
    cloud.predicts(GOOD)
    cloud.predicts(GOOD)
    cloud.starts("synthetic", DEPLOYMENT, ACCOMPANIED)
    cloud.hears("Succeeded")
    assert before()["status"] == "Succeeded"


def test_an_endpoint_that_stays_has_no_former_one_to_hold(cloud: Cloud) -> None:
    cloud.describes()
    cloud.lives(ENDPOINT)
    cloud.describes()
    cloud.describes()
    cloud.keeps(*RECORDS)
    cloud.predicts(GOOD)
    cloud.predicts(GOOD)
    cloud.starts("synthetic", DEPLOYMENT, ACCOMPANIED | {"FormerEndpoint": ""})
    cloud.hears("Succeeded")
    assert before()["status"] == "Succeeded"


@pytest.mark.parametrize("answer, members, reason", [
    (reply([], status=413), {}, "with 413"),
    (reply(predicted(0.25, 0.75), run="another"), {}, "for run another"),
    ({"errorMessage": "no module named model"}, {"FunctionError": "Unhandled"}, "no module named model"),
])
def test_a_version_that_does_not_answer_is_refused(cloud: Cloud, answer: dict[str, Any], members: dict[str, str], reason: str) -> None:
    alike(cloud)
    cloud.keeps(*RECORDS)
    cloud.predicts(answer, **members)
    cloud.refused()
    assert reason in before()["reason"]


@pytest.mark.parametrize("answer, reason", [
    (reply(predicted(0.25, 0.9)), "golden record 2"), (reply(predicted(0.25)), "1 predictions for 2")])
def test_a_version_that_predicts_otherwise_is_refused(cloud: Cloud, answer: dict[str, Any], reason: str) -> None:
    alike(cloud)
    cloud.keeps(*RECORDS)
    cloud.predicts(answer)
    cloud.predicts(answer)
    cloud.refused()
    assert reason in before()["reason"]


@pytest.mark.parametrize("seconds, status", [((90.0, 90.9), "Succeeded"), ((90.0, 91.1), "Failed")])
def test_the_second_call_has_to_be_within_the_latency(
        cloud: Cloud, monkeypatch: pytest.MonkeyPatch, seconds: tuple[float, float], status: str) -> None:
    clock = iter(seconds)
    monkeypatch.setattr(pre_traffic.time, "monotonic", lambda: next(clock))
    alike(cloud)
    cloud.keeps(*RECORDS)
    cloud.predicts(GOOD)
    cloud.predicts(GOOD)
    if status == "Succeeded":
        cloud.starts("synthetic", DEPLOYMENT, ACCOMPANIED)
        cloud.hears(status)
    else:
        cloud.refused()
    found = before()
    assert found["status"] == status
    assert ("takes 1100 ms for 2 golden records; release.latency_ms allows 1000" in found["reason"]) == (status == "Failed")


def test_instances_that_the_live_endpoint_has_gained_are_waited_for(cloud: Cloud) -> None:
    alike(cloud, instances=5)
    cloud.grows(5)
    cloud.describes(status="Updating")
    cloud.describes(status="Updating")
    cloud.describes()
    cloud.keeps(*RECORDS)
    cloud.predicts(GOOD)
    cloud.predicts(GOOD)
    cloud.starts("synthetic", DEPLOYMENT, ACCOMPANIED)
    cloud.hears("Succeeded")
    assert "'AllTraffic': 5" in before(600_000, 500_000)["reason"]


@pytest.mark.parametrize("states, reason", [(["Updating"], "did not start in time"), (["Failed"], "is Failed after")])
def test_instances_that_do_not_come_are_a_refusal(cloud: Cloud, states: list[str], reason: str) -> None:
    alike(cloud, instances=5)
    cloud.grows(5)
    for state in states:
        cloud.describes(status=state)
    cloud.refused()
    assert reason in before(20_000)["reason"]


def test_a_live_endpoint_that_is_gone_sets_no_measure(cloud: Cloud) -> None:
    cloud.describes()
    cloud.lives()
    cloud.refuses("sagemaker", "describe_endpoint", "ValidationException", "Could not find endpoint")
    cloud.describes()
    cloud.keeps()
    cloud.refused()
    assert "no golden records" in before()["reason"]


def test_requests_that_cannot_be_started_are_a_refusal(cloud: Cloud) -> None:
    alike(cloud)
    cloud.keeps(*RECORDS)
    cloud.predicts(GOOD)
    cloud.predicts(GOOD)
    cloud.refuses("stepfunctions", "start_execution", "AccessDeniedException")
    cloud.refused()
    assert "StartExecution" in before()["reason"]


def test_a_hook_that_runs_again_starts_and_reports_nothing_twice(cloud: Cloud) -> None:
    alike(cloud)
    cloud.keeps(*RECORDS)
    cloud.predicts(GOOD)
    cloud.predicts(GOOD)
    cloud.refuses("stepfunctions", "start_execution", "ExecutionAlreadyExists")
    cloud.refuses("codedeploy", "put_lifecycle_event_hook_execution_status", "LifecycleEventAlreadyCompletedException")
    assert before()["status"] == "Succeeded"


def test_a_refusal_that_comes_late_is_not_mailed(cloud: Cloud) -> None:
    cloud.describes(status="Failed")
    cloud.refuses("codedeploy", "put_lifecycle_event_hook_execution_status", "LifecycleEventAlreadyCompletedException")
    assert before()["status"] == "Failed"


def test_a_report_that_codedeploy_does_not_take_lets_the_hook_run_again(cloud: Cloud) -> None:
    cloud.describes(status="Failed")
    cloud.refuses("codedeploy", "put_lifecycle_event_hook_execution_status", "AccessDeniedException")
    with pytest.raises(cloud.clients["codedeploy"].exceptions.ClientError):
        before()


@pytest.mark.parametrize("state, reason", [
    ({"status": "Failed"}, "is Failed"), ({"capture": "Stopped"}, "does not keep"), ({"enabled": False}, "does not keep")])
def test_an_endpoint_that_does_not_serve_or_keep_is_refused(cloud: Cloud, state: dict[str, Any], reason: str) -> None:
    cloud.describes(**state)
    cloud.refused()
    assert reason in before()["reason"]


def test_a_missing_endpoint_is_refused_with_the_way_on(cloud: Cloud) -> None:
    cloud.refuses("sagemaker", "describe_endpoint", "ValidationException", "Could not find endpoint")
    cloud.refused()
    assert "ALL_ACTIONS" in before()["reason"]


def test_an_error_of_the_check_is_reported_as_a_refusal(cloud: Cloud) -> None:
    cloud.refuses("sagemaker", "describe_endpoint", "AccessDeniedException", "not authorized")
    cloud.refused()
    assert "AccessDenied" in before()["reason"]


def test_a_refusal_is_reported_even_when_the_mail_cannot_be_sent(cloud: Cloud) -> None:
    cloud.describes(status="Failed")
    cloud.hears("Failed")
    cloud.refuses("sns", "publish", "KMSAccessDenied", "no key")
    assert before()["status"] == "Failed"


def test_a_missing_variable_is_named(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BUCKET")
    cloud.refused()
    assert "BUCKET" in before()["reason"]


def test_the_golden_request_is_marked_and_holds_the_features() -> None:
    event = golden.request(RECORDS, f"{golden.MARK}{DEPLOYMENT}")
    assert event["requestContext"]["requestId"] == f"synthetic-{DEPLOYMENT}"
    assert json.loads(event["body"]) == [{"minutes": 1.0}, {"minutes": 9.0}]


@pytest.mark.parametrize("expected, found, agree", [
    ({"label": "a"}, {"label": "a"}, True), ({"label": "a"}, {"label": "b"}, False), ({"value": 100.0}, {"value": 100.05}, True),
    ({"value": 100.0}, {"value": 101.0}, False), ({"label": "a"}, {"label": "a", "probability": 1.0}, False), ("1", 1, False)])
def test_numbers_may_differ_a_little_and_nothing_else(expected: Any, found: Any, agree: bool) -> None:
    assert golden.same(expected, found) is agree
