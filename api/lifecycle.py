"""A traffic hook's frame: run the checks, tell CodeDeploy once how they ended, leave the reason where a person finds it.

Shared by pre_traffic.py and watch.py. CodeDeploy keeps a status and no words, so a refusal is mailed and logged.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

CONFIG = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 4})
NAMES = ("NAME_PREFIX", "ENDPOINT_NAME", "MODEL_RUN", "CAPTURING", "BUCKET", "TOPIC_ARN")
EXECUTION = "LifecycleEventHookExecutionId"
OVER = ("LifecycleEventAlreadyCompletedException", "DeploymentDoesNotExistException")


class NotYet(Exception):
    """What is looked for may still come; whoever called calls again (Retry of the state machine)."""


class Refused(Exception):
    """The version must not take traffic; the message says why and what to do."""


@dataclass(frozen=True)
class Release:
    """What is released, and the deployment that asks; a first release and a way back have none."""

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
    values: dict[str, Any] = {name.lower(): environment[name] for name in NAMES}
    return Release(**values | {"capturing": values["capturing"] == "yes"}, deployment_id=deployment_id)


def answer(event: dict[str, Any], environment: Mapping[str, str], hook: str, checks: Checks) -> dict[str, str]:
    """Run ``checks`` (which return what they saw, or raise) and report; return what was reported.

    An error of a check is a refusal, too: what cannot be proven takes no traffic. Only NotYet, and a report that CodeDeploy does
    not take, are raised, so that the hook runs again.
    """
    deployment, reason = event.get("DeploymentId", ""), ""
    try:
        seen, status = checks(release(environment, deployment)), "Succeeded"
    except Refused as refusal:
        seen, status, reason = "", "Failed", str(refusal)
    except NotYet:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the version is not proven
        seen, status, reason = "", "Failed", f"the check itself failed: {error!r}"
    report = {"hook": hook, "deployment": deployment, "run": environment.get("MODEL_RUN", ""), "status": status, "reason": reason or seen}
    print(json.dumps(report | {"level": "ERROR" if reason else "INFO"}))
    if tell(event, status) and reason:
        mail(environment, report)
    return report


def tell(event: dict[str, Any], status: str) -> bool:
    """Tell CodeDeploy, where there is a deployment; return whether this was news: it was not where the deployment has ended."""
    if EXECUTION not in event:
        return True
    try:
        client("codedeploy").put_lifecycle_event_hook_execution_status(
            deploymentId=event["DeploymentId"], lifecycleEventHookExecutionId=event[EXECUTION], status=status)
    except ClientError as error:
        if error.response["Error"]["Code"] not in OVER:
            raise
        print(json.dumps({"level": "INFO", "deployment": event["DeploymentId"], "report": f"{status} came late: {error}"}))
        return False
    return True


def mail(environment: Mapping[str, str], report: dict[str, str]) -> None:
    """Tell people why a release was refused; the log has it when the mail cannot be sent."""
    name, run = environment.get("NAME_PREFIX", ""), report["run"]
    outcome = (f"All traffic stays with, or goes back to, the version before. Deployment {report['deployment']}" if report["deployment"]
               else "It keeps all traffic, as no deployment is under way: scripts/rollback.sh goes back to a former run")
    try:
        client("sns").publish(
            TopicArn=environment.get("TOPIC_ARN", ""), Subject=f"{name}: release of run {run[:8]} refused"[:100],
            Message=f"The {report['hook']} hook refused the model of run {run}:\n\n{report['reason']}\n\n"
                    f"{outcome}, log group /aws/lambda/{name}-{report['hook']}.")
    except (ClientError, BotoCoreError) as error:
        print(json.dumps({"level": "ERROR", "hook": report["hook"], "mail": repr(error)}))


def described(endpoint_name: str) -> dict[str, Any] | None:
    """Return what SageMaker says of an endpoint, None where there is none."""
    try:
        found: dict[str, Any] = client("sagemaker").describe_endpoint(EndpointName=endpoint_name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationException":
            raise
        return None
    return found


def check_endpoint(found: Release) -> str:
    """Return the endpoint's state when it can serve and keeps requests as configured; else refuse."""
    name = found.endpoint_name
    endpoint = described(name)
    if endpoint is None:
        raise Refused(f"endpoint {name} does not exist; retry the whole stage, which makes it again "
                      "(retry-stage-execution with --retry-mode ALL_ACTIONS)")
    if endpoint["EndpointStatus"] != "InService":
        raise Refused(f"endpoint {name} is {endpoint['EndpointStatus']}, not InService; its log group "
                      f"/aws/sagemaker/Endpoints/{name} says why")
    capture = endpoint.get("DataCaptureConfig", {})
    if found.capturing and not (capture.get("EnableCapture") and capture.get("CaptureStatus") == "Started"):
        raise Refused(f"endpoint {name} does not keep its requests, though serving.capture asks for it; without them drift goes unseen")
    return f"{name} is InService{' and keeps requests' if found.capturing else ''}"


def start(machine: str, name: str, content: dict[str, Any]) -> None:
    """Start a state machine that the environment names, once under each name."""
    try:
        client("stepfunctions").start_execution(stateMachineArn=os.environ[machine], name=name, input=json.dumps(content))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
            raise
