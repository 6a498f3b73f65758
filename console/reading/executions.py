"""Executions of the project's workflow: a page of them, and one with its definition and history."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

from botocore.exceptions import ClientError

from console.account import Project
from console.faults import Refused, gone
from console.reading.definition import Branch, parse
from console.reading.history import Told, ending, told
from console.reading.missing import where_there
from console.reading.revision import execution_arn
from console.reading.together import together

PAGE = 20
RUN_LENGTH = 36  # of a pipeline execution's id; names of the workflow's executions are longer
KEPT = 64  # executions that are read once
MOST_EVENTS = 5_000  # of a history; a run of this workflow has about a hundred


@dataclass(frozen=True)
class Line:
    """An execution in the list."""

    name: str
    status: str
    started: datetime
    ended: datetime | None

    @property
    def run(self) -> str:
        """The first eight digits of the run that started it; the pipeline begins its names with them."""
        return self.name.partition("-")[0]


@dataclass(frozen=True)
class Listed:
    """A page of executions, and what asks for the next one."""

    lines: tuple[Line, ...]
    older: str = ""


@dataclass(frozen=True)
class Execution:
    """One execution: its steps, what became of each, and how it ended."""

    line: Line
    machine: Branch
    told: tuple[Told, ...]
    error: str = ""
    cause: str = ""
    input: str = ""
    output: str = ""

    @property
    def run(self) -> str:
        """The run of the pipeline that started it, as its input says; blank where it was started otherwise."""
        try:
            given = json.loads(self.input or "{}")
        except ValueError:
            return ""
        return str(given.get("RunId", "")) if isinstance(given, dict) else ""

    def of(self, name: str) -> Told | None:
        """Return what is told of a state, None where it was not entered."""
        return next((state for state in self.told if state.name == name), None)


@dataclass(frozen=True)
class State:
    """What the view Training graph shows."""

    listed: Listed
    execution: Execution | None = None
    machine: Branch | None = None  # where nothing was executed yet
    newest: bool = True  # whether the list is at its first page
    run: str = ""  # the pipeline's run that was asked for, where it has no execution yet


def read(project: Project, asked: str, older: str) -> State:
    """Return a page of executions and one of them: of the run or name that is asked for, or the newest."""
    if not asked:
        listed = page(project, older)
        name = listed.lines[0].name if listed.lines else ""
    else:
        listed, name = together(partial(page, project, older), partial(named, project, asked))
    if name:
        return State(listed, one(project, name), newest=not older)
    return State(listed, machine=where_there(lambda: defined(project)), newest=not older, run=asked)


def named(project: Project, asked: str) -> str:
    """Return the name of an execution, or of the newest one of a run of the pipeline; blank where the run has none yet."""
    if len(asked) != RUN_LENGTH:
        return asked
    found = project.client("codepipeline").list_action_executions(pipelineName=project.pipeline, filter={"pipelineExecutionId": asked})
    for action in found["actionExecutionDetails"]:  # newest first
        if (action["stageName"], action["actionName"]) == ("Train", "Run"):
            return execution_arn(project, action).rpartition(":")[2]
    return ""


def page(project: Project, older: str = "") -> Listed:
    """Return a page of executions, newest first; none before the first run has made the workflow."""
    more = {"nextToken": older} if older else {}
    found = where_there(lambda: project.client("stepfunctions").list_executions(
        stateMachineArn=project.workflow_arn, maxResults=PAGE, **more))
    return Listed(tuple(_line(each) for each in found["executions"]), found.get("nextToken", "")) if found else Listed(())


def _line(found: dict[str, Any]) -> Line:
    return Line(found["name"], found["status"], found["startDate"], found.get("stopDate"))


def one(project: Project, name: str) -> Execution:
    """Return an execution; raises Refused where there is none of that name."""
    return _ended.get((project, name)) or _read(project, name)


_ended: dict[tuple[Project, str], Execution] = {}  # what has ended does not change


def _read(project: Project, name: str) -> Execution:
    arn = f"{project.workflow_arn.replace(':stateMachine:', ':execution:')}:{name}"
    try:
        described, events, machine = together(
            lambda: project.client("stepfunctions").describe_execution(executionArn=arn), partial(_events, project, arn),
            partial(_machine, project, arn))
    except ClientError as error:
        if not gone(error):
            raise
        raise Refused(f"There is no execution {name} of {project.workflow}: AWS keeps one for 90 days after its end. "
                      "Training graph, above, lists those that there are.") from error
    line = _line(described)
    over = line.status if line.status != "RUNNING" else ""
    execution = Execution(line, machine, tuple(told(events, over).values()), *ending(events), described.get("input", ""), described.get("output", ""))
    if over:
        while len(_ended) >= KEPT:
            _ended.pop(next(iter(_ended)), None)
        _ended[project, name] = execution
    return execution


def _events(project: Project, arn: str) -> list[dict[str, Any]]:
    """Return the events of an execution, oldest first."""
    events: list[dict[str, Any]] = []
    more: dict[str, str] = {}
    while len(events) < MOST_EVENTS:
        found = project.client("stepfunctions").get_execution_history(executionArn=arn, maxResults=1000, **more)
        events += found["events"]
        if not found.get("nextToken"):
            break
        more = {"nextToken": found["nextToken"]}
    return events


@lru_cache(maxsize=64)  # an execution goes on with the definition that it began with
def _machine(project: Project, arn: str) -> Branch:
    return parse(project.client("stepfunctions").describe_state_machine_for_execution(executionArn=arn)["definition"])


def defined(project: Project) -> Branch:
    """Return the workflow's newest definition."""
    return parse(project.client("stepfunctions").describe_state_machine(stateMachineArn=project.workflow_arn)["definition"])
