"""Releases on which a fault is inflicted while customers keep asking; what came of each is kept for docs/release-safety.md."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.local.altered_copy import repository
from tests.local.api_client import ApiClient
from tests.local.local_aws import ROOT, LocalAws
from tests.local.project_runs import ENDED, Project, until

REPORT = ROOT / "build" / "release-safety.json"
CUSTOMERS = 4
PAUSE_SECONDS = 0.02  # of each customer between two requests: the release has the machine, too
RUN = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
Change = Callable[[str], str]


class Customers:
    """People who ask the API without a break, and what each request came to, with its time."""

    def __init__(self, client: ApiClient) -> None:
        self._client, self._gone = client, threading.Event()
        self.seen: list[tuple[float, str]] = []
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(CUSTOMERS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._gone.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._gone.wait(PAUSE_SECONDS):
            try:
                outcome = self._client.ask()
            except Exception as error:  # noqa: BLE001 - no answer at all
                outcome = type(error).__name__
            self.seen.append((time.monotonic(), outcome))

    def counts(self, since: float = 0.0) -> Counter[str]:
        """Return how many requests each run answered, and how many ended with each status."""
        return Counter(outcome for moment, outcome in self.seen if moment >= since)


@dataclass
class Rehearsed:
    """One fault, and what it came to; the row of the report."""

    fault: str
    began: float
    before: str
    customers: Customers
    row: dict[str, Any] = field(default_factory=dict)

    def ended(self, detector: str, outcome: str) -> None:
        """Keep what was seen: a run's name is an answer, all else a failure."""
        counts = self.customers.counts(self.began)
        answered = {name: count for name, count in counts.items() if re.fullmatch(RUN, name)}
        old = answered.pop(self.before, 0)
        self.row = {"fault": self.fault, "detector": detector, "outcome": outcome, "requests": sum(counts.values()),
                    "failed": {name: counts[name] for name in sorted(counts.keys() - answered.keys() - {self.before})},
                    "old": old, "new": sum(answered.values()),
                    "seconds": round(time.monotonic() - self.began, 1)}


