"""What a person does on AWS, from the organization template to a prediction; demo.sh starts it on the local endpoint."""

import argparse
import csv
import io
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from endpoints import address, stack_output
from project_api import ApiError, call_api

ROOT = Path(__file__).resolve().parent.parent
SAMPLE_ROWS = (1096, 609, 2909, 944, 694)  # five customers, counted from 1
TRAINING_ROWS = 3333
LOG_LINES = 15
START_SECONDS = 60  # an upload starts a run within seconds
MODEL = "churn"


class DemoError(Exception):
    """A step did not end as it should; the message says where and why."""


class Steps:
    """Runs steps, tells what happens, and keeps what the report says of them."""

    def __init__(self) -> None:
        self.report: dict[str, Any] = {"steps": []}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time one step; a failure is recorded before it ends the demo."""
        print(f"\n== {name}", file=sys.stderr, flush=True)
        started, status = time.monotonic(), "failed"
        try:
            yield
            status = "succeeded"
        finally:
            seconds = round(time.monotonic() - started, 1)
            self.report["steps"].append({"name": name, "seconds": seconds, "status": status})
            print(f"   {status} in {seconds} s", file=sys.stderr, flush=True)


def say(text: str) -> None:
    """Narrate on stderr."""
    print(f"   {text}", file=sys.stderr, flush=True)


def publish(organization: str) -> None:
    """Make what an AWS account already has (a bucket, Studio's role), then publish the organization template."""
    account = boto3.client("sts").get_caller_identity()["Account"]
    bucket, role = f"{organization}-{account}", f"{organization}-studio"
    boto3.client("s3").create_bucket(Bucket=bucket)  # in us-east-1; elsewhere it needs a LocationConstraint
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
                                                     "Principal": {"Service": "sagemaker.amazonaws.com"}}]}
    iam = boto3.client("iam")
    with suppress(iam.exceptions.EntityAlreadyExistsException):  # a further project of the same organization
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))
    region = os.environ["AWS_DEFAULT_REGION"]
    subprocess.run(["bash", "scripts/build.sh", bucket, organization, region, role], cwd=ROOT, check=True)


def create_project(options: argparse.Namespace) -> str:
    """Create the project from the organization template as Studio does; return the prefix of its names."""
    catalog, sagemaker = boto3.client("servicecatalog"), boto3.client("sagemaker")
    outputs = boto3.client("cloudformation").describe_stack_resource(
        StackName=options.organization, LogicalResourceId="Product")["StackResourceDetail"]
    product_id = outputs["PhysicalResourceId"]
    artifact = catalog.list_provisioning_artifacts(ProductId=product_id)["ProvisioningArtifactDetails"][-1]
    form = {"ModelName": MODEL, "ProjectPrefix": options.prefix, "Email": "admin@example.com",
            "NetworkMode": options.network}
    sagemaker.create_project(
        ProjectName=options.project, ProjectDescription="Who will leave?",
        ServiceCatalogProvisioningDetails={
            "ProductId": product_id, "ProvisioningArtifactId": artifact["Id"],
            "ProvisioningParameters": [{"Key": key, "Value": value} for key, value in form.items()]})
    project = wait_for_project(sagemaker, options.project)
    return f"{options.prefix}-{MODEL}-{project['ProjectId']}"


def wait_for_project(sagemaker: Any, name: str) -> dict:
    """Wait until the project is created; raises DemoError with its message when that fails."""
    while True:
        project = sagemaker.describe_project(ProjectName=name)
        if project["ProjectStatus"] == "CreateCompleted":
            return project
        if "Failed" in project["ProjectStatus"]:
            raise DemoError(f"project {name}: {project['ServiceCatalogProvisionedProductDetails']}")
        time.sleep(0.5)


def churn_rows() -> tuple[list[str], list[list[str]]]:
    """Return header and rows of the sample."""
    header, *rows = csv.reader((ROOT / "data" / "churn.csv").read_text().splitlines())
    return header, rows


