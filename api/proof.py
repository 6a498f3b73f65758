"""Custom resource that fails its stack unless a model predicts what training predicted: its endpoint, or a version of the API's function.

A property EndpointName is proven on every create and update. FunctionVersionArn is proven when the resource is created only:
CodeDeploy's hooks, which cannot run for the first version of an alias, prove every later one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import urlparse

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from api import custom_resource, endpoint, golden
from api.errors import EndpointFault, RequestRefused

# One try each: who asks again is `twice`. An endpoint has 60 s for an answer.
CONFIG = Config(connect_timeout=5, read_timeout=65, retries={"mode": "standard", "total_max_attempts": 1})
PAUSE_SECONDS = 5
LONGEST_TRY_MILLISECONDS = 80_000  # of the function's time: pause, connection, answer, and to report in

Predictions = list[dict[str, Any]]


class Unproven(Exception):
    """The model must not serve; the message says why."""


class FunctionFault(Exception):
    """The function did not answer as it should; once may be chance."""


@cache
def client(service: str) -> Any:
    """Return a service's client, made once."""
    return boto3.client(service, config=CONFIG)


def handler(event: dict[str, Any], context: Any) -> None:
    """Answer CloudFormation once, whatever happens."""
    custom_resource.answer(event, lambda: prove(event, context.get_remaining_time_in_millis))


def prove(event: dict[str, Any], remaining: Callable[[], int]) -> str:
    """Return what was proven, or raise with what differs; ``remaining`` says how many milliseconds are left for it."""
    properties, request_id = event["ResourceProperties"], f"synthetic-{event['RequestId']}"
    version = properties.get("FunctionVersionArn")
    if version and event["RequestType"] != "Create":
        return "the deployment's hooks prove this version"
    subject = f"version {version.rpartition(':')[2]}" if version else f"endpoint {properties['EndpointName']}"
    records = stored(properties["GoldenUri"])

    def ask() -> Predictions:
        if version:
            return by_version(version, records, properties["RunId"], request_id)
        return by_endpoint(properties["EndpointName"], records, request_id)

    if gap := golden.difference(records, twice(ask, subject, remaining)):
        raise Unproven(f"{subject} predicts otherwise than training did: {gap}")
    return f"{subject} predicts {len(records)} golden records as training did"


def stored(uri: str) -> list[dict[str, Any]]:
    """Return the run's golden records."""
    address = urlparse(uri)
    records = golden.parse(client("s3").get_object(Bucket=address.netloc, Key=address.path.lstrip("/"))["Body"].read())
    if not records:
        raise Unproven(f"{uri} holds no golden records to ask for")
    return records


def twice(ask: Callable[[], Predictions], subject: str, remaining: Callable[[], int]) -> Predictions:
    """Return the first answer, or the second where the first was a fault and the time suffices for another."""
    try:
        return ask()
    except RequestRefused as refusal:
        raise Unproven(f"{subject} refuses golden records: {refusal}") from refusal
    except (EndpointFault, FunctionFault) as fault:
        if remaining() < LONGEST_TRY_MILLISECONDS:
            raise Unproven(f"{subject} fails on golden records: {fault}") from fault
        print(f"asking again in {PAUSE_SECONDS} s: {fault}")
    time.sleep(PAUSE_SECONDS)
    return twice(ask, subject, lambda: 0)


def by_endpoint(name: str, records: list[dict[str, Any]], request_id: str) -> Predictions:
    """Return an endpoint's predictions for the records."""
    columns = tuple(records[0]["features"])
    rows = [[record["features"][column] for column in columns] for record in records]
    return endpoint.ask(client("sagemaker-runtime"), name, columns, rows, request_id)


def by_version(version: str, records: list[dict[str, Any]], run: str, request_id: str) -> Predictions:
    """Return a function version's predictions for the records, asked as API Gateway does."""
    try:
        reply = client("lambda").invoke(FunctionName=version, Payload=json.dumps(golden.request(records, request_id)).encode())
    except (ClientError, BotoCoreError) as error:
        raise FunctionFault(str(error)) from error
    content = json.loads(reply["Payload"].read())
    if "FunctionError" in reply:
        raise FunctionFault(str(content.get("errorMessage", content)))
    if content["statusCode"] >= 500:
        raise FunctionFault(f"it answers with {content['statusCode']}: {content['body']}")
    if content["statusCode"] != 200:
        raise RequestRefused(content["statusCode"], content["body"])
    if (answered := content["headers"]["X-Model-Run"]) != run:
        raise Unproven(f"version {version.rpartition(':')[2]} answers for run {answered} instead of {run}")
    predictions: Predictions = json.loads(content["body"])["predictions"]
    return predictions
