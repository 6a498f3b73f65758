"""What an execution's history says of each state: how far it is, its input and output, why it failed, the jobs that it started.

States inside of branches are in one history; each event names the one that it follows, so that what a task did is its own.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

RUNNING, SUCCEEDED, FAILED, STOPPED = "running", "succeeded", "failed", "stopped"
AFTER_ERROR = ("TaskFailed", "TaskTimedOut", "TaskStartFailed", "TaskSubmitFailed", "LambdaFunctionFailed", "LambdaFunctionTimedOut")
DETAILS = ("stateEntered", "stateExited", "taskScheduled", "taskFailed", "taskTimedOut", "taskStartFailed", "taskSubmitFailed",
           "lambdaFunctionScheduled", "lambdaFunctionFailed", "lambdaFunctionTimedOut", "executionFailed", "executionAborted", "executionTimedOut")
HOLDING = ("Parallel", "Map")
JOBS = {  # parameter of a task -> log group of what it starts, and whether its name is the stream's beginning
    "ProcessingJobName": ("/aws/sagemaker/ProcessingJobs", True),
    "TrainingJobName": ("/aws/sagemaker/TrainingJobs", True),
    "TransformJobName": ("/aws/sagemaker/TransformJobs", True),
    "FunctionName": ("/aws/lambda/{}", False),
}


@dataclass(frozen=True)
class Job:
    """What a task started: a job of SageMaker, or a call of a function; and where it logs."""

    name: str
    group: str
    streams: str  # what its streams' names begin with; blank: those of the group at the time


@dataclass(frozen=True)
class Told:
    """What the history says of a state that was entered."""

    name: str
    kind: str
    status: str
    entered: datetime
    left: datetime | None = None
    input: str = ""
    output: str = ""
    error: str = ""
    cause: str = ""
    tries: int = 0
    jobs: tuple[Job, ...] = ()


def told(events: Iterable[dict[str, Any]], ended: str = "") -> dict[str, Told]:
    """Return what events say of each state, by name; ``ended`` is the execution's status, blank while it runs."""
    found: dict[str, Told] = {}
    owner: dict[int, str] = {}  # event -> the state that it is of
    for event in events:
        details = _details(event)
        name = details.get("name") or owner.get(event.get("previousEventId", 0), "")
        owner[event["id"]] = name
        if event["type"].endswith("StateEntered"):
            kind = event["type"].removesuffix("StateEntered")
            found[name] = Told(name, kind, FAILED if kind == "Fail" else RUNNING, event["timestamp"], input=details.get("input", ""))
        elif name in found:
            found[name] = _grown(found[name], event, details)
    return {name: _settled(state, ended) for name, state in found.items()}


def _details(event: dict[str, Any]) -> dict[str, Any]:
    return next((event[f"{name}EventDetails"] for name in DETAILS if f"{name}EventDetails" in event), {})


def _grown(state: Told, event: dict[str, Any], details: dict[str, Any]) -> Told:
    """Return a state with what one more of its events says."""
    kind = event["type"]
    if kind in ("TaskScheduled", "LambdaFunctionScheduled"):
        return replace(state, tries=state.tries + 1, error="", cause="", jobs=tuple(dict.fromkeys((*state.jobs, *_jobs(details)))))
    if kind in AFTER_ERROR:
        return replace(state, error=details.get("error", kind), cause=details.get("cause", ""))
    if kind.endswith("StateExited"):
        return replace(state, status=FAILED if state.error else SUCCEEDED, left=event["timestamp"], output=details.get("output", ""))
    if kind.endswith("StateAborted"):
        return replace(state, status=STOPPED, left=event["timestamp"])
    return state


def _settled(state: Told, ended: str) -> Told:
    """Return a state as the end of its execution leaves it: what holds a failed branch has failed, what ran beside it was stopped."""
    if state.status != RUNNING or not ended:
        return state
    return replace(state, status=FAILED if state.error or (ended == "FAILED" and state.kind in HOLDING) else STOPPED)


def _jobs(details: dict[str, Any]) -> Iterator[Job]:
    try:
        asked = json.loads(details.get("parameters") or "{}")
    except ValueError:  # AWS cuts what is too long
        return
    for parameter, (group, named) in JOBS.items():
        if name := asked.get(parameter) if isinstance(asked, dict) else None:
            yield Job(name, group.format(name), f"{name}/" if named else "")


def ending(events: Iterable[dict[str, Any]]) -> tuple[str, str]:
    """Return the error and cause with which an execution ended; blank for one that did not fail."""
    for event in events:
        if event["type"] in ("ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"):
            details = _details(event)
            return details.get("error", event["type"]), details.get("cause", "")
    return "", ""
