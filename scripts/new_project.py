"""Publishes the organization template and creates a project from it, as Studio does."""

import json
import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3

from narration import DemoError
from waiting import until

ROOT = Path(__file__).resolve().parent.parent
MODEL, EMAIL = "churn", "admin@example.com"
CREATE_SECONDS = 600


def publish(organization: str) -> None:
    """Make what an AWS account already has (a bucket, Studio's role), then publish the organization template."""
    account = boto3.client("sts").get_caller_identity()["Account"]
    bucket, role = f"{organization}-{account}", f"{organization}-studio"
    boto3.client("s3").create_bucket(Bucket=bucket)  # in us-east-1; elsewhere it needs a LocationConstraint
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
                                                     "Principal": {"Service": "sagemaker.amazonaws.com"}}]}
    iam = boto3.client("iam")
    with suppress(iam.exceptions.EntityAlreadyExistsException):  # a further project of the same organization
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))
    region = os.environ["AWS_DEFAULT_REGION"]
    built = subprocess.run(["bash", "scripts/build.sh", bucket, organization, region, role], cwd=ROOT, check=False)
    if built.returncode:
        raise DemoError(f"scripts/build.sh ended with {built.returncode}; it says why above")


def create_project(organization: str, project: str, prefix: str, network: str, email: str = EMAIL) -> str:
    """Create the project from the organization template; return the prefix of its names."""
    catalog, sagemaker = boto3.client("servicecatalog"), boto3.client("sagemaker")
    product = boto3.client("cloudformation").describe_stack_resource(
        StackName=organization, LogicalResourceId="Product")["StackResourceDetail"]["PhysicalResourceId"]
    artifact = catalog.list_provisioning_artifacts(ProductId=product)["ProvisioningArtifactDetails"][-1]
    form = {"ModelName": MODEL, "ProjectPrefix": prefix, "Email": email, "NetworkMode": network,
            "RetrainingSchedule": "rate(30 days)"}  # so that a demo on a month's last day has no other run than its own
    sagemaker.create_project(
        ProjectName=project, ProjectDescription="Who will leave?",
        ServiceCatalogProvisioningDetails={
            "ProductId": product, "ProvisioningArtifactId": artifact["Id"],
            "ProvisioningParameters": [{"Key": key, "Value": value} for key, value in form.items()]})
    return f"{prefix}-{MODEL}-{_created(sagemaker, project)['ProjectId']}"


def _created(sagemaker: Any, name: str) -> dict[str, Any]:
    """Wait until the project is created; raises DemoError with its message when that fails."""

    def look() -> dict[str, Any] | None:
        project: dict[str, Any] = sagemaker.describe_project(ProjectName=name)
        if "Failed" in project["ProjectStatus"]:
            raise DemoError(f"project {name}: {project['ServiceCatalogProvisionedProductDetails']}")
        return project if project["ProjectStatus"] == "CreateCompleted" else None

    return until(look, CREATE_SECONDS, f"project {name} is not created in {CREATE_SECONDS} s; its stack in CloudFormation says how far it is")
