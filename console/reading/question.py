"""What waits for a person: the pipeline's question, or how the last one was answered."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from console.account import Project


@dataclass(frozen=True)
class Question:
    """An action that waits for a person's answer; the token is what an answer to it has to name."""

    run: str
    stage: str
    action: str
    action_id: str
    token: str
    asked: datetime


@dataclass(frozen=True)
class Answer:
    """How a question was answered."""

    run: str
    word: str  # approved, rejected, or the action's status where it ended otherwise
    by: str  # ARN
    comment: str
    when: datetime | None

    @property
    def person(self) -> str:
        """Who answered, as people say it: the end of the ARN."""
        return re.split("[/:]", self.by)[-1]


@dataclass(frozen=True)
class Standing:
    """Where the pipeline stands: a question or None, the last answer, and the stage that a run is in."""

    question: Question | None
    answer: Answer | None = None
    running: tuple[str, str] | None = None  # run and stage


def standing(project: Project) -> Standing:
    """Return where the project's pipeline stands."""
    return of(project.client("codepipeline").get_pipeline_state(name=project.pipeline))


def of(state: dict[str, Any]) -> Standing:
    """Return what a pipeline's state says; only an approval has a token."""
    question = answer = running = None
    for stage in state["stageStates"]:
        run = stage.get("latestExecution", {}).get("pipelineExecutionId", "")
        if stage.get("latestExecution", {}).get("status") == "InProgress":
            running = run, stage["stageName"]
        for action in stage["actionStates"]:
            latest = action.get("latestExecution", {})
            if latest.get("token") and latest.get("status") == "InProgress":
                question = Question(run, stage["stageName"], action["actionName"], latest.get("actionExecutionId", ""), latest["token"],
                                    latest["lastStatusChange"])
            elif action["actionName"] == "Approval" and latest:
                answer = _answer(run, latest)
    return Standing(question, answer, running)


def _answer(run: str, latest: dict[str, Any]) -> Answer:
    by, said, error = latest.get("lastUpdatedBy", ""), latest.get("summary", ""), latest.get("errorDetails", {}).get("message", "")
    return Answer(run, _word(latest["status"], by or said), by, said or error, latest.get("lastStatusChange"))


def _word(status: str, person: str) -> str:
    """Return what an action that ended so was answered; one that nobody answered has failed by itself."""
    return {"Succeeded": "approved", "Failed": "rejected" if person else "Failed"}.get(status, status)


def answered(project: Project, question: Question) -> Answer | None:
    """Return how a question was answered, None while it is not."""
    found = project.client("codepipeline").list_action_executions(
        pipelineName=project.pipeline, filter={"pipelineExecutionId": question.run})["actionExecutionDetails"]
    for action in found:
        if action["actionExecutionId"] == question.action_id and action["status"] != "InProgress":
            result, by = action.get("output", {}).get("executionResult", {}), action.get("updatedBy", "")
            said, error = result.get("externalExecutionSummary", ""), result.get("errorDetails", {}).get("message", "")
            return Answer(question.run, _word(action["status"], by or said), by, said or error, action.get("lastUpdateTime"))
    return None
