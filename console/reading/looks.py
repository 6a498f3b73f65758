"""Looks at what production was asked: the executions of NAME-monitoring, each with its verdict and what was decided."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlparse

from botocore.exceptions import ClientError

from console.account import Project
from console.faults import gone

MOST = 20
_ended: dict[str, "Look"] = {}  # what has ended changes no more
_lock = threading.Lock()


@dataclass(frozen=True)
class Drifted:
    """A feature that drifted, as the mail tells it."""

    name: str
    check: str
    distance: float | None
    threshold: float | None
    description: str


@dataclass(frozen=True)
class Look:
    """One look."""

    arn: str
    status: str  # the execution's
    started: datetime
    ended: datetime | None = None
    verdict: str = ""  # drift, no drift, too few rows, nothing to look at; blank without one
    why: str = ""  # why there was nothing to look at, or what failed
    rows: int = 0
    rows_needed: int = 0
    drifted: tuple[Drifted, ...] = ()
    drifted_in_all: int = 0
    bucket: str = ""
    folder: str = ""  # of its files in the bucket
    decision: str = ""  # about a retraining
    decision_why: str = ""
    retraining: str = ""  # the run that it started

    @property
    def name(self) -> str:
        """Return what it is known by in the state machine."""
        return self.arn.rpartition(":")[2]

    @property
    def run(self) -> str:
        """Return the run whose model was looked at; blank where nothing was."""
        return self.folder.removeprefix("runs/").partition("/")[0]


@dataclass(frozen=True)
class Looks:
    """A page of looks, the newest first, and what leads to the older ones; nothing is watched where ``watched`` is false."""

    page: tuple[Look, ...]
    older: str = ""
    watched: bool = True


def looks(project: Project, token: str = "") -> Looks:
    """Return the newest looks, or those that a token leads to."""
    steps = project.client("stepfunctions")
    more = {"nextToken": token} if token else {}
    try:
        found = steps.list_executions(stateMachineArn=machine(project), maxResults=MOST, **more)
    except ClientError as error:
        if gone(error) or error.response["Error"]["Code"] == "StateMachineDoesNotExist":
            return Looks((), "", watched=False)
        raise
    with ThreadPoolExecutor(MOST) as pool:
        return Looks(tuple(pool.map(lambda item: _look(steps, item), found["executions"])), found.get("nextToken", ""))


def machine(project: Project) -> str:
    """Return the ARN of the state machine that looks."""
    account = project.account
    return f"arn:{account.partition}:states:{account.region}:{project.number}:stateMachine:{project.monitoring}"


def _look(steps: Any, item: dict[str, Any]) -> Look:
    arn = item["executionArn"]
    with _lock:
        if arn in _ended:
            return _ended[arn]
    if item["status"] == "RUNNING":
        return Look(arn, "RUNNING", item["startDate"])
    look = of_execution(steps.describe_execution(executionArn=arn))
    with _lock:
        _ended[arn] = look
    return look


def of_execution(found: dict[str, Any]) -> Look:
    """Return the look that an ended execution was."""
    base = {"arn": found["executionArn"], "status": found["status"], "started": found["startDate"], "ended": found.get("stopDate")}
    if found["status"] != "SUCCEEDED":
        return Look(**base, why=_failure(found))
    output = json.loads(found.get("output") or "{}")
    drift = output.get("Found", {}).get("Drift", {})
    answer = output.get("Retraining", {}).get("Answer", {})
    if not drift:
        return Look(**base, verdict="nothing to look at", why=output.get("Planned", {}).get("Plan", {}).get("Why", ""))
    place = urlparse(drift.get("Folder", ""))
    return Look(
        **base, verdict=drift["Verdict"], rows=drift.get("Rows", 0), rows_needed=drift.get("RowsNeeded", 0),
        drifted=tuple(_drifted(each) for each in drift.get("Drifted", [])), drifted_in_all=drift.get("DriftedFeatures", 0),
        bucket=place.netloc, folder=place.path.strip("/"), decision=answer.get("Decision", ""), decision_why=answer.get("Why", ""),
        retraining=answer.get("Run", ""))


def _failure(found: dict[str, Any]) -> str:
    """Return why an execution failed, in the words of what failed in it."""
    cause = found.get("cause", "")
    try:
        told = json.loads(cause)
    except ValueError:
        return str(cause or found.get("error", ""))
    if not isinstance(told, dict):
        return str(cause)
    return str(told.get("errorMessage") or told.get("FailureReason") or cause)


def _drifted(found: dict[str, Any]) -> Drifted:
    return Drifted(found["Feature"], found.get("Check", ""), found.get("Distance"), found.get("Threshold"), found.get("Description", ""))
