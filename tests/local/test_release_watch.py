"""A release's watch on one machine: it ends well and lets the endpoint scale in, or says what went wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.local.local_aws import LocalAws
from tests.local.project_runs import Project, until

pytestmark = pytest.mark.release


@pytest.fixture
def project(aws: LocalAws, first_release: dict) -> Project:
    return Project(aws, first_release["name"])


def machine(project: Project, kind: str) -> str:
    """Return the ARN of one of the release's state machines."""
    return f"arn:aws:states:us-east-1:000000000000:stateMachine:{project.name}-{kind}"


def ended(project: Project, execution: str) -> dict[str, Any]:
    """Wait for an execution's end and return it."""
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = project.aws.client("stepfunctions").describe_execution(executionArn=execution)
        return found if found["status"] != "RUNNING" else None

    return until(look, "the end of the watch")


def mails(project: Project) -> str:
    """Return all that was mailed."""
    s3 = project.aws.client("s3")
    found = s3.list_objects_v2(Bucket="local-outbox").get("Contents", [])
    return "\n".join(s3.get_object(Bucket="local-outbox", Key=item["Key"])["Body"].read().decode() for item in found)


def test_the_first_release_is_watched_and_then_scales_in(project: Project) -> None:
    executions = project.aws.client("stepfunctions").list_executions(stateMachineArn=machine(project, "watch"))["executions"]
    first = ended(project, executions[-1]["executionArn"])
    assert first["status"] == "SUCCEEDED", first
    report = json.loads(first["output"])
    assert (report["status"], report["deployment"]) == ("Succeeded", "")
    assert "none of 5 alarms is on; the newest capture is captures/" in report["reason"]
    endpoint = json.loads(first["input"])["EndpointName"]
    targets = project.aws.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[f"endpoint/{endpoint}/variant/AllTraffic"])["ScalableTargets"]
    assert [target["SuspendedState"]["DynamicScalingInSuspended"] for target in targets] == [False]


def test_a_watch_that_cannot_look_reports_and_mails_in_the_functions_stead(project: Project) -> None:
    steps = project.aws.client("stepfunctions")
    started = steps.start_execution(stateMachineArn=machine(project, "watch"), input=json.dumps({  # no endpoint to look at
        "Seconds": 0, "ModelRun": "a-run-of-a-test", "DeploymentId": "d-000000000", "LifecycleEventHookExecutionId": "none"}))
    watch = ended(project, started["executionArn"])
    assert (watch["status"], watch["error"]) == ("FAILED", "WatchFailed")
    assert "The watch of run a-run-of-a-test failed" in mails(project)
    history = steps.get_execution_history(executionArn=started["executionArn"])["events"]
    failed = [event["taskFailedEventDetails"]["cause"] for event in history if event["type"] == "TaskFailed"]
    assert "PutLifecycleEventHookExecutionStatus" in failed[-1], "CodeDeploy was told, though it lets nobody report to what is not there"
