"""What Release reads: who answers, how each version does, how the deployment goes, and what one may go back to."""

from datetime import timedelta

import pytest

from console.faults import Refused
from console.reading.deployments import deployments
from console.reading.release import release, shares
from tests.console.any_order import refusal
from tests.console.released_account import HOOK_SAID, NEW, NOW, OLD, Released, event


def test_during_a_canary_both_versions_are_told_with_their_shares_and_figures() -> None:
    account = Released("canary")
    found = release(account.project, "")
    assert found.live and found.coming and (found.live.run, found.coming.run) == (OLD, NEW)
    old, new = found.traffic
    assert (old.share, new.share) == (90.0, 10.0)
    assert (new.requests.total, new.errors.total, new.p95.highest, new.model_p95.highest) == (60.0, 1.0, 14.0, 9.5)
    assert [variant.current for variant in new.endpoint.variants] == [2]
    assert [(version.number, line.values) for version, line in shares(found.traffic)] == [(1, (90.0, 50.0)), (2, (10.0, 50.0))]
    assert found.chosen == "release" and found.former == ()


def test_requests_of_each_version_are_asked_by_its_own_dimensions() -> None:
    account = Released("dimensions")
    release(account.project, "15m")
    queries = [query["MetricStat"] for call in account.stubs.named("GetMetricData") for query in call["MetricDataQueries"]]
    asked = {(stat["Metric"]["MetricName"], stat["Stat"], tuple(each["Value"] for each in stat["Metric"]["Dimensions"])) for stat in queries}
    name = account.project.api
    assert {("Invocations", "Sum", (name, f"{name}:live", "2")), ("Duration", "p95", (name, f"{name}:live", "1")),
            ("ModelLatency", "p95", (f"{account.project.prefix}-{NEW[:8]}-p", "AllTraffic"))} <= asked


def test_the_alarms_are_those_that_may_stop_the_release_and_what_is_on_comes_first() -> None:
    account = Released("alarms", alarm="ALARM")
    names = [alarm.name.removeprefix(f"{account.project.prefix}-") for alarm in release(account.project, "").alarms]
    assert names[:2] == [f"{OLD[:8]}-p-latency", f"{NEW[:8]}-p-latency"]
    assert sorted(names[2:]) == ["11111111-p-5xx", "22222222-p-5xx", "api-5xx", "api-errors", "api-version-errors"]


def test_before_the_first_release_nothing_is_live() -> None:
    account = Released("none", released=False)
    account.stubs.answer("codedeploy", "ListDeployments", refusal("ApplicationDoesNotExistException", "no application"))
    found = release(account.project, "")
    assert (found.live, found.traffic, found.former, found.deployments) == (None, (), (), ())


def test_a_first_release_has_no_deployment_and_shows_the_last_hour() -> None:
    account = Released("first", weights={})
    account.stubs.answer("codedeploy", "ListDeployments", {"deployments": []})
    found = release(account.project, "")
    assert (found.chosen, [each.version.number for each in found.traffic], found.former) == ("1h", [1], ())
    assert found.span and found.span.period == 60


@pytest.mark.parametrize(("status", "run", "why"), [
    ("InService", "Succeeded", ""), ("Updating", "Forgotten", ""), ("Gone", "Succeeded", "its endpoint is gone"),
    ("Failed", "Succeeded", "its endpoint is Failed"), ("InService", "Failed", "the run is Failed")])
def test_a_former_release_says_why_one_may_not_go_back_to_it(status: str, run: str, why: str) -> None:
    account = Released(f"former-{status}-{run}", live=2, weights={}, status={OLD[:8]: status}, runs={OLD: run}, deployment={
        "status": "Succeeded", "completeTime": NOW - timedelta(hours=2)})
    [former] = release(account.project, "").former
    assert (former.run, former.later) == (OLD, False)
    assert former.why_not.startswith(why) if why else former.why_not == ""
    assert former.change == ("" if run == "Forgotten" else "Grow smaller trees")


@pytest.mark.parametrize("live", [1, 3])  # going back moves the alias, then the stack publishes a version for it
def test_a_run_that_was_gone_back_from_is_marked_as_later(live: int) -> None:
    account = Released(f"later-{live}", live=live, weights={}, deployment={"status": "Succeeded", "completeTime": NOW, "description":
                                                               "scripts/rollback.sh goes back to a former run"})
    found = release(account.project, "")
    assert [(former.run, former.later) for former in found.former] == [(NEW, True)]
    assert found.deployments[0].kind == "going back"


def test_what_a_version_asks_is_refused_in_words_without_the_right_to_decrypt() -> None:
    account = Released("undecrypted")
    account.stubs.answer("lambda", "GetFunctionConfiguration", {"LastModified": "2026-11-21T10:00:00.000+0000", "Environment": {
        "Error": {"ErrorCode": "AccessDeniedException", "Message": "kms:Decrypt is not allowed"}}})
    with pytest.raises(Refused, match="kms:Decrypt on the project's key"):
        release(account.project, "")


def test_a_hook_tells_its_own_reason() -> None:
    account = Released("hooks")
    [deployment] = deployments(account.project, 6)
    assert deployment.active and (deployment.current, deployment.target, deployment.weight) == (1, 2, 10.0)
    assert [(step.event, step.status, step.reason) for step in deployment.steps] == [
        ("BeforeAllowTraffic", "Succeeded", HOOK_SAID), ("AllowTraffic", "InProgress", ""), ("AfterAllowTraffic", "Pending", "")]
    [call] = account.stubs.named("FilterLogEvents")
    assert call["logGroupName"] == f"/aws/lambda/{account.project.prefix}-pre-traffic"


def test_without_a_log_a_failed_hook_has_codedeploys_words() -> None:
    account = Released("no-log", events=[event("BeforeAllowTraffic", "Failed", diagnostics={"message": "pre-traffic reported Failed"})])
    account.stubs.answer("logs", "FilterLogEvents", refusal("ResourceNotFoundException", "no such group"))
    [deployment] = deployments(account.project, 6)
    assert deployment.steps[0].reason == "pre-traffic reported Failed"


def test_a_deployment_that_has_ended_is_read_once() -> None:
    account = Released("ended", deployment={"status": "Stopped", "completeTime": NOW - timedelta(hours=1), "errorInformation": {
        "code": "ALARM_ACTIVE", "message": "One or more alarms have been activated"}})
    first, second = deployments(account.project, 6), deployments(account.project, 6)
    assert first == second and first[0].reason == "One or more alarms have been activated"
    assert len(account.stubs.named("GetDeploymentTarget")) == 1


def test_a_deployment_that_has_not_begun_has_no_steps() -> None:
    account = Released("queued")
    account.stubs.answer("codedeploy", "ListDeploymentTargets", refusal("DeploymentNotStartedException", "not started"))
    assert deployments(account.project, 6)[0].steps == ()


def test_without_the_right_to_read_metrics_the_rest_of_a_release_is_shown() -> None:
    account = Released("no-metrics")
    account.stubs.answer("cloudwatch", "GetMetricData", refusal("AccessDenied", "not allowed", "GetMetricData"))
    found = release(account.project, "")
    assert found.traffic == () and found.live and found.deployments and found.alarms
    assert found.faults == ("Access denied: not allowed. Ask who manages the account for the right to GetMetricData.",)
