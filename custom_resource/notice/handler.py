"""Mails why a run failed: the pipeline's event has a state and no reason, the history of its actions has the reason."""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from wording import of_failure


@cache
def client(service: str) -> Any:
    """Return a service's client, made once."""
    return boto3.client(service, config=Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "max_attempts": 5}))


def handler(event: dict[str, Any], context: Any) -> dict[str, str]:
    """Take Run; mail why it failed and return the mail's subject."""
    pipeline, run = os.environ["NAME_PREFIX"], event["Run"]
    mail = of_failure(pipeline, run, failed_actions(pipeline, run))
    print(json.dumps({"level": "INFO", "run": run, "subject": mail.subject, "message": mail.message}))
    client("sns").publish(TopicArn=os.environ["TOPIC_ARN"], Subject=mail.subject, Message=mail.message)
    return {"Subject": mail.subject}


def failed_actions(pipeline: str, run: str) -> list[dict[str, Any]]:
    """Return the failed actions of the run's newest attempt, the newest first; a retried action counts as it ended last."""
    found = client("codepipeline").list_action_executions(pipelineName=pipeline, filter={"pipelineExecutionId": run})
    latest: dict[str, dict[str, Any]] = {}
    for action in found["actionExecutionDetails"]:  # the newest first
        latest.setdefault(f"{action['stageName']}/{action['actionName']}", action)
    return [action for action in latest.values() if action["status"] == "Failed"]
