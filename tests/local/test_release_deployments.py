"""How a release's deployment may end: by an alarm at any of its moments, by hooks that misbehave, by who stops it."""

import pytest

from local.service import ServiceError
from tests.local.deployment_bench import SLOW, Bench, appspec

WATCHED = {"enabled": True, "alarms": [{"name": "errors"}]}
HOOKS = [("BeforeAllowTraffic", "before"), ("AfterAllowTraffic", "after")]


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path, speed=1.0)  # nothing that these tests wait for is a matter of time
    bench.cloud.alarms = {"errors": "OK"}
    bench.group("watched", alarmConfiguration=WATCHED)
    bench.group("at-once", "CodeDeployDefault.LambdaAllAtOnce", alarmConfiguration=WATCHED)
    yield bench
    bench.stop()


def alarm(bench):
    """Let the alarm go off, as CloudWatch tells it."""
    bench.cloud.alarms = {"errors": "ALARM"}
    for heard in bench.machine.on_alarm:
        heard()


@pytest.mark.parametrize(("group", "hooks", "moment", "statuses", "moves"), [
    ("watched", HOOKS, "before", ["Failed", "Skipped", "Skipped"], [("1", {})]),
    ("watched", [], ("1", {"2": 0.1}), ["Succeeded", "Failed", "Skipped"], [("1", {"2": 0.1}), ("1", {})]),
    ("at-once", HOOKS[1:], "after", ["Succeeded", "Succeeded", "Failed"], [("2", {}), ("1", {})])])
def test_release_alarm_rolls_back_from_the_first_hook_until_the_last_has_reported(bench, group, hooks, moment, statuses, moves):
    name = bench.deploy(group, appspec(hooks))
    bench.cloud.reached(moment) if isinstance(moment, tuple) else bench.cloud.asked(moment)
    alarm(bench)
    info = bench.ended(name)
    assert (info["status"], info["errorInformation"]["code"]) == ("Stopped", "ALARM_ACTIVE")
    assert (bench.statuses(name), bench.cloud.moves, bench.cloud.alias) == (statuses, moves, ("1", {}))


def test_release_alarm_that_is_on_at_the_start_ends_it_before_anything_is_asked(bench):
    bench.cloud.alarms = {"errors": "ALARM"}
    info = bench.ended(bench.deploy("watched", appspec(HOOKS)))
    assert (info["status"], info["errorInformation"]["code"]) == ("Stopped", "ALARM_ACTIVE")
    assert (bench.cloud.invoked, bench.cloud.moves, "rollbackInfo" in info) == ([], [], False)


def test_release_alarm_after_the_last_report_changes_nothing(bench):
    name = bench.deploy("at-once", appspec(HOOKS[1:]))
    bench.cloud.report(bench.cloud.asked("after"), "Succeeded")
    assert bench.ended(name)["status"] == "Succeeded"
    alarm(bench)
    assert (bench.info(name)["status"], bench.cloud.alias) == ("Succeeded", ("2", {}))


@pytest.mark.parametrize(("first", "second", "status"), [
    ("Succeeded", "Failed", "Succeeded"), ("Failed", "Succeeded", "Failed"), ("Succeeded", "Succeeded", "Succeeded")])
def test_release_hook_that_reports_twice_is_heard_once(bench, first, second, status):
    name = bench.deploy("at-once", appspec(HOOKS[:1]))
    event = bench.cloud.asked("before")
    bench.cloud.report(event, first)
    with pytest.raises(ServiceError) as refusal:
        bench.cloud.report(event, second)
    assert refusal.value.code == "LifecycleEventAlreadyCompletedException"
    assert bench.ended(name)["status"] == status


def test_release_report_for_what_was_not_asked_or_has_ended_is_refused(bench):
    name = bench.deploy("at-once", appspec(HOOKS[:1]))
    event = bench.cloud.asked("before")
    for strange, code in (({"LifecycleEventHookExecutionId": "another"}, "InvalidLifecycleEventHookExecutionIdException"),
                          ({"DeploymentId": "d-ABCDEF123"}, "DeploymentDoesNotExistException"),
                          ({"DeploymentId": "nothing"}, "InvalidDeploymentIdException")):
        with pytest.raises(ServiceError) as refusal:
            bench.cloud.report(event | strange, "Succeeded")
        assert refusal.value.code == code
    bench.call("stop_deployment", deploymentId=name)
    assert bench.ended(name)["status"] == "Stopped"
    with pytest.raises(ServiceError) as refusal:
        bench.cloud.report(event, "Succeeded")
    assert refusal.value.code == "LifecycleEventAlreadyCompletedException"


@pytest.mark.parametrize("status", [None, "InProgress", "Skipped"])
def test_release_report_is_succeeded_or_failed(bench, status):
    bench.deploy("at-once", appspec(HOOKS[:1]))
    with pytest.raises(ServiceError, match=f"not {status}") as refusal:
        bench.cloud.report(bench.cloud.asked("before"), status)
    assert refusal.value.code == "InvalidLifecycleEventHookExecutionStatusException"


def test_release_going_back_asks_neither_alarms_nor_hooks(bench):
    bench.cloud.alarms, bench.cloud.alias = {"errors": "ALARM"}, ("2", {})
    spec = appspec(CurrentVersion="2", TargetVersion="1")
    name = bench.deploy("watched", spec, overrideAlarmConfiguration={"enabled": False},
                        deploymentConfigName="CodeDeployDefault.LambdaAllAtOnce")
    assert bench.ended(name)["status"] == "Succeeded"
    assert (bench.cloud.moves, bench.cloud.invoked) == ([("1", {})], [])
    assert bench.call("get_deployment_group", applicationName="a", deploymentGroupName="watched")[
        "deploymentGroupInfo"]["alarmConfiguration"] == WATCHED  # for that deployment only


@pytest.mark.parametrize(("override", "rolled_back"), [
    ({"enabled": False}, False), ({"enabled": True, "events": ["DEPLOYMENT_STOP_ON_ALARM"]}, True),
    ({"enabled": True, "events": ["DEPLOYMENT_FAILURE"]}, False), (None, True)])
def test_release_deployment_may_have_a_rollback_of_its_own(bench, override, rolled_back):
    name = bench.deploy("watched", deploymentConfigName=SLOW,
                        **({} if override is None else {"autoRollbackConfiguration": override}))
    bench.cloud.reached(("1", {"2": 0.1}))
    alarm(bench)
    assert ("rollbackInfo" in bench.ended(name)) == rolled_back
    assert bench.cloud.alias == (("1", {}) if rolled_back else ("1", {"2": 0.1}))


def test_release_of_another_group_goes_its_own_way(bench):
    first = bench.deploy("watched", deploymentConfigName=SLOW)
    with pytest.raises(ServiceError) as refusal:
        bench.deploy("watched", deploymentConfigName=SLOW)
    assert (refusal.value.code, first in str(refusal.value)) == ("DeploymentLimitExceededException", True)
    second = bench.deploy("at-once")
    bench.cloud.reached(("2", {}))
    bench.call("stop_deployment", deploymentId=first, autoRollbackEnabled=False)
    bench.settled()
    assert (bench.info(second)["status"], bench.info(first)["status"]) == ("Succeeded", "Stopped")
