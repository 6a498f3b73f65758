"""Alarms, their states and the reasons that CloudWatch gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from console.account import Project

AT_ONCE = 100  # names of one call


@dataclass(frozen=True)
class Alarm:
    """An alarm as it is now."""

    name: str
    what: str
    state: str  # OK, ALARM or INSUFFICIENT_DATA
    reason: str
    since: datetime | None

    @property
    def on(self) -> bool:
        """Return whether it is on."""
        return self.state == "ALARM"


def alarms(project: Project, names: Sequence[str]) -> tuple[Alarm, ...]:
    """Return those of the alarms that exist: what is on first, else in the order of the names."""
    found = {each["AlarmName"]: each for place in range(0, len(names), AT_ONCE)
             for each in project.client("cloudwatch").describe_alarms(AlarmNames=list(names[place:place + AT_ONCE]))["MetricAlarms"]}
    return tuple(sorted((_alarm(found[name]) for name in dict.fromkeys(names) if name in found), key=lambda alarm: not alarm.on))


def names_of(prefix: str, endpoint: str) -> tuple[str, ...]:
    """Return the names of all alarms that a project may have for its API and an endpoint (assets/*.yml)."""
    api = (f"{prefix}-api-{what}" for what in ("5xx", "errors", "version-errors", "calls", "4xx", "faults"))
    return (f"{prefix}-drift", *api, *(f"{endpoint}-{what}" for what in ("5xx", "latency") if endpoint))


def _alarm(found: dict[str, Any]) -> Alarm:
    return Alarm(found["AlarmName"], found.get("AlarmDescription", ""), found["StateValue"], found.get("StateReason", ""),
                 found.get("StateTransitionedTimestamp") or found.get("StateUpdatedTimestamp"))
