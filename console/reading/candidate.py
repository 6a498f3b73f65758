"""What would change: the run that waits for an answer, its numbers, and the run that serves."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from console.account import Project
from console.faults import Refused
from console.reading.evaluation import Evaluation, Unreadable, parse
from console.reading.missing import where_there
from console.reading.question import Question, Standing, standing
from console.reading.revision import Revision, made_of, revision, stored
from console.reading.together import together

MOST_ROWS = 100  # of golden records
KEPT = 64  # runs that are read once


@dataclass(frozen=True)
class Golden:
    """Rows whose predictions every later release has to repeat, and whether dev's endpoint did."""

    answers: tuple[tuple[str, str], ...]  # label and probability of each row
    stack: str
    status: str  # of the stack's resource Proof; blank where there is none
    proven: datetime | None = None

    @property
    def passed(self) -> bool:
        return self.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")


@dataclass(frozen=True)
class Candidate:
    """A run's numbers; without them why there are none."""

    evaluation: Evaluation | None
    missing: str
    golden: Golden


@dataclass(frozen=True)
class State:
    """What the view Approval shows."""

    project: Project
    standing: Standing
    candidate: Candidate | None = None
    new: Revision | None = None
    live: Revision | None = None  # None before the first release

    @property
    def question(self) -> Question | None:
        """The question of the run that is shown; None where that run does not wait."""
        question = self.standing.question
        return question if question and self.new and question.run == self.new.run else None


def read(project: Project, run: str = "") -> State:
    """Return where the pipeline stands, and what a run would change: the named one, else the one that waits for an answer."""
    now, serving = together(partial(standing, project), partial(live_run, project))
    live = revision(project, serving) if serving else None
    shown = run or (now.question.run if now.question else "")
    if not shown:
        return State(project, now, live=live)
    found, new = candidate(project, shown)
    return State(project, now, found, new, live)


def live_run(project: Project) -> str:
    """Return the run that answers the API; blank before the first release."""
    found = where_there(lambda: project.client("lambda").get_function_configuration(FunctionName=project.api, Qualifier="live"))
    environment = (found or {}).get("Environment", {})
    if "Error" in environment:
        reason = environment["Error"].get("Message", "no reason given").rstrip(".")
        raise Refused(f"What serves cannot be read: {reason}. You need kms:Decrypt on the project's key.")
    return str(environment.get("Variables", {}).get("MODEL_RUN", ""))


_final: dict[tuple[Project, str], tuple[Candidate, Revision]] = {}  # what has come as far as dev's endpoint does not change any more


def candidate(project: Project, run: str) -> tuple[Candidate, Revision]:
    """Return a run's numbers and what it is made of, as far as it has come."""
    if kept := _final.get((project, run)):
        return kept
    found = numbers(project, run), made_of(project, run)
    if not found[1].commit and not found[1].data:
        raise Refused(f"The pipeline has no run {run[:8]} with a source: it does not exist, or its history has ended. Choose another one.")
    if found[0].evaluation and found[0].golden.passed:
        while len(_final) >= KEPT:
            _final.pop(next(iter(_final)), None)
        _final[project, run] = found
    return found


def numbers(project: Project, run: str) -> Candidate:
    """Return the numbers that a run has written."""
    folder = project.runs_key(run)
    measured, rows, (stack, proof) = together(
        partial(stored, project, f"{folder}evaluation/evaluation.json"), partial(stored, project, f"{folder}golden/records.jsonl"),
        partial(_proof, project, run))
    evaluation, missing = _evaluation(measured, f"s3://{project.bucket}/{folder}evaluation/evaluation.json")
    return Candidate(evaluation, missing, Golden(_answers(rows), stack, proof.get("ResourceStatus", ""), proof.get("LastUpdatedTimestamp")))


def _evaluation(content: bytes | None, where: str) -> tuple[Evaluation | None, str]:
    if content is None:
        return None, f"The job evaluate of this run has written no metrics: {where} does not exist."
    try:
        return parse(content), ""
    except Unreadable as error:
        return None, f"The job evaluate of this run has written no metrics that can be shown: {where}: {error}."


def _answers(rows: bytes | None) -> tuple[tuple[str, str], ...]:
    lines = [line for line in (rows or b"").decode(errors="replace").splitlines() if line.strip()]
    return tuple(_prediction(line) for line in lines[:MOST_ROWS])


def _prediction(line: str) -> tuple[str, str]:
    """Return label and probability of a golden record; blank where it has none."""
    try:
        found = json.loads(line)["prediction"]
    except (ValueError, KeyError, TypeError):
        return "", ""
    if not isinstance(found, dict):
        return str(found), ""
    probability = found.get("probability")
    return str(found.get("label", found.get("prediction", ""))), f"{probability:.4f}" if isinstance(probability, (int, float)) else ""


def _proof(project: Project, run: str) -> tuple[str, dict[str, Any]]:
    """Return dev's stack of a run, and its resource that asks the endpoint for the golden records."""
    stack = f"{project.prefix}-{run[:8]}-dev"
    found = where_there(lambda: project.client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId="Proof"))
    return stack, found["StackResourceDetail"] if found else {}