def upload(name: str) -> str:
    """Upload the first 3,333 customers as data-source.zip; return the execution that this starts."""
    header, rows = churn_rows()
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows[:TRAINING_ROWS]])
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("churn.csv", text.getvalue())
    pipeline, account = boto3.client("codepipeline"), boto3.client("sts").get_caller_identity()["Account"]
    before = {run["pipelineExecutionId"]: run["status"] for run in executions(pipeline, name)}
    boto3.client("s3").put_object(Bucket=f"{name}-{account}", Key="data-source.zip", Body=archive.getvalue())
    deadline = time.monotonic() + START_SECONDS
    while not (new := [run for run in executions(pipeline, name) if run["pipelineExecutionId"] not in before]):
        if time.monotonic() > deadline:
            raise DemoError(f"the upload started no run of {name} in {START_SECONDS} s; its event rule UploadRule should")
        time.sleep(0.2)
    for execution, status in before.items():
        if status == "InProgress":
            say(f"run {execution[:8]}, started by the project's creation, is stopped: the upload's run takes its place")
            pipeline.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=execution, abandon=True,
                                             reason="replaced by the upload's run")
    return new[0]["pipelineExecutionId"]


def executions(pipeline: Any, name: str) -> list[dict]:
    """Return the pipeline's executions, newest first."""
    return pipeline.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"]


def watch(name: str, execution: str, until: str, shown: set[str]) -> None:
    """Print each action of a run as it ends, until the action ``until`` has ended or waits for a person."""
    pipeline = boto3.client("codepipeline")
    while True:
        for detail in action_details(pipeline, name, execution):
            key, status = detail["actionExecutionId"], detail["status"]
            waits = detail["actionName"] == until and until == "Approval" and status == "InProgress"
            if (status != "InProgress" or waits) and key not in shown:
                shown.add(key)
                show_action(detail, waits)
            if detail["actionName"] == until and detail["stageName"] != "DeployDev" and status == "Succeeded" or waits:
                return
        status = pipeline.get_pipeline_execution(pipelineName=name, pipelineExecutionId=execution)["pipelineExecution"]
        if status["status"] not in ("InProgress", "Succeeded"):
            raise DemoError(f"run {execution[:8]} is {status['status']}: {failure(pipeline, name, execution)}")
        time.sleep(0.5)


def action_details(pipeline: Any, name: str, execution: str) -> list[dict]:
    """Return the actions of a run, oldest first."""
    return sorted(pipeline.list_action_executions(pipelineName=name, filter={"pipelineExecutionId": execution})[
        "actionExecutionDetails"], key=lambda detail: detail["startTime"])


def show_action(detail: dict, waits: bool) -> None:
    """Print one action with its seconds."""
    seconds = (detail["lastUpdateTime"] - detail["startTime"]).total_seconds()
    state = "waits for a person" if waits else f"{detail['status']:<10} {seconds:6.1f} s"
    say(f"{detail['stageName']:<10} {detail['actionName']:<10} {state}")


def failure(pipeline: Any, name: str, execution: str) -> str:
    """Return why a run failed, as its failed action says."""
    for detail in action_details(pipeline, name, execution):
        result = detail.get("output", {}).get("executionResult", {})
        if detail["status"] == "Failed":
            error = result.get("errorDetails", {}).get("message") or result.get("externalExecutionSummary")
            return f"{detail['stageName']}/{detail['actionName']}: {error}{build_log(result)}"
    return "no action failed"


def build_log(result: dict) -> str:
    """Return the last lines that a failed build wrote, empty for other actions."""
    builds = boto3.client("codebuild").batch_get_builds(ids=[result.get("externalExecutionId") or "none"])["builds"]
    if not builds or not builds[0].get("logs", {}).get("streamName"):
        return ""
    logs = builds[0]["logs"]
    try:
        events = boto3.client("logs").get_log_events(
            logGroupName=logs["groupName"], logStreamName=logs["streamName"], limit=LOG_LINES)["events"]
    except ClientError:  # a build that may not log has no stream
        return ""
    return "".join(f"\n   | {event['message'].rstrip()}" for event in events)


