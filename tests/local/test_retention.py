"""What is forgotten with time: at the clock's speed, never more than a most, and over restarts too."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ministack.core.responses import request_scope
from ministack.services import cloudformation, cloudwatch, cloudwatch_logs, eventbridge, stepfunctions

from local import log_store, retention
from local.clock import Clock
from local.log_store import LogStore
from local.machine import Machine

DAY = 86400.0
SCOPE = ("000000000000", "us-east-1")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """A machine at speed 60 with ministack's services as they are, and empty again afterwards."""
    for name in ("get_state", "load_persisted_state", "_fanout_to_live_tail_sessions"):
        monkeypatch.setattr(cloudwatch_logs, name, getattr(cloudwatch_logs, name))
    made = Machine(tmp_path, 0, Clock(60.0), tmp_path)
    with request_scope(*SCOPE):
        yield made
        for module in (cloudformation, cloudwatch, cloudwatch_logs, eventbridge, stepfunctions):
            module.reset()
    made.store.close()


@pytest.fixture
def logs(machine: Machine) -> LogStore:
    made = LogStore(machine)
    made.install()
    cloudwatch_logs._create_log_group({"logGroupName": "group"})
    cloudwatch_logs._create_log_stream({"logGroupName": "group", "logStreamName": "stream"})
    return made


def put(*ages: float) -> None:
    """Put an event of each age in wall seconds."""
    now = time.time()
    cloudwatch_logs._put_log_events({"logGroupName": "group", "logStreamName": "stream", "logEvents": [
        {"timestamp": int(1000 * (now - age)), "message": f"{age:g} s old"} for age in ages]})


def messages() -> list[str]:
    stream = cloudwatch_logs._log_groups["group"]["streams"]["stream"]
    return [event["message"] for event in stream["events"]]


def test_a_group_keeps_its_events_for_its_retention_at_the_clocks_speed(logs: LogStore) -> None:
    cloudwatch_logs._put_retention_policy({"logGroupName": "group", "retentionInDays": 1})
    put(2000, 1500, 1000, 10)
    logs.forget(time.time())
    assert messages() == ["1000 s old", "10 s old"]  # a day is 1,440 s at speed 60


def test_a_group_without_retention_has_a_most(logs: LogStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_store, "MOST", 2)
    put(30, 20, 10)
    logs.forget(time.time())
    assert messages() == ["20 s old", "10 s old"]


def test_events_are_there_after_a_restart_and_forgotten_ones_are_not(
        logs: LogStore, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_store, "MOST", 2)
    put(30, 20)
    put(10)
    logs.forget(time.time())
    put(5)
    state = cloudwatch_logs.get_state()
    cloudwatch_logs.reset()
    assert not any(stream["events"] for _, group in state["log_groups"].all_items() for stream in group["streams"].values())
    cloudwatch_logs.load_persisted_state(state)
    assert messages() == ["20 s old", "10 s old", "5 s old"]


def test_events_of_a_deleted_stream_do_not_come_back_with_another_of_its_name(logs: LogStore) -> None:
    put(10)
    cloudwatch_logs._delete_log_stream({"logGroupName": "group", "logStreamName": "stream"})
    cloudwatch_logs._create_log_stream({"logGroupName": "group", "logStreamName": "stream"})
    cloudwatch_logs._log_groups["group"]["streams"]["stream"]["creationTime"] += 1000
    cloudwatch_logs.load_persisted_state(cloudwatch_logs.get_state())
    assert messages() == []


def execution(name: str, stopped: float | None) -> None:
    stamp = None if stopped is None else datetime.fromtimestamp(stopped, UTC).isoformat().replace("+00:00", "Z")
    stepfunctions._executions[name] = {"stateMachineArn": "machine", "stopDate": stamp}


def test_executions_go_90_days_after_their_end(machine: Machine) -> None:
    now = time.time()
    for name, stopped in (("runs", None), ("old", now - 1.6 * DAY), ("young", now - 1.4 * DAY)):
        execution(name, stopped)
    retention.executions(machine, now)
    assert list(stepfunctions._executions) == ["runs", "young"]  # 90 days are 1.5 at speed 60


def test_a_workflow_keeps_its_newest_executions(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MOST_EXECUTIONS", 2)
    for name, age in (("third", 30), ("first", 50), ("fourth", 20), ("second", 40)):
        execution(name, time.time() - age)
    retention.executions(machine, time.time())
    assert list(stepfunctions._executions) == ["third", "fourth"]


def test_an_alarms_history_goes_after_30_days(machine: Machine) -> None:
    now = time.time()
    cloudwatch._history_entries().extend({"Timestamp": cloudwatch._ts_iso(now - age)} for age in (0.6 * DAY, 0.4 * DAY, 0))
    retention.alarm_history(machine, now)
    assert len(cloudwatch._history_entries()) == 2


def test_events_of_a_deleted_stack_go_after_90_days(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MOST_STACK_EVENTS", 2)
    now = time.time()
    for stack, status, age in (
            ("gone", "DELETE_COMPLETE", 1.6), ("deleted", "DELETE_COMPLETE", 1.4), ("there", "CREATE_COMPLETE", 9)):
        stamp = datetime.fromtimestamp(now - age * DAY, UTC).isoformat().replace("+00:00", "Z")
        cloudformation._stack_events[stack] = 3 * [
            {"StackId": stack, "PhysicalResourceId": stack, "ResourceStatus": status, "Timestamp": stamp}]
    retention.stack_events(machine, now)
    assert {stack: len(entries) for stack, entries in cloudformation._stack_events.items()} == {"deleted": 2, "there": 2}


def test_an_archive_has_a_most(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MOST_ARCHIVED", 1)
    eventbridge._archives["archive"] = {"Events": ["old", "new"]}
    retention.archives()
    assert eventbridge._archives["archive"]["Events"] == ["new"]
