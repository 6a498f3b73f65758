"""A project as its user moves it: uploads, pushes and approvals, and how the pipeline's runs end."""

import io
import json
import subprocess
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.local.local_aws import ROOT, LocalAws

RUN_SECONDS = 600  # a run takes one; machines that share their cores, several
ENDED = ("Succeeded", "Failed", "Stopped", "Superseded", "Cancelled")
HELPER = "credential.helper=!aws codecommit credential-helper --ignore-host-check $@"
Answer = TypeVar("Answer")
# kind, service, operation and where the names are
KINDS = (
    ("endpoints", "sagemaker", "list_endpoints", "Endpoints[].EndpointName"),
    ("endpoint configurations", "sagemaker", "list_endpoint_configs", "EndpointConfigs[].EndpointConfigName"),
    ("functions", "lambda", "list_functions", "Functions[].FunctionName"),
    ("roles", "iam", "list_roles", "Roles[].RoleName"),
    ("log groups", "logs", "describe_log_groups", "logGroups[].logGroupName"),
    ("repositories", "codecommit", "list_repositories", "repositories[].repositoryName"),
    ("images", "ecr", "describe_repositories", "repositories[].repositoryName"),
    ("pipelines", "codepipeline", "list_pipelines", "pipelines[].name"),
    ("builds", "codebuild", "list_projects", "projects[]"),
    ("rules", "events", "list_rules", "Rules[].Name"),
    ("topics", "sns", "list_topics", "Topics[].TopicArn"),
    ("state machines", "stepfunctions", "list_state_machines", "stateMachines[].name"),
    ("APIs", "apigateway", "get_rest_apis", "items[].name"),
    ("aliases", "kms", "list_aliases", "Aliases[].AliasName"),
    ("buckets", "s3", "list_buckets", "Buckets[].Name"))


def until(condition: Callable[[], Answer], what: str, seconds: float = RUN_SECONDS) -> Answer:
    """Return the condition's first answer that is true; fail naming what was waited for."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.1)
    return answer


def zipped(files: dict[str, str]) -> bytes:
    """Return a zip of the files."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def churn(rows: int) -> list[str]:
    """Return the header and the first rows of the sample."""
    return (ROOT / "data" / "churn.csv").read_text().splitlines()[:rows + 1]


