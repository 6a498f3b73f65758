"""Reads the gate's metric from a candidate's evaluation.json."""

from __future__ import annotations

import json
from functools import cache
from typing import Any
from urllib.parse import urlparse

import boto3
from botocore.config import Config

from evaluation import measured


@cache
def s3() -> Any:
    """Return the client, made once."""
    return boto3.client("s3", config=Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "max_attempts": 5}))


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take EvaluationUri and Metric; return Metric, Value and StandardDeviation (None when there is none)."""
    address = urlparse(event["EvaluationUri"])
    body = s3().get_object(Bucket=address.netloc, Key=address.path.lstrip("/"))["Body"].read()
    value, deviation = measured(json.loads(body), event["Metric"], event["EvaluationUri"])
    return {"Metric": event["Metric"], "Value": value, "StandardDeviation": deviation}
