"""One look at what an endpoint was asked: its window, its captures and its job. Nothing here asks AWS."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

FARTHEST = timedelta(days=7)  # what waited longer for enough rows is left alone
LATE = timedelta(minutes=15)  # an object may be listed this much later than it is dated
FOLDER = "/opt/ml/processing"
FORMAT = '{"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}'


@dataclass(frozen=True)
class Project:
    """What the stack says: whose captures are looked at, and where the findings go."""

    prefix: str
    run: str
    endpoint: str
    bucket: str
    state_machine: str
    tags: list[dict[str, str]]
    cluster: dict[str, Any]
    longest_seconds: int


@dataclass(frozen=True)
class Window:
    """A stretch of time."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Judged:
    """How far the looks have judged: until when, and which captures dated shortly before that they have read."""

    end: datetime | None = None
    keys: dict[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class Look:
    """One look, named for its moment."""

    project: Project
    time: datetime
    folder: str

    @classmethod
    def of(cls, project: Project, time: datetime) -> Look:
        """Return the look of a moment."""
        return cls(project, time, f"runs/{project.run}/monitoring/{time:%Y-%m-%dT%H-%M-%S}")

    @property
    def uri(self) -> str:
        """Return where the look's files lie."""
        return f"s3://{self.project.bucket}/{self.folder}"

    def job(self, window: Window, labelled: bool) -> dict[str, Any]:
        """Return what the state machine makes the job of; its name has the second in hex, since names stay taken for good."""
        project = self.project
        return {
            "JobName": f"{project.prefix}-{project.run[:8]}-monitor-{int(self.time.timestamp()):08x}",
            "Folder": self.uri,
            "Start": window.start.isoformat(),
            "End": window.end.isoformat(),
            "Tags": project.tags,
            "Cluster": project.cluster,
            "MaxRuntimeInSeconds": project.longest_seconds,
            "Environment": environment(project, window),
            "Inputs": [*self._inputs(), *([given("ground_truth", f"{self.uri}/ground-truth.manifest", "ManifestFile")] if labelled else [])],
        }

    def _inputs(self) -> list[dict[str, Any]]:
        run = f"s3://{self.project.bucket}/runs/{self.project.run}"
        return [given("captures", f"{self.uri}/captures.manifest", "ManifestFile"), given("baseline", f"{run}/baseline/"),
                given("schema", f"{run}/data/schema/"), given("config", f"{run}/config/"),
                given("evaluation", f"{run}/evaluation/")]


def environment(project: Project, window: Window) -> dict[str, str]:
    """Return what AWS's contract for one's own monitor tells a job."""
    return {
        "dataset_format": FORMAT,
        "dataset_source": f"{FOLDER}/input/captures",
        "output_path": f"{FOLDER}/output",
        "baseline_statistics": f"{FOLDER}/input/baseline/statistics.json",
        "baseline_constraints": f"{FOLDER}/input/baseline/constraints.json",
        "start_time": f"{window.start:%Y-%m-%dT%H:%M:%SZ}",
        "end_time": f"{window.end:%Y-%m-%dT%H:%M:%SZ}",
        "publish_cloudwatch_metrics": "Disabled",  # query-drift publishes, for either engine
        "sagemaker_endpoint_name": project.endpoint,
        "sagemaker_monitoring_schedule_name": f"{project.prefix}-monitoring",
    }


def given(name: str, uri: str, kind: str = "S3Prefix") -> dict[str, Any]:
    """Return one input of the job, in the folder of its name."""
    return {"InputName": name, "S3Input": {
        "S3Uri": uri, "LocalPath": f"{FOLDER}/input/{name}", "S3DataType": kind, "S3InputMode": "File",
        "S3DataDistributionType": "FullyReplicated"}}


def since(now: datetime, made: datetime, judged: Judged) -> datetime:
    """Return where a window begins: with the model, after what was judged, and not longer ago than a week."""
    return max(made, now - FARTHEST, judged.end or made)


def fresh(objects: dict[str, datetime], window: Window, made: datetime, judged: Judged) -> dict[str, datetime]:
    """Return the captures that belong to a window: those of its time, and late ones that no look has read."""
    begin = max(made, window.start - LATE) if window.start == judged.end else window.start
    return {key: dated for key, dated in objects.items() if begin <= dated <= window.end and key not in judged.keys}


def recent(judged: Judged, keys: dict[str, datetime], window: Window) -> dict[str, Any]:
    """Return what the next look has to know once this one has judged."""
    kept = {key: dated.isoformat() for key, dated in (judged.keys | keys).items() if dated >= window.end - LATE}
    return {"end": window.end.isoformat(), "keys": kept}


def hours(window: Window) -> str:
    """Return the first folder that may hold something of a window: captures are filed by the hour of their requests."""
    return f"{window.start - LATE - timedelta(hours=1):%Y/%m/%d/%H}"
