"""What AWS forgets with time, forgotten here after that time divided by the clock's speed: else memory only grows.

Looked at once an hour of AWS time. Each kind has a most besides, for what comes faster on this machine than on AWS.
"""

import ctypes
import logging
import threading
from contextlib import suppress
from datetime import datetime
from typing import Any

from local.log_store import LogStore
from local.machine import Machine

logger = logging.getLogger("local")
SEAMS: tuple[tuple[str, str], ...] = tuple((f"ministack.services.{module}", name) for module, name in (
    ("stepfunctions", "_executions"), ("eventbridge", "_archives"), ("cloudwatch", "_alarm_history"),
    ("cloudformation", "_stack_events")))
HOUR, DAY = 3600.0, 86400.0
LEAST_SECONDS = 10.0
EXECUTION_DAYS, MOST_EXECUTIONS = 90, 1000  # of a state machine, after their end
HISTORY_DAYS, MOST_CHANGES = 30, 2000  # of alarms
STACK_DAYS, MOST_STACK_EVENTS = 90, 2000  # of a deleted stack; of any stack
MOST_ARCHIVED = 10_000  # events of one archive


def install(machine: Machine) -> None:
    """Forget regularly, until the machine stops."""
    logs = LogStore(machine)
    logs.install()
    threading.Thread(target=_forget_regularly, args=(machine, logs), name="retention", daemon=True).start()


def _forget_regularly(machine: Machine, logs: LogStore) -> None:
    while not machine.stopping.wait(max(LEAST_SECONDS, machine.clock.scaled(HOUR))):
        now = machine.clock.now()
        for forget in (logs.forget, machine.metrics.age, lambda now: executions(machine, now),
                       lambda now: alarm_history(machine, now), lambda now: stack_events(machine, now),
                       lambda _: archives()):
            try:
                forget(now)
            except Exception:  # one that fails must not let all else grow
                logger.exception("retention")
        with suppress(OSError, AttributeError):  # glibc only: hand freed memory back, which it keeps for each thread
            ctypes.CDLL(None).malloc_trim(0)


def executions(machine: Machine, now: float) -> None:
    """Forget executions that ended long ago, with their histories."""
    from ministack.services import stepfunctions

    ended: dict[str, list[tuple[float, tuple[Any, ...]]]] = {}
    for place, execution in list(stepfunctions._executions.all_items()):
        if execution.get("stopDate"):
            ended.setdefault(execution["stateMachineArn"], []).append((_seconds(execution["stopDate"]), place))
    oldest = now - machine.clock.scaled(EXECUTION_DAYS * DAY)
    for stops in ended.values():
        stops.sort(key=lambda each: each[0])
        for index, (stop, place) in enumerate(stops):
            if stop < oldest or index < len(stops) - MOST_EXECUTIONS:
                stepfunctions._executions.pop_scoped(*place, None)


def alarm_history(machine: Machine, now: float) -> None:
    """Forget old changes of alarms."""
    from ministack.services import cloudwatch

    oldest = now - machine.clock.scaled(HISTORY_DAYS * DAY)
    for entries in cloudwatch._alarm_history.all_values():
        old = sum(_seconds(entry["Timestamp"]) < oldest for entry in entries)
        del entries[:max(old, len(entries) - MOST_CHANGES)]


def stack_events(machine: Machine, now: float) -> None:
    """Forget the events of stacks that were deleted long ago, and the oldest of the others."""
    from ministack.services import cloudformation

    oldest = now - machine.clock.scaled(STACK_DAYS * DAY)
    for place, entries in list(cloudformation._stack_events.all_items()):
        last = entries[-1] if entries else {}
        if (last.get("ResourceStatus") == "DELETE_COMPLETE" and last["PhysicalResourceId"] == last["StackId"]
                and _seconds(last["Timestamp"]) < oldest):
            cloudformation._stack_events.pop_scoped(*place, None)
        del entries[:-MOST_STACK_EVENTS]


def archives() -> None:
    """Keep the newest events of each archive."""
    from ministack.services import eventbridge

    for archive in eventbridge._archives.all_values():
        del archive.get("Events", [])[:-MOST_ARCHIVED]


def _seconds(stamp: str | float) -> float:
    return datetime.fromisoformat(stamp).timestamp() if isinstance(stamp, str) else float(stamp)
