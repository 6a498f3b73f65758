"""CodeDeploy's hook before a new version takes traffic: the endpoint serves with the live one's capacity, and the version predicts
what training predicted, in time. Then it starts the requests that accompany the release.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

from api import capacity, golden
from api.lifecycle import Refused, Release, answer, check_endpoint, client, start
from api.pause import Pause, within


def handler(event: dict[str, Any], context: Any) -> dict[str, str]:
    """Answer CodeDeploy's event."""
    return answer(event, os.environ, "pre-traffic", lambda release: checks(release, within(context)))


def checks(release: Release, pause: Pause) -> str:
    """Return what was proven, or refuse."""
    endpoint, live = check_endpoint(release), capacity.live_endpoint(release.name_prefix)
    instances = capacity.match(release, live, pause)
    records = stored(release)
    version = os.environ["FUNCTION_VERSION_ARN"]
    ask(version, records, release)  # the first call may have to start an instance of the function
    began = time.monotonic()
    predictions = ask(version, records, release)
    took, limit = 1000 * (time.monotonic() - began), float(os.environ["LATENCY_MS"])
    if gap := golden.difference(records, predictions):
        raise Refused(f"version {version.rpartition(':')[2]} predicts otherwise than training did: {gap}")
    if took > limit:
        raise Refused(f"version {version.rpartition(':')[2]} takes {took:.0f} ms for {len(records)} golden records; "
                      f"release.latency_ms allows {limit:.0f}")
    accompany(release, live)
    return f"{endpoint}; {instances}; {len(records)} golden records are predicted as in training, in {took:.0f} ms"


def stored(release: Release) -> list[dict[str, Any]]:
    """Return the run's golden records."""
    content = client("s3").get_object(Bucket=release.bucket, Key=golden.key(release.model_run))["Body"].read()
    if not (records := golden.parse(content)):
        raise Refused(f"run {release.model_run} has no golden records to ask the new version for")
    return records


def ask(version: str, records: list[dict[str, Any]], release: Release) -> list[dict[str, Any]]:
    """Return the new version's predictions; its request is marked, so that it never counts as traffic."""
    event = golden.request(records, f"{golden.MARK}{release.deployment_id}")
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


def accompany(release: Release, live: str) -> None:
    """Start the synthetic requests; a hook that is run again finds them started."""
    former = live if live != release.endpoint_name else ""  # strategy endpoint has one for all runs
    start("SYNTHETIC_MACHINE_ARN", release.deployment_id, {
        "DeploymentId": release.deployment_id, "ModelRun": release.model_run, "FormerEndpoint": former})
