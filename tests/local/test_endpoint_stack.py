"""The stack of an endpoint on a project's own roles and functions: sized after the live one, proven, scaling, moved under guard."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.local.altered_copy import repository
from tests.local.local_aws import ROOT, LocalAws
from tests.local.project_runs import Project, until

TEMPLATE = (ROOT / "assets" / "deploy-endpoint.yml").read_text()
OTHER = "dddddddd-1111-4222-8333-444455556666"  # a run that only these stacks know


@pytest.fixture(scope="module")
def project(aws: LocalAws, first_release: dict) -> Project:
    """The project of the first release."""
    return Project(aws, first_release["name"])


def stack_of(project: Project, stage: str) -> str:
    """The name of the live run's stack in a stage."""
    variables = project.aws.client("lambda").get_function_configuration(FunctionName=f"{project.name}-api", Qualifier="live")["Environment"]
    return f"{project.name}-{variables['Variables']['MODEL_RUN'][:8]}-{stage}"


def parameters(project: Project, stage: str) -> dict[str, str]:
    """The values that a stack of the live run was made with."""
    [stack] = project.aws.client("cloudformation").describe_stacks(StackName=stack_of(project, stage))["Stacks"]
    return {item["ParameterKey"]: item["ParameterValue"] for item in stack["Parameters"]}


Deploy = Callable[..., str]


@pytest.fixture
def deploy(project: Project) -> Iterator[Deploy]:
    """Make or change a stack as the pipeline does and return the status it ends in; it goes with the test."""
    cloudformation, made = project.aws.client("cloudformation"), set()
    role = f"arn:aws:iam::000000000000:role/{project.name}-deploy"

    def status(name: str) -> str:
        return cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]

    def ended(name: str) -> str:
        return until(lambda: None if (found := status(name)).endswith("IN_PROGRESS") else found, f"the end of {name}")

    def deployed(name: str, values: dict[str, str]) -> str:
        call = cloudformation.update_stack if name in made else cloudformation.create_stack
        call(StackName=name, TemplateBody=TEMPLATE, RoleARN=role,
             Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()])
        made.add(name)
        return ended(name)

    yield deployed
    for name in made:
        cloudformation.delete_stack(StackName=name, RoleARN=role)
    until(lambda: not made & set(project.stacks()), "the end of the stacks")


def endpoint(project: Project, name: str) -> dict[str, Any]:
    """An endpoint's description, with its model's name."""
    sagemaker = project.aws.client("sagemaker")
    found = sagemaker.describe_endpoint(EndpointName=name)
    [variant] = sagemaker.describe_endpoint_config(EndpointConfigName=found["EndpointConfigName"])["ProductionVariants"]
    return found | {"Model": variant["ModelName"]}


def failure(project: Project, stack: str, resource: str) -> str:
    """Why a resource of a stack failed last."""
    events = project.aws.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return next(event["ResourceStatusReason"] for event in events
                if event["LogicalResourceId"] == resource and event["ResourceStatus"].endswith("_FAILED"))


def altered(project: Project, uri: str) -> str:
    """Golden records of which the third is another's; return their address."""
    s3, (bucket, _, key) = project.aws.client("s3"), uri.removeprefix("s3://").partition("/")
    records = [json.loads(line) for line in s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()]
    records[2]["prediction"]["probability"] = 1 - records[2]["prediction"]["probability"]
    key = f"runs/{OTHER}/golden/records.jsonl"
    s3.put_object(Bucket=bucket, Key=key, Body="".join(json.dumps(record) + "\n" for record in records).encode())
    return f"s3://{bucket}/{key}"


def test_a_release_proves_both_endpoints_before_anything_else_asks_them(project: Project) -> None:
    events = project.aws.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{project.name}-proof")["events"]
    said = " ".join(event["message"] for event in events)
    for stage in ("dev", "prd"):
        assert f"endpoint {parameters(project, stage)['EndpointName']} predicts 20 golden records as training did" in said


def test_production_scales_and_is_watched_and_dev_is_not(project: Project) -> None:
    prd, dev = (parameters(project, stage)["EndpointName"] for stage in ("prd", "dev"))
    targets = project.aws.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert [(target["MinCapacity"], target["MaxCapacity"]) for target in targets if target["ResourceId"].split("/")[1] == prd] == [(2, 10)]
    assert not [target for target in targets if target["ResourceId"].split("/")[1] == dev]
    alarms = project.aws.client("cloudwatch").describe_alarms(AlarmNamePrefix=prd)["MetricAlarms"]
    assert {alarm["AlarmName"] for alarm in alarms} == {f"{prd}-5xx", f"{prd}-latency"}
    assert {alarm["StateValue"] for alarm in alarms} <= {"OK", "INSUFFICIENT_DATA"}
    assert project.aws.client("cloudwatch").describe_alarms(AlarmNamePrefix=dev)["MetricAlarms"] == []


