"""What started a run of a pipeline is told: a rule by its ARN, a caller by its own, once for one token."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.local.local_aws import LocalAws
from tests.local.sagemaker_machine import wait_for

NAME, ACCOUNT = "triggered", "000000000000"
RULE = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/{NAME}"


def action(name: str, category: str, provider: str, **members: Any) -> dict:
    kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
    return {"name": name, "actionTypeId": kind, **members}


@pytest.fixture(scope="module")
def pipeline(aws: LocalAws) -> Iterator[Any]:
    """CodePipeline with a pipeline that waits for an approval, and a rule that starts it."""
    iam, s3, events, codepipeline = (aws.client(name) for name in ("iam", "s3", "events", "codepipeline"))
    trust = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {
        "Service": ["codepipeline.amazonaws.com", "events.amazonaws.com"]}}]}
    role = iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=NAME, PolicyName="all", PolicyDocument=json.dumps(
        {"Statement": [{"Effect": "Allow", "Action": ["s3:*", "codepipeline:*"], "Resource": "*"}]}))
    s3.create_bucket(Bucket=NAME)
    s3.put_bucket_versioning(Bucket=NAME, VersioningConfiguration={"Status": "Enabled"})
    source = {"S3Bucket": NAME, "S3ObjectKey": "source.zip", "PollForSourceChanges": "false"}
    codepipeline.create_pipeline(pipeline={
        "name": NAME, "roleArn": role, "pipelineType": "V2", "artifactStore": {"type": "S3", "location": NAME},
        "variables": [{"name": "Cause", "defaultValue": "none"}], "stages": [
            {"name": "Source", "actions": [action("Fetch", "Source", "S3", configuration=source,
                                                  outputArtifacts=[{"name": "Fetched"}])]},
            {"name": "Ask", "actions": [action("Ask", "Approval", "Manual")]}]})
    events.put_rule(Name=NAME, EventPattern=json.dumps({"source": ["tests.trigger"]}))
    events.put_targets(Rule=NAME, Targets=[{
        "Id": "p", "Arn": f"arn:aws:codepipeline:us-east-1:{ACCOUNT}:{NAME}", "RoleArn": role}])
    yield codepipeline
    events.remove_targets(Rule=NAME, Ids=["p"])
    events.delete_rule(Name=NAME)
    codepipeline.delete_pipeline(name=NAME)


def runs(pipeline: Any) -> dict[str, dict]:
    found = pipeline.list_pipeline_executions(pipelineName=NAME)["pipelineExecutionSummaries"]
    return {run["pipelineExecutionId"]: run["trigger"] for run in found}


def test_a_rule_is_told_by_its_arn(aws: LocalAws, pipeline: Any) -> None:
    before = runs(pipeline)
    aws.client("events").put_events(Entries=[{"Source": "tests.trigger", "DetailType": "t", "Detail": "{}"}])
    [new] = wait_for(lambda: runs(pipeline).keys() - before.keys())
    assert runs(pipeline)[new] == {"triggerType": "CloudWatchEvent", "triggerDetail": RULE}


def test_a_caller_is_told_by_its_arn_and_its_token_starts_one_run(pipeline: Any) -> None:
    request = {"name": NAME, "clientRequestToken": "look-1", "variables": [{"name": "Cause", "value": "drift"}]}
    before = runs(pipeline)
    started = [pipeline.start_pipeline_execution(**request)["pipelineExecutionId"] for _ in range(2)]
    assert set(started) == runs(pipeline).keys() - before.keys()
    found = pipeline.get_pipeline_execution(pipelineName=NAME, pipelineExecutionId=started[0])["pipelineExecution"]
    assert found["trigger"] == {"triggerType": "StartPipelineExecution", "triggerDetail": f"arn:aws:iam::{ACCOUNT}:root"}
    assert found["variables"] == [{"name": "Cause", "resolvedValue": "drift"}]
