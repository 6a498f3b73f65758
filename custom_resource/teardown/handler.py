"""Deletes the stacks that the pipeline made, in order, before the project's own roles and network go.

Deleting endpoints and functions in a network can outlast one invocation: shortly before its end the
function starts itself again with the same event, and answers CloudFormation when all is gone.
"""

from __future__ import annotations

import json
import time
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

import response
from stacks import Stack, due, failed

CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "max_attempts": 8})
RESERVE_MS = 60_000  # enough to start again or to answer
LONGEST_PAUSE = 10.0


@cache
def client(service: str) -> Any:
    """Return a service's client, made once."""
    return boto3.client(service, config=CONFIG)


def handler(event: dict[str, Any], context: Any) -> None:
    """Answer CloudFormation once, whatever happens."""
    physical_id = f"{event['ResourceProperties']['NamePrefix']}-teardown"
    try:
        if event["RequestType"] == "Delete":
            stop_executions(event["ResourceProperties"]["RetirementArn"])
            if not deleted(event, context):
                again(event, context)
                return
    except Exception as error:  # noqa: BLE001 - the answer is what matters: without it the stack hangs
        print(f"{event['RequestType']} failed: {error!r}")
        response.send(event, "FAILED", physical_id, f"the project's stacks were not all deleted: {error}")
        return
    response.send(event, "SUCCESS", physical_id)


def stop_executions(state_machine: str) -> None:
    """End what a state machine has under way; an execution that waits would hold up its deletion."""
    states = client("stepfunctions")
    try:
        pages = list(states.get_paginator("list_executions").paginate(stateMachineArn=state_machine, statusFilter="RUNNING"))
    except ClientError as error:
        if error.response["Error"]["Code"] == "StateMachineDoesNotExist":
            return  # no release has made it, or it is gone
        raise
    for execution in (execution for page in pages for execution in page["executions"]):
        states.stop_execution(executionArn=execution["executionArn"], cause="the project is being deleted")


def deleted(event: dict[str, Any], context: Any) -> bool:
    """Delete stacks until none is left; return False when the time runs out first."""
    properties, asked, pause = event["ResourceProperties"], event.setdefault("Asked", []), 0.5
    while stacks := existing(properties["NamePrefix"]):
        refuse(failed(stacks, asked))
        for stack in due(stacks, asked):
            print(f"deleting {stack.name} ({stack.status})")
            for state_machine in held(properties, stack.name):
                stop_executions(state_machine)
            client("cloudformation").delete_stack(StackName=stack.name, RoleARN=properties["RoleArn"])
            asked.append(stack.name)
        if context.get_remaining_time_in_millis() < RESERVE_MS:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)
    return True


def held(properties: dict[str, Any], stack: str) -> list[str]:
    """Return the state machines that a stack holds."""
    arns: list[str] = properties.get({"monitoring": "MonitoringArns", "api": "ReleaseArns"}.get(stack.rpartition("-")[2], ""), [])
    return arns


def existing(prefix: str) -> list[Stack]:
    """Return the project's stacks that are not deleted yet."""
    pages = client("cloudformation").get_paginator("describe_stacks").paginate()
    found = (Stack.of(prefix, item["StackName"], item["StackStatus"]) for page in pages for item in page["Stacks"])
    return [stack for stack in found if stack is not None]


def refuse(stacks: list[Stack]) -> None:
    """Raise when a stack could not be deleted, with the first reasons that CloudFormation gives."""
    if stacks:
        raise RuntimeError("; ".join(f"{stack.name} is DELETE_FAILED: {reasons(stack.name)}" for stack in stacks))


def reasons(name: str) -> str:
    """Return why a stack's resources could not be deleted."""
    try:
        events = client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    except ClientError as error:
        return f"its events cannot be read: {error}"
    faults = [f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
              for event in events if event["ResourceStatus"] == "DELETE_FAILED"]
    return "; ".join(faults[:3]) or "no reason given"


def again(event: dict[str, Any], context: Any) -> None:
    """Start this function once more with the same event."""
    print("time is nearly up; going on in a new invocation")
    client("lambda").invoke(FunctionName=context.invoked_function_arn, InvocationType="Event", Payload=json.dumps(event).encode())
