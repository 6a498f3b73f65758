"""Application Auto Scaling on this machine: targets, policies and their alarms; load and silence change the instances."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.machine import Credentials
from local.target_tracking import decided, wanted
from tests.local import service_reads as services
from tests.local.endpoint_machine import ACCOUNT, VARIANT, Callers, EndpointMachine, running, until
from tests.local.inventory import SERVICE_ROLE
from tests.local.stack_reading import Stack, differences

DIMENSION = "sagemaker:variant:DesiredInstanceCount"
TRACKING = {"TargetValue": 20.0, "ScaleInCooldown": 60, "ScaleOutCooldown": 60, "PredefinedMetricSpecification": {
    "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}}
NONE_SUSPENDED = {"DynamicScalingInSuspended": False, "DynamicScalingOutSuspended": False, "ScheduledScalingSuspended": False}
TARGET = {"MinCapacity": 2, "MaxCapacity": 5, "SuspendedState": NONE_SUSPENDED}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EndpointMachine]:
    with running(tmp_path_factory) as made:
        made.endpoint("scaled")
        yield made


@pytest.fixture
def scaling(machine: EndpointMachine) -> Any:
    return machine.client("application-autoscaling")


def place(endpoint: str = "scaled") -> dict[str, str]:
    return {"ServiceNamespace": "sagemaker", "ResourceId": f"endpoint/{endpoint}/variant/{VARIANT}",
            "ScalableDimension": DIMENSION}


@pytest.fixture
def policy(machine: EndpointMachine, scaling: Any) -> Iterator[dict]:
    scaling.register_scalable_target(**place(), MinCapacity=1, MaxCapacity=3)
    yield scaling.put_scaling_policy(**place(), PolicyName="load", PolicyType="TargetTrackingScaling",
                                     TargetTrackingScalingPolicyConfiguration=TRACKING)
    scaling.deregister_scalable_target(**place())


# ---------------------------------------------------------------------- what is wanted

@pytest.mark.parametrize(("states", "value", "count", "result"), [
    (("ALARM", "OK"), 45.0, 2, 5), (("OK", "OK"), 45.0, 2, None), (("OK", "ALARM"), 5.0, 4, 1), (("OK", "ALARM"), 0.0, 4, 0),
    (("OK", "ALARM"), 17.9, 2, None), (("ALARM", "OK"), 20.0, 2, None)])
def test_instances_wanted_are_what_brings_the_metric_to_the_target(
        states: tuple[str, str], value: float, count: int, result: int | None) -> None:
    assert wanted(states, TRACKING, value, count) == result


def test_scale_in_can_be_disabled_by_the_policy() -> None:
    assert wanted(("OK", "ALARM"), TRACKING | {"DisableScaleIn": True}, 0.0, 4) is None


@pytest.mark.parametrize(("wishes", "suspended", "result"), [
    ([4], {}, 4), ([9], {}, 5), ([0], {}, 2), ([None], {}, 3), ([4, 5], {}, 5), ([2, None], {}, 3), ([4, None], {}, 4),
    ([2], {"DynamicScalingInSuspended": True}, 3), ([4], {"DynamicScalingInSuspended": True}, 4),
    ([4], {"DynamicScalingOutSuspended": True}, 3)])
def test_limits_other_policies_and_suspension_decide(wishes: list, suspended: dict, result: int) -> None:
    assert decided(TARGET | {"SuspendedState": NONE_SUSPENDED | suspended}, wishes, 3) == result


# ---------------------------------------------------------------------- the API

def test_first_targets_that_come_at_once_share_the_services_role(machine: EndpointMachine, scaling: Any) -> None:
    iam, name = machine.client("iam"), SERVICE_ROLE[1]
    scaling.register_scalable_target(**place(), MinCapacity=1, MaxCapacity=3)
    iam.delete_role(RoleName=name)
    with ThreadPoolExecutor(16) as crowd:
        list(crowd.map(lambda _: scaling.register_scalable_target(**place(), MinCapacity=1, MaxCapacity=3), range(16)))
    assert iam.get_role(RoleName=name)["Role"]["RoleName"] == name
    scaling.deregister_scalable_target(**place())


def test_registering_again_changes_only_what_is_named(machine: EndpointMachine, scaling: Any) -> None:
    first = scaling.register_scalable_target(**place(), MinCapacity=1, MaxCapacity=3,
                                             SuspendedState={"DynamicScalingInSuspended": True})
    scaling.register_scalable_target(**place(), MaxCapacity=4)
    scaling.register_scalable_target(**place(), SuspendedState={"DynamicScalingOutSuspended": True})
    [target] = scaling.describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[place()["ResourceId"]])["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 4)
    assert target["SuspendedState"] == NONE_SUSPENDED | {"DynamicScalingInSuspended": True, "DynamicScalingOutSuspended": True}
    assert target["ScalableTargetARN"] == first["ScalableTargetARN"]
    role = machine.client("iam").get_role(RoleName=target["RoleARN"].rpartition("/")[2])["Role"]
    assert role["Arn"] == target["RoleARN"]
    scaling.deregister_scalable_target(**place())
    assert not scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    with pytest.raises(scaling.exceptions.ObjectNotFoundException):
        scaling.deregister_scalable_target(**place())


@pytest.mark.parametrize(("change", "words"), [
    ({"MinCapacity": 4, "MaxCapacity": 3}, "Maximum capacity cannot be less"), ({"MinCapacity": 1}, "are required"),
    ({"MinCapacity": 0, "MaxCapacity": 3}, "MinCapacity is 0"),
    ({"MinCapacity": 1, "MaxCapacity": 3, **place("gone")}, "Could not find"),
    ({"MinCapacity": 1, "MaxCapacity": 3, "ResourceId": "service/a/b"}, "Unsupported resource ID"),
    ({"MinCapacity": 1, "MaxCapacity": 3, "ResourceId": "endpoint/scaled/variant/other"}, "has no variant other"),
    ({"MinCapacity": 1, "MaxCapacity": 3, "ServiceNamespace": "ecs"}, "ServiceNamespace ecs is not available")])
def test_a_target_that_cannot_be_is_refused(scaling: Any, change: dict, words: str) -> None:
    with pytest.raises(ClientError, match=words):
        scaling.register_scalable_target(**place() | change)


@pytest.mark.parametrize(("change", "words"), [
    ({"PolicyType": "StepScaling"}, "PolicyType StepScaling is not available"),
    ({"PolicyType": "PredictiveScaling"}, "PolicyType PredictiveScaling is not available"),
    ({"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 1.0, "PredefinedMetricSpecification": {
        "PredefinedMetricType": "ECSServiceAverageCPUUtilization"}}}, "ECSServiceAverageCPUUtilization is not available"),
    ({"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 1.0}}, "needs either"),
    ({"TargetTrackingScalingPolicyConfiguration": TRACKING | {"TargetValue": 0.0}}, "must be above 0"),
    (place("gone"), "No scalable target found|Could not find")])
def test_a_policy_that_cannot_be_is_refused(scaling: Any, policy: dict, change: dict, words: str) -> None:
    request = {"PolicyName": "other", "PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": TRACKING}
    with pytest.raises(ClientError, match=words):
        scaling.put_scaling_policy(**place() | request | change)


def test_a_policy_has_the_two_alarms_of_aws(machine: EndpointMachine, scaling: Any, policy: dict) -> None:
    names = [alarm["AlarmName"] for alarm in policy["Alarms"]]
    assert names[0].startswith(f"TargetTracking-endpoint/scaled/variant/{VARIANT}-AlarmHigh-")
    assert names[1].startswith(f"TargetTracking-endpoint/scaled/variant/{VARIANT}-AlarmLow-")
    alarms = machine.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
    found = {alarm["AlarmName"]: alarm for alarm in alarms}
    told = [(found[name]["EvaluationPeriods"], found[name]["Threshold"], found[name]["ComparisonOperator"]) for name in names]
    assert told == [(3, 20.0, "GreaterThanThreshold"), (15, 18.0, "LessThanThreshold")]
    assert found[names[0]]["AlarmActions"] == [policy["PolicyARN"]]
    [kept] = scaling.describe_scaling_policies(ServiceNamespace="sagemaker", PolicyNames=["load"])["ScalingPolicies"]
    assert kept["TargetTrackingScalingPolicyConfiguration"] == TRACKING
    scaling.delete_scaling_policy(**place(), PolicyName="load")
    assert not machine.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]


def test_the_caller_needs_the_rights_on_target_endpoint_and_alarms(machine: EndpointMachine, policy: dict) -> None:
    iam = machine.client("iam")
    iam.create_user(UserName="scaler")
    secret = iam.create_access_key(UserName="scaler")["AccessKey"]
    key = Credentials(secret["AccessKeyId"], secret["SecretAccessKey"])
    scaling = machine.client("application-autoscaling", key)
    allowed: list[str] = []
    for action in ("application-autoscaling:PutScalingPolicy", "sagemaker:DescribeEndpoint",
                   "sagemaker:UpdateEndpointWeightsAndCapacities", "cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm",
                   "cloudwatch:DeleteAlarms"):
        with pytest.raises(ClientError, match=f"not authorized to perform: {action}"):
            _put(scaling)
        allowed.append(action)
        iam.put_user_policy(UserName="scaler", PolicyName="p", PolicyDocument=json.dumps({
            "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": allowed, "Resource": [
                f"arn:aws:application-autoscaling:us-east-1:{ACCOUNT}:scalable-target/*",
                f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/scaled",
                f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:TargetTracking-endpoint/scaled/*"]}]}))
    assert _put(scaling)["PolicyARN"] == policy["PolicyARN"]


def _put(scaling: Any) -> dict:
    return scaling.put_scaling_policy(**place(), PolicyName="load", PolicyType="TargetTrackingScaling",
                                      TargetTrackingScalingPolicyConfiguration=TRACKING)


# ---------------------------------------------------------------------- CloudFormation

TEMPLATE = {"Parameters": {"Most": {"Type": "Number"}}, "Resources": {
    "Target": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": place() | {
        "MinCapacity": 1, "MaxCapacity": {"Ref": "Most"}, "SuspendedState": {"DynamicScalingInSuspended": True}}},
    "Policy": {"Type": "AWS::ApplicationAutoScaling::ScalingPolicy", "Properties": {
        "PolicyName": "of-stack", "PolicyType": "TargetTrackingScaling", "ScalingTargetId": {"Ref": "Target"},
        "TargetTrackingScalingPolicyConfiguration": TRACKING}}}}


def test_a_stack_makes_changes_and_deletes_target_and_policy(machine: EndpointMachine, scaling: Any) -> None:
    cloudformation = machine.client("cloudformation")
    request = {"StackName": "scaling", "TemplateBody": json.dumps(TEMPLATE)}
    for operation, most in (("create", "3"), ("update", "4")):
        getattr(cloudformation, f"{operation}_stack")(**request, Parameters=[{"ParameterKey": "Most", "ParameterValue": most}])
        cloudformation.get_waiter(f"stack_{operation}_complete").wait(StackName="scaling", WaiterConfig={"Delay": 1})
        found = {resource.logical_id: resource for resource in Stack(machine.aws, "scaling").read()}
        wrong = [*differences(found["Target"].properties, services.scalable_target(machine.aws, found["Target"])),
                 *differences(found["Policy"].properties, services.scaling_policy(machine.aws, found["Policy"]))]
        assert not wrong
        assert found["Target"].physical_id == "|".join((place()["ResourceId"], DIMENSION, "sagemaker"))
    cloudformation.delete_stack(StackName="scaling")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="scaling", WaiterConfig={"Delay": 1})
    assert not scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert not scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]


# ---------------------------------------------------------------------- load and silence

def activities(scaling: Any, endpoint: str) -> list[dict]:
    return scaling.describe_scaling_activities(
        ServiceNamespace="sagemaker", ResourceId=place(endpoint)["ResourceId"])["ScalingActivities"]


def test_load_raises_the_instances_and_silence_brings_them_back_without_a_failed_request(
        machine: EndpointMachine, scaling: Any) -> None:
    machine.endpoint("loaded")
    scaling.register_scalable_target(**place("loaded"), MinCapacity=1, MaxCapacity=3,
                                     SuspendedState={"DynamicScalingInSuspended": True})
    scaling.put_scaling_policy(**place("loaded"), PolicyName="load", PolicyType="TargetTrackingScaling",
                               TargetTrackingScalingPolicyConfiguration=TRACKING)
    callers, statuses = Callers(machine, "loaded"), set[str]()
    with callers.asking(pause=0.01) as counts:
        until(lambda: (statuses.add(machine.described("loaded")["EndpointStatus"]), machine.counts("loaded") == (3, 3))[1],
              "three instances")
    assert statuses <= {"InService", "Updating"}  # looks may fall before and after the moment of an update
    until(lambda: activities(scaling, "loaded")[0]["StatusCode"] == "Successful", "the activity's end")
    low = scaling.describe_scaling_policies(ServiceNamespace="sagemaker", ResourceId=place("loaded")["ResourceId"])[
        "ScalingPolicies"][0]["Alarms"][1]["AlarmName"]
    until(lambda: machine.client("cloudwatch").describe_alarms(AlarmNames=[low])["MetricAlarms"][0]["StateValue"] == "ALARM",
          "silence")
    assert machine.counts("loaded") == (3, 3), "scale-in was suspended"
    slow = Callers(machine, "loaded", threads=1)
    scaling.register_scalable_target(**place("loaded"), SuspendedState={"DynamicScalingInSuspended": False})
    with slow.asking(pause=0.2) as few:
        until(lambda: machine.counts("loaded") == (1, 1), "one instance")
    assert set(counts) == set(few) == {"loaded"}
    until(lambda: {each["StatusCode"] for each in activities(scaling, "loaded")} == {"Successful"}, "the activities' end")
    assert "AlarmLow" in activities(scaling, "loaded")[0]["Cause"] and "AlarmHigh" in activities(scaling, "loaded")[-1]["Cause"]


def test_scale_in_answers_the_requests_that_are_under_way(machine: EndpointMachine) -> None:
    machine.endpoint("drained", count=3)
    callers = Callers(machine, "drained", threads=9)
    with ThreadPoolExecutor(9) as pool:
        answers = [pool.submit(callers.ask, b"sleep 2") for _ in range(9)]
        until(lambda: sum(answer.running() for answer in answers) == 9, "nine requests under way")
        machine.client("sagemaker").update_endpoint_weights_and_capacities(
            EndpointName="drained", DesiredWeightsAndCapacities=[{"VariantName": VARIANT, "DesiredInstanceCount": 1}])
        assert machine.settled("drained")["EndpointStatus"] == "InService"
        assert Counter(answer.result() for answer in answers) == {"drained": 9}
    assert machine.counts("drained") == (1, 1)


def test_a_kill_leaves_target_policy_and_alarms(machine: EndpointMachine, scaling: Any, policy: dict) -> None:
    def kept() -> tuple:
        names = [alarm["AlarmName"] for alarm in policy["Alarms"]]
        alarms = machine.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
        return (scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"],
                scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"],
                [(alarm["AlarmName"], alarm["Threshold"]) for alarm in alarms])

    before = kept()
    machine.kill()
    machine.up()
    assert kept() == before and len(before[2]) == 2
