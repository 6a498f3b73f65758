"""Requests that accompany a release: golden records through the alias, so that a quiet API proves something, too.

A state machine calls this until the deployment has ended; docs/decisions/synthetic-traffic.md says why it asks the alias. As it sees
every end of a deployment it also holds the former endpoint's capacity: that must not scale in while it may have to take everything back.
"""

from __future__ import annotations

import json
import os
import random
import uuid
from collections import Counter
from functools import cache
from typing import Any

from api import golden, scaling
from api.lifecycle import client

UNDER_WAY = ("Created", "Queued", "InProgress", "Baking", "Ready")
PAUSE_SECONDS = 10


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Send one burst, and say whether to come again and when."""
    status = client("codedeploy").get_deployment(deploymentId=event["DeploymentId"])["deploymentInfo"]["status"]
    under_way, former = status in UNDER_WAY, event["FormerEndpoint"]
    if former and (under_way or status != "Succeeded"):  # after a success it keeps what it has until it is retired
        scaling.allow_scale_in(former, not under_way)
    count, seconds = pace(float(os.environ["PER_MINUTE"]))
    answers = burst(event["ModelRun"], count) if under_way else {}
    print(json.dumps({"level": "INFO", "deployment": event["DeploymentId"], "status": status, "answers": answers}))
    return {"UnderWay": under_way, "Seconds": seconds}


def pace(per_minute: float) -> tuple[int, int]:
    """Return how many requests a burst has, and the seconds to the next one."""
    if not per_minute:
        return 0, PAUSE_SECONDS
    seconds = max(PAUSE_SECONDS, round(60 / per_minute))
    return round(per_minute * seconds / 60), seconds


def burst(run: str, count: int) -> dict[str, int]:
    """Send so many requests of one record each; return how many answers each run gave, and each status or error that was none."""
    records = random.sample(stored(run), len(stored(run)))
    return Counter(ask(records[number % len(records)]) for number in range(count))


@cache
def stored(run: str) -> list[dict[str, Any]]:
    """Return a run's golden records, read once."""
    content = client("s3").get_object(Bucket=os.environ["BUCKET"], Key=golden.key(run))["Body"].read()
    return golden.parse(content)


def ask(record: dict[str, Any]) -> str:
    """Send one record through the alias; return the run that answered, or what came instead of an answer."""
    event = golden.request([record], f"{golden.MARK}{uuid.uuid4()}")
    reply = client("lambda").invoke(FunctionName=os.environ["ALIAS_ARN"], Payload=json.dumps(event).encode())
    content = json.loads(reply["Payload"].read())
    if "FunctionError" in reply:
        return f"error: {content.get('errorMessage', content)}"
    return content["headers"]["X-Model-Run"] if content["statusCode"] == 200 else str(content["statusCode"])
