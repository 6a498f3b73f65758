"""What the guard asks AWS of a project, and what it does there."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "max_attempts": 5})
UNDER_WAY = ("InProgress", "Stopping")
STARTS = "monitoring/retrainings/"


@dataclass(frozen=True, order=True)
class Start:
    """A run that drift has started: when, for which look, and which."""

    time: datetime
    look: str
    run: str


@cache
def client(service: str) -> Any:
    """Return a service's client, made once."""
    return boto3.client(service, config=CONFIG)


def setting(name: str) -> str:
    """Return a variable of the function."""
    if not os.environ.get(name):
        raise RuntimeError(f"{name} is not set; RetrainingFunction in assets/monitoring.yml sets it")
    return os.environ[name]


def active(pipeline: str) -> list[str]:
    """Return the runs that are under way, the newest first."""
    pages = client("codepipeline").get_paginator("list_pipeline_executions").paginate(pipelineName=pipeline)
    return [item["pipelineExecutionId"] for page in pages for item in page["pipelineExecutionSummaries"] if item["status"] in UNDER_WAY]


def waiting(pipeline: str) -> dict[str, datetime]:
    """Return the runs that wait for a person, and since when; only an approval has a token."""
    stages = client("codepipeline").get_pipeline_state(name=pipeline)["stageStates"]
    return {stage["latestExecution"]["pipelineExecutionId"]: asked["lastStatusChange"]
            for stage in stages for action in stage["actionStates"]
            if (asked := action.get("latestExecution", {})).get("token") and asked["status"] == "InProgress"}


def starts(bucket: str) -> list[Start]:
    """Return the retrainings that drift has started, the oldest first."""
    pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=STARTS)
    found = (Start(item["LastModified"], *item["Key"].removeprefix(STARTS).removesuffix(".json").split("/"))
             for page in pages for item in page.get("Contents", []))
    return sorted(found)


def token(folder: str) -> str:
    """Return what a look's start is known by."""
    return hashlib.sha256(folder.encode()).hexdigest()


def start(pipeline: str, bucket: str, folder: str) -> str:
    """Start a run for a look and remember it; the same look asked again leads to the same run."""
    run = str(client("codepipeline").start_pipeline_execution(name=pipeline, clientRequestToken=token(folder))["pipelineExecutionId"])
    put(bucket, f"{STARTS}{token(folder)}/{run}.json", {"Look": folder})
    return run


def put(bucket: str, key: str, content: dict[str, Any], **condition: str) -> None:
    """Write a JSON document; the bucket encrypts it."""
    client("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps(content).encode(), ContentType="application/json", **condition)


def first_today(bucket: str, key: str, execution: str) -> bool:
    """Return whether nobody has told this before, but for the same execution, which may try again."""
    try:
        put(bucket, key, {"Execution": execution}, IfNoneMatch="*")
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("PreconditionFailed", "ConditionalRequestConflict"):
            raise
        kept = json.loads(client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
        return bool(kept["Execution"] == execution)
    return True


def mail(topic: str, subject: str, message: str) -> None:
    """Tell people."""
    client("sns").publish(TopicArn=topic, Subject=subject, Message=message)
