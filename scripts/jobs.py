"""SageMaker jobs as a notebook starts and follows them: parts of their requests, their end, their logs, their time."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import boto3

from plain_faults import NotReady
from timeline_picture import Bar

LOOK_SECONDS, LINES = 1, 12
FOLDER = "/opt/ml/processing"


@dataclass(frozen=True)
class Kind:
    """How the API calls one kind of job: its read call, what begins its fields, its start and end, and its log group."""

    read: str
    noun: str
    start: str
    end: str

    @property
    def log_group(self) -> str:
        """The account's group for jobs of this kind."""
        return f"/aws/sagemaker/{self.noun}s"


PROCESSING = Kind("describe_processing_job", "ProcessingJob", "ProcessingStartTime", "ProcessingEndTime")
TRAINING = Kind("describe_training_job", "TrainingJob", "TrainingStartTime", "TrainingEndTime")


def given(name: str, uri: str) -> dict[str, Any]:
    """Return an input of a processing job: a folder or object that it finds below /opt/ml/processing/input."""
    return {"InputName": name, "S3Input": {"S3Uri": uri, "LocalPath": f"{FOLDER}/input/{name}", "S3DataType": "S3Prefix", "S3InputMode": "File"}}


def written(name: str, uri: str) -> dict[str, Any]:
    """Return an output of a processing job: what it writes below /opt/ml/processing/output goes to S3 when it ends."""
    return {"OutputName": name, "S3Output": {"S3Uri": uri, "LocalPath": f"{FOLDER}/output/{name}", "S3UploadMode": "EndOfJob"}}


def channel(name: str, uri: str) -> dict[str, Any]:
    """Return a channel of a training job: a folder that it finds below /opt/ml/input/data."""
    return {"ChannelName": name, "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}}


def wait(kind: Kind, name: str) -> dict[str, Any]:
    """Show a job's states until it ends, then the end of its log; return its description. Raises NotReady when it failed."""
    client, told = boto3.client("sagemaker"), ""
    while True:
        job: dict[str, Any] = getattr(client, kind.read)(**{f"{kind.noun}Name": name})
        status = str(job[f"{kind.noun}Status"])
        state = str(job.get("SecondaryStatus", status))
        if state != told:
            print(f"{datetime.now():%H:%M:%S}  {name}  {state}")  # noqa: DTZ005 - the reader's own clock
            told = state
        if status in ("Completed", "Failed", "Stopped"):
            break
        time.sleep(LOOK_SECONDS)
    for line in log(kind, name)[-LINES:]:
        print(f"  | {line}")
    if status != "Completed":
        raise NotReady(f"{name} is {status}: {job.get('FailureReason') or job.get('ExitMessage') or 'its log says why'}")
    return job


def log(kind: Kind, name: str) -> list[str]:
    """Return what a job wrote, line by line; nothing where it wrote nothing."""
    logs = boto3.client("logs")
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=kind.log_group, logStreamNamePrefix=f"{name}/")
    try:
        return [event["message"].rstrip() for page in pages for event in page["events"]]
    except logs.exceptions.ResourceNotFoundException:
        return []


def bars(found: dict[str, tuple[Kind, dict[str, Any]]]) -> list[Bar]:
    """Return for each job, by a name for it, how long it waited for its machine and how long it ran."""
    drawn = []
    for name, (kind, job) in found.items():
        drawn += [Bar(f"{name}: machine starts", "waiting", job["CreationTime"], job[kind.start]),
                  Bar(f"{name}: runs", "succeeded", job[kind.start], job[kind.end])]
    return drawn
