"""Sizes a new endpoint: it has to bear at once what the live one has been scaled to.

What is configured is the least. Nothing is kept and nothing made, so every request of CloudFormation may come twice.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

import response

CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "max_attempts": 4})
ALIAS = "live"


@cache
def client(service: str) -> Any:
    """Return a service's client, made once."""
    return boto3.client(service, config=CONFIG)


def handler(event: dict[str, Any], context: Any) -> None:
    """Answer CloudFormation once, whatever happens."""
    properties = event["ResourceProperties"]
    physical_id = f"{properties['FunctionName']}-capacity"
    try:
        data = capacity(properties) if event["RequestType"] != "Delete" else {}
    except Exception as error:  # noqa: BLE001 - the answer is what matters: without it the stack hangs
        print(f"{event['RequestType']} failed: {error!r}")
        response.send(event, "FAILED", physical_id, f"the live endpoint's capacity is not known: {error}")
        return
    response.send(event, "SUCCESS", physical_id, data=data)


def capacity(properties: dict[str, str]) -> dict[str, int]:
    """Return InstanceCount and MaximumInstances: those configured, or more where the live endpoint has more."""
    live = live_instances(properties["FunctionName"])
    count = max(int(properties["InstanceCount"]), live)
    print(f"{count} instances: {properties['InstanceCount']} configured, {live} live")
    return {"InstanceCount": count, "MaximumInstances": max(int(properties["MaximumInstances"]), count)}


def live_instances(function: str) -> int:
    """Return how many instances the endpoint that the alias leads to has or is to have; 0 without one."""
    settings = found(client("lambda").get_function_configuration, "ResourceNotFoundException", FunctionName=function, Qualifier=ALIAS)
    environment = settings.get("Environment", {})
    if "Error" in environment:
        raise RuntimeError(f"the environment of {function}:{ALIAS} cannot be read: {environment['Error']['Message']}")
    name = environment.get("Variables", {}).get("ENDPOINT_NAME")
    if not name:
        return 0
    endpoint = found(client("sagemaker").describe_endpoint, "ValidationException", EndpointName=name)
    return max((variant.get(kind, 0) for variant in endpoint.get("ProductionVariants", [])
                for kind in ("DesiredInstanceCount", "CurrentInstanceCount")), default=0)


def found(call: Any, missing: str, **request: str) -> dict[str, Any]:
    """Return a call's answer, empty where the service says by this code that there is no such thing."""
    try:
        answer: dict[str, Any] = call(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] != missing:
            raise
        return {}
    return answer
