"""Which endpoint stacks stay. Nothing here asks AWS."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

RUNNING = ("InProgress", "Stopping")
BUSY = re.compile(r"(?!REVIEW_).*_IN_PROGRESS")  # CloudFormation refuses to delete what it is changing
RETRY_TIME = timedelta(minutes=30)  # what the state machine leaves after a failure
# An event and the history may date one failure differently; what a retry needs to fail again is longer.
SAME_MOMENT = timedelta(minutes=1)


@dataclass(frozen=True)
class Stack:
    """A stack that holds the endpoint of a run."""

    name: str
    status: str
    run: str


@dataclass(frozen=True)
class Execution:
    """What the pipeline's history says of a run."""

    status: str
    started: datetime
    updated: datetime


@dataclass(frozen=True)
class Ended:
    """The end of a run, as the pipeline's event tells it, and when the judging began."""

    run: str
    state: str
    time: datetime
    judged: datetime

    @classmethod
    def of(cls, event: dict[str, Any], entered: str) -> Ended:
        """Read an event `CodePipeline Pipeline Execution State Change`."""
        detail, times = event["detail"], map(datetime.fromisoformat, (event["time"], entered))
        return cls(detail["execution-id"], detail["state"], *times)


def is_endpoint(prefix: str, name: str) -> bool:
    """Return whether a stack of this name holds an endpoint of the project."""
    return re.fullmatch(rf"{re.escape(prefix)}-[0-9a-f]{{8}}-(prd|dev)", name) is not None


def stays(stack: Stack, serving: set[str], executions: dict[str, Execution], ended: Ended) -> str:
    """Return why a stack stays; blank when it may go. A run that the history has forgotten cannot be retried."""
    execution = executions.get(stack.run)
    if stack.run in serving:
        return "the API's alias points at its run"
    if execution is None:
        return ""
    if execution.status in RUNNING:
        return f"its run is {execution.status}"
    if execution.status == "Failed" and not stack.status.startswith("DELETE_"):  # else it was let go before
        return _waits_for_a_retry(stack.run, execution, executions.get(ended.run), ended)
    return ""


def _waits_for_a_retry(run: str, execution: Execution, other: Execution | None, ended: Ended) -> str:
    """Return why a failed run keeps its endpoint: whoever retries it must find it, whatever other runs do."""
    if run == ended.run:
        again = execution.updated - ended.time > SAME_MOMENT
        return "its run was retried and failed again, which has an event of its own" if again else ""
    if ended.state == "SUCCEEDED" and other and other.started > execution.started:
        return ""  # a later run has passed all stages, and CodePipeline retries a stage for its latest run only
    if ended.judged - execution.updated > RETRY_TIME:
        return ""  # what its own event should have deleted
    return "its run is Failed and may be retried; the event of its failure decides"
