"""CodeDeploy's deployments of a Lambda alias, with an alias, alarms and topics that a test steers."""

import json

import pytest

from local.alias_traffic import PREDEFINED, steps
from local.functions import choose_version
from local.service import ServiceError
from tests.local.deployment_bench import ROLE, SLOW, TRIGGERS, Bench, appspec


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    if not bench.machine.stopping.is_set():
        bench.stop()


def test_shares_follow_the_weights():
    alias, count = {"FunctionVersion": "1", "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.1}}}, 20_000
    new = sum(choose_version(alias) == "2" for _ in range(count))
    expected = count * 0.1
    chi_square = (new - expected) ** 2 / expected + (new - expected) ** 2 / (count - expected)
    assert chi_square < 15.1  # one in 10,000 runs of a right chooser is above


@pytest.mark.parametrize(("name", "shares", "minutes"), [
    ("AllAtOnce", [100], 0), ("Canary10Percent5Minutes", [10, 100], 5), ("Canary10Percent30Minutes", [10, 100], 30),
    ("Linear10PercentEvery1Minute", [*range(10, 101, 10)], 9), ("Linear10PercentEvery10Minutes", [*range(10, 101, 10)], 90)])
def test_predefined_configs_move_traffic_as_their_names_say(name, shares, minutes):
    moves = steps(PREDEFINED[f"CodeDeployDefault.Lambda{name}"])
    assert [share for share, _ in moves] == shares
    assert sum(seconds for _, seconds in moves) == minutes * 60


def test_canary_takes_its_share_and_then_all(bench):
    name = bench.deploy()
    info = bench.ended(name)
    assert (info["status"], info["deploymentOverview"]["Succeeded"]) == ("Succeeded", 1)
    assert bench.cloud.moves == [("1", {"2": 0.1}), ("2", {})]
    assert bench.statuses(name) == ["Succeeded"] * 3
    target = bench.call("get_deployment_target", deploymentId=name, targetId="f:live")["deploymentTarget"]["lambdaTarget"]
    assert target["lambdaFunctionInfo"]["targetVersionWeight"] == 1.0
    assert bench.events == [(name, "START"), (name, "SUCCESS")]


def test_custom_linear_config_goes_in_its_steps(bench):
    bench.config("quarter", 40, 1, kind="linear")
    bench.ended(bench.deploy(deploymentConfigName="quarter"))
    assert bench.cloud.moves == [("1", {"2": 0.4}), ("1", {"2": 0.8}), ("2", {})]


def test_hooks_are_asked_before_and_after_the_shift(bench):
    bench.cloud.hooks = {"before": "Succeeded", "after": "Succeeded"}
    name = bench.deploy(spec=appspec([("BeforeAllowTraffic", "before"), ("AfterAllowTraffic", "after")]))
    assert bench.ended(name)["status"] == "Succeeded"
    assert [(function, kind, sorted(event)) for function, kind, event in bench.cloud.invoked] == [
        (function, "Event", ["DeploymentId", "LifecycleEventHookExecutionId"]) for function in ("before", "after")]
    with pytest.raises(ServiceError) as refusal:
        bench.cloud.report(bench.cloud.invoked[0][2], "Failed")
    assert refusal.value.code == "LifecycleEventAlreadyCompletedException"


@pytest.mark.parametrize(("event", "moves", "statuses"), [
    ("BeforeAllowTraffic", [("1", {})], ["Failed", "Skipped", "Skipped"]),
    ("AfterAllowTraffic", [("1", {"2": 0.1}), ("2", {}), ("1", {})], ["Succeeded", "Succeeded", "Failed"])])
def test_hook_that_reports_failure_leaves_the_old_version(bench, event, moves, statuses):
    bench.cloud.hooks = {"check": "Failed"}
    name = bench.deploy(spec=appspec([(event, "check")]))
    info = bench.ended(name)
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "HOOK_EXECUTION_FAILURE")
    assert f"{event}: check reported Failed" in info["errorInformation"]["message"]
    assert (bench.statuses(name), bench.cloud.moves) == (statuses, moves)
    rollback = bench.info(info["rollbackInfo"]["rollbackDeploymentId"])
    assert (rollback["creator"], rollback["status"]) == ("codeDeployRollback", "Succeeded")
    assert rollback["rollbackInfo"]["rollbackTriggeringDeploymentId"] == name
    assert len(bench.cloud.invoked) == 1  # the way back asks no hook


