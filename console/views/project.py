"""The project's runs: the stages and actions of one, and what all of them were started by."""

from dataclasses import dataclass, replace
from functools import partial

from console.account import Project
from console.live import Page
from console.parts.badges import STATES, badge, state_badge
from console.parts.markup import heading, link, paragraph, tag
from console.place import Place
from console.reading import runs
from console.reading.runs import Action, Run, Stage
from console.reading.together import together
from console.views.run_actions import retry_button, stop_button
from console.views.run_list import SHOWN, run_list, took

TITLE = "Project"
SECONDS = 3.0
MOST, DIGITS = 1000, 4
FOLLOWED = {  # action -> where it is told at length, and what the link says
    ("Train", "Run"): ("graph", "Training graph"), ("DeployDev", "Approval"): ("approval", "Numbers and answer"),
    ("DeployPrd", "Api"): ("release", "Release"), ("DeployPrd", "Monitoring"): ("watch", "Watch"),
}


@dataclass(frozen=True)
class State:
    """The newest runs, and the stages of the chosen one."""

    project: Project
    runs: tuple[Run, ...]
    older: bool
    run: Run | None
    stages: tuple[Stage, ...]


def read(project: Project, place: Place) -> State:
    """Return the newest runs and the stages of the one that the address names, else of the one that is under way."""
    asked = place.get("shown")
    count = min(int(asked[:DIGITS]), MOST) if asked.isdecimal() and int(asked[:DIGITS]) else SHOWN
    history, states, executions = together(
        lambda: runs.history(project, count), lambda: runs.state(project), lambda: runs.actions(project, place.run) if place.run else None)
    run = _chosen(project, place, history.runs)
    if run and (executions is None or run.id != place.run):  # none was asked for, or by its first digits
        executions = runs.actions(project, run.id)
    if run and executions and not run.started:  # older than the list
        run = replace(run, started=executions[0]["startTime"], updated=executions[-1]["lastUpdateTime"])
    return State(project, history.runs, history.older, run, runs.stages(run, states, executions) if run else ())


def _chosen(project: Project, place: Place, listed: tuple[Run, ...]) -> Run | None:
    """Return the run of the address; without one the oldest that is under way, for it may wait for a person, else the newest."""
    if place.run:
        return next((run for run in listed if run.id.startswith(place.run)), None) or runs.one(project, place.run)
    under_way = [run for run in listed if not run.ended]
    return next(iter(under_way[-1:] or listed[:1]), None)


def draw(page: Page, state: State) -> None:
    """Draw the chosen run, then the list; an empty project says how to start a run."""
    if state.run is None:
        page.part("empty", state.project.name, _empty)
        return
    page.announce(_heard(state.run, state.stages))
    asks = any(action.asks for stage in state.stages for action in stage.actions)
    page.part("run", (state.run, asks), _facts)
    page.part("acting", (state.project, state.run.id, state.run.status, asks), partial(_acting, page))
    page.part("stages", (state.project, state.run, state.stages), partial(_stages, page))
    page.part("runs", (state.runs, state.older, state.run.id), partial(run_list, page.place))


def _empty(name: str) -> None:
    with tag("div", classes="empty"):
        paragraph(f"Project {name} has had no run yet.")
        paragraph("Push a commit to its repository, or upload data-source.zip to its bucket: either starts one.")


def _heard(run: Run, stages: tuple[Stage, ...]) -> str:
    """Return how far the run is, as a screen reader is to say it."""
    asking = [f"{stage.name} asks a person" for stage in stages if any(action.asks for action in stage.actions)]
    at = [f"in {stage.name}" for stage in stages if stage.status == "InProgress"]
    return ", ".join([f"Run {run.short}: {STATES.get(run.status, (run.status, ''))[0]}", *(asking or at)]) + "."


def _facts(value: tuple[Run, bool]) -> None:
    run, asks = value
    with tag("div", classes="headline"):
        heading(2, f"Run {run.short}")
        badge("Asks a person", "asks") if asks else state_badge(run.status)
    with tag("dl", classes="facts"):
        for name, text in (("Started by", run.cause.text), ("Commit", f"{run.commit[:8]} {run.message}".strip()), ("Data version", run.data),
                           ("Because", run.why)):
            if text:
                with tag("div"):
                    tag("dt", name)
                    tag("dd", text)
        if run.started:
            with tag("div"):
                tag("dt", "Took" if run.ended else "Running for")
                with tag("dd"):
                    took(run)


def _acting(page: Page, value: tuple[Project, str, str, bool]) -> None:
    project, run, status, asks = value
    with tag("div", classes="buttons"):
        if asks:
            link("Look and answer", page.place.link("approval", run), "button primary")
        link("Logs", page.place.link("logs", run), "button")
        link("Training graph", page.place.link("graph", run), "button")
        if status in ("InProgress", "Stopping"):
            stop_button(page, project, run, stopping=status == "Stopping")


def _stages(page: Page, value: tuple[Project, Run, tuple[Stage, ...]]) -> None:
    project, run, found = value
    heading(3, "Stages", "unseen")
    with tag("ol", classes="stages"):
        for stage in found:
            with tag("li", classes="stage"):
                _stage(page, project, run, stage)


def _stage(page: Page, project: Project, run: Run, stage: Stage) -> None:
    with tag("div", classes="headline"):
        heading(4, stage.name)
        badge("Waits before it", "busy") if stage.waiting else _stage_badge(stage)
    if stage.closed:
        paragraph(f"Nothing may enter: {stage.closed}", "fault")
    with tag("ul", classes="actions"):
        for action in stage.actions:
            with tag("li"):
                _action(page.place, project, run, action)
    if stage.retry:
        retry_button(page, project, run.id, stage.name)


def _stage_badge(stage: Stage) -> None:
    if any(action.asks for action in stage.actions):
        badge("Asks a person", "asks")
    else:
        state_badge(stage.status)


def _action(place: Place, project: Project, run: Run, action: Action) -> None:
    with tag("div", classes="action"):
        tag("span", action.name, "strong")
        badge("Asks a person", "asks") if action.asks else state_badge(action.status)
    if action.error:
        paragraph(action.error, "fault")
    if action.started:
        with tag("div", classes="action"):
            took(action)
            if action.attempts > 1:
                tag("span", f"attempt {action.attempts}", "quiet")
            _further(place, project, run, action)


def _further(place: Place, project: Project, run: Run, action: Action) -> None:
    """Add the link to where an action is told at length."""
    if (action.stage, action.name) == ("Build", "Build") and action.external:
        link("Log", place.link("logs", run.id, group=f"/aws/codebuild/{project.build}", stream=action.external.rpartition(":")[2]))
    elif (action.stage, action.name) in FOLLOWED:
        view, text = FOLLOWED[action.stage, action.name]
        link("Numbers" if action.asks else text, place.link(view, run.id))
