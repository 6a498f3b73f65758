"""Every physical name, rendered at its longest, is within its service's limit."""

from __future__ import annotations

import re

import pytest

from tests.templates.evaluation import Evaluation
from tests.templates.expansion import deployed
from tests.templates.sources import ENDPOINT, PIPELINE, STAGES, template

PREFIX = "-".join(["p" * 10, "m" * 10, "p-" + "a" * 12])
RUN = "01234567"
LONGEST = {
    "SageMakerProjectName": "n" * 16, "SageMakerProjectId": "p-" + "a" * 12, "ModelName": "m" * 10, "ProjectPrefix": "p" * 10,
    "Email": "a@example.com", "DatasetBucket": "d" * 63, "PermissionsBoundary": "arn:aws:iam::123456789012:policy/" + "b" * 128,
    "NamePrefix": PREFIX, "BucketName": f"{PREFIX}-123456789012", "EndpointName": f"{PREFIX}-{RUN}-p",
    "MaximumInstances": "10", "LatencyMs": "1000", "TopicArn": f"arn:aws:sns:us-east-1:123456789012:{PREFIX}",
    "InstanceType": "ml.m5.large", "CodeSha": "0" * 64, "TemplateBucket": "t" * 63, "StudioRoleName": "r" * 64, "AccessPointArn":
    "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-0123456789abcdef0", "ApiAuthorization": "API_KEY",
    "KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef",
    "Capturing": "yes", "Engine": "model-monitor", "DatasetBucketName": "d" * 63,
}
OF_THE_ENDPOINT = {"ModelName": f"{PREFIX}-{RUN}-p"}  # a name where the project's form has a part of one
SAGEMAKER = (63, r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")
LIMITS = {  # property -> (length, pattern), see each service's API reference
    ("AWS::IAM::Role", "RoleName"): (64, r"[\w+=,.@-]+"),
    ("AWS::Lambda::Function", "FunctionName"): (64, r"[a-zA-Z0-9-_]+"),
    ("AWS::S3::Bucket", "BucketName"): (63, r"[a-z0-9][a-z0-9.-]*[a-z0-9]"),
    ("AWS::SNS::Topic", "TopicName"): (256, r"[A-Za-z0-9_-]+"),
    ("AWS::KMS::Alias", "AliasName"): (256, r"alias/[a-zA-Z0-9/_-]+"),
    ("AWS::CodeCommit::Repository", "RepositoryName"): (100, r"[\w.-]+"),
    ("AWS::CodeBuild::Project", "Name"): (150, r"[A-Za-z0-9][A-Za-z0-9\-_]+"),
    ("AWS::CodePipeline::Pipeline", "Name"): (100, r"[A-Za-z0-9.@\-_]+"),
    ("AWS::ECR::Repository", "RepositoryName"): (256, r"[a-z0-9]+([._-][a-z0-9]+)*"),
    ("AWS::StepFunctions::StateMachine", "StateMachineName"): (80, r"[0-9A-Za-z_-]+"),
    ("AWS::Events::Rule", "Name"): (64, r"[.\-_A-Za-z0-9]+"),
    ("AWS::Logs::LogGroup", "LogGroupName"): (512, r"[.\-_/#A-Za-z0-9]+"),
    ("AWS::SageMaker::Model", "ModelName"): SAGEMAKER,
    ("AWS::SageMaker::Endpoint", "EndpointName"): SAGEMAKER,
    ("AWS::ApiGateway::RestApi", "Name"): (1024, r".+"),
    ("AWS::ApiGateway::ApiKey", "Name"): (1024, r".+"),
    ("AWS::ApiGateway::UsagePlan", "UsagePlanName"): (1024, r".+"),
    ("AWS::CloudWatch::Alarm", "AlarmName"): (255, r"[ -~]+"),
    ("AWS::CloudWatch::Dashboard", "DashboardName"): (255, r"[A-Za-z0-9_-]+"),
    ("AWS::CodeDeploy::Application", "ApplicationName"): (100, r".+"),
    ("AWS::CodeDeploy::DeploymentGroup", "DeploymentGroupName"): (100, r".+"),
    ("AWS::ApplicationAutoScaling::ScalingPolicy", "PolicyName"): (256, r"[ -~]+"),
    ("AWS::IAM::ManagedPolicy", "ManagedPolicyName"): (128, r"[\w+=,.@-]+"),
    ("AWS::SSM::Parameter", "Name"): (1011, r"/[\w./-]+"),
    ("AWS::SageMaker::MonitoringSchedule", "MonitoringScheduleName"): SAGEMAKER,
}
STACK = (128, r"[a-zA-Z][-a-zA-Z0-9]*")
COMPOSED = {  # names that other files compose of the prefix, see the contract in DESIGN's names
    **{f"{PREFIX}-{RUN}-{step}-0123": SAGEMAKER for step in ("prepare", "baseline", "train", "evaluate", "golden")},
    f"{PREFIX}-{RUN}-monitor-{RUN}": SAGEMAKER,
    f"{PREFIX}-{RUN}-0123": SAGEMAKER,
    f"{PREFIX}-{RUN}-d": SAGEMAKER,
    f"{PREFIX}-workflow": (80, r"[0-9A-Za-z_-]+"),
    PREFIX: (120, r"[a-zA-Z0-9](-*[a-zA-Z0-9])*"),
}


INNER = {("AWS::Lambda::Alias", "Name"), ("AWS::ApiGateway::Stage", "StageName")}  # unique within what the project owns


def rendered() -> list[tuple[str, str, str, str]]:
    """Return (template, type, property, value) of every name that a template fixes."""
    found = []
    for name in (PIPELINE, *STAGES):
        source = deployed(name)
        for resource in Evaluation(source, LONGEST | (OF_THE_ENDPOINT if name == ENDPOINT else {})).every().values():
            kind = resource["Type"]
            names = ("Name", f"{kind.split('::')[-1]}Name", "LogGroupName", "UsagePlanName", "PolicyName")
            own = [path for path in names if path in resource["Properties"] and resource["Properties"][path] not in source["Resources"]]
            found += [(name, kind, path, resource["Properties"][path]) for path in own if (kind, path) not in INNER]
    return found


RENDERED = rendered()


@pytest.mark.parametrize("name, kind, path, value", RENDERED, ids=lambda value: str(value)[-30:])
def test_a_name_is_within_its_services_limit(name: str, kind: str, path: str, value: str) -> None:
    assert (kind, path) in LIMITS, f"{name}: {kind}.{path} has no limit in this test; add it"
    check(value, *LIMITS[kind, path])


@pytest.mark.parametrize("value, limit", COMPOSED.items(), ids=lambda value: str(value)[-30:])
def test_a_composed_name_is_within_its_services_limit(value: str, limit: tuple[int, str]) -> None:
    check(value, *limit)


def test_stack_names_are_within_cloudformations_limit() -> None:
    stages = Evaluation(template(PIPELINE), LONGEST).resources()["Pipeline"]["Properties"]["Stages"]
    names = [action["Configuration"]["StackName"] for stage in stages for action in stage["Actions"] if "StackName" in action["Configuration"]]
    assert len(names) == 6
    for name in names:
        check(name.replace("#{Build.RUN_ID}", RUN).replace("#{Build.ENDPOINT_STACK}", f"{PREFIX}-{RUN}-prd"), *STACK)


def test_the_limits_are_used() -> None:
    seen = {(kind, path) for _, kind, path, _ in RENDERED}
    assert set(LIMITS) <= seen, sorted(set(LIMITS) - seen)


def check(value: str, length: int, pattern: str) -> None:
    """Assert that a name is short enough and made of what its service allows."""
    assert len(value) <= length, f"{value} has {len(value)} characters; allowed: {length}"
    assert re.fullmatch(pattern, value), f"{value} does not match {pattern}"


def test_two_projects_with_one_model_name_never_meet() -> None:
    assert [value for _, _, _, value in RENDERED if PREFIX not in value] == []