def test_hook_that_never_reports_fails_after_an_hour(bench):
    name = bench.deploy(spec=appspec([("BeforeAllowTraffic", "silent")]))
    assert "silent did not report within an hour" in bench.ended(name)["errorInformation"]["message"]


def test_alarm_during_the_canary_stops_it_and_goes_back(bench):
    bench.cloud.alarms = {"errors": "OK"}
    bench.group("alarmed", SLOW, alarmConfiguration={"enabled": True, "alarms": [{"name": "errors"}]})
    name = bench.deploy("alarmed")
    bench.cloud.reached(("1", {"2": 0.1}))
    bench.cloud.alarms = {"errors": "ALARM"}
    info = bench.ended(name)
    assert (info["status"], info["errorInformation"]["code"]) == ("Stopped", "ALARM_ACTIVE")
    assert info["errorInformation"]["message"].endswith("Activated alarms: <errors>")
    assert bench.statuses(name) == ["Succeeded", "Failed", "Skipped"]
    assert bench.cloud.alias == ("1", {})
    assert bench.info(info["rollbackInfo"]["rollbackDeploymentId"])["status"] == "Succeeded"  # though the alarm is on


@pytest.mark.parametrize(("alarms", "tolerant", "status", "moves"), [
    ({"errors": "ALARM"}, False, "Stopped", []), ({}, False, "Failed", []),
    ({}, True, "Succeeded", [("1", {"2": 0.1}), ("2", {})]),
    ({"errors": "INSUFFICIENT_DATA"}, False, "Succeeded", [("1", {"2": 0.1}), ("2", {})])])
def test_alarm_states_at_the_start(bench, alarms, tolerant, status, moves):
    bench.cloud.alarms = alarms
    settings = {"enabled": True, "ignorePollAlarmFailure": tolerant, "alarms": [{"name": "errors"}]}
    assert bench.ended(bench.deploy(overrideAlarmConfiguration=settings))["status"] == status
    assert bench.cloud.moves == moves


def test_alias_on_another_version_is_left_alone(bench):
    bench.cloud.alias = ("7", {})
    info = bench.ended(bench.deploy())
    assert info["errorInformation"]["code"] == "INVALID_LAMBDA_CONFIGURATION"
    assert "f:live is on version 7, CurrentVersion is 1" in info["errorInformation"]["message"]
    assert (bench.cloud.moves, "rollbackInfo" in info) == ([], False)


@pytest.mark.parametrize(("rollback", "alias"), [(None, ("1", {})), (True, ("1", {})), (False, ("1", {"2": 0.1}))])
def test_stop_goes_back_unless_it_is_told_not_to(bench, rollback, alias):
    name = bench.deploy(deploymentConfigName=SLOW)
    bench.cloud.reached(("1", {"2": 0.1}))
    bench.call("stop_deployment", deploymentId=name, **{} if rollback is None else {"autoRollbackEnabled": rollback})
    info = bench.ended(name)
    assert (info["status"], info["errorInformation"]["code"]) == ("Stopped", "MANUAL_STOP")
    assert bench.cloud.alias == alias
    with pytest.raises(ServiceError) as refusal:
        bench.call("stop_deployment", deploymentId=name)
    assert refusal.value.code == "DeploymentAlreadyCompletedException"


def test_group_without_rollback_stays_where_it_failed(bench):
    bench.cloud.hooks = {"check": "Failed"}
    bench.group("stays", autoRollbackConfiguration={})
    info = bench.ended(bench.deploy("stays", appspec([("AfterAllowTraffic", "check")])))
    assert ("rollbackInfo" in info, bench.cloud.alias) == (False, ("2", {}))


def test_group_has_one_deployment_at_a_time(bench):
    name = bench.deploy(deploymentConfigName=SLOW)
    with pytest.raises(ServiceError) as refusal:
        bench.deploy()
    assert (refusal.value.code, name in str(refusal.value)) == ("DeploymentLimitExceededException", True)
    bench.call("stop_deployment", deploymentId=name)
    bench.settled()
    assert bench.ended(bench.deploy())["status"] == "Succeeded"


def test_role_without_a_right_fails_the_deployment_with_its_name(bench):
    bench.cloud.denied = {"update_alias"}
    info = bench.ended(bench.deploy())
    assert info["errorInformation"]["code"] == "IAM_ROLE_PERMISSIONS"
    assert ROLE in info["errorInformation"]["message"] and "AWSLambda" in info["errorInformation"]["message"]


