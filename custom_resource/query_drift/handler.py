"""Reads what a look found, publishes it as metrics and says what is to be judged.

Both engines end here: the state machine's own job, and the jobs of a SageMaker monitoring schedule, whose events come
twice. So each look is claimed by the execution that judges it: the same execution may try again, another one finds it
taken. What was judged is left out by the next look.
"""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any
from urllib.parse import urlparse

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from findings import Findings, of_analyzer, of_monitor
from metrics import NAMESPACE, batches, metrics


class LookFailed(Exception):
    """The job of a look has no findings; the message says why."""


@cache
def client(service: str) -> Any:
    """Return a service's client, made once."""
    return boto3.client(service, config=Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "max_attempts": 5}))


def setting(name: str) -> str:
    """Return a variable of the function."""
    if not os.environ.get(name):
        raise RuntimeError(f"{name} is not set; QueryDriftFunction in assets/monitoring.yml sets it")
    return os.environ[name]


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take Execution and Look (Folder, Start and End, or the Job of a schedule); return the summary with its Verdict."""
    look = event["Look"] if "Folder" in event["Look"] else of_job(event["Look"]["Job"])
    if not look:
        return told({"Verdict": "not ours"})
    bucket, folder = place(look["Folder"])
    if not claimed(bucket, f"{folder}/query.json", event["Execution"]):
        return told({"Verdict": "judged before", "Folder": look["Folder"]})
    findings, report = read(bucket, folder)
    publish(findings)
    if findings.judged:
        keep(bucket, folder)
    return told({**findings.summary, "Report": report, **{key: look[key] for key in ("Folder", "Start", "End")}})


def told(answer: dict[str, Any]) -> dict[str, Any]:
    """Log an answer as one line and return it."""
    print(json.dumps({"level": "INFO", **answer}))
    return answer


def of_job(name: str) -> dict[str, str]:
    """Return the look of a schedule's job; empty for a job of anything else, which the same events tell of."""
    job = client("sagemaker").describe_processing_job(ProcessingJobName=name)
    if not job.get("MonitoringScheduleArn", "").endswith(f"/{setting('SCHEDULE_NAME')}"):
        return {}
    if job["ProcessingJobStatus"] != "Completed":
        raise LookFailed(f"job {name} of the monitoring schedule is {job['ProcessingJobStatus']}: {job.get('FailureReason', 'no reason given')}")
    [output] = job["ProcessingOutputConfig"]["Outputs"]
    window = {key: job.get("Environment", {}).get(name) for key, name in (("Start", "start_time"), ("End", "end_time"))}
    ended = job["ProcessingEndTime"].isoformat()
    return {"Folder": output["S3Output"]["S3Uri"].rstrip("/"), "Start": window["Start"] or "", "End": window["End"] or ended}


def place(uri: str) -> tuple[str, str]:
    """Return bucket and key of an address."""
    address = urlparse(uri)
    return address.netloc, address.path.strip("/")


def claimed(bucket: str, key: str, execution: str) -> bool:
    """Return whether this execution is the first to judge a look."""
    try:
        client("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps({"Execution": execution}).encode(), IfNoneMatch="*",
                                ContentType="application/json")
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("PreconditionFailed", "ConditionalRequestConflict"):
            raise
        return bool(document(bucket, key)["Execution"] == execution)
    return True


def read(bucket: str, folder: str) -> tuple[Findings, str]:
    """Return what a look found, by whichever engine, and which of its files a person looks at."""
    if (own := found(bucket, f"{folder}/drift.json")) is not None:
        return of_monitor(own), "report.html"
    if (statistics := found(bucket, f"{folder}/statistics.json")) is not None:
        return of_analyzer(found(bucket, f"{folder}/constraint_violations.json") or {"violations": []}, statistics), "constraint_violations.json"
    raise LookFailed(f"s3://{bucket}/{folder}/ has neither drift.json nor statistics.json: see the job's log in "
                     "/aws/sagemaker/ProcessingJobs")


def found(bucket: str, key: str) -> dict[str, Any] | None:
    """Return a JSON document; None where there is none."""
    try:
        return document(bucket, key)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return None
        raise


def document(bucket: str, key: str) -> dict[str, Any]:
    """Return a JSON document."""
    content: dict[str, Any] = json.loads(client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    return content


def publish(findings: Findings) -> None:
    """Write the findings' metrics."""
    for data in batches(metrics(findings, setting("ENDPOINT_NAME"), setting("SCHEDULE_NAME"))):
        client("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=data)


def keep(bucket: str, folder: str) -> None:
    """Let the next look begin where this one ended; a schedule of SageMaker's has windows of its own."""
    window = found(bucket, f"{folder}/window.json")
    if window is not None:
        client("s3").put_object(Bucket=bucket, Key=f"{folder.rpartition('/')[0]}/judged.json", Body=json.dumps(window).encode(),
                                ContentType="application/json")
