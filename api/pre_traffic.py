"""CodeDeploy's hook before a new version takes traffic: the endpoint serves, and the version predicts what training predicted."""

from __future__ import annotations

import json
import os
from typing import Any

from api import golden
from api.lifecycle import Refused, Release, answer, check_endpoint, client


def handler(event: dict[str, Any], context: Any) -> dict[str, str]:
    """Answer CodeDeploy's event."""
    return answer(event, os.environ, "pre-traffic", checks)


def checks(release: Release) -> str:
    """Return what was proven, or refuse."""
    endpoint = check_endpoint(release)
    stored = client("s3").get_object(Bucket=release.bucket, Key=f"runs/{release.model_run}/golden/records.jsonl")
    records = golden.parse(stored["Body"].read())
    if not records:
        raise Refused(f"run {release.model_run} has no golden records to ask the new version for")
    version = os.environ["FUNCTION_VERSION_ARN"]
    if gap := golden.difference(records, ask(version, records, release)):
        raise Refused(f"version {version.rsplit(':', 1)[-1]} predicts otherwise than training did: {gap}")
    return f"{endpoint}; {len(records)} golden records are predicted as in training"


def ask(version: str, records: list[dict[str, Any]], release: Release) -> list[dict[str, Any]]:
    """Return the new version's predictions; its request is marked, so that it never counts as traffic."""
    event = golden.request(records, f"synthetic-{release.deployment_id}")
    reply = client("lambda").invoke(FunctionName=version, Payload=json.dumps(event).encode())
    content = json.loads(reply["Payload"].read())
    if "FunctionError" in reply:
        raise Refused(f"the new version fails on golden records: {content.get('errorMessage', content)}")
    if content["statusCode"] != 200:
        raise Refused(f"the new version answers golden records with {content['statusCode']}: {content['body']}")
    if (run := content["headers"]["X-Model-Run"]) != release.model_run:
        raise Refused(f"the new version answers for run {run} instead of {release.model_run}")
    predictions: list[dict[str, Any]] = json.loads(content["body"])["predictions"]
    return predictions
