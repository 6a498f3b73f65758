"""An account with a run that waits for an answer, as the local AWS shows one."""

import io
import json
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from console.account import Project
from tests.console.any_order import Stubs, project, refusal

NEW, LIVE, OLDER = "605b6ebc-c291-4bcb-95b3-e1ffd2b4b12b", "d2964f1f-ca44-418b-940d-08226aaccfe2", "54147b63-2524-4788-96f9-e865b185a83c"
AT = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
EVALUATION = {
    "dataset": {"item_count": 500, "target": "churn"},
    "binary_classification_metrics": {"auc": {"value": 0.9, "standard_deviation": 0.03}},
    "live_model": {"compared": True, "metrics": {"auc": {"value": 0.89, "standard_deviation": 0.03}},
                   "difference": {"auc": {"value": 0.01, "standard_deviation": 0.02}}}}
GOLDEN = {"features": {"state": "TN"}, "prediction": {"label": "yes", "probability": 0.8977178}}


def config(**hyperparameters: Any) -> dict[str, Any]:
    """Return a run's configuration."""
    return {"problem": {"type": "binary", "target": "churn"}, "training": {"estimator": "HistGradientBoosting", "hyperparameters": hyperparameters}}


FILES: dict[str, bytes] = {
    f"runs/{NEW}/evaluation/evaluation.json": json.dumps(EVALUATION).encode(),
    f"runs/{NEW}/golden/records.jsonl": (json.dumps(GOLDEN) + "\n").encode() * 20,
    f"runs/{NEW}/config/config.json": json.dumps(config(max_leaf_nodes=8)).encode(),
    f"runs/{LIVE}/config/config.json": json.dumps(config()).encode(),
}


def approval_state(status: str = "InProgress", token: str | None = "token-1", **more: Any) -> dict[str, Any]:
    """Return the pipeline's state with the stage DeployDev's action Approval in a status."""
    latest = {"actionExecutionId": "approval-1", "status": status, "lastStatusChange": AT, **({"token": token} if token else {}), **more}
    return {"pipelineName": "demo-churn", "stageStates": [
        {"stageName": "Train", "latestExecution": {"pipelineExecutionId": NEW, "status": "Succeeded"}, "actionStates": [{"actionName": "Run"}]},
        {"stageName": "DeployDev", "latestExecution": {"pipelineExecutionId": NEW, "status": status}, "actionStates": [
            {"actionName": "Endpoint", "latestExecution": {"actionExecutionId": "endpoint-1", "status": "Succeeded", "lastStatusChange": AT}},
            {"actionName": "Approval", "latestExecution": latest}]},
        {"stageName": "DeployPrd", "latestExecution": {"pipelineExecutionId": LIVE, "status": "Succeeded"}, "actionStates": [{"actionName": "Api"}]}]}


def actions(run: str, message: str, data: str, **approval: Any) -> dict[str, Any]:
    """Return the action executions of a run, newest first, as both AWS and the local one list them."""
    def action(stage: str, name: str, **outputs: str) -> dict[str, Any]:
        return {"pipelineExecutionId": run, "actionExecutionId": f"{name.lower()}-1", "stageName": stage, "actionName": name, "status": "Succeeded",
                "startTime": AT, "lastUpdateTime": AT, "output": {"outputVariables": outputs}}
    waits = action("DeployDev", "Approval") | {
        "status": "InProgress", "input": {"configuration": {"CustomData": "Shall this model be put into production?"}}} | approval
    return {"actionExecutionDetails": [
        waits, action("Train", "Run") | {"actionExecutionId": data}, action("Build", "Build", RUN_ID=run[:8], MODEL_IMAGE_URI="model@sha256:1"),
        action("Source", "Data", BucketName="demo", ObjectKey="data-source.zip", VersionId=data),
        action("Source", "Code", CommitId=f"{message[:4].lower()}0123456789", CommitMessage=message)]}


def waiting(name: str, **files: bytes | None) -> tuple[Stubs, Project]:
    """Return an account whose pipeline asks for the run NEW; ``files`` replaces what lies in the bucket, None takes away."""
    stubs, kept = Stubs(), {**FILES, **files}
    lists = {NEW: actions(NEW, "Grow smaller trees", "data-2"), LIVE: actions(LIVE, "First model", "data-1")}

    def stored(asked: dict[str, Any]) -> Any:
        content = kept.get(asked["Key"])
        return refusal("NoSuchKey", status=404) if content is None else {"Body": io.BytesIO(content)}

    def described(asked: dict[str, Any]) -> dict[str, Any]:
        given = {"MetricName": "auc", "Threshold": 0.85, "Comparison": "at least", "LiveModelUri": f"s3://demo/runs/{LIVE}/model/model.tar.gz",
                 "Tags": [{"Key": "data-version", "Value": asked["executionArn"].rpartition(":")[2][9:]}]}
        arn = asked["executionArn"]
        return {"executionArn": arn, "stateMachineArn": arn, "status": "SUCCEEDED", "startDate": AT, "input": json.dumps(given)}

    for service, operation, answer in (
            ("codepipeline", "GetPipelineState", approval_state()),
            ("codepipeline", "ListActionExecutions", lambda asked: deepcopy(lists[asked["filter"]["pipelineExecutionId"]])),
            ("codepipeline", "PutApprovalResult", {"approvedAt": AT}),
            ("lambda", "GetFunctionConfiguration", {"Environment": {"Variables": {"MODEL_RUN": LIVE}}}),
            ("s3", "GetObject", stored), ("s3", "HeadObject", {"LastModified": AT}),
            ("stepfunctions", "DescribeExecution", described),
            ("cloudformation", "DescribeStackResource", {"StackResourceDetail": {
                "LogicalResourceId": "Proof", "ResourceType": "Custom::Proof", "LastUpdatedTimestamp": AT, "ResourceStatus": "CREATE_COMPLETE"}})):
        stubs.answer(service, operation, answer)
    return stubs, project(stubs, name)
