"""CloudWatch Logs' events: saved as they come, and forgotten with time.

A group keeps its events for its retention, divided by the clock's speed, and never more than MOST of them: the oldest
go first. ministack would write all groups anew with each event; here an event is a line in a journal, and only groups
and streams, without their events, are state.
"""

import copy
import functools
import itertools
from collections.abc import Iterator
from typing import Any

from local.journal import Journal
from local.machine import Machine

_LOGS = "ministack.services.cloudwatch_logs"
STATE = ("destinations", "resource_policies", "log_group_policies", "metric_filters", "queries", "delivery_sources",
         "delivery_destinations", "deliveries")
SEAMS: tuple[tuple[str, str], ...] = tuple((_LOGS, name) for name in (
    "_append_log_events", "_fanout_to_live_tail_sessions", "_log_events_lock", "_log_groups", "_log_records", "get_state",
    "load_persisted_state", *(f"_{name}" for name in STATE)))
MOST = 20_000  # events of one group
MOST_RECORDS = 20_000  # pointers that Logs Insights has given
DAY = 86400.0
EMPTY_SECONDS = 3600.0  # wall time for which a stream stays whose events are gone: nothing writes to it any more


class LogStore:
    """The log events of one machine."""

    def __init__(self, machine: Machine) -> None:
        from ministack.services import cloudwatch_logs

        self._machine, self._logs = machine, cloudwatch_logs
        self._journal = Journal(machine.data / "native" / "log_events.jsonl")

    def install(self) -> None:
        """Put the repairs at ministack's CloudWatch Logs."""
        logs = self._logs
        logs.get_state = functools.partial(_state, logs)
        for name, repaired in (("load_persisted_state", self._load), ("_fanout_to_live_tail_sessions", self._save)):
            setattr(logs, name, functools.partial(repaired, getattr(logs, name)))

    def _load(self, inner: Any, state: dict[str, Any]) -> None:
        inner(state)
        for group, stream, events in self._journal.read():
            if found := _stream(self._scoped(), group, stream):  # what was deleted may still be in the journal
                self._logs._append_log_events(found, [
                    event for event in events if event["ingestionTime"] >= found["creationTime"]])

    def _save(self, inner: Any, group: str, stream: str, events: list[dict[str, Any]]) -> None:
        self._journal.append([[group, stream, events]])
        inner(group, stream, events)

    def _scoped(self) -> dict[str, dict[str, Any]]:
        return dict(self._logs._log_groups.items_scoped(self._machine.account_id, self._machine.region))

    def forget(self, now: float) -> None:
        """Drop what is older at ``now`` than its group keeps it, and what is too much."""
        with self._logs._log_events_lock:
            dropped = sum([self._forget_of(group, now) for group in self._scoped().values()])
            if dropped:
                self._journal.rewrite(_lines(self._scoped()))
            records = self._logs._log_records
            for pointer in list(itertools.islice(records, max(0, len(records) - MOST_RECORDS))):
                del records[pointer]

    def _forget_of(self, group: dict[str, Any], now: float) -> int:
        """Return how many events of a group went."""
        streams = group["streams"].values()
        stamps = sorted(event["timestamp"] for stream in streams for event in stream["events"])
        cutoff = stamps[-MOST] if len(stamps) > MOST else 0
        if group.get("retentionInDays"):
            cutoff = max(cutoff, (now - self._machine.clock.scaled(group["retentionInDays"] * DAY)) * 1000)
        for name, stream in list(group["streams"].items()):
            stream["events"] = [event for event in stream["events"] if event["timestamp"] >= cutoff]
            written = (stream["lastIngestionTime"] or stream["creationTime"]) / 1000
            if not stream["events"] and written < now - EMPTY_SECONDS:
                del group["streams"][name]
        return len(stamps) - sum(len(stream["events"]) for stream in streams)


def _state(logs: Any) -> dict[str, Any]:
    """Return what ministack is to save: everything but events and the pointers to them."""
    groups, emptied = logs._log_groups, type(logs._log_groups)()
    for key, group in groups.all_items():
        emptied.set_scoped(*key, group | {"streams": {name: stream | {"events": []}
                                                      for name, stream in list(group["streams"].items())}})
    return {"log_groups": emptied} | {name: copy.deepcopy(getattr(logs, f"_{name}")) for name in STATE}


def _stream(groups: dict[str, dict[str, Any]], group: str, stream: str) -> dict[str, Any] | None:
    records: dict[str, Any] | None = groups.get(group, {}).get("streams", {}).get(stream)
    return records


def _lines(groups: dict[str, dict[str, Any]]) -> Iterator[list[Any]]:
    for name, group in groups.items():
        for stream, content in group["streams"].items():
            if content["events"]:
                yield [name, stream, content["events"]]
