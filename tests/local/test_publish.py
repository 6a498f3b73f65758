"""Publishing the organization template: again without a change nothing changes, with one the former version stays usable."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.local.altered_copy import repository
from tests.local.local_aws import LocalAws

NAME, BUCKET, ROLE = "published", "published-templates", "published-studio"


def publish(aws: LocalAws, folder: Path) -> None:
    outcome = aws.run("bash", "scripts/build.sh", BUCKET, NAME, "us-east-1", ROLE, cwd=folder)
    assert outcome.returncode == 0, outcome.stderr


def product(aws: LocalAws) -> str:
    found: str = aws.client("cloudformation").describe_stack_resource(
        StackName=NAME, LogicalResourceId="Product")["StackResourceDetail"]["PhysicalResourceId"]
    return found


def versions(aws: LocalAws) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = aws.client("servicecatalog").list_provisioning_artifacts(ProductId=product(aws))["ProvisioningArtifactDetails"]
    return found


def everything(aws: LocalAws) -> dict[str, Any]:
    """Return what publishing makes: objects with their versions, the stack's events and resources, the product's versions."""
    cloudformation = aws.client("cloudformation")
    objects = aws.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
    return {
        "objects": {item["Key"]: item["ETag"] for item in objects},
        "events": [event["EventId"] for event in cloudformation.describe_stack_events(StackName=NAME)["StackEvents"]],
        "resources": {item["LogicalResourceId"]: item["PhysicalResourceId"]
                      for item in cloudformation.describe_stack_resources(StackName=NAME)["StackResources"]},
        "versions": [(item["Id"], item["Name"]) for item in versions(aws)]}


@pytest.fixture(scope="module")
def published(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository, published once."""
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    aws.client("iam").create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(trust))
    aws.client("s3").create_bucket(Bucket=BUCKET)
    folder = repository(tmp_path_factory.mktemp("published"))
    publish(aws, folder)
    return folder


def test_the_same_template_again_changes_nothing(aws: LocalAws, published: Path) -> None:
    before = everything(aws)
    publish(aws, published)
    assert everything(aws) == before


def test_another_template_is_a_further_version_and_the_former_stays_usable(aws: LocalAws, published: Path) -> None:
    before = everything(aws)
    template = published / "pipeline.yml"
    template.write_text(template.read_text().replace("Default: cron(0 6 1 * ? *)", "Default: cron(0 7 1 * ? *)"))
    publish(aws, published)
    after = everything(aws)
    assert after["versions"][:-1] == before["versions"] and len(after["versions"]) == len(before["versions"]) + 1
    assert after["resources"] == before["resources"], "the product is the same one"
    assert before["objects"].items() <= after["objects"].items()
    catalog = aws.client("servicecatalog")
    schedules = []
    for key, _ in after["versions"]:
        asked = catalog.describe_provisioning_parameters(ProductId=product(aws), ProvisioningArtifactId=key)["ProvisioningArtifactParameters"]
        schedules += [each["DefaultValue"] for each in asked if each["ParameterKey"] == "RetrainingSchedule"]
    assert schedules == ["cron(0 6 1 * ? *)", "cron(0 7 1 * ? *)"]


def test_a_version_is_named_by_what_its_template_holds(aws: LocalAws, published: Path) -> None:
    keys = {item["Key"] for item in aws.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=f"{NAME}/templates/")["Contents"]}
    assert keys == {f"{NAME}/templates/pipeline-{item['Name']}.yml" for item in versions(aws)}


@pytest.mark.parametrize(("bucket", "role", "environment", "said"), [
    ("published-nowhere", ROLE, {}, "bucket published-nowhere does not exist in us-east-1, or you may not read it. Create it: aws s3 mb"),
    (BUCKET, "nobody", {}, "there is no IAM role nobody; Studio's domain page names the role of its users."),
    ("Not_A_Bucket!", ROLE, {}, "Invalid bucket name"),
    (BUCKET, ROLE, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "Could not connect to the endpoint URL"),
    (BUCKET, ROLE, {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"},
     "Unable to locate credentials"),
])
def test_why_nothing_is_published_is_said_and_nothing_is_made(
        aws: LocalAws, published: Path, bucket: str, role: str, environment: dict[str, str], said: str) -> None:
    before = everything(aws)
    outcome = subprocess.run(["bash", "scripts/build.sh", bucket, NAME, "us-east-1", role], cwd=published, env=aws.environment | environment,
                             capture_output=True, text=True, check=False)
    assert (outcome.returncode, said in outcome.stderr) == (1, True), outcome.stderr
    assert everything(aws) == before
