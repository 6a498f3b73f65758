"""Deployments: the steps of the newest one with their reasons, and the earlier ones in a list."""

from functools import partial

from console.parts.badges import badge
from console.parts.markup import heading, paragraph, tag
from console.parts.table import Cell, Column, table
from console.parts.times import duration, moment, running
from console.reading.deployments import Deployment, Step

KINDS = {"release": "Release", "going back": "Going back, by scripts/rollback.sh", "rollback": "Rollback by CodeDeploy"}
STATES = {"Succeeded": "good", "Failed": "bad", "Stopped": "bad", "InProgress": "busy", "Created": "busy", "Queued": "busy", "Baking": "busy", "Ready": "busy"}
STEPS = {
    "BeforeAllowTraffic": ("The new version is proven", "It has to answer the run's golden records as training did, before it gets traffic."),
    "AllowTraffic": ("The traffic moves", "The alarms below are watched from here to the end."),
    "AfterAllowTraffic": ("The release is watched", "With all traffic on the new version; what shows only now still goes back."),
}
COLUMNS = (Column("Deployment"), Column("What"), Column("State"), Column("From and to"), Column("Began"), Column("Took", number=True), Column("Reason"))


def newest(value: tuple[Deployment, dict[int, str]]) -> None:
    """Draw the newest deployment step by step."""
    moved, runs = value
    with tag("div", classes="headline"):
        heading(2, f"{KINDS[moved.kind]}: version {moved.current} to {moved.target}" if moved.target else KINDS[moved.kind])
        badge(moved.status if moved.status != "InProgress" else "Under way", STATES.get(moved.status, "idle"))
    paragraph(_said(moved, runs), "quiet")
    if moved.reason:
        paragraph(moved.reason, "fault")
    if moved.kind != "release":
        paragraph("All requests move at once on the way back: neither hooks nor alarms are asked.", "quiet")
        return
    with tag("ol", classes="stages"):
        for step in moved.steps:
            with tag("li", classes="stage"):
                _step(step, moved)


def _said(moved: Deployment, runs: dict[int, str]) -> str:
    if not moved.target:
        return f"Deployment {moved.id} has not begun."
    to = f"run {runs[moved.target][:8]}" if moved.target in runs else f"version {moved.target}"
    verb = "moves" if moved.active else "has moved" if moved.status == "Succeeded" else "was to move"
    share = f"; {moved.weight:g} % of the requests have moved" if moved.active else ""
    return f"Deployment {moved.id} {verb} the API to {to} ({moved.way or 'a way of its own'}){share}."


def _step(step: Step, moved: Deployment) -> None:
    title, meaning = STEPS.get(step.event, (step.event, ""))
    with tag("div", classes="headline"):
        heading(3, title)
        badge({"InProgress": "Under way"}.get(step.status, step.status), STATES.get(step.status, "idle"))
    paragraph(f"{f'Hook {step.hook}. ' if step.hook else ''}{meaning}", "quiet")
    if step.reason:
        paragraph(step.reason, "fault" if step.status == "Failed" else "")
    if step.started and step.ended:
        paragraph(duration((step.ended - step.started).total_seconds()), "quiet number")
    elif step.started and moved.active:
        running(step.started, "quiet number")


def earlier(moved: tuple[Deployment, ...]) -> None:
    """Draw the deployments before the newest one."""
    heading(2, "Earlier deployments")
    table("Deployments of the API before the newest one, the newest first", COLUMNS, [_row(each) for each in moved])


def _row(each: Deployment) -> list[Cell]:
    took = duration((each.ended - each.created).total_seconds()) if each.ended else ""
    way = f"{each.current} to {each.target}" if each.target else ""
    return [partial(tag, "span", each.id, "code"), KINDS[each.kind], partial(badge, each.status, STATES.get(each.status, "idle")), way,
            partial(moment, each.created), took, each.reason]
