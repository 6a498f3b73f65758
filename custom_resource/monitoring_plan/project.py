"""What the plan of a look asks AWS, and the files that it writes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from look import FARTHEST, Judged, Look, Project, Window, hours

CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "max_attempts": 5})
LABELS = "ground-truth"


@cache
def client(service: str) -> Any:
    """Return a service's client, made once."""
    return boto3.client(service, config=CONFIG)


def settings() -> Project:
    """Return what the stack says."""
    return Project(setting("NAME_PREFIX"), setting("RUN_ID"), setting("ENDPOINT_NAME"), setting("BUCKET"), setting("STATE_MACHINE_ARN"),
                   tags=json.loads(setting("TAGS")), cluster=cluster(), longest_seconds=int(setting("MAX_RUNTIME_SECONDS")))


def cluster() -> dict[str, Any]:
    """Return the machine of a job; its volume has no key where the machine encrypts its own disk."""
    key = os.environ.get("VOLUME_KEY_ARN")
    return {"InstanceCount": 1, "InstanceType": setting("INSTANCE_TYPE"), "VolumeSizeInGB": int(setting("VOLUME_GB")),
            **({"VolumeKmsKeyId": key} if key else {})}


def setting(name: str) -> str:
    """Return a variable of the function."""
    if not os.environ.get(name):
        raise RuntimeError(f"{name} is not set; PlanFunction in assets/monitoring.yml sets it")
    return os.environ[name]


def earlier_execution(state_machine: str, own: str) -> str:
    """Return the name of a look that is under way since before this one; blank without one."""
    pages = client("stepfunctions").get_paginator("list_executions").paginate(stateMachineArn=state_machine, statusFilter="RUNNING")
    running = sorted((item["startDate"], item["executionArn"]) for page in pages for item in page["executions"])
    before = [arn for _, arn in running[:next((place for place, (_, arn) in enumerate(running) if arn == own), 0)]]
    return before[0].rpartition(":")[2] if before else ""


def model_made(endpoint: str) -> datetime | None:
    """Return since when an endpoint has the model that is in it, which is its configuration's age; None without the endpoint."""
    try:
        config = client("sagemaker").describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationException":
            return None
        raise
    made: datetime = client("sagemaker").describe_endpoint_config(EndpointConfigName=config)["CreationTime"]
    return made.replace(microsecond=0)  # S3 dates to the second


def judged(look: Look) -> Judged:
    """Return how far the looks at the run have judged."""
    try:
        body = client("s3").get_object(Bucket=look.project.bucket, Key=f"runs/{look.project.run}/monitoring/judged.json")["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return Judged()
        raise
    kept = json.loads(body)
    return Judged(datetime.fromisoformat(kept["end"]), {key: datetime.fromisoformat(dated) for key, dated in kept["keys"].items()})


def captures(project: Project, window: Window) -> dict[str, datetime]:
    """Return the endpoint's captures of the window's hours, with their dates."""
    folder = f"captures/{project.endpoint}/"
    pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=project.bucket, Prefix=folder, Delimiter="/")
    variants = [item["Prefix"] for page in pages for item in page.get("CommonPrefixes", [])]
    return {key: dated for variant in variants for key, dated in objects(project.bucket, variant, hours(window))}


def labels(project: Project, window: Window) -> list[str]:
    """Return the labels of a week when some of them have come in the window; none otherwise."""
    found = dict(objects(project.bucket, f"{LABELS}/", hours(Window(window.end - FARTHEST, window.end))))
    return list(found) if any(dated >= window.start for dated in found.values()) else []


def objects(bucket: str, folder: str, first: str) -> Iterator[tuple[str, datetime]]:
    """Yield key and date of what lies in a folder's folders from the first one on."""
    pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder, StartAfter=f"{folder}{first}")
    yield from ((item["Key"], item["LastModified"]) for page in pages for item in page.get("Contents", []) if item["Size"])


def write(look: Look, keys: list[str], labelled: list[str], window: dict[str, Any]) -> None:
    """Write the manifests that the job reads, and what counts once it has judged."""
    put(look, "window.json", window)
    put(look, "captures.manifest", manifest(look.project.bucket, f"captures/{look.project.endpoint}/", keys))
    if labelled:
        put(look, "ground-truth.manifest", manifest(look.project.bucket, f"{LABELS}/", labelled))


def manifest(bucket: str, folder: str, keys: list[str]) -> list[Any]:
    """Return the list of objects that a job reads, as SageMaker takes it."""
    return [{"prefix": f"s3://{bucket}/{folder}"}, *(key.removeprefix(folder) for key in keys)]


def put(look: Look, name: str, content: Any) -> None:
    """Write one of the look's files; the bucket encrypts it."""
    client("s3").put_object(Bucket=look.project.bucket, Key=f"{look.folder}/{name}", Body=json.dumps(content).encode(),
                            ContentType="application/json")
