"""The workflow's state machine as one execution went through it: picture, states, input and output, logs, and the other executions."""

from functools import partial

from nicegui import ui

from console.account import Project
from console.live import Page
from console.parts.badges import badge
from console.parts.markup import heading, link, paragraph, tag
from console.parts.table import Cell, Column, table
from console.parts.times import duration, moment, running
from console.place import Place
from console.reading import executions
from console.reading.definition import Branch, Step
from console.reading.executions import Execution, Line, Listed, State
from console.reading.history import Told
from console.views.graph_picture import CONFIG, kind, picture, step_of, word
from console.views.graph_state import state_detail

TITLE = "Training graph"
SECONDS = 2.0
STATUSES = {"RUNNING": ("Running", "busy"), "SUCCEEDED": ("Succeeded", "good"), "FAILED": ("Failed", "bad"), "ABORTED": ("Aborted", "warn"),
            "TIMED_OUT": ("Timed out", "bad"), "PENDING_REDRIVE": ("Waits to go on", "busy")}
STATES = (Column("State"), Column("How far"), Column("Entered"), Column("Took", number=True))
EXECUTIONS = (Column("Execution"), Column("State"), Column("Started"), Column("Took", number=True))


def read(project: Project, place: Place) -> State:
    """Return the execution of the address, or the newest one, and a page of executions."""
    return executions.read(project, place.run, place.get("older"))


def draw(page: Page, state: State) -> None:
    """Draw one execution, then the list; without any the definition alone, or how to come to one."""
    found, machine = state.execution, state.execution.machine if state.execution else state.machine
    if found is None:
        page.part("none", (state.run, machine is not None), partial(_none, page.place))
    else:
        page.announce(_heard(found))
        page.part("told", (found.line, found.run, found.error, found.cause), partial(_told, page.place))
    if machine is not None:
        told = found.told if found else ()
        over = found is not None and found.line.status != "RUNNING"
        name = found.line.name if found else ""
        page.part("graph", (machine, told, over), partial(_graph, page.place, name))
        page.part("states", (machine, told, over), partial(_states, page.place, name))
    if found is not None and page.place.get("state"):
        page.part("state", (found, page.place.get("state")), partial(state_detail, page.place))
    if state.listed.lines or not state.newest:
        page.part("executions", (state.listed, state.newest, found.line.name if found else ""), partial(_executions, page.place))


def _heard(found: Execution) -> str:
    now = [state.name for state in found.told if state.status == "running"]
    status = STATUSES.get(found.line.status, (found.line.status, ""))[0]
    return f"Execution {found.line.run}: {status}{', in ' + ' and '.join(now) if now else ''}."


def _none(place: Place, value: tuple[str, bool]) -> None:
    run, defined = value
    with tag("div", classes="empty"):
        if run:
            with tag("p"):
                link(f"Run {run[:8]}", place.link("project", run))
                tag("span", " has not come to its training. This page shows it when it does; a run that has ended before, as Project says, never does.")
        else:
            paragraph("Nothing was trained yet. A push to the project's repository or an upload of data-source.zip starts a run.")
        if not defined:
            paragraph("The workflow is made by the run's stage Train.", "quiet")


def _told(place: Place, value: tuple[Line, str, str, str]) -> None:
    line, run, error, cause = value
    with tag("div", classes="headline"):
        heading(2, f"Execution {line.run}")
        badge(*STATUSES.get(line.status, (line.status, "idle")))
        tag("span", "started" if line.ended else "running since", "quiet")
        moment(line.started, "quiet")
        tag("span", "took" if line.ended else "for", "quiet")
        _took(line)
    if error:
        paragraph(f"{error}: {cause}" if cause else error, "fault")
    if run:
        with tag("div", classes="buttons"):
            link("Run", place.link("project", run), "button")
            link("Numbers", place.link("approval", run), "button")
            link("Logs", place.link("logs", run), "button")


def _took(line: Line) -> None:
    if line.ended:
        tag("span", duration((line.ended - line.started).total_seconds()), "quiet number")
    else:
        running(line.started, "quiet number")


def _graph(place: Place, name: str, value: tuple[Branch, tuple[Told, ...], bool]) -> None:
    machine, found, over = value
    with tag("div", classes="graph", role="img", aria_label="The state machine; the table of states says the same"):
        shown = ui.mermaid(picture(machine, {state.name: state for state in found}, over), CONFIG)
        if name:
            shown.on_node_click(lambda event: ui.navigate.to(_address(place, name, step_of(machine, event.node_id))))


def _states(place: Place, name: str, value: tuple[Branch, tuple[Told, ...], bool]) -> None:
    machine, found, over = value
    told = {state.name: state for state in found}
    steps = [step for step in machine.all() if step.kind != "Fail" or step.name in told]
    heading(3, "States", "unseen")
    table("States of the workflow in the order of a run", STATES, [_row(place, name, step, told.get(step.name), over) for step in steps],
          marked=next((index for index, step in enumerate(steps) if step.name == place.get("state")), -1))


def _address(place: Place, name: str, state: str) -> str:
    return place.link(run=name, state=state, older=place.get("older"))


def _row(place: Place, name: str, step: Step, told: Told | None, over: bool) -> list[Cell]:
    return [partial(_state, step, _address(place, name, step.name) if told else ""), partial(badge, word(told, over), kind(told)),
            partial(moment, told.entered) if told else "", partial(_state_took, told) if told else ""]


def _state(step: Step, address: str) -> None:
    with tag("span", classes="stack"):
        link(step.name, address) if address else tag("span", step.name)
        tag("span", step.task or step.kind, "quiet")


def _state_took(told: Told) -> None:
    if told.left:
        tag("span", duration((told.left - told.entered).total_seconds()))
    elif told.status == "running":
        running(told.entered)


def _executions(place: Place, value: tuple[Listed, bool, str]) -> None:
    listed, newest, chosen = value
    heading(2, "Executions")
    table("Executions of the workflow, the newest first", EXECUTIONS, [
        [partial(link, line.run, place.link(run=line.name, older=place.get("older")), "code", title=line.name),
         partial(badge, *STATUSES.get(line.status, (line.status, "idle"))), partial(moment, line.started), partial(_took, line)]
        for line in listed.lines], marked=next((index for index, line in enumerate(listed.lines) if line.name == chosen), -1))
    with tag("div", classes="buttons"):
        if not newest:
            link("Newest executions", place.same(older=""), "button")
        if listed.older:
            link("Older executions", place.same(older=listed.older), "button")
