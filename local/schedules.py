"""Schedules at the clock's speed: EventBridge rules with a ScheduleExpression, and EventBridge Scheduler.

A schedule has a calendar of its own that starts with its creation and runs `speed` times as fast as the wall clock:
rate(1 hour) fires each minute at speed 60, a cron fires when its calendar passes an occurrence, and at speed 1 both are
AWS's. Occurrences are computed from the creation, so they do not drift and a restart does not shift them. What fell due
while the machine was stopped or the schedule disabled is not made up for, and a target whose work from the last time
still goes on is left out: real work takes its real time. at(), StartDate and EndDate are time stamps, so wall time.
"""

import logging
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from local.clock import Clock
from local.events import Delivery, delivering
from local.machine import Machine

logger = logging.getLogger("local")
_EVENTS, _SCHEDULER = "ministack.services.eventbridge", "ministack.services.scheduler"
SEAMS: tuple[tuple[str, str], ...] = (
    *((_EVENTS, name) for name in ("_cron_next_fire", "_invoke_target", "_parse_cron_fields", "_parse_rate_seconds",
                                   "_rules", "_targets", "start_scheduler")),
    *((_SCHEDULER, name) for name in ("_schedules", "_to_epoch", "start_scheduler")),
)
LONGEST_WAIT, SHORTEST_WAIT = 1.0, 0.05  # wall seconds between two looks at what schedules there are
Place = tuple[str, str, str]  # account, region and the schedule's key
Mark = tuple[str, float]


@dataclass(frozen=True)
class Schedule:
    """One enabled schedule of either service, as it is now."""

    expression: str
    created: float
    timezone: str
    event: dict[str, Any]
    targets: list[dict[str, Any]]
    record: dict[str, Any]
    principal: str = "events.amazonaws.com"

    @property
    def mark(self) -> Mark:
        """What a schedule's beat depends on."""
        return self.expression, self.created


class Schedules:
    """All schedules of one machine and the thread that fires them."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._due: dict[Place, tuple[Mark, float | None]] = {}
        self._running: dict[tuple[Place, str], Delivery] = {}

    def start(self) -> None:
        """Fire from now on until the machine stops."""
        threading.Thread(target=self._run, name="schedules", daemon=True).start()

    def _run(self) -> None:
        while True:
            now = self._machine.clock.now()
            dues = [due for _, due in self._due.values() if due]
            look = max(SHORTEST_WAIT, min(LONGEST_WAIT, self._machine.clock.scaled(30.0)))
            if self._machine.stopping.wait(max(0.0, min([look, *(due - now for due in dues)]))):
                return
            self.fire(self._machine.clock.now())

    def fire(self, now: float) -> None:
        """Fire what is due at ``now``, each schedule once, and find out when each is due next."""
        found = dict(self._schedules(now))
        former, self._due = self._due, {}
        self._running = {key: delivery for key, delivery in self._running.items() if key[0] in found}
        for place, schedule in found.items():
            known, due = former.get(place, (None, None))
            self._due[place] = schedule.mark, due if known == schedule.mark else None
            if known == schedule.mark and (due is None or due > now):
                continue
            try:
                if known == schedule.mark:
                    self._deliver(place, schedule, now)
                self._due[place] = schedule.mark, self.following(schedule, now)
            except Exception:  # one broken schedule must not end the others
                logger.exception("schedule %s", place[2])
                self._due[place] = schedule.mark, None

    def following(self, schedule: Schedule, now: float) -> float | None:
        """Return the wall time of the first occurrence after ``now``, None where there is none."""
        return next_time(self._machine.clock, schedule.expression, schedule.created, schedule.timezone, now)

    def _deliver(self, place: Place, schedule: Schedule, now: float) -> None:
        from ministack.core.responses import new_uuid, request_scope
        from ministack.services import eventbridge

        event = schedule.event | {"EventId": new_uuid(), "Detail": "{}", "Time": now, "Account": place[0],
                                  "Region": place[1], "DetailType": "Scheduled Event"}
        for target in schedule.targets:
            last = self._running.get((place, target.get("Id", "")))
            if last and last.goes_on():
                logger.warning("schedule %s: %s still works on the last event; this one is left out", place[2],
                               target["Arn"])
                continue
            with request_scope(*place[:2]), delivering(schedule.principal) as delivery:
                eventbridge._invoke_target(target, event, schedule.record)
            self._running[place, target.get("Id", "")] = delivery

    # What there is

    def _schedules(self, now: float) -> Iterator[tuple[Place, Schedule]]:
        from ministack.services import eventbridge, scheduler

        for place, rule in list(eventbridge._rules.all_items()):
            if rule.get("State") == "ENABLED" and rule.get("ScheduleExpression"):
                event = {"Source": "aws.events", "EventBusName": rule.get("EventBusName", "default"),
                         "Resources": [rule["Arn"]]}
                begins = rule.setdefault("CreationTime", now)  # which a rule of a template lacks
                yield place, Schedule(rule["ScheduleExpression"], begins, "UTC", event,
                                      eventbridge._targets.get_scoped(*place) or [], rule)
        for place, each in list(scheduler._schedules.all_items()):
            begun = now >= (scheduler._to_epoch(each["StartDate"]) or 0)
            if begun and each.get("State") == "ENABLED" and not self._ended(place, each, now):
                event = {"Source": "aws.scheduler", "Resources": [each["Arn"]]}
                yield place, Schedule(each["ScheduleExpression"], each["CreationDate"], each["ScheduleExpressionTimezone"],
                                      event, [each["Target"]], each, "scheduler.amazonaws.com")

    def _ended(self, place: Place, schedule: dict[str, Any], now: float) -> bool:
        """Whether a schedule of EventBridge Scheduler is over; it goes where it says so."""
        from ministack.services import scheduler

        mark, due = self._due.get(place, (None, 0.0))
        once = schedule["ScheduleExpression"].strip().startswith("at(")
        fired = once and due is None and mark == (schedule["ScheduleExpression"], schedule["CreationDate"])
        over = fired or now > (scheduler._to_epoch(schedule.get("EndDate")) or float("inf"))
        if over and schedule.get("ActionAfterCompletion") == "DELETE":
            scheduler._schedules.pop_scoped(*place, None)
        return over


def next_time(clock: Clock, expression: str, start: float, timezone: str, now: float) -> float | None:
    """Return the wall time of the first occurrence after ``now`` of a calendar that began at ``start``, None where there is none."""
    from ministack.services import eventbridge

    speed, zone = clock.speed, ZoneInfo(timezone)
    if once := re.fullmatch(r"\s*at\((.+)\)\s*", expression):
        moment = datetime.fromisoformat(once[1].strip()).replace(tzinfo=zone).timestamp()
        return moment if moment > now else None
    if interval := eventbridge._parse_rate_seconds(expression):
        length = interval / speed
        due: float | None = start + ((now - start) // length + 1) * length
        return due
    calendar = start + (now - start) * speed + 1.0  # a second later, so that what has just fired is past
    fields = eventbridge._parse_cron_fields(expression)
    occurrence = eventbridge._cron_next_fire(fields, datetime.fromtimestamp(calendar, zone)) if fields else None
    return start + (occurrence.timestamp() - start) / speed if occurrence else None


def install(machine: Machine) -> None:
    """Put our thread in the place of ministack's two, which go by wall time."""
    from ministack.services import eventbridge, scheduler

    eventbridge.start_scheduler = Schedules(machine).start  # called when the state has been read
    scheduler.start_scheduler = _nothing


_nothing: Callable[[], None] = lambda: None  # noqa: E731
