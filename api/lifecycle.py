"""A traffic hook's frame: run the checks, tell CodeDeploy once how they ended, leave the reason where a person finds it.

Shared by pre_traffic.py and post_traffic.py. CodeDeploy keeps a status and no words, so a refusal is mailed and logged.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

CONFIG = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 4})
NAMES = ("NAME_PREFIX", "ENDPOINT_NAME", "MODEL_RUN", "CAPTURING", "BUCKET", "TOPIC_ARN")


class Refused(Exception):
    """The version must not take traffic; the message says why and what to do."""


@dataclass(frozen=True)
class Release:
    """What is released, and the deployment that asks."""

    name_prefix: str
    endpoint_name: str
    model_run: str
    capturing: bool
    bucket: str
    topic_arn: str
    deployment_id: str


Checks = Callable[[Release], str]


@cache
def client(service: str) -> Any:
    """Return a service's client, made once."""
    return boto3.client(service, config=CONFIG)


def release(environment: Mapping[str, str], deployment_id: str) -> Release:
    """Return the release that the environment describes, or refuse naming the variables that are missing."""
    if missing := [name for name in NAMES if not environment.get(name)]:
        raise Refused(f"{', '.join(missing)} not set in the hook's environment; assets/deploy-model-prd.yml sets it")
    values = {name.lower(): environment[name] for name in NAMES}
    return Release(**values | {"capturing": values["capturing"] == "yes"}, deployment_id=deployment_id)


def answer(event: dict[str, Any], environment: Mapping[str, str], hook: str, checks: Checks) -> dict[str, str]:
    """Run ``checks`` (which return what they saw, or raise) and report; return what was reported.

    An error of a check is a refusal, too: what cannot be proven takes no traffic. Only a report that CodeDeploy does not take
    is raised, so that Lambda runs the hook again.
    """
    deployment, reason = event["DeploymentId"], ""
    try:
        seen, status = checks(release(environment, deployment)), "Succeeded"
    except Refused as refusal:
        seen, status, reason = "", "Failed", str(refusal)
    except Exception as error:  # whatever it is, the version is not proven
        seen, status, reason = "", "Failed", f"the check itself failed: {error!r}"
    report = {"hook": hook, "deployment": deployment, "run": environment.get("MODEL_RUN", ""), "status": status, "reason": reason or seen}
    print(json.dumps(report | {"level": "ERROR" if reason else "INFO"}))
    if reason:
        mail(environment, report)
    client("codedeploy").put_lifecycle_event_hook_execution_status(
        deploymentId=deployment, lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"], status=status)
    return report


def mail(environment: Mapping[str, str], report: dict[str, str]) -> None:
    """Tell people why a release was refused; the log has it when the mail cannot be sent."""
    name, run = environment.get("NAME_PREFIX", ""), report["run"]
    try:
        client("sns").publish(
            TopicArn=environment.get("TOPIC_ARN", ""), Subject=f"{name}: release of run {run[:8]} refused"[:100],
            Message=f"The {report['hook']} hook refused the model of run {run}:\n\n{report['reason']}\n\n"
                    f"All traffic stays with, or goes back to, the version before. Deployment {report['deployment']}, "
                    f"log group /aws/lambda/{name}-{report['hook']}.")
    except (ClientError, BotoCoreError) as error:
        print(json.dumps({"level": "ERROR", "hook": report["hook"], "mail": repr(error)}))


def check_endpoint(found: Release) -> str:
    """Return the endpoint's state when it can serve and keeps requests as configured; else refuse."""
    name = found.endpoint_name
    try:
        endpoint = client("sagemaker").describe_endpoint(EndpointName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationException":
            raise
        raise Refused(f"endpoint {name} does not exist; retry the whole stage, which makes it again "
                      "(retry-stage-execution with --retry-mode ALL_ACTIONS)") from error
    if endpoint["EndpointStatus"] != "InService":
        raise Refused(f"endpoint {name} is {endpoint['EndpointStatus']}, not InService; its log group "
                      f"/aws/sagemaker/Endpoints/{name} says why")
    capture = endpoint.get("DataCaptureConfig", {})
    if found.capturing and not (capture.get("EnableCapture") and capture.get("CaptureStatus") == "Started"):
        raise Refused(f"endpoint {name} does not keep its requests, though serving.capture asks for it; without them drift goes unseen")
    return f"{name} is InService{' and keeps requests' if found.capturing else ''}"
