"""The release: who answers the API's requests, how each version does, how the newest release goes, and the way back."""

from dataclasses import dataclass
from functools import partial

from console.account import Project
from console.acting.going_back import GoingBack, last
from console.live import Page
from console.parts.alarm_table import alarm_table
from console.parts.badges import badge
from console.parts.empty import faults, to_a_release
from console.parts.markup import heading, link, paragraph, tag
from console.place import Place
from console.reading.alarms import Alarm
from console.reading.deployments import Deployment
from console.reading.release import Release, release
from console.reading.versions import Version
from console.views.release_steps import earlier, newest
from console.views.release_traffic import traffic
from console.views.way_back import former_releases, going_back

TITLE = "Release"
SECONDS = 2.0
CHARTS = True


@dataclass(frozen=True)
class State:
    """What the view shows."""

    project: Project
    release: Release
    way: GoingBack | None


def read(project: Project, place: Place) -> State:
    """Return the release, with its traffic over the span that the address names."""
    return State(project, release(project, place.get("span")), last(project.name))


def draw(page: Page, state: State) -> None:
    """Draw the view; before the first release it says how to come to one."""
    found = state.release
    if state.way:
        page.part("way", state.way, going_back)
    if found.live is None:
        page.part("empty", page.place, _empty)
        return
    moved = next(iter(found.deployments), None)
    page.announce(f"Run {found.live.run[:8]} serves. {_state(found.coming, moved)[0]}.")
    page.part("serves", (page.place, found.live, found.coming, moved), _serves)
    if found.faults:
        page.part("faults", found.faults, faults)
    if found.traffic:
        page.part("traffic", (page.place, found.chosen, found.span, found.traffic), traffic)
    if moved:
        page.part("newest", (moved, {each.version.number: each.version.run for each in found.traffic}), newest)
    page.part("alarms", (found.alarms, state.project.prefix), _alarms)
    page.part("former", (state.project, found.live, found.coming, found.former, bool(state.way and state.way.active)), partial(former_releases, page))
    if found.deployments[1:]:
        page.part("earlier", found.deployments[1:], earlier)


def _empty(place: Place) -> None:
    to_a_release(place, "No version of the API answers: nothing was released yet, or the release was deleted.",
                 "A run is released once somebody has approved it. When the stage DeployPrd has made the API, this page shows it.")


def _serves(value: tuple[Place, Version, Version | None, Deployment | None]) -> None:
    place, live, coming, moved = value
    with tag("div", classes="headline"):
        heading(2, f"Run {live.run[:8]} serves")
        badge(*_state(coming, moved))
    paragraph(_said(live, coming, moved), "quiet")
    with tag("div", classes="buttons"):
        link(f"Run {live.run[:8]}", place.link("project", live.run), "button")
        if coming:
            link(f"Run {coming.run[:8]}", place.link("project", coming.run), "button")


def _state(coming: Version | None, moved: Deployment | None) -> tuple[str, str]:
    if coming:
        return "Two versions answer", "busy"
    if moved and moved.active:
        return {"release": "A release is under way", "going back": "Going back", "rollback": "CodeDeploy goes back"}[moved.kind], "busy"
    return "No release is under way", "idle"


def _said(live: Version, coming: Version | None, moved: Deployment | None) -> str:
    asks = f"Version {live.number} of the API's function asks endpoint {live.endpoint}."
    if coming:
        return (f"{asks} Version {coming.number} with the model of run {coming.run[:8]} takes a share of the requests. An alarm or a hook that objects "
                "brings all of them back.")
    if moved and moved.active:
        return f"{asks} The deployment below says how far the release is."
    return f"{asks} It answers all requests. The next approved run comes with a share of the traffic first."


def _alarms(value: tuple[tuple[Alarm, ...], str]) -> None:
    alarms, prefix = value
    heading(2, "Alarms that stop a release")
    if alarms:
        alarm_table("Alarms that CodeDeploy watches while a release is under way", alarms, prefix)
    else:
        paragraph("There are no alarms yet: they come with the first release.", "quiet")