def test_interrupted_deployment_has_failed_and_gone_back_when_the_machine_answers(bench):
    name = bench.deploy(deploymentConfigName=SLOW)
    bench.cloud.reached(("1", {"2": 0.1}))
    bench.stop()
    assert bench.cloud.alias == ("1", {"2": 0.1})
    bench.start()
    info = bench.info(name)
    assert (info["status"], bench.cloud.alias) == ("Failed", ("1", {}))
    assert info["errorInformation"]["message"].startswith("interrupted")


def test_interrupted_way_back_is_gone_again(bench):
    bench.cloud.hooks = {"check": "Failed"}
    name = bench.deploy(spec=appspec([("AfterAllowTraffic", "check")]))
    rollback = bench.ended(name)["rollbackInfo"]["rollbackDeploymentId"]
    with bench.service.deployments.table.edit(rollback) as document:
        document["status"] = "InProgress"
    bench.cloud.alias = ("2", {})
    bench.stop()
    bench.start()
    assert (bench.info(rollback)["status"], bench.cloud.alias) == ("Failed", ("1", {}))


def test_triggers_are_told_of_start_failure_and_rollback(bench):
    bench.cloud.hooks = {"check": "Failed"}
    bench.group("told", triggerConfigurations=[{"triggerName": "t", "triggerTargetArn": "topic", "triggerEvents": TRIGGERS}])
    name = bench.deploy("told", appspec([("BeforeAllowTraffic", "check")]))
    bench.settled()
    told = [json.loads(message["Message"]) for message in bench.cloud.published]
    assert [message["status"] for message in told if message["deploymentId"] == name] == ["CREATED", "FAILED", "FAILED"]
    assert json.loads(told[1]["errorInformation"])["ErrorCode"] == "HOOK_EXECUTION_FAILURE"
    assert [state for deployment, state in bench.events if deployment == name] == ["START", "FAILURE"]


@pytest.mark.parametrize(("spec", "reason"), [
    ("{", "neither JSON nor YAML"), ('{"Resources": []}', "one item in Resources"), (appspec(TargetVersion=""), "TargetVersion"),
    (appspec([("AllowTraffic", "f")]), "not AllowTraffic"),
    ("Resources: [{f: {Type: AWS::ECS::Service, Properties: {}}}]", "must be AWS::Lambda::Function"), ("", "must be a map")])
def test_appspec_that_cannot_be_followed_is_refused(bench, spec, reason):
    with pytest.raises(ServiceError, match=reason) as refusal:
        bench.deploy(spec=spec or "[]")
    assert refusal.value.code == "InvalidRevisionException"


def test_appspec_may_be_yaml(bench):
    spec = ("version: 0.0\nResources:\n  - f:\n      Type: AWS::Lambda::Function\n      Properties:\n        Name: f\n"
            "        Alias: live\n        CurrentVersion: 1\n        TargetVersion: 2\n")
    assert bench.ended(bench.deploy(spec=spec))["status"] == "Succeeded"


@pytest.mark.parametrize(("percent", "minutes"), [(0, 5), (100, 5), (10, 0), (10, 2881)])
def test_config_out_of_bounds_is_refused(bench, percent, minutes):
    with pytest.raises(ServiceError) as refusal:
        bench.config("odd", percent, minutes)
    assert refusal.value.code == "InvalidTrafficRoutingConfigurationException"


def test_config_in_use_stays(bench):
    bench.group("slow", SLOW)
    with pytest.raises(ServiceError) as refusal:
        bench.call("delete_deployment_config", deploymentConfigName=SLOW)
    assert refusal.value.code == "DeploymentConfigInUseException"
    bench.call("delete_deployment_group", applicationName="a", deploymentGroupName="slow")
    bench.call("delete_deployment_config", deploymentConfigName=SLOW)
    assert bench.call("list_deployment_configs")["deploymentConfigsList"] == list(PREDEFINED)


def test_deployments_are_listed_newest_first_by_status(bench):
    first = bench.deploy()
    bench.settled()
    bench.cloud.alias = ("1", {})
    second = bench.deploy()
    bench.settled()
    of_group = {"applicationName": "a", "deploymentGroupName": "g"}
    assert bench.call("list_deployments", **of_group)["deployments"] == [second, first]
    assert bench.call("list_deployments", includeOnlyStatuses=["Failed"], **of_group)["deployments"] == []
    group = bench.call("get_deployment_group", **of_group)["deploymentGroupInfo"]
    assert group["lastSuccessfulDeployment"]["deploymentId"] == second