@dataclass(frozen=True)
class Project:
    """A project on a local AWS, by the prefix of its names."""

    aws: LocalAws
    name: str

    @property
    def bucket(self) -> str:
        return f"{self.name}-000000000000"

    def stacks(self) -> list[str]:
        """The names of the project's stacks: those of its stages, and its own in Service Catalog."""
        found = self.aws.client("cloudformation").get_paginator("describe_stacks").paginate()
        return [stack["StackName"] for page in found for stack in page["Stacks"]
                if stack["StackName"].startswith(self.name) or self.name in str(stack.get("Outputs"))]

    def everything(self) -> dict[str, list[str]]:
        """The names of all that has the project's name, by kind; kinds without any are left out."""
        found = {kind: [] for kind, *_ in KINDS} | {"stacks": self.stacks()}
        for kind, service, operation, path in KINDS:
            pages = self.aws.client(service).get_paginator(operation).paginate()
            found[kind] = sorted(name for name in pages.search(path) if self.name in (name or ""))
        return {kind: names for kind, names in found.items() if names}

    @property
    def pipeline(self) -> Any:
        return self.aws.client("codepipeline")

    def runs(self) -> list[dict]:
        """The pipeline's runs, newest first."""
        return self.pipeline.list_pipeline_executions(pipelineName=self.name)["pipelineExecutionSummaries"]

    def started_by(self, change: Callable[[], object]) -> str:
        """Make a change and return the one run that it starts."""
        before = {run["pipelineExecutionId"] for run in self.runs()}
        change()
        until(lambda: len(self.runs()) > len(before), "a run started by the change", 120)
        [new] = [run["pipelineExecutionId"] for run in self.runs() if run["pipelineExecutionId"] not in before]
        return new

    def upload(self, content: bytes) -> str:
        """Upload data-source.zip; return the run that this starts."""
        return self.started_by(lambda: self.aws.client("s3").put_object(
            Bucket=self.bucket, Key="data-source.zip", Body=content))

    def stop(self, run: str) -> None:
        """End a run that nobody waits for."""
        self.pipeline.stop_pipeline_execution(pipelineName=self.name, pipelineExecutionId=run, abandon=True)
        self.ended(run)

    def clone(self, folder: Path) -> Path:
        """Clone the project's repository with the aws CLI's credential helper."""
        outcome = self.git("clone", "--quiet", f"{self.aws.endpoint_url}/v1/repos/{self.name}", str(folder), cwd=ROOT)
        assert outcome.returncode == 0, outcome.stderr
        return folder

    def git(self, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run git as a user does who has set the credential helper and a name."""
        who = ("-c", "user.name=A Person", "-c", "user.email=person@example.com")
        return self.aws.run("git", "-c", "credential.helper=", "-c", HELPER, "-c", "credential.UseHttpPath=true", *who,
                            *arguments, cwd=cwd)

    def push(self, clone: Path, changes: dict[str, str], message: str = "Change") -> None:
        """Commit the files and push them to main."""
        for name, text in changes.items():
            (clone / name).write_text(text)
        for arguments in (("add", "--all"), ("commit", "--quiet", "--message", message), ("push", "--quiet", "origin", "HEAD:main")):
            outcome = self.git(*arguments, cwd=clone)
            assert outcome.returncode == 0, outcome.stdout + outcome.stderr

    def status(self, run: str) -> str:
        """Return a run's status."""
        return self.pipeline.get_pipeline_execution(pipelineName=self.name, pipelineExecutionId=run)[
            "pipelineExecution"]["status"]

    def ended(self, run: str) -> str:
        """Wait for a run's end and return its status."""
        return until(lambda: (status := self.status(run)) in ENDED and status, f"the end of run {run}")

    def action(self, run: str, name: str) -> dict | None:
        """Return the last execution of an action in a run."""
        details = self.pipeline.list_action_executions(pipelineName=self.name, filter={"pipelineExecutionId": run})[
            "actionExecutionDetails"]
        return next((detail for detail in details if detail["actionName"] == name), None)

    def training_jobs(self, run: str) -> list[dict]:
        """Return the training jobs of a run."""
        sagemaker = self.aws.client("sagemaker")
        found = sagemaker.list_training_jobs(NameContains=f"{run[:8]}-train")["TrainingJobSummaries"]
        return [sagemaker.describe_training_job(TrainingJobName=job["TrainingJobName"]) for job in found]

    def failure(self, run: str) -> tuple[str, str]:
        """Wait for a run's failure; return where it failed (Stage/Action) and why, as get-pipeline-state shows it."""
        assert self.ended(run) == "Failed"
        details = self.pipeline.list_action_executions(pipelineName=self.name, filter={"pipelineExecutionId": run})
        of_this_run = {detail["actionExecutionId"] for detail in details["actionExecutionDetails"]}
        state = json.loads(self.aws.run("aws", "codepipeline", "get-pipeline-state", "--name", self.name).stdout)
        [(place, why)] = [
            (f"{stage['stageName']}/{action['actionName']}", action["latestExecution"]["errorDetails"]["message"])
            for stage in state["stageStates"] if stage.get("latestExecution", {}).get("pipelineExecutionId") == run
            for action in stage["actionStates"] if action.get("latestExecution", {}).get("status") == "Failed"
            and action["latestExecution"]["actionExecutionId"] in of_this_run]
        return place, why

    def failures(self, run: str) -> list[str]:
        """Return the stage, the action and the summary of each action that failed in a run."""
        details = self.pipeline.list_action_executions(pipelineName=self.name, filter={"pipelineExecutionId": run})
        return [f"{each['stageName']}/{each['actionName']}: {each['output']['executionResult']}"
                for each in details["actionExecutionDetails"] if each["status"] == "Failed"]

    def approval(self, run: str) -> dict:
        """Wait until a run asks for approval; return the question's state."""
        def asked() -> dict | None:
            found = self.action(run, "Approval")
            return found if found and found["status"] == "InProgress" else None

        until(lambda: asked() or self.status(run) in ENDED, f"the approval of run {run}")
        assert asked(), f"run {run} of {self.name} ended without a question: {self.status(run)} {self.failures(run)}"
        states = self.pipeline.get_pipeline_state(name=self.name)["stageStates"]
        [state] = [action["latestExecution"] for stage in states for action in stage["actionStates"]
                   if action["actionName"] == "Approval"]
        return state

    def answer(self, run: str, status: str, summary: str) -> None:
        """Approve or reject a run."""
        self.pipeline.put_approval_result(
            pipelineName=self.name, stageName="DeployDev", actionName="Approval", token=self.approval(run)["token"],
            result={"status": status, "summary": summary})
