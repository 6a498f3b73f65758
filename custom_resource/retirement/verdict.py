"""Which endpoint stacks stay. Nothing here asks AWS."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

RUNNING = ("InProgress", "Stopping")
BUSY = re.compile(r"(?!REVIEW_).*_IN_PROGRESS")  # CloudFormation refuses to delete what it is changing
NEVER_MADE = ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED")  # and refuses to update what it never made
RETRY_TIME = timedelta(minutes=30)  # what the state machine leaves after a failure
# An event and the history may date one failure differently; what a retry needs to fail again is longer.
SAME_MOMENT = timedelta(minutes=1)


@dataclass(frozen=True)
class Stack:
    """A stack that holds the endpoint of a run, and how long its run lets a former one bake."""

    name: str
    status: str
    run: str
    bake: timedelta = timedelta(0)


@dataclass(frozen=True)
class Execution:
    """What the pipeline's history says of a run."""

    status: str
    started: datetime
    updated: datetime


@dataclass(frozen=True)
class Version:
    """A version of the API's function: the run that it asks, and when it was published."""

    number: int
    run: str
    published: datetime


@dataclass(frozen=True)
class Records:
    """What is known of the project's runs at one moment."""

    executions: dict[str, Execution]
    versions: list[Version] = field(default_factory=list)  # oldest first
    serving: frozenset[str] = frozenset()
    bakes: dict[str, timedelta] = field(default_factory=dict)  # by run; of those that still have a stack in production
    watched: str = ""  # the run whose endpoint is looked at for drift: another than who serves while a release is unfinished

    def succeeded(self, run: str) -> bool:
        """Return whether a run ended well."""
        return run in self.executions and self.executions[run].status == "Succeeded"

    def relieved(self, run: str) -> tuple[str, datetime]:
        """Return who took over from a run that has succeeded, and when it had; a run that nobody relieved counts from its own end."""
        last = max((version.number for version in self.versions if version.run == run), default=0)
        after = (version for version in self.versions if version.number > last and self.succeeded(version.run))
        if last and (next_one := next(after, None)):  # going back publishes a version of a run that ended long before
            return next_one.run, max(next_one.published, self.executions[next_one.run].updated)
        return run, self.executions[run].updated

    def former(self) -> set[str]:
        """Return the run to which one would go back: the last good one before those that serve."""
        newest = {version.run: version.number for version in self.versions}
        first = min((newest[run] for run in self.serving), default=0)
        good = [version.run for version in self.versions if version.number < first
                and self.succeeded(version.run) and version.run not in self.serving]
        return set(good[-1:])


@dataclass(frozen=True)
class Ended:
    """The end of a run, as the pipeline's event tells it, and when the judging began; of no run when the clock asks."""

    run: str
    state: str
    time: datetime
    judged: datetime

    @classmethod
    def of(cls, event: dict[str, Any], entered: str) -> Ended:
        """Read an event `CodePipeline Pipeline Execution State Change`, or one of a schedule."""
        detail, times = event["detail"], map(datetime.fromisoformat, (event["time"], entered))
        return cls(detail.get("execution-id", ""), detail.get("state", ""), *times)

    @property
    def words(self) -> str:
        """Return what has happened."""
        return f"run {self.run} is {self.state}" if self.run else "an hour is over"


def is_endpoint(prefix: str, name: str) -> bool:
    """Return whether a stack of this name holds an endpoint of one run of the project."""
    return re.fullmatch(rf"{re.escape(prefix)}-[0-9a-f]{{8}}-(prd|dev)", name) is not None


def is_release(prefix: str, name: str) -> bool:
    """Return whether a stack of this name is made by a release: an endpoint, the one that all runs share, the API, what watches it."""
    return is_endpoint(prefix, name) or name in (f"{prefix}-live-prd", f"{prefix}-api", f"{prefix}-monitoring")


def stays(stack: Stack, records: Records, ended: Ended) -> str:
    """Return why a stack stays; blank when it may go. A run that the history has forgotten cannot be retried."""
    execution = records.executions.get(stack.run)
    if stack.run in records.serving:
        return "the API's alias points at its run"
    if stack.run == records.watched and stack.name.endswith("-prd"):
        return "its endpoint is the one that is watched for drift"
    if execution is None:
        return ""
    if execution.status in RUNNING:
        return f"its run is {execution.status}"
    if stack.status.startswith("DELETE_"):  # it was let go before
        return ""
    if execution.status == "Failed":
        return _waits_for_a_retry(stack.run, execution, records.executions.get(ended.run), ended)
    if execution.status == "Succeeded" and stack.name.endswith("-prd"):
        return _bakes(stack.run, records, ended)
    return ""


def _bakes(run: str, records: Records, ended: Ended) -> str:
    """Return until when the API can go back to a run in seconds; blank when that time is over."""
    successor, since = records.relieved(run)
    until = since + records.bakes.get(successor, timedelta(0))
    return f"the API can go back to it until {until:%Y-%m-%d %H:%M} UTC" if ended.judged < until else ""


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


def needed(records: Records, kept: set[str], ended: Ended) -> list[str]:
    """Return the runs whose files the API's function may ask for: of stacks that stay, serving, former, under way, retried."""
    lately = {run for run, execution in records.executions.items() if execution.status in RUNNING
              or (execution.status == "Failed" and ended.judged - execution.updated <= RETRY_TIME)}
    return sorted(kept | lately | records.serving | records.former())
