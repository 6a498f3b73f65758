"""Alarms as a table: what is on first."""

from collections.abc import Callable, Sequence
from functools import partial

from console.parts.badges import badge
from console.parts.markup import tag
from console.parts.table import Cell, Column, table
from console.parts.times import moment
from console.reading.alarms import Alarm

STATES = {"ALARM": ("On", "bad"), "OK": ("Off", "good"), "INSUFFICIENT_DATA": ("No data", "idle")}
COLUMNS = (Column("Alarm"), Column("State"), Column("Goes on when"), Column("Reason"), Column("Since"))


def alarm_table(caption: str, alarms: Sequence[Alarm], prefix: str) -> None:
    """Add the alarms; their names are told without what every name of the project begins with."""
    table(caption, COLUMNS, [_row(alarm, prefix) for alarm in alarms])


def _row(alarm: Alarm, prefix: str) -> list[Cell]:
    return [partial(tag, "span", alarm.name.removeprefix(f"{prefix}-"), "code", title=alarm.name), partial(badge, *STATES[alarm.state]), alarm.what,
            "" if alarm.state == "OK" else alarm.reason, _since(alarm)]  # AWS's reason for being off reads like one for being on


def _since(alarm: Alarm) -> Callable[[], object]:
    return partial(moment, alarm.since) if alarm.since else (lambda: None)