def test_an_endpoint_that_predicts_otherwise_than_training_is_gone_with_the_reason(project: Project, deploy: Deploy) -> None:
    values = parameters(project, "dev")
    name, stack = f"{project.name}-{OTHER[:8]}-d", f"{project.name}-{OTHER[:8]}-dev"
    wrong = values | {"EndpointName": name, "ModelName": name, "RunId": OTHER, "GoldenUri": altered(project, values["GoldenUri"])}
    assert deploy(stack, wrong) == "ROLLBACK_COMPLETE"
    reason = failure(project, stack, "Proof")
    assert f"endpoint {name} predicts otherwise than training did: golden record 3: " in reason and " instead of " in reason
    with pytest.raises(project.aws.client("sagemaker").exceptions.ClientError, match="Could not find"):
        endpoint(project, name)


@pytest.fixture
def three_live(project: Project) -> Iterator[None]:
    """The live endpoint has one instance more than it is made with, and keeps it though nobody asks."""
    sagemaker, name = project.aws.client("sagemaker"), parameters(project, "prd")["EndpointName"]

    def keep(kept: bool) -> None:
        project.aws.client("application-autoscaling").register_scalable_target(
            ServiceNamespace="sagemaker", ResourceId=f"endpoint/{name}/variant/AllTraffic",
            ScalableDimension="sagemaker:variant:DesiredInstanceCount", SuspendedState={"DynamicScalingInSuspended": kept})

    def scale(count: int) -> None:
        sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": count}])
        until(lambda: endpoint(project, name)["EndpointStatus"] == "InService", f"{count} instances")

    keep(True)
    scale(3)
    yield
    scale(2)
    keep(False)


def test_a_new_endpoint_begins_with_what_the_live_one_has_been_scaled_to(project: Project, deploy: Deploy, three_live: None) -> None:
    name = f"{project.name}-{OTHER[:8]}-p"
    values = parameters(project, "prd") | {"EndpointName": name, "ModelName": name, "MaximumInstances": "2"}
    assert deploy(f"{project.name}-{OTHER[:8]}-prd", values) == "CREATE_COMPLETE"
    [variant] = endpoint(project, name)["ProductionVariants"]
    assert variant["CurrentInstanceCount"] == 3
    [target] = project.aws.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[f"endpoint/{name}/variant/AllTraffic"])["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 3)
    assert target["SuspendedState"]["DynamicScalingInSuspended"]


def test_an_endpoint_that_stays_moves_to_another_model_under_guard_and_back_from_a_wrong_one(project: Project, deploy: Deploy) -> None:
    name, stack = f"{project.name}-live-p", f"{project.name}-live-prd"
    first = parameters(project, "prd") | {"EndpointName": name, "ModelName": f"{name}-one", "Guarded": "yes", "GuardType": "CANARY",
                                          "GuardPercent": "50", "GuardSeconds": "60"}
    assert deploy(stack, first) == "CREATE_COMPLETE"
    arn = endpoint(project, name)["EndpointArn"]
    second = first | {"ModelName": f"{name}-two", "RunId": OTHER}
    assert deploy(stack, second) == "UPDATE_COMPLETE"
    moved = endpoint(project, name)
    assert (moved["EndpointArn"], moved["Model"]) == (arn, f"{name}-two")
    assert moved["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]["Type"] == "CANARY"
    third = second | {"ModelName": f"{name}-three", "RunId": OTHER.replace("d", "e"), "GoldenUri": altered(project, first["GoldenUri"])}
    assert deploy(stack, third) == "UPDATE_ROLLBACK_COMPLETE"
    assert "golden record 3: " in failure(project, stack, "Proof")
    assert endpoint(project, name)["Model"] == f"{name}-two"


def test_files_on_the_file_system_are_those_of_runs_that_stay(project: Project) -> None:
    run = parameters(project, "prd")["RunId"]
    answer = project.aws.client("lambda").invoke(FunctionName=f"{project.name}-prune", Payload=json.dumps({"Keep": [run]}).encode())
    found = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, found
    assert run in found["Kept"] and run not in found["Deleted"]


@pytest.mark.slow
def test_a_project_releases_to_one_endpoint_for_good(aws: LocalAws, tmp_path: Path) -> None:
    copy = repository(tmp_path / "copy")
    config = copy / "model" / "config.yml"
    config.write_text(config.read_text().replace("  strategy: canary ", "  strategy: endpoint "))
    outcome, report = aws.demo(tmp_path / "report.json", "--organization", "org-one", "--project", "one", "--prefix", "one", cwd=copy)
    assert outcome.returncode == 0, outcome.stderr
    only = Project(aws, report["name"])
    names = {item["EndpointName"] for item in aws.client("sagemaker").list_endpoints(NameContains=only.name)["Endpoints"]}
    assert f"{only.name}-live-p" in names and f"{only.name}-live-prd" in only.stacks()
    assert not [name for name in names if name.endswith("-p") and name != f"{only.name}-live-p"]
