"""What the retirement asks AWS of a project, and the one thing that it asks for."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from verdict import Execution, Records, Stack, Version

CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "max_attempts": 8})


@cache
def client(service: str) -> Any:
    """Return a service's client, made once."""
    return boto3.client(service, config=CONFIG)


def setting(name: str) -> str:
    """Return a variable of the function."""
    if not os.environ.get(name):
        raise RuntimeError(f"{name} is not set; RetirementFunction in pipeline.yml sets it")
    return os.environ[name]


def delete(stack: str) -> None:
    """Ask CloudFormation to delete a stack in the deploy role."""
    client("cloudformation").delete_stack(StackName=stack, RoleARN=setting("DEPLOY_ROLE_ARN"))


def statuses(prefix: str) -> dict[str, str]:
    """Return the statuses of the project's stacks by name, those that are gone left out."""
    pages = client("cloudformation").get_paginator("list_stacks").paginate()
    return {item["StackName"]: item["StackStatus"] for page in pages for item in page["StackSummaries"]
            if item["StackName"].startswith(f"{prefix}-") and item["StackStatus"] != "DELETE_COMPLETE"}


def stacks(names: list[str]) -> list[Stack]:
    """Return the stacks that have the tag of a run, in the order of their names."""
    return [stack for stack in map(_described, names) if stack is not None]


def _described(name: str) -> Stack | None:
    """Return a stack with its run and bake time; None when it has no such tag, or is gone."""
    found = _record(name)
    tags = {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])}
    bake = timedelta(hours=float(tags.get("bake-hours", "0")))
    return Stack(name, found["StackStatus"], tags["run"], bake) if tags.get("run") else None


def _record(name: str) -> dict[str, Any]:
    """Return what CloudFormation says of a stack; nothing when it is gone."""
    try:
        found: dict[str, Any] = client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return {}
        raise
    return found


def watched(prefix: str) -> str:
    """Return the run whose endpoint is watched for drift; blank before the first release."""
    given = {item["ParameterKey"]: item["ParameterValue"] for item in _record(f"{prefix}-monitoring").get("Parameters", [])}
    run: str = given.get("RunId", "")
    return run


def records(prefix: str, stacks: list[Stack]) -> Records:
    """Return what alias, versions and the pipeline's history say now."""
    function = f"{prefix}-api"
    found = versions(function)
    return Records(executions(prefix), found, serving(function, found),
                   {stack.run: stack.bake for stack in stacks if stack.name.endswith("-prd")}, watched(prefix))


def executions(pipeline: str) -> dict[str, Execution]:
    """Return the pipeline's history by run; it goes back a year."""
    pages = client("codepipeline").get_paginator("list_pipeline_executions").paginate(pipelineName=pipeline)
    return {item["pipelineExecutionId"]: Execution(item["status"], item["startTime"], item["lastUpdateTime"])
            for page in pages for item in page["pipelineExecutionSummaries"]}


def versions(function: str) -> list[Version]:
    """Return the published versions of the API's function, oldest first; none before the first release."""
    try:
        pages = list(client("lambda").get_paginator("list_versions_by_function").paginate(FunctionName=function))
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return []
        raise
    found = (item for page in pages for item in page["Versions"] if item["Version"] != "$LATEST")
    return sorted((Version(int(item["Version"]), item.get("Environment", {}).get("Variables", {}).get("MODEL_RUN", ""),
                           datetime.strptime(item["LastModified"], "%Y-%m-%dT%H:%M:%S.%f%z")) for item in found),
                  key=lambda version: version.number)


def serving(function: str, found: list[Version]) -> frozenset[str]:
    """Return the runs of all versions that the API's alias sends requests to; none before the first release."""
    try:
        alias = client("lambda").get_alias(FunctionName=function, Name="live")
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return frozenset()
        raise
    weighted = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    runs = {str(version.number): version.run for version in found}
    for version in (alias["FunctionVersion"], *weighted):
        if not runs.get(version):
            raise RuntimeError(f"{function}:{version} serves, but its environment has no MODEL_RUN, so that no stack can be "
                               f"judged. assets/deploy-model-prd.yml sets it: release once more.")
    return frozenset(runs[version] for version in (alias["FunctionVersion"], *weighted))


def failure(stack: str, status: str, since: datetime) -> str:
    """Return why resources of a stack got into a status, as its events since then tell; blank when none did."""
    events = client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]  # the newest first
    faults = [f"{item['LogicalResourceId']}: {item.get('ResourceStatusReason', 'no reason given')}" for item in events
              if item["ResourceStatus"] == status and item["Timestamp"] >= since]
    return "; ".join(faults[:3])