class Rehearsal:
    """A project in production, its customers, and the hands that break its next release."""

    def __init__(self, project: Project, client: ApiClient, clone: Path) -> None:
        self.project, self.client, self.clone = project, client, clone
        self._first = self._git("rev-list", "--max-parents=0", "HEAD")

    def _git(self, *arguments: str) -> str:
        outcome = self.project.git(*arguments, cwd=self.clone)
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr
        return outcome.stdout.strip()

    def push(self, changes: dict[str, Change]) -> str:
        """Push the project's first files with these changes; return the run that this starts."""
        self._git("rm", "--quiet", "-r", "--force", ".")
        self._git("checkout", "--quiet", self._first, "--", ".")
        texts = {}
        for name, change in changes.items():
            path = self.clone / name
            texts[name] = change(path.read_text() if path.exists() else "")
        return self.project.started_by(lambda: self.project.push(self.clone, texts | {"note.txt": str(time.time_ns())}))

    def again(self) -> str:
        """Start a run of the project's first files."""
        return self.push({})

    def approve(self, run: str) -> None:
        """Say yes."""
        self.project.answer(run, "Approved", "a rehearsal says yes")

    def at(self, run: str, action: str) -> None:
        """Wait until an action of a run is under way."""
        def reached() -> bool:
            assert self.project.status(run) not in ENDED, f"run {run} ended before {action}"
            found = self.project.action(run, action)
            return bool(found and found["status"] == "InProgress")

        until(reached, f"{action} of run {run}")

    def shifting(self, run: str) -> str:
        """Wait until a part of the traffic goes to a run's version; return this version."""
        functions, name = self.project.aws.client("lambda"), f"{self.project.name}-api"

        def version() -> str:
            assert self.project.status(run) not in ENDED, f"run {run} ended before it took traffic"
            weights = functions.get_alias(FunctionName=name, Name="live").get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
            return next(iter(weights), "")

        return until(version, f"a share of the traffic for run {run}")

    @contextmanager
    def fault(self, name: str) -> Iterator[Rehearsed]:
        """Let customers ask while a fault is inflicted; afterwards its row is in the report."""
        before = self.client.ask()
        assert len(before) == 36, f"no run answers before the fault: {before}"
        with Customers(self.client) as customers:
            rehearsed = Rehearsed(name, time.monotonic(), before, customers)
            yield rehearsed
        assert rehearsed.row, "the fault was not seen to its end"
        keep(rehearsed.row)

    def refused(self, rehearsed: Rehearsed, run: str, place: str, reason: str, log: str, detector: str) -> None:
        """The run failed at a place for a reason that pipeline, mail and log tell; the old version has all of the traffic."""
        found, why = self.project.failure(run)
        assert found == place, why
        assert reason in why, why
        self.settled(rehearsed.before)
        until(lambda: self.mailed(run, reason), f"a mail on run {run[:8]} with {reason!r}", 30)
        until(lambda: self.logged(log, reason), f"{reason!r} in {log}", 30)
        rehearsed.ended(detector, f"run Failed at {place}; the old version serves")

    def settled(self, before: str) -> None:
        """The old version has all of the traffic, by the answers, by the alias and by the stack."""
        assert self.client.asked(50) == {before: 50}
        alias = self.project.aws.client("lambda").get_alias(FunctionName=f"{self.project.name}-api", Name="live")
        assert not alias.get("RoutingConfig", {}).get("AdditionalVersionWeights")
        [stack] = self.project.aws.client("cloudformation").describe_stacks(StackName=f"{self.project.name}-api")["Stacks"]
        assert not stack["StackStatus"].endswith("IN_PROGRESS")
        assert before in [parameter["ParameterValue"] for parameter in stack["Parameters"]]

    def mailed(self, run: str, reason: str) -> bool:
        """Whether a mail names the run and the reason."""
        s3 = self.project.aws.client("s3")
        found = s3.list_objects_v2(Bucket="local-outbox").get("Contents", [])
        texts = (s3.get_object(Bucket="local-outbox", Key=item["Key"])["Body"].read().decode() for item in found)
        return any(run[:8] in text and reason in text for text in texts)

    def logged(self, group: str, reason: str) -> bool:
        """Whether a log group holds the reason."""
        logs = self.project.aws.client("logs")
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, filterPattern=f'"{reason}"')
        return any(page["events"] for page in pages)


def keep(row: dict[str, Any]) -> None:
    """Put a row into the report, in place of one of the same fault."""
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    rows = json.loads(REPORT.read_text()) if REPORT.exists() else []
    REPORT.write_text(json.dumps([*(other for other in rows if other["fault"] != row["fault"]), row], indent=1) + "\n")


def serving_processes(run: str) -> list[int]:
    """Return the processes that serve a run's model, workers included."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"MODEL_RUN={run}".encode() in variables and any(item.startswith(b"SAGEMAKER_BIND_TO_PORT=") for item in variables):
            found.append(int(folder.name))
    return found


def kill_serving(run: str) -> int:
    """Kill all processes that serve a run's model; return how many there were."""
    pids = serving_processes(run)
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return len(pids)


def replaced(line: str, change: str) -> Change:
    """Return a change of a line that a file has once."""
    def apply(text: str) -> str:
        assert text.count(line) == 1, f"{text.count(line)} times: {line}"
        return text.replace(line, change)

    return apply


def written(text: str) -> Change:
    """Return a change that replaces the whole file, or makes it."""
    return lambda _: text


# One customer's row over and over is drift, and data of a run that was never released is new: left on, it would start a run.
TELLS_ONLY = replaced("  retrainings_per_week: 3 ", "  retrainings_per_week: 0 ")


def in_production(aws: LocalAws, folder: Path, *changes: Change) -> Rehearsal:
    """Take a project with a changed config.yml into production, where drift starts no runs beside the rehearsed ones."""
    copy = repository(folder / "copy")
    config = copy / "model" / "config.yml"
    for change in (TELLS_ONLY, *changes):
        config.write_text(change(config.read_text()))
    outcome, report = aws.demo(folder / "report.json", cwd=copy)
    assert outcome.returncode == 0, outcome.stderr
    project = Project(aws, report["name"])
    return Rehearsal(project, ApiClient(report["api_url"]), project.clone(folder / "clone"))
