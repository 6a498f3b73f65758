"""Watch: whether production is asked what the model was trained on, what followed from it, and whether the endpoint keeps up."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from console.account import Project
from console.live import Page
from console.parts.alarm_table import alarm_table
from console.parts.empty import faults, to_a_release
from console.parts.markup import heading, paragraph
from console.place import Place
from console.reading.alarms import Alarm, alarms, names_of
from console.reading.capacity import Capacity, capacity
from console.reading.drift import Drift, drift
from console.reading.findings import Findings, findings, report
from console.reading.looks import Look, Looks, looks
from console.reading.partly import Partly
from console.reading.rules import Retraining, Rules, Start, retraining, rules, starts
from console.views.watch_capacity import instances
from console.views.watch_drift import found, over_looks
from console.views.watch_looks import heard, look_list, retrainings, verdict

TITLE = "Watch"
SECONDS = 4.0
CHARTS = True
LATE_SECONDS = 120
_kept: dict[str, tuple[Any, Drift]] = {}  # by bucket: distances are new only with a new look
_lock = threading.Lock()


@dataclass(frozen=True)
class State:
    """What the view shows; nothing is watched where there are no rules."""

    project: Project
    rules: Rules | None
    looks: Looks
    page: Looks  # the one that is listed, where it is an older one
    drift: Drift | None = None
    findings: Findings | None = None
    report: str = ""
    alarms: tuple[Alarm, ...] = ()
    retraining: Retraining | None = None
    capacity: Capacity | None = None
    faults: tuple[str, ...] = ()  # what could not be read


def read(project: Project, place: Place) -> State:
    """Return what is watched: of drift the look and the feature that the address names."""
    told = rules(project)
    if told is None:
        return State(project, None, Looks(()), Looks(()))
    partly = Partly()
    with ThreadPoolExecutor(5) as pool:
        states = pool.submit(alarms, project, names_of(project.prefix, told.endpoint))
        room: Future[Capacity | None] = pool.submit(capacity, project, told.endpoint)
        started: Future[tuple[Start, ...] | None] = pool.submit(starts, project)
        newest, listed = _looks(project, place, partly, pool)
        chosen = _chosen((*newest.page, *listed.page), place.get("look"))
        distances: Future[Drift | None] = pool.submit(_drift, project, told, newest)
        seen: Future[Findings | None] = pool.submit(lambda: findings(project, chosen, place.get("feature")) if chosen else None)
        known = partly.get(started, None)
        return State(
            project, told, newest, listed, partly.get(distances, None), partly.get(seen, None), report(project, chosen) if chosen else "",
            partly.get(states, ()), retraining(told, known, datetime.now(UTC)) if known is not None else None, partly.get(room, None), partly.faults)


def _looks(project: Project, place: Place, partly: Partly, pool: ThreadPoolExecutor) -> tuple[Looks, Looks]:
    """Return the newest looks, and the page of them that the address names."""
    newest = pool.submit(looks, project)
    older = pool.submit(looks, project, place.get("older")) if place.get("older") else newest
    return partly.get(newest, Looks(())), partly.get(older, Looks(()))


def _chosen(page: tuple[Look, ...], name: str) -> Look | None:
    """Return the look that the address names, else the newest one with drift, else the newest one that read anything."""
    read_any = [look for look in page if look.run]
    named = [look for look in read_any if look.name == name]
    return next(iter([*named, *(look for look in read_any if look.verdict == "drift"), *read_any]), None)


def _drift(project: Project, told: Rules, newest: Looks) -> Drift:
    """Return the distances; they are asked for when a look has come to its end, and seldom besides, for metrics come late."""
    key = told, tuple(look for look in newest.page if look.ended), time.monotonic() // LATE_SECONDS
    with _lock:
        known = _kept.get(project.bucket)
    if known and known[0] == key:
        return known[1]
    seen = drift(project, newest.page)
    with _lock:
        _kept[project.bucket] = key, seen
    return seen


def draw(page: Page, state: State) -> None:
    """Draw the view; before the first release it says how to come to one."""
    if state.rules is None:
        page.part("empty", page.place, _empty)
        return
    if state.faults:
        page.part("faults", state.faults, faults)
    page.announce(heard(state.rules, state.looks))
    page.part("verdict", (page.place, state.rules, state.looks), verdict)
    if state.drift and state.drift.features:
        page.part("drift", (page.place, state.drift), over_looks)
    if state.findings:
        page.part("findings", (page.place, state.findings, state.report), found)
    page.part("retraining", (page.place, state.rules, state.retraining, state.looks), retrainings)
    page.part("alarms", (state.alarms, state.project.prefix), _alarms)
    if state.capacity:
        page.part("capacity", (state.project.prefix, state.capacity), instances)
    page.part("looks", (page.place, state.page, state.findings and state.findings.look.name), look_list)


def _empty(place: Place) -> None:
    to_a_release(place, "Nothing is watched yet, or no longer: a release brings the stack that looks for drift.",
                 "A run is released once somebody has approved it.")


def _alarms(value: tuple[tuple[Alarm, ...], str]) -> None:
    states, prefix = value
    heading(2, "Alarms")
    alarm_table("Alarms of drift, the API and the live endpoint; what is on comes first", states, prefix)
    paragraph("An alarm that is on is mailed where docs/monitoring.md or section alarms of model/config.yml says so.", "quiet")
