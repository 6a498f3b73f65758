"""The stack of an endpoint, as dev, as production and as an endpoint that stays: what it makes, and in which order."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import pytest

from tests.templates.evaluation import Evaluation
from tests.templates.sources import API, ENDPOINT, FUNCTIONS, PIPELINE, ROOT, listed, resources, statements, template
from tests.templates.test_names import LONGEST, PREFIX
from tests.templates.test_resources import needs

DEV = LONGEST | {"MaximumInstances": "0", "LatencyMs": "0", "InstanceCount": "1", "CapturePercentage": "0"}
PRODUCTION = LONGEST | {"InstanceCount": "2", "CapturePercentage": "100", "TargetInvocations": "750", "VariantName": "AllTraffic"}
STAYING = PRODUCTION | {"Guarded": "yes", "GuardType": "CANARY", "GuardPercent": "20", "GuardSeconds": "300"}


def made(values: dict[str, str]) -> dict[str, dict]:
    """Return the stack's resources."""
    return Evaluation(template(ENDPOINT), values).resources()


def test_dev_is_proven_and_neither_scales_nor_has_alarms() -> None:
    found = made(DEV)
    assert set(found) == {"Model", "EndpointConfig", "Endpoint", "EndpointLogs", "Proof"}
    assert found["EndpointConfig"]["Properties"]["ProductionVariants"][0]["InitialInstanceCount"] == "1"
    assert "DeploymentConfig" not in found["Endpoint"]["Properties"]


def test_production_begins_with_the_live_capacity_and_waits_with_scaling_in() -> None:
    found = made(PRODUCTION)
    assert found["EndpointConfig"]["Properties"]["ProductionVariants"][0]["InitialInstanceCount"] == "Capacity.InstanceCount"
    target, policy = (found[key]["Properties"] for key in ("ScalableTarget", "ScalingPolicy"))
    assert (target["MinCapacity"], target["MaxCapacity"]) == ("2", "Capacity.MaximumInstances")
    assert [name for name, suspended in target["SuspendedState"].items() if suspended] == ["DynamicScalingInSuspended"]
    assert target["ResourceId"] == "endpoint/Endpoint.EndpointName/variant/AllTraffic"
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == "750"
    assert "DeploymentConfig" not in found["Endpoint"]["Properties"]


def test_the_alarms_count_faults_and_slow_answers_of_this_endpoint() -> None:
    found = made(PRODUCTION)
    faults, latency = (found[key]["Properties"] for key in ("EndpointFaultsAlarm", "EndpointLatencyAlarm"))
    assert (faults["AlarmName"], latency["AlarmName"]) == (f"{LONGEST['EndpointName']}-5xx", f"{LONGEST['EndpointName']}-latency")
    assert (latency["ExtendedStatistic"], latency["Threshold"]) == ("p95", "1000000")
    assert (faults["Statistic"], faults["Threshold"]) == ("Sum", 0)
    for alarm in (faults, latency):
        assert {item["Name"]: item["Value"] for item in alarm["Dimensions"]} == {
            "EndpointName": LONGEST["EndpointName"], "VariantName": "AllTraffic"}
        assert (alarm["TreatMissingData"], alarm["AlarmActions"]) == ("notBreaching", [LONGEST["TopicArn"]])


