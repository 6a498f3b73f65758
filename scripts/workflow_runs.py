"""Executions of a project's training workflow: what the last one was given, one of one's own, and how far its states are."""

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlparse

import boto3

from first_release import Project
from plain_faults import NotReady

LOOK_SECONDS = 2  # a look reads the whole history
COPIED = ("config/", "data/input/")  # what a run is given; all else it makes
ENDS = ("Failed", "TimedOut", "Aborted")


@dataclass(frozen=True)
class StateRun:
    """How far an execution is with a state: running, succeeded, failed or stopped, since and until when."""

    status: str
    started: datetime
    ended: datetime | None = None


def machine(project: Project) -> str:
    """Return the ARN of the project's workflow; raises NotReady before a run has made it."""
    pages = boto3.client("stepfunctions").get_paginator("list_state_machines").paginate()
    for found in (item for page in pages for item in page["stateMachines"]):
        if found["name"] == f"{project.name}-workflow":
            return str(found["stateMachineArn"])
    raise NotReady(f"{project.name} has no workflow yet; its first run makes it in the stage Train. Wait for it (docs/runs.md).")


def definition(project: Project) -> dict[str, Any]:
    """Return the workflow in Amazon States Language, as its stack has it."""
    found: dict[str, Any] = json.loads(boto3.client("stepfunctions").describe_state_machine(stateMachineArn=machine(project))["definition"])
    return found


def last_input(project: Project) -> dict[str, Any]:
    """Return what the newest execution that succeeded was given; raises NotReady where none has."""
    states = boto3.client("stepfunctions")
    found = states.list_executions(stateMachineArn=machine(project), statusFilter="SUCCEEDED", maxResults=1)["executions"]
    if not found:
        raise NotReady(f"No run of {project.name} has trained a model yet. Wait until one has passed the stage Train (docs/runs.md).")
    given: dict[str, Any] = json.loads(states.describe_execution(executionArn=found[0]["executionArn"])["input"])
    return given


def own_input(project: Project) -> dict[str, Any]:
    """Return what the last run was given, under a run id and in a folder of its own, with a copy of that run's data and configuration."""
    given, run = last_input(project), str(uuid.uuid4())
    former = given["RunId"]
    moved = json.dumps(given).replace(former, run).replace(f"{project.name}-{former[:8]}", f"{project.name}-{run[:8]}")
    own: dict[str, Any] = json.loads(moved)
    s3, bucket = boto3.client("s3"), urlparse(own["Prefix"]).netloc
    for part in COPIED:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"runs/{former}/{part}"):
            for item in page.get("Contents", []):
                s3.copy({"Bucket": bucket, "Key": item["Key"]}, bucket, item["Key"].replace(former, run))
    return own


def start(project: Project, given: dict[str, Any]) -> str:
    """Start an execution under a name from which its jobs get theirs; return its ARN."""
    name = f"{given['RunId'][:8]}-{uuid.uuid4()}"
    return str(boto3.client("stepfunctions").start_execution(stateMachineArn=machine(project), name=name, input=json.dumps(given))["executionArn"])


def follow(execution: str) -> Iterator[dict[str, StateRun]]:
    """Yield how far the states are, again and again, the last time when the execution has ended."""
    states = boto3.client("stepfunctions")
    while True:
        ended = states.describe_execution(executionArn=execution)["status"] != "RUNNING"
        pages = states.get_paginator("get_execution_history").paginate(executionArn=execution, includeExecutionData=False)
        yield progress([event for page in pages for event in page["events"]])
        if ended:
            return
        time.sleep(LOOK_SECONDS)


def outcome(execution: str) -> str:
    """Return how an execution ended, and why where it failed."""
    found = boto3.client("stepfunctions").describe_execution(executionArn=execution)
    return ": ".join(found[part] for part in ("status", "error", "cause") if found.get(part))


def progress(events: list[dict[str, Any]]) -> dict[str, StateRun]:
    """Return the states that a history has entered, in that order, and how far each is."""
    found: dict[str, StateRun] = {}
    inside: dict[int, str] = {}  # in which state an event happened
    for event in events:
        details = event.get("stateEnteredEventDetails") or event.get("stateExitedEventDetails") or {}
        name = details.get("name") or inside.get(event.get("previousEventId", 0), "")
        inside[event["id"]] = name
        if "stateEnteredEventDetails" in event:
            found[name] = StateRun("running", event["timestamp"])
        if name in found:
            found[name] = _after(found[name], event)
    return found if not _over(events) else {name: _stopped(state, events[-1]["timestamp"]) for name, state in found.items()}


def _after(state: StateRun, event: dict[str, Any]) -> StateRun:
    """Return a state after one event that happened in it."""
    kind = event["type"]
    if kind == "FailStateEntered" or (kind.endswith(ENDS) and not kind.startswith("Execution")):
        return replace(state, status="failed", ended=event["timestamp"])
    if kind == "TaskScheduled":  # once more, after a failure
        return replace(state, status="running", ended=None)
    if kind.endswith("StateExited"):
        return replace(state, status="failed" if state.status == "failed" else "succeeded", ended=event["timestamp"])
    return state


def _over(events: list[dict[str, Any]]) -> bool:
    return bool(events) and events[-1]["type"].startswith("Execution") and events[-1]["type"] != "ExecutionStarted"


def _stopped(state: StateRun, ended: datetime) -> StateRun:
    """Return a state whose execution has ended; one that was still running ended with it."""
    return replace(state, status="stopped", ended=ended) if state.status == "running" else state
