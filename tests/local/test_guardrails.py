"""Guarded updates of endpoints: traffic follows the steps, an alarm takes it back, and a kill leaves the old configuration."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.guardrails import check, steps
from local.service import ServiceError
from tests.local.endpoint_machine import VARIANT, Callers, EndpointMachine, running, until
from tests.local.sagemaker_machine import allow

CHI_SQUARE = 15.1  # one degree of freedom; chance of more: 1 in 10,000
ALARM = "errors"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EndpointMachine]:
    with running(tmp_path_factory) as made:
        yield made


@pytest.fixture
def alarm(machine: EndpointMachine) -> str:
    """An alarm that a test sets off; no data reach it, and it is never evaluated anew while its state lasts."""
    machine.client("cloudwatch").put_metric_alarm(
        AlarmName=ALARM, Namespace="Test", MetricName="Errors", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=0.0,
        ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore")
    set_alarm(machine, "OK")
    return ALARM


def set_alarm(machine: EndpointMachine, state: str) -> None:
    machine.client("cloudwatch").set_alarm_state(AlarmName=ALARM, StateValue=state, StateReason="a test says so")


def policy(kind: str, wait: int, size: int = 0, unit: str = "CAPACITY_PERCENT", **members: Any) -> dict:
    member = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}.get(kind)
    sizes = {member: {"Type": unit, "Value": size}} if member else {}
    return {"TrafficRoutingConfiguration": {"Type": kind, "WaitIntervalInSeconds": wait, **sizes}, **members}


def deployment(*words: Any, **members: Any) -> dict:
    return {"BlueGreenUpdatePolicy": policy(*words, **members), "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": ALARM}]}}


def update(machine: EndpointMachine, name: str, config: str, **members: Any) -> None:
    machine.client("sagemaker").update_endpoint(EndpointName=name, EndpointConfigName=config, **members)


def baking(machine: EndpointMachine, name: str, share: str) -> bool:
    """Whether a new fleet bakes with a share of the traffic."""
    pending = machine.described(name).get("PendingDeploymentSummary")
    return bool(pending) and pending["ProductionVariants"][0]["VariantStatus"][0].get("StatusMessage", "").startswith(share)


# ---------------------------------------------------------------------- the steps

@pytest.mark.parametrize(("words", "instances", "shares"), [
    (("ALL_AT_ONCE", 60), 4, [1.0]), (("CANARY", 60, 10), 4, [0.1, 1.0]), (("CANARY", 60, 1, "INSTANCE_COUNT"), 4, [0.25, 1.0]),
    (("LINEAR", 60, 50), 4, [0.5, 1.0]), (("LINEAR", 60, 30), 4, [0.3, 0.6, 0.9, 1.0]),
    (("LINEAR", 60, 1, "INSTANCE_COUNT"), 3, [1 / 3, 2 / 3, 1.0])])
def test_steps_end_with_all_of_the_traffic_and_each_bakes(words: tuple, instances: int, shares: list[float]) -> None:
    found = steps(policy(*words), instances)
    assert [share for share, _ in found] == pytest.approx(shares)
    assert {seconds for _, seconds in found} == {60.0}


@pytest.mark.parametrize(("words", "members", "reason"), [
    (("CANARY", 60, 51), {}, "CanarySize 51"), (("CANARY", 60, 3, "INSTANCE_COUNT"), {}, "75% of the 4 instances"),
    (("LINEAR", 60, 5), {}, "must be 10% to 50%"), (("CANARY", 600, 10), {"MaximumExecutionTimeoutInSeconds": 1200}, "is 1200"),
    (("LINEAR", 60, 10), {"TerminationWaitInSeconds": 60, "MaximumExecutionTimeoutInSeconds": 660}, "660 seconds")])
def test_a_policy_that_cannot_be_is_refused(words: tuple, members: dict, reason: str) -> None:
    config = {"ProductionVariants": [{"VariantName": VARIANT, "InitialInstanceCount": 4}]}
    with pytest.raises(ServiceError, match=reason):
        check({"BlueGreenUpdatePolicy": policy(*words, **members)}, [VARIANT], config, {})


@pytest.mark.slow
def test_the_variants_must_keep_their_names_and_rolling_updates_are_refused(machine: EndpointMachine) -> None:
    machine.endpoint("named")
    sagemaker = machine.client("sagemaker")
    sagemaker.create_endpoint_config(EndpointConfigName="renamed", ProductionVariants=[{
        "VariantName": "Other", "ModelName": "named", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}])
    with pytest.raises(ClientError, match="must keep their names"):
        update(machine, "named", "renamed", DeploymentConfig={"BlueGreenUpdatePolicy": policy("CANARY", 60, 10)})
    with pytest.raises(ClientError, match="RollingUpdatePolicy is not available"):
        update(machine, "named", "named", DeploymentConfig={"RollingUpdatePolicy": {
            "MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}, "WaitIntervalInSeconds": 60}})
    assert machine.described("named")["EndpointStatus"] == "InService"


# ---------------------------------------------------------------------- the traffic

def chi_square(counts: dict[str, int], new: str, share: float) -> float:
    """Return chi square of the answers for a share of the new."""
    total = sum(counts.values())
    return (counts[new] - total * share) ** 2 / (total * share * (1 - share))


@pytest.mark.slow
@pytest.mark.parametrize("percent", [10, 40])
def test_traffic_follows_the_share_of_the_step(machine: EndpointMachine, alarm: str, percent: int) -> None:
    name = f"shared-{percent}"
    machine.endpoint(name, count=2)
    machine.config(f"{name}-new", count=2)
    update(machine, name, f"{name}-new", DeploymentConfig=deployment("CANARY", 3600, percent))
    until(lambda: baking(machine, name, f"{percent}%"), "the canary")
    found = Callers(machine, name).asked(3000)
    assert baking(machine, name, f"{percent}%"), "the canary was over before the requests were"
    assert set(found) == {name, f"{name}-new"}
    assert chi_square(found, f"{name}-new", percent / 100) < CHI_SQUARE, found
    set_alarm(machine, "ALARM")
    assert machine.settled(name)["EndpointConfigName"] == name


def test_a_good_update_takes_its_steps_and_loses_no_request(machine: EndpointMachine, alarm: str) -> None:
    machine.endpoint("stepped", count=2)
    machine.config("stepped-new", count=2)
    callers = Callers(machine, "stepped")
    with callers.asking(pause=0.01) as counts:
        update(machine, "stepped", "stepped-new", DeploymentConfig=deployment("LINEAR", 120, 40))
        for share in ("40%", "80%", "100%"):
            until(lambda share=share: baking(machine, "stepped", share), f"the step of {share}")
        ended = machine.settled("stepped")
    assert (ended["EndpointConfigName"], ended["EndpointStatus"]) == ("stepped-new", "InService")
    assert "FailureReason" not in ended
    assert ended["LastDeploymentConfig"] == deployment("LINEAR", 120, 40)
    assert set(counts) == {"stepped", "stepped-new"}
    assert callers.asked(100) == {"stepped-new": 100}


@pytest.mark.parametrize("kind", ["CANARY", "ALL_AT_ONCE"])
def test_an_alarm_while_it_bakes_takes_the_traffic_back(machine: EndpointMachine, alarm: str, kind: str) -> None:
    name = f"alarmed-{kind.lower().replace('_', '-')}"
    machine.endpoint(name)
    machine.config(f"{name}-new")
    callers = Callers(machine, name)
    with callers.asking(pause=0.01) as counts:
        update(machine, name, f"{name}-new", DeploymentConfig=deployment(kind, 3600, 20))
        until(lambda: counts[f"{name}-new"] > 20, "traffic on the new fleet")
        assert (counts[name] > 0, machine.described(name)["EndpointConfigName"]) == (True, name)
        set_alarm(machine, "ALARM")
        ended = machine.settled(name)
    assert (ended["EndpointStatus"], ended["EndpointConfigName"]) == ("InService", name)
    assert ALARM in ended["FailureReason"] and "PendingDeploymentSummary" not in ended
    assert set(counts) == {name, f"{name}-new"}
    assert callers.asked(100) == {name: 100}


def test_an_alarm_that_fires_already_or_is_missing_lets_no_traffic_move(machine: EndpointMachine, alarm: str) -> None:
    machine.endpoint("early")
    machine.config("early-new")
    callers = Callers(machine, "early")
    set_alarm(machine, "ALARM")
    with callers.asking(pause=0.01) as counts:
        update(machine, "early", "early-new", DeploymentConfig=deployment("CANARY", 60, 10))
        assert "in state ALARM: errors" in machine.settled("early")["FailureReason"]
        missing = deployment("CANARY", 60, 10) | {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "nobodys"}]}}
        update(machine, "early", "early-new", DeploymentConfig=missing)
        assert "nobodys of the deployment do not exist" in machine.settled("early")["FailureReason"]
    assert set(counts) == {"early"}


def test_a_role_that_may_not_read_the_alarms_cannot_be_guarded(machine: EndpointMachine, alarm: str) -> None:
    machine.endpoint("blind")
    machine.config("blind-new")
    iam = machine.client("iam")
    before = iam.get_role_policy(RoleName="serving", PolicyName="all")["PolicyDocument"]
    iam.put_role_policy(RoleName="serving", PolicyName="all", PolicyDocument=allow("s3:*", "logs:*", "ecr:*"))
    try:
        update(machine, "blind", "blind-new", DeploymentConfig=deployment("CANARY", 60, 10))
        assert "cloudwatch:DescribeAlarms" in machine.settled("blind")["FailureReason"]
    finally:
        iam.put_role_policy(RoleName="serving", PolicyName="all", PolicyDocument=json.dumps(before))


def test_a_model_that_cannot_be_loaded_leaves_the_old_one(machine: EndpointMachine, alarm: str) -> None:
    machine.endpoint("kept")
    machine.config("kept-broken", refuses="yes")
    update(machine, "kept", "kept-broken", DeploymentConfig=deployment("CANARY", 60, 10))
    ended = machine.settled("kept")
    assert "the model cannot be loaded" in ended["FailureReason"] and ended["EndpointConfigName"] == "kept"
    assert Callers(machine, "kept").asked(20) == {"kept": 20}


@pytest.mark.slow
def test_the_last_deployment_can_be_retained_and_the_old_fleet_waits_for_its_end(machine: EndpointMachine, alarm: str) -> None:
    machine.endpoint("again")
    for name in ("again-2", "again-3"):
        machine.config(name)
    update(machine, "again", "again-2", DeploymentConfig=deployment("ALL_AT_ONCE", 60, TerminationWaitInSeconds=120))
    assert "FailureReason" not in machine.settled("again")
    update(machine, "again", "again-3", RetainDeploymentConfig=True)
    until(lambda: baking(machine, "again", "100%"), "the guarded update")
    until(lambda: machine.described("again")["EndpointConfigName"] == "again-3", "the new configuration")
    assert machine.described("again")["EndpointStatus"] == "Updating"
    assert "FailureReason" not in machine.settled("again")


# ---------------------------------------------------------------------- stacks and kills

TEMPLATE = {"Parameters": {"Config": {"Type": "String"}}, "Resources": {"Endpoint": {
    "Type": "AWS::SageMaker::Endpoint", "Properties": {
        "EndpointName": "stacked", "EndpointConfigName": {"Ref": "Config"}, "RetainAllVariantProperties": False,
        "DeploymentConfig": deployment("CANARY", 600, 20)}}}}


def deploy(machine: EndpointMachine, operation: str, config: str) -> None:
    getattr(machine.client("cloudformation"), f"{operation}_stack")(
        StackName="stacked", TemplateBody=json.dumps(TEMPLATE), Parameters=[{"ParameterKey": "Config", "ParameterValue": config}])


def stack_status(machine: EndpointMachine) -> str:
    return machine.client("cloudformation").describe_stacks(StackName="stacked")["Stacks"][0]["StackStatus"]


@pytest.mark.slow
def test_a_stack_fails_and_goes_back_with_its_endpoint(machine: EndpointMachine, alarm: str) -> None:
    for name in ("stacked-1", "stacked-2"):
        machine.config(name)
    deploy(machine, "create", "stacked-1")
    until(lambda: stack_status(machine) == "CREATE_COMPLETE", "the stack")
    deploy(machine, "update", "stacked-2")
    until(lambda: baking(machine, "stacked", "20%"), "the canary")
    set_alarm(machine, "ALARM")
    until(lambda: stack_status(machine) == "UPDATE_ROLLBACK_COMPLETE", "the stack's way back")
    events = machine.client("cloudformation").describe_stack_events(StackName="stacked")["StackEvents"]
    assert any(event["ResourceStatus"] == "UPDATE_FAILED" and ALARM in event.get("ResourceStatusReason", "") for event in events)
    assert machine.described("stacked")["EndpointConfigName"] == "stacked-1"
    set_alarm(machine, "OK")
    deploy(machine, "update", "stacked-2")
    until(lambda: stack_status(machine) == "UPDATE_COMPLETE", "the second update")
    assert Callers(machine, "stacked").asked(20) == {"stacked-2": 20}


@pytest.mark.slow
def test_a_machine_killed_in_the_middle_serves_the_old_configuration_when_it_starts(machine: EndpointMachine, alarm: str) -> None:
    machine.endpoint("killed", count=2)
    machine.config("killed-new", count=2)
    update(machine, "killed", "killed-new", DeploymentConfig=deployment("CANARY", 3600, 50))
    until(lambda: baking(machine, "killed", "50%"), "the canary")
    machine.kill()
    machine.up()
    ended = machine.settled("killed")
    assert (ended["EndpointStatus"], ended["EndpointConfigName"]) == ("InService", "killed")
    assert "stopped during the update to killed-new" in ended["FailureReason"]
    assert Callers(machine, "killed").asked(100) == {"killed": 100}