@pytest.mark.parametrize("kind, sizes", [("CANARY", {"CanarySize"}), ("LINEAR", {"LinearStepSize"}), ("ALL_AT_ONCE", set())])
def test_an_endpoint_that_stays_moves_under_guard_of_its_alarms(kind: str, sizes: set[str]) -> None:
    config = made(STAYING | {"GuardType": kind})["Endpoint"]["Properties"]["DeploymentConfig"]
    routing = config["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert (routing["Type"], routing["WaitIntervalInSeconds"]) == (kind, "300")
    assert {name: routing[name] for name in sizes} == {key: {"Type": "CAPACITY_PERCENT", "Value": "20"} for key in sizes}
    assert set(routing) == {"Type", "WaitIntervalInSeconds"} | sizes
    assert config["AutoRollbackConfiguration"]["Alarms"] == [{"AlarmName": "EndpointFaultsAlarm"}, {"AlarmName": "EndpointLatencyAlarm"}]


def test_sagemaker_may_look_at_the_alarms_in_the_endpoints_role() -> None:
    role = Evaluation(template(PIPELINE), LONGEST).resources()["EndpointRole"]
    [seen] = [statement["Resource"] for statement in statements(role) if statement["Action"] == "cloudwatch:DescribeAlarms"]
    for key in ("EndpointFaultsAlarm", "EndpointLatencyAlarm"):
        name = made(STAYING)[key]["Properties"]["AlarmName"]
        assert fnmatchcase(f"arn:aws:cloudwatch:us-east-1:123456789012:alarm:{name}", seen)


def test_the_guards_alarms_are_there_before_the_endpoint_moves_and_the_proof_after() -> None:
    found = template(ENDPOINT)["Resources"]
    before = needs("Endpoint", found, set())
    assert {"Capacity", "EndpointConfig", "EndpointFaultsAlarm", "EndpointLatencyAlarm"} <= before
    assert not {"Proof", "ScalableTarget"} & before
    assert "Endpoint" in needs("Proof", found, set()) & needs("ScalableTarget", found, set())


@pytest.mark.parametrize("key", ["Capacity", "Proof"])
def test_a_stack_that_stays_is_sized_and_proven_in_each_run(key: str) -> None:
    assert resources(ENDPOINT)[key]["Properties"]["RunId"] == {"Ref": "RunId"}


def test_the_custom_resources_call_functions_that_exist_with_the_deploy_roles_right() -> None:
    names = {item["Properties"]["ServiceToken"].rpartition(":")[2] for item in made(PRODUCTION).values() if item["Type"].startswith("Custom::")}
    functions = Evaluation(template(FUNCTIONS), LONGEST).resources()
    assert names == {f"{PREFIX}-capacity", f"{PREFIX}-proof"}
    assert names <= {item["Properties"].get("FunctionName") for item in functions.values()}
    deploy = Evaluation(template(PIPELINE), LONGEST).resources()["DeployRole"]
    called = {arn.rpartition(":")[2] for statement in statements(deploy) if "lambda:InvokeFunction" in listed(statement["Action"])
              for arn in listed(statement["Resource"])}
    assert names <= called


def test_the_functions_of_the_image_have_code_in_it_and_may_be_fetched() -> None:
    images = [item["Properties"] for name in (FUNCTIONS, API) for item in Evaluation(template(name), LONGEST).resources().values()
              if item["Properties"].get("PackageType") == "Image"]
    commands = [item["ImageConfig"]["Command"][0] for item in images if "ImageConfig" in item]
    assert "api.proof.handler" in commands
    for command in commands:
        path = ROOT / f"{command.rpartition('.')[0].replace('.', '/')}.py"
        assert re.search(r"^def handler\(", path.read_text(), flags=re.MULTILINE), command
    policy = Evaluation(template(PIPELINE), LONGEST).resources()["ApiImages"]["Properties"]["RepositoryPolicyText"]
    fetched = {arn.rpartition(":")[2] for arn in policy["Statement"][0]["Condition"]["ArnLike"]["aws:SourceArn"]}
    assert {item["FunctionName"] for item in images} <= fetched


@pytest.mark.parametrize("point, exists", [(LONGEST["AccessPointArn"], True), ("", False)])
def test_files_are_pruned_where_there_is_a_file_system(point: str, exists: bool) -> None:
    found = Evaluation(template(FUNCTIONS), LONGEST | {"AccessPointArn": point}).resources()
    assert {key for key in found if key.startswith("Prune")} == ({"PruneFunction", "PruneLogs", "PruneRole"} if exists else set())


def test_alarms_may_mail_through_the_encrypted_topic() -> None:
    found = Evaluation(template(PIPELINE), LONGEST).resources()
    for resource, document, action in (("TopicPolicy", "PolicyDocument", "sns:Publish"), ("Key", "KeyPolicy", "kms:GenerateDataKey*")):
        allowed = [statement for statement in found[resource]["Properties"][document]["Statement"]
                   if statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}]
        assert [action in listed(statement["Action"]) for statement in allowed] == [True]
