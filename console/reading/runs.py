"""The pipeline's runs: what started them, what they took, and how far each stage and action is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from console.account import Project
from console.faults import Refused, gone

ENDED = ("Succeeded", "Failed", "Stopped", "Superseded", "Cancelled")
PAGE = 100  # the most that one call returns
APPROVAL = ("DeployDev", "Approval")
SOURCES = {"Code": "Code", "Data": "Data", "SourceCode": "Code", "DataSource": "Data"}  # as lists name them, and as one run's record does
RULES = {
    "push": ("Push", "a push to the repository"), "upload": ("Upload", "an upload of data-source.zip"),
    "schedule": ("Schedule", "the retraining schedule"),
}
TRIGGERS = {
    "CreatePipeline": ("Creation", "the project's creation"),
    "ManualRollback": ("Rollback", "a rollback of a stage"), "AutomatedRollback": ("Rollback", "a failed stage's rollback"),
}


@dataclass(frozen=True)
class Cause:
    """What started a run: one word, and in words."""

    word: str
    text: str


@dataclass(frozen=True)
class Run:
    """One execution of the pipeline."""

    id: str
    status: str
    cause: Cause
    started: datetime | None
    updated: datetime | None
    commit: str = ""
    message: str = ""
    data: str = ""  # version of data-source.zip
    why: str = ""  # why it was stopped or superseded

    @property
    def short(self) -> str:
        """The eight digits that names of this run hold."""
        return self.id[:8]

    @property
    def ended(self) -> bool:
        return self.status in ENDED


@dataclass(frozen=True)
class History:
    """The newest runs."""

    runs: tuple[Run, ...]
    older: bool  # whether there are more


@dataclass(frozen=True)
class Action:
    """An action of a run, as its last attempt went; without a start it is not reached."""

    stage: str
    name: str
    status: str = ""
    started: datetime | None = None
    updated: datetime | None = None
    attempts: int = 0
    error: str = ""
    external: str = ""  # the build's or execution's id
    summary: str = ""

    @property
    def asks(self) -> bool:
        """Whether it waits for a person."""
        return (self.stage, self.name) == APPROVAL and self.status == "InProgress"


@dataclass(frozen=True)
class Stage:
    """A stage as one run has gone through it."""

    name: str
    status: str  # empty: not reached
    actions: tuple[Action, ...]
    retry: bool = False  # whether the pipeline takes a retry of it
    closed: str = ""  # why nothing may enter
    waiting: bool = False  # whether the run waits before it


def history(project: Project, count: int) -> History:
    """Return the newest runs, as many as asked for."""
    found: list[Run] = []
    token: dict[str, str] = {}
    while True:
        answer = project.client("codepipeline").list_pipeline_executions(
            pipelineName=project.pipeline, maxResults=min(PAGE, count - len(found)), **token)
        found += [_listed(each, project) for each in answer["pipelineExecutionSummaries"]]
        token = {"nextToken": answer["nextToken"]} if answer.get("nextToken") else {}
        if not token or len(found) >= count:
            return History(tuple(found), bool(token))


def state(project: Project) -> list[dict[str, Any]]:
    """Return the pipeline's stages in their order, with who is in them; AWS's own shape."""
    found: list[dict[str, Any]] = project.client("codepipeline").get_pipeline_state(name=project.pipeline)["stageStates"]
    return found


def one(project: Project, run: str) -> Run:
    """Return a run that the list may not hold any more; its times come with its actions."""
    try:
        found = project.client("codepipeline").get_pipeline_execution(pipelineName=project.pipeline, pipelineExecutionId=run)["pipelineExecution"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("PipelineExecutionNotFoundException", "ValidationException"):
            raise
        raise Refused(f"There is no run {run} of this project, or it is older than the history that AWS keeps. "
                      "Project, above, lists those that there are.") from error
    return _listed({**found, "sourceRevisions": found.get("artifactRevisions", [])}, project)


def actions(project: Project, run: str) -> list[dict[str, Any]]:
    """Return the action executions of a run, oldest first; none of a run that is gone."""
    pages = project.client("codepipeline").get_paginator("list_action_executions").paginate(
        pipelineName=project.pipeline, filter={"pipelineExecutionId": run})
    try:
        found = [each for page in pages for each in page["actionExecutionDetails"]]
    except ClientError as error:
        if not gone(error):
            raise
        return []
    return sorted(found, key=lambda each: each["startTime"])


def stages(run: Run, states: list[dict[str, Any]], executions: list[dict[str, Any]]) -> tuple[Stage, ...]:
    """Return the stages of a run, those that it has not reached among them."""
    return tuple(_stage(run, each, [done for done in executions if done["stageName"] == each["stageName"]]) for each in states)


def cause(trigger: dict[str, str], prefix: str) -> Cause:
    """Return what started a run, in words."""
    kind, detail = trigger.get("triggerType", ""), trigger.get("triggerDetail", "")
    rule = detail.rpartition("/")[2].removeprefix(f"{prefix}-")
    if kind == "CloudWatchEvent":
        return Cause(*RULES.get(rule, ("Event", f"the event rule {rule}")))
    if f"/{prefix}-retraining/" in detail:
        return Cause("Drift", "drift of production's requests")
    if kind == "StartPipelineExecution":
        return Cause("By hand", f"{rule or 'a person'}, by hand")
    return Cause(*TRIGGERS.get(kind, (kind or "Unknown", kind or "something that AWS does not name")))


def _listed(item: dict[str, Any], project: Project) -> Run:
    revisions = {SOURCES.get(each.get("actionName", each.get("name", "")), ""): each for each in item.get("sourceRevisions", [])}
    code, data = revisions.get("Code", {}), revisions.get("Data", {})
    return Run(
        id=item["pipelineExecutionId"], status=item["status"], cause=cause(item.get("trigger", {}), project.prefix),
        started=item.get("startTime"), updated=item.get("lastUpdateTime"), commit=code.get("revisionId", ""),
        message=next(iter(code.get("revisionSummary", "").splitlines()), ""), data=data.get("revisionId", ""),
        why=item.get("stopTrigger", {}).get("reason") or item.get("statusSummary", ""))


def _stage(run: Run, state: dict[str, Any], executions: list[dict[str, Any]]) -> Stage:
    names = [each["actionName"] for each in state["actionStates"]]
    names += [name for name in dict.fromkeys(each["actionName"] for each in executions) if name not in names]  # of a former pipeline
    found = tuple(_action(state["stageName"], name, [each for each in executions if each["actionName"] == name]) for name in names)
    latest, transition = state.get("latestExecution", {}), state.get("inboundTransitionState", {})
    here = latest.get("pipelineExecutionId") == run.id
    status = latest.get("status", "") if here else _status(found)
    inbound = {each.get("pipelineExecutionId") for each in [state.get("inboundExecution", {}), *state.get("inboundExecutions", [])]}
    return Stage(
        state["stageName"], status, found, retry=here and status in ("Failed", "Stopped") and run.status in ("Failed", "Stopped"),
        closed="" if transition.get("enabled", True) else transition.get("disabledReason", "") or "closed by hand",
        waiting=run.id in inbound and not run.ended)


def _status(found: tuple[Action, ...]) -> str:
    """Return the state of a stage that another run has been in since."""
    states = [each.status for each in found if each.status]
    for status in ("InProgress", "Failed", "Abandoned"):
        if status in states:
            return status
    return "Succeeded" if states else ""


def _action(stage: str, name: str, attempts: list[dict[str, Any]]) -> Action:
    if not attempts:
        return Action(stage, name)
    last = attempts[-1]
    result = last.get("output", {}).get("executionResult", {})
    failed = last["status"] == "Failed"
    summary = result.get("externalExecutionSummary", "") or ""
    return Action(
        stage, name, last["status"], last["startTime"], last.get("lastUpdateTime"), len(attempts),
        error=(result.get("errorDetails", {}).get("message") or summary) if failed else "",
        external=result.get("externalExecutionId", "") or "", summary="" if failed else summary)
