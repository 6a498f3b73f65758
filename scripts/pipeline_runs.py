"""A project's pipeline: its runs, what started them, how far they are, and a person's answers."""

import time
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.exceptions import ClientError

from narration import DemoError, say
from stopping import stop
from waiting import LOOK_SECONDS, until

START_SECONDS = 60  # a push or an upload starts a run within seconds
LOG_LINES = 15
BUILD, APPROVAL = ("Build", "Build"), ("DeployDev", "Approval")
API, MONITORING = ("DeployPrd", "Api"), ("DeployPrd", "Monitoring")


class Pipeline:
    """The pipeline of one project."""

    def __init__(self, name: str) -> None:
        self.name, self._client = name, boto3.client("codepipeline")
        self._shown: set[str] = set()

    def runs(self) -> list[dict[str, Any]]:
        """Return the runs, newest first."""
        found: list[dict[str, Any]] = self._client.list_pipeline_executions(pipelineName=self.name)["pipelineExecutionSummaries"]
        return found

    def new_run(self, before: list[dict[str, Any]], cause: str) -> str:
        """Wait for the one run that ``cause`` starts beyond those of ``before``; raises DemoError for none or several."""
        new = until(lambda: self._beyond(before), START_SECONDS,
                    f"the {cause} started no run of {self.name} in {START_SECONDS} s; its event rule in pipeline.yml should")
        self.only_run(before, cause)
        return new[0]

    def only_run(self, before: list[dict[str, Any]], cause: str) -> None:
        """Raise DemoError when more than one run has started since ``before``."""
        if len(new := self._beyond(before)) > 1:
            raise DemoError(f"the {cause} started {len(new)} runs instead of one: {', '.join(new)}")

    def _beyond(self, before: list[dict[str, Any]]) -> list[str]:
        known = {run["pipelineExecutionId"] for run in before}
        return [run["pipelineExecutionId"] for run in self.runs() if run["pipelineExecutionId"] not in known]

    def watch(self, run: str, until: tuple[str, str]) -> None:
        """Print each action of a run as it ends, until the action ``until`` has succeeded or waits for a person."""
        for _ in self.follow(run, until):
            pass

    def reach(self, run: str, wanted: tuple[str, str]) -> None:
        """Print like ``watch`` until the action ``wanted`` has begun."""
        for actions in self.follow(run, wanted):
            if any(place(action) == wanted for action in actions):
                return

    def follow(self, run: str, until: tuple[str, str]) -> Iterator[list[dict[str, Any]]]:
        """Print like ``watch`` and yield the actions at each look; raises DemoError when the run ends before."""
        while True:
            actions = self.actions(run)
            self._show(actions)
            yield actions
            if any(place(action) == until and (action["status"] == "Succeeded" or waits(action)) for action in actions):
                return
            status = self._client.get_pipeline_execution(
                pipelineName=self.name, pipelineExecutionId=run)["pipelineExecution"]["status"]
            if status not in ("InProgress", "Succeeded"):
                raise DemoError(f"run {run[:8]} is {status}: {failure(self.actions(run))}")
            time.sleep(LOOK_SECONDS)

    def actions(self, run: str) -> list[dict[str, Any]]:
        """Return the actions of a run, oldest first."""
        found = self._client.list_action_executions(pipelineName=self.name, filter={"pipelineExecutionId": run})
        return sorted(found["actionExecutionDetails"], key=lambda action: action["startTime"])

    def _show(self, actions: list[dict[str, Any]]) -> None:
        for action in actions:
            if action["actionExecutionId"] not in self._shown and (action["status"] != "InProgress" or waits(action)):
                self._shown.add(action["actionExecutionId"])
                say(line(action))

    def record(self, run: str) -> dict[str, Any]:
        """Return what the pipeline keeps of a run: its trigger, its sources' revisions, its status."""
        return next(each for each in self.runs() if each["pipelineExecutionId"] == run)

    def approve(self, summary: str = "the demo says yes") -> None:
        """Answer the pipeline's question with yes; the summary is kept with the run."""
        stages = {stage["stageName"]: stage for stage in self._client.get_pipeline_state(name=self.name)["stageStates"]}
        [approval] = [action for action in stages[APPROVAL[0]]["actionStates"] if action["actionName"] == APPROVAL[1]]
        self._client.put_approval_result(
            pipelineName=self.name, stageName=APPROVAL[0], actionName=APPROVAL[1],
            token=approval["latestExecution"]["token"], result={"status": "Approved", "summary": summary})

    def stop(self, run: str, reason: str) -> bool:
        """End a run without waiting for what it is at; return whether it had not ended by itself."""
        return stop(self._client, self.name, run, reason, abandon=True)


def place(action: dict[str, Any]) -> tuple[str, str]:
    """Return stage and name of an action."""
    return action["stageName"], action["actionName"]


def waits(action: dict[str, Any]) -> bool:
    """Return whether an action waits for a person."""
    return place(action) == APPROVAL and action["status"] == "InProgress"


def line(action: dict[str, Any]) -> str:
    """Return an action with its state and seconds."""
    seconds = (action["lastUpdateTime"] - action["startTime"]).total_seconds()
    state = "waits for a person" if waits(action) else f"{action['status']:<10} {seconds:6.1f} s"
    return f"{action['stageName']:<10} {action['actionName']:<10} {state}"


def failure(actions: list[dict[str, Any]]) -> str:
    """Return why a run failed, as its failed action says."""
    for action in actions:
        if action["status"] == "Failed":
            result = action.get("output", {}).get("executionResult", {})
            error = result.get("errorDetails", {}).get("message") or result.get("externalExecutionSummary")
            return f"{'/'.join(place(action))}: {error}{_build_log(result)}"
    return "no action failed"


def _build_log(result: dict[str, Any]) -> str:
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
