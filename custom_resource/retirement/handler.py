"""Deletes the endpoint stacks of runs that serve nobody any more.

The state machine calls it when a run of the pipeline has ended. It looks, decides, asks for deletions and never
sleeps: while a stack that matters is being changed it raises StackInProgress, and the state machine calls again. Each
call judges anew, so events may come twice and in any order. It costs a short call for every look.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from verdict import BUSY, Ended, Execution, Stack, is_endpoint, stays

CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "max_attempts": 8})


class StackInProgress(Exception):
    """A stack that matters is being changed; the state machine calls again (Retry in pipeline.yml)."""


class DeletionFailed(Exception):
    """CloudFormation could not delete a stack."""


@cache
def client(service: str) -> Any:
    """Return a service's client, made once."""
    return boto3.client(service, config=CONFIG)


def setting(name: str) -> str:
    """Return a variable of the function."""
    if not os.environ.get(name):
        raise RuntimeError(f"{name} is not set; RetirementFunction in pipeline.yml sets it")
    return os.environ[name]


def handler(event: dict[str, Any], context: Any) -> dict[str, list[str]]:
    """Delete what may go after a run's end; return the names of the stacks that stay."""
    prefix, ended = setting("NAME_PREFIX"), Ended.of(event["Event"], event["Entered"])
    statuses = existing(prefix)
    outcomes: dict[str, list[str]] = {"kept": [], "waiting": [], "failed": []}
    for stack in filter(None, (described(name) for name in sorted(statuses) if is_endpoint(prefix, name))):
        decision, why = decide(prefix, stack, statuses.get(f"{prefix}-api", ""), ended)
        print(json.dumps({"stack": stack.name, "run": stack.run, "decision": decision, "why": why}))
        if decision == "deleted":
            client("cloudformation").delete_stack(StackName=stack.name, RoleARN=setting("DEPLOY_ROLE_ARN"))
        outcomes["waiting" if decision == "deleted" else decision].append(
            stack.name if decision == "kept" else f"{stack.name} ({why})")
    if outcomes["waiting"]:
        raise StackInProgress(f"not gone yet: {'; '.join(outcomes['waiting'])}. The state machine looks again.")
    if outcomes["failed"]:
        raise DeletionFailed(f"not deleted: {'; '.join(outcomes['failed'])}. Remove the cause; "
                             f"the end of the next run tries again, or delete it by hand.")
    return {"kept": outcomes["kept"]}


def decide(prefix: str, stack: Stack, api_status: str, ended: Ended) -> tuple[str, str]:
    """Return what becomes of a stack and why; alias and history are read anew for each."""
    if reason := stays(stack, serving(f"{prefix}-api"), executions(prefix, {stack.run, ended.run}), ended):
        return "kept", reason
    if BUSY.fullmatch(api_status):  # it may go back to the former run
        return "waiting", f"{prefix}-api is {api_status}, so what serves is not settled"
    if BUSY.fullmatch(stack.status):
        return "waiting", f"it is {stack.status}"
    if stack.status == "DELETE_FAILED" and (reason := failure(stack.name, ended.judged)):
        return "failed", reason
    return "deleted", f"its run does not serve; run {ended.run} is {ended.state}"


def existing(prefix: str) -> dict[str, str]:
    """Return the statuses of the project's stacks by name, those that are gone left out."""
    pages = client("cloudformation").get_paginator("list_stacks").paginate()
    return {item["StackName"]: item["StackStatus"] for page in pages for item in page["StackSummaries"]
            if item["StackName"].startswith(f"{prefix}-") and item["StackStatus"] != "DELETE_COMPLETE"}


def described(name: str) -> Stack | None:
    """Return a stack with the run of its tag; None when it has no such tag, or is gone."""
    try:
        [found] = client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise
    run = {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])}.get("run")
    return Stack(name, found["StackStatus"], run) if run else None


def executions(pipeline: str, runs: set[str]) -> dict[str, Execution]:
    """Return what the pipeline's history says of the runs; it goes back a year."""
    found: dict[str, Execution] = {}
    for page in client("codepipeline").get_paginator("list_pipeline_executions").paginate(pipelineName=pipeline):
        found |= {item["pipelineExecutionId"]: Execution(item["status"], item["startTime"], item["lastUpdateTime"])
                  for item in page["pipelineExecutionSummaries"] if item["pipelineExecutionId"] in runs}
        if runs <= found.keys():
            break
    return found


def serving(function: str) -> set[str]:
    """Return the runs of all versions that the API's alias sends requests to; none before the first release."""
    try:
        alias = client("lambda").get_alias(FunctionName=function, Name="live")
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return set()
        raise
    weighted = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    return {run_of(function, version) for version in (alias["FunctionVersion"], *weighted)}


def run_of(function: str, version: str) -> str:
    """Return the run that a version of the API asks."""
    found = client("lambda").get_function_configuration(FunctionName=function, Qualifier=version)
    run = found.get("Environment", {}).get("Variables", {}).get("MODEL_RUN")
    if not run:
        raise RuntimeError(f"{function}:{version} serves, but its environment has no MODEL_RUN, so that no stack can be "
                           f"judged. assets/deploy-model-prd.yml sets it: release once more.")
    return run


def failure(name: str, since: datetime) -> str:
    """Return why a deletion failed that this judging asked for; blank when it was asked for earlier."""
    events = client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]  # the newest first
    faults = [f"{item['LogicalResourceId']}: {item.get('ResourceStatusReason', 'no reason given')}" for item in events
              if item["ResourceStatus"] == "DELETE_FAILED" and item["Timestamp"] >= since]
    return "; ".join(faults[:3])
