"""The public API: POST /api. Translates a request to the endpoint's form, and its answer back.

A bad request is a 4xx with a reason in the body. Where the endpoint fails or is absent the function fails, so that Lambda counts
an error and alarms see it; API Gateway then answers 502 with the request's id, under which the log has the reason.
Two tries of at most 13 s stay under API Gateway's 29 s.
"""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from api import endpoint, requests, responses, schema, settings
from api.errors import EndpointFault, RequestRefused

CONFIG = Config(connect_timeout=2, read_timeout=11, retries={"mode": "standard", "total_max_attempts": 2})


@cache
def configured() -> settings.Settings:
    """Return the settings, read once."""
    return settings.read(os.environ)


@cache
def client(service: str) -> Any:
    """Return a service's client, made once."""
    return boto3.client(service, config=CONFIG)


@cache
def columns() -> schema.Schema:
    """Return the model's columns, read once for each function instance; a failed read is tried again."""
    try:
        return schema.load(configured().artifacts_uri, read_s3)
    except Exception as error:  # file system, S3 or content: the caller can do nothing but wait
        detail = f"{configured().artifacts_uri}: {error!r}"
        raise EndpointFault("the model's description is not available", detail) from error


def read_s3(bucket: str, key: str) -> bytes:
    """Return an object's bytes."""
    content: bytes = client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return content


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one request of API Gateway."""
    request_id, run = event.get("requestContext", {}).get("requestId") or context.aws_request_id, configured().model_run
    try:
        rows = requests.table(event, columns())
        predictions = endpoint.ask(client("sagemaker-runtime"), configured().endpoint_name, columns().features, rows, request_id)
    except RequestRefused as refusal:
        return responses.refused(refusal.status, str(refusal), request_id, run)
    except EndpointFault as fault:
        print(json.dumps({"level": "ERROR", "requestId": request_id, "endpoint": configured().endpoint_name, "fault": str(fault)}))
        raise
    return responses.predicted(predictions, run)