def approve(name: str) -> None:
    """Answer the pipeline's question with yes."""
    pipeline = boto3.client("codepipeline")
    states = {state["stageName"]: state for state in pipeline.get_pipeline_state(name=name)["stageStates"]}
    [approval] = [action for action in states["DeployDev"]["actionStates"] if action["actionName"] == "Approval"]
    pipeline.put_approval_result(
        pipelineName=name, stageName="DeployDev", actionName="Approval",
        token=approval["latestExecution"]["token"], result={"status": "Approved", "summary": "the demo says yes"})


def predict(url: str) -> list[float]:
    """Ask the API for the five sample customers and return their churn probabilities."""
    header, rows = churn_rows()
    records = [dict(zip(header[:-1], rows[row - 1][:-1], strict=True)) for row in SAMPLE_ROWS]
    predictions = call_api(url, json.dumps(records).encode(), "application/json")["predictions"]
    for row, prediction in zip(SAMPLE_ROWS, predictions, strict=True):
        say(f"customer {row:>4}: leaves with probability {prediction['probability']:.4f}, label {prediction['label']}"
            f", truth {rows[row - 1][-1]}")
    return [prediction["probability"] for prediction in predictions]


def run(steps: Steps, options: argparse.Namespace) -> None:
    """The demo, step by step."""
    with steps.step("publish the organization template"):
        publish(options.organization)
    with steps.step("create the project"):
        name = create_project(options)
        steps.report["name"] = name
    with steps.step("upload the data"):
        execution, shown = upload(name), set[str]()
        say(f"run {execution} started")
    with steps.step("watch the pipeline: build, train, gate, deploy to dev"):
        watch(name, execution, "Approval", shown)
    with steps.step("approve"):
        approve(name)
    with steps.step("watch the pipeline: deploy to production"):
        watch(name, execution, "Api", shown)
    with steps.step("predict"):
        url = address(stack_output(f"{name}-api", "ApiUrl"), os.environ.get("AWS_ENDPOINT_URL"))
        steps.report |= {"api_url": url, "predictions": predict(url)}
    print(how_to_go_on(name, url), file=sys.stderr)


def how_to_go_on(name: str, url: str) -> str:
    """Return the commands that a person may try next."""
    return f"""
API: {url}
Try:
  aws codepipeline get-pipeline-state --name {name}
  aws sagemaker list-training-jobs
  head -2 data/churn.csv | cut -d, -f1-19 | curl --aws-sigv4 aws:amz:us-east-1:execute-api --user test:test \\
    -H 'Content-Type: text/csv' --data-binary @- {url}
  git -c credential.helper='!aws codecommit credential-helper --ignore-host-check $@' -c credential.UseHttpPath=true \\
    clone {os.environ.get('AWS_ENDPOINT_URL', '')}/v1/repos/{name}"""


def main() -> int:
    """Run the demo and write its report, also of a failure."""
    options = _parser().parse_args()
    steps = Steps()
    try:
        run(steps, options)
    except (DemoError, ApiError, ClientError, subprocess.CalledProcessError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    finally:
        options.report.parent.mkdir(parents=True, exist_ok=True)
        options.report.write_text(json.dumps(steps.report, indent=2) + "\n")
        print(f"report: {options.report}", file=sys.stderr)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--organization", default="ml-delivery", help="name of the organization's stack")
    parser.add_argument("--project", default="churn-demo", help="name of the project")
    parser.add_argument("--prefix", default="demo", help="what the project's names begin with")
    parser.add_argument("--network", default="vpc", choices=("vpc", "none"), help="NetworkMode of the project")
    parser.add_argument("--report", type=Path, default=ROOT / "build" / "demo" / "report.json", help="file to write")
    return parser


if __name__ == "__main__":
    sys.exit(main())
