"""The hook after the shift and its watch: who starts it, what it wants, what it reports, and when the endpoint may scale in."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from api import custom_resource, lifecycle, post_traffic, watch
from tests.unit.api.cloud import DEPLOYMENT, ENDPOINT, EVENT, LIVE, RUN, Cloud

WATCH = {"Seconds": 600, "EndpointName": ENDPOINT, "ModelRun": RUN}
NEW, OLD = ("new", timedelta(minutes=1)), ("old", timedelta(minutes=-1))


def at_the_end(event: dict[str, Any], looks: int = 0) -> dict[str, str]:
    return post_traffic.handler({"Watch": event, "Looks": looks}, None)


def changed(event: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Send CloudFormation's event; return the answer that it gets."""
    answers: list[tuple[str, str]] = []
    monkeypatch.setattr(custom_resource, "send", lambda _, status, reason: answers.append((status, reason)))
    post_traffic.handler({"RequestId": "request-1", "LogicalResourceId": "WatchWithoutDeployment", "StackId": "a/demo/b", **event}, None)
    [answer] = answers
    return answer


def test_the_hook_starts_the_watch_and_leaves_the_report_to_it(cloud: Cloud) -> None:
    cloud.starts("watch", DEPLOYMENT, WATCH | EVENT)
    assert post_traffic.handler(EVENT, None) == {"watch": f"watch {DEPLOYMENT} of {ENDPOINT} has begun"}


def test_a_hook_that_runs_again_starts_one_watch(cloud: Cloud) -> None:
    cloud.refuses("stepfunctions", "start_execution", "ExecutionAlreadyExists")
    assert "watch" in post_traffic.handler(EVENT, None)


def test_a_watch_that_cannot_be_started_is_a_refusal(cloud: Cloud) -> None:
    cloud.refuses("stepfunctions", "start_execution", "AccessDeniedException")
    cloud.refused()
    assert "could not be started" in post_traffic.handler(EVENT, None)["reason"]


@pytest.mark.parametrize("request_type, shifting, starts", [
    ("Create", "yes", True), ("Create", "no", True), ("Update", "no", True), ("Update", "yes", False), ("Delete", "yes", False)])
def test_a_release_without_a_deployment_is_watched_too(
        cloud: Cloud, monkeypatch: pytest.MonkeyPatch, request_type: str, shifting: str, starts: bool) -> None:
    if starts:
        cloud.starts("watch", "request-1", WATCH | {"EndpointName": LIVE})
    status, _ = changed({"RequestType": request_type, "ResourceProperties": {"EndpointName": LIVE, "RunId": RUN, "Shifting": shifting}},
                        monkeypatch)
    assert status == "SUCCESS"


def test_a_release_that_cannot_be_watched_fails_its_stack(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.refuses("stepfunctions", "start_execution", "AccessDeniedException")
    status, reason = changed({"RequestType": "Create", "ResourceProperties": {"EndpointName": LIVE, "RunId": RUN, "Shifting": "yes"}},
                             monkeypatch)
    assert status == "FAILED" and "StartExecution" in reason


def test_captures_quiet_alarms_and_a_serving_endpoint_are_a_success_and_let_it_scale_in(cloud: Cloud) -> None:
    cloud.describes()
    cloud.alarms()
    cloud.deployment()
    cloud.lists(OLD, ("same-second", timedelta(milliseconds=-500)))
    cloud.hears("Succeeded")
    cloud.deployment()
    cloud.scales(ENDPOINT, suspended=True, changes=True)
    assert at_the_end(WATCH | EVENT)["reason"].endswith("same-second")


def test_an_alarm_that_is_on_is_a_refusal_with_its_reason(cloud: Cloud) -> None:
    cloud.describes()
    cloud.alarms(f"{ENDPOINT}-latency")
    cloud.refused()
    assert f"{ENDPOINT}-latency: 1 datapoint was above" in at_the_end(WATCH | EVENT)["reason"]


def test_a_capture_that_may_still_come_is_looked_for_again_and_nothing_is_reported(cloud: Cloud) -> None:
    cloud.describes()
    cloud.alarms()
    cloud.deployment()
    cloud.lists(OLD)
    with pytest.raises(lifecycle.NotYet, match=f"no capture of {ENDPOINT}"):
        at_the_end(WATCH | EVENT, watch.LOOKS - 1)


def test_no_capture_at_the_last_look_is_refused(cloud: Cloud) -> None:
    cloud.describes()
    cloud.alarms()
    cloud.deployment()
    cloud.lists(OLD)
    cloud.refused()
    assert "no capture" in at_the_end(WATCH | EVENT, watch.LOOKS)["reason"]


def test_without_capturing_none_is_wanted(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTURING", "no")
    cloud.describes(enabled=False)
    cloud.alarms()
    cloud.hears("Succeeded")
    cloud.deployment()
    cloud.scales(ENDPOINT, suspended=False, changes=False)
    assert at_the_end(WATCH | EVENT)["status"] == "Succeeded"


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_deployment_that_ended_meanwhile_is_no_error(cloud: Cloud, status: str) -> None:
    cloud.describes()
    cloud.alarms()
    cloud.deployment(status)
    cloud.lists(NEW)
    cloud.refuses("codedeploy", "put_lifecycle_event_hook_execution_status", "LifecycleEventAlreadyCompletedException")
    cloud.deployment(status)
    assert at_the_end(WATCH | EVENT)["status"] == "Succeeded"


def test_the_watch_is_about_its_own_release_whatever_the_function_knows_by_now(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENDPOINT_NAME", "of-the-next-release")
    monkeypatch.setenv("MODEL_RUN", "next")
    cloud.describes()
    cloud.alarms()
    cloud.deployment()
    cloud.lists(NEW)
    cloud.hears("Succeeded")
    cloud.deployment("Succeeded")
    cloud.scales(ENDPOINT, suspended=True, changes=True)
    assert at_the_end(WATCH | EVENT)["run"] == RUN


@pytest.mark.parametrize("alarms, status", [([], "Succeeded"), ([f"{ENDPOINT}-5xx"], "Failed")])
def test_a_first_release_scales_in_after_its_watch_however_that_ends(cloud: Cloud, alarms: list[str], status: str) -> None:
    """Nothing else could take the traffic; people hear of what is wrong."""
    cloud.describes()
    cloud.alarms(*alarms)
    if alarms:
        cloud.mails()
    else:
        cloud.describes()
        cloud.lists(NEW)
    cloud.scales(ENDPOINT, suspended=True, changes=True)
    assert at_the_end(WATCH)["status"] == status


def test_a_refusal_says_who_keeps_the_traffic(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    messages: list[str] = []
    cloud.clients["sns"].meta.events.register(
        "provide-client-params.sns.Publish", lambda params, **_: messages.append(params["Message"]))
    for event in (WATCH | EVENT, WATCH):
        cloud.describes(status="Failed")
        if "DeploymentId" in event:
            cloud.hears("Failed")
        cloud.mails()
        if "DeploymentId" not in event:
            cloud.scales(ENDPOINT, suspended=True, changes=True)
        at_the_end(event)
    assert "All traffic stays with, or goes back to, the version before" in messages[0] and DEPLOYMENT in messages[0]
    assert "scripts/rollback.sh" in messages[1]
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["reason"] for line in logged if line.get("status") == "Failed"] == [
        f"endpoint {ENDPOINT} is Failed, not InService; its log group /aws/sagemaker/Endpoints/{ENDPOINT} says why"] * 2
