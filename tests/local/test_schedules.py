"""Schedules: when each occurrence is due at a speed, what is left out, and a day of them that leaves nothing behind."""

import io
import json
import re
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ministack.services import eventbridge, scheduler

from local import events
from local.clock import Clock
from local.machine import Machine
from local.schedules import Schedules
from tests.local.local_aws import LocalAws, free_port
from tests.local.sagemaker_machine import wait_for

ACCOUNT, REGION = "000000000000", "us-east-1"
START = 1763719200.0  # Friday 2025-11-21, 10:00:00 UTC
HOUR = 3600.0


class Fired:
    """Schedules of a machine, and which targets got an event at which of the times that a test asks for."""

    def __init__(self, folder: Path, speed: float) -> None:
        self.machine = Machine(folder, 0, Clock(speed), folder)
        self.schedules, self.events, self.working = Schedules(self.machine), [], False

    def rule(self, expression: str, name: str = "r", **more: Any) -> dict:
        rule = {"Name": name, "Arn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}", "State": "ENABLED",
                "ScheduleExpression": expression, "CreationTime": START, **more}
        eventbridge._rules.set_scoped(ACCOUNT, REGION, name, rule)
        eventbridge._targets.set_scoped(ACCOUNT, REGION, name, [{"Id": "t", "Arn": f"arn:aws:sqs:::{name}"}])
        return rule

    def invoke(self, target: dict, event: dict, record: dict) -> None:
        self.events.append((target["Arn"].rpartition(":")[2], event["Time"]))
        events._delivery.get().work.append(lambda: self.working)

    def at(self, *times: float) -> list[float]:
        """Let the time be each of these, and return at which of them something fired."""
        before = len(self.events)
        for each in times:
            self.schedules.fire(each)
        return [when for _, when in self.events[before:]]

    def due(self, expression: str, now: float) -> float | None:
        """Return when the next occurrence after ``now`` is due."""
        self.rule(expression)
        return self.schedules.following(next(schedule for _, schedule in self.schedules._schedules(now)), now)


@pytest.fixture
def fired(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fired]:
    made = Fired(tmp_path, getattr(request, "param", 60.0))
    monkeypatch.setattr(eventbridge, "_invoke_target", made.invoke)
    yield made
    eventbridge.reset()
    scheduler.reset()
    made.machine.store.close()


def test_an_hourly_rate_fires_each_minute_at_speed_60(fired: Fired) -> None:
    fired.rule("rate(1 hour)")
    times = [START + 20 * step for step in range(13)]
    assert fired.at(*times) == [START + 60, START + 120, START + 180, START + 240]


def test_a_rule_of_a_template_begins_when_it_is_first_seen(fired: Fired) -> None:
    del fired.rule("rate(1 hour)")["CreationTime"]
    assert fired.at(*(START + 20 * step for step in range(7))) == [START + 60, START + 120]


def test_a_late_look_shifts_nothing(fired: Fired) -> None:
    fired.rule("rate(1 hour)")
    assert fired.at(START, START + 67, START + 119, START + 121) == [START + 67, START + 121]


def test_what_was_missed_is_not_made_up_for(fired: Fired) -> None:
    fired.rule("rate(1 hour)")
    assert fired.at(START, START + 610, START + 611, START + 659, START + 661) == [START + 610, START + 661]


def test_a_restart_keeps_the_beat(fired: Fired) -> None:
    fired.rule("rate(1 hour)")
    fired.at(START, START + 61)
    fired.schedules = Schedules(fired.machine)
    assert fired.at(START + 150, START + 179, START + 181) == [START + 181]


def test_a_disabled_rule_is_silent_and_owes_nothing_afterwards(fired: Fired) -> None:
    rule = fired.rule("rate(1 hour)")
    fired.at(START)
    rule["State"] = "DISABLED"
    assert fired.at(START + 61, START + 121) == []
    rule["State"] = "ENABLED"
    assert fired.at(START + 130, START + 179, START + 180) == [START + 180]


def test_a_target_that_still_works_is_left_out(fired: Fired) -> None:
    fired.rule("rate(1 hour)")
    fired.at(START, START + 60)
    fired.working = True
    assert fired.at(START + 120, START + 180) == []
    fired.working = False
    assert fired.at(START + 240) == [START + 240]


def test_one_broken_expression_does_not_keep_others_from_firing(fired: Fired) -> None:
    fired.rule("cron(0 0 31 2 ? 1999)", name="never")
    fired.rule("at(tomorrow)", name="broken")
    fired.rule("rate(1 hour)", name="hourly")
    fired.at(START, START + 60)
    assert [name for name, _ in fired.events] == ["hourly"]


@pytest.mark.parametrize("fired", [1.0], indirect=True)
def test_at_speed_1_a_cron_is_the_calendars(fired: Fired) -> None:
    assert fired.due("cron(30 10 * * ? *)", START + 7) == START + 1800
    assert fired.due("cron(0 9 ? * MON *)", START) == START + 71 * HOUR  # Monday the 24th, 9:00


def test_a_crons_calendar_runs_from_its_creation_at_the_clocks_speed(fired: Fired) -> None:
    assert fired.due("cron(30 10 * * ? *)", START) == START + 30  # half an hour
    assert fired.due("cron(30 10 * * ? *)", START + 30) == START + 30 + 24 * 60  # a day later
    assert fired.at(*(START + step for step in range(31))) == [START + 30]


def test_a_time_stamp_stays_wall_time(fired: Fired) -> None:
    scheduler._schedules.set_scoped(ACCOUNT, REGION, "default/once", {
        "Arn": "arn:once", "Name": "once", "GroupName": "default", "State": "ENABLED", "CreationDate": START,
        "ScheduleExpression": "at(2025-11-21T10:05:00)", "ScheduleExpressionTimezone": "UTC", "StartDate": None, "EndDate": None,
        "ActionAfterCompletion": "DELETE", "Target": {"Arn": "arn:aws:sqs:::once", "RoleArn": "r"}})
    assert fired.at(START, START + 299, START + 301, START + 302, START + 303) == [START + 301]
    assert not scheduler._schedules.contains_scoped(ACCOUNT, REGION, "default/once")


# On a running local AWS

def received(aws: LocalAws, url: str) -> list[dict]:
    """Take what is in a queue."""
    messages = aws.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"]) for message in messages]


def hourly(aws: LocalAws, name: str, target: dict) -> None:
    client = aws.client("events")
    client.put_rule(Name=name, ScheduleExpression="rate(1 minute)")
    assert client.put_targets(Rule=name, Targets=[{"Id": "t", **target}])["FailedEntryCount"] == 0


def test_a_rule_reaches_its_queue_until_it_is_disabled(aws: LocalAws) -> None:
    name, sqs, client = f"beat-{uuid.uuid4().hex[:6]}", aws.client("sqs"), aws.client("events")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    hourly(aws, name, {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}", "Input": '{"from": "schedule"}'})
    assert wait_for(lambda: received(aws, url))[0] == {"from": "schedule"}
    client.disable_rule(Name=name)
    wait_for(lambda: not received(aws, url))
    assert received(aws, url) == []
    client.remove_targets(Rule=name, Ids=["t"])
    client.delete_rule(Name=name)


def test_a_rule_without_the_right_does_not_reach_its_target(aws: LocalAws) -> None:
    name, iam, client = f"closed-{uuid.uuid4().hex[:6]}", aws.client("iam"), aws.client("events")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {
        "Service": "events.amazonaws.com"}}]}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    url = aws.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    hourly(aws, name, {"Arn": arn, "RoleArn": role})
    log = aws.data / "server.log"
    wait_for(lambda: f"could not deliver to {arn}" in log.read_text())
    assert received(aws, url) == []
    iam.put_role_policy(RoleName=name, PolicyName="send", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn}]}))
    assert wait_for(lambda: received(aws, url))[0]["source"] == "aws.events"
    client.remove_targets(Rule=name, Ids=["t"])
    client.delete_rule(Name=name)


# A day

SPEED, HOURS = 600.0, 24
PROGRAM = "import time\ndef handler(event, context):\n    print(event)\n    return {'statusCode': 200, 'body': 'well'}\n"


@dataclass(frozen=True)
class Footprint:
    """What a server holds of the machine."""

    memory: int
    files: int
    processes: int

    @classmethod
    def of(cls, pid: int) -> "Footprint":
        place = Path(f"/proc/{pid}")
        resident = re.search(r"VmRSS:\s+(\d+)", (place / "status").read_text())
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, check=False, text=True).stdout.split()
        return cls(int(resident[1]) if resident else 0, len(list((place / "fd").iterdir())), len(children))


@pytest.fixture
def fast(tmp_path: Path) -> Iterator[LocalAws]:
    """A local AWS of its own, ten times as fast as usual."""
    machine = LocalAws(free_port(), tmp_path)
    place = ("--port", str(machine.port), "--data", str(machine.data))
    started = machine.run(sys.executable, "-m", "local", "up", *place, "--speed", str(SPEED))
    assert started.returncode == 0, started.stderr
    yield machine
    machine.run(sys.executable, "-m", "local", "down", *place)


def role(aws: LocalAws, name: str, service: str, *actions: str) -> str:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    iam = aws.client("iam")
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [statement]}))
    return str(made["Role"]["Arn"])


def monitored(aws: LocalAws) -> None:
    """Make a workflow around a function that an hourly rule starts, alarms on both, and an API on the function."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("program.py", PROGRAM)
    function = aws.client("lambda").create_function(
        FunctionName="monitor", Runtime="python3.13", Handler="program.handler", Code={"ZipFile": content.getvalue()},
        Role=role(aws, "monitor", "lambda.amazonaws.com", "logs:*"))["FunctionArn"]
    definition = {"StartAt": "Look", "States": {"Look": {"Type": "Task", "Resource": function, "Next": "Rest"},
                                                "Rest": {"Type": "Wait", "Seconds": 60, "End": True}}}
    workflow = aws.client("stepfunctions").create_state_machine(
        name="monitor", definition=json.dumps(definition),
        roleArn=role(aws, "workflow", "states.amazonaws.com", "lambda:InvokeFunction"))["stateMachineArn"]
    events = aws.client("events")
    events.put_rule(Name="hourly", ScheduleExpression="cron(0 * * * ? *)")
    events.put_targets(Rule="hourly", Targets=[{"Id": "workflow", "Arn": workflow, "RoleArn": role(
        aws, "events", "events.amazonaws.com", "states:StartExecution")}])
    for metric in ("Errors", "Invocations", "Duration"):
        aws.client("cloudwatch").put_metric_alarm(
            AlarmName=metric, Namespace="AWS/Lambda", MetricName=metric,
            Dimensions=[{"Name": "FunctionName", "Value": "monitor"}], Statistic="Sum", Period=60, EvaluationPeriods=1,
            Threshold=0, ComparisonOperator="GreaterThanThreshold", TreatMissingData="notBreaching")


class Customers:
    """A little traffic with kept connections: an invocation, a metric and an event at a time."""

    def __init__(self, aws: LocalAws) -> None:
        names = ("lambda", "cloudwatch", "events", "stepfunctions")
        self._function, self._metrics, self._events, self._workflows = map(aws.client, names)
        [machine] = self._workflows.list_state_machines()["stateMachines"]
        self._workflow = machine["stateMachineArn"]

    def executions(self) -> int:
        """Make some traffic, and return how often the workflow has succeeded."""
        self._function.invoke(FunctionName="monitor", Payload=b"{}")["Payload"].read()
        self._metrics.put_metric_data(Namespace="Customers", MetricData=[{"MetricName": "Asked", "Value": 1}])
        self._events.put_events(Entries=[{"Source": "customers", "DetailType": "asked", "Detail": "{}"}])
        pages = self._workflows.get_paginator("list_executions").paginate(
            stateMachineArn=self._workflow, statusFilter="SUCCEEDED")
        return sum(len(page["executions"]) for page in pages)


@pytest.mark.slow
def test_a_day_of_an_hourly_schedule_leaves_nothing_behind(fast: LocalAws) -> None:
    pid = json.loads((fast.data / "running.json").read_text())["pid"]
    monitored(fast)
    customers, before = Customers(fast), Footprint.of(pid)
    wait_for(lambda: customers.executions() >= 3, 120)
    warm, done = Footprint.of(pid), customers.executions()
    wait_for(lambda: customers.executions() >= done + HOURS, 20 * HOURS)
    after, made = Footprint.of(pid), customers.executions() - done
    fast.client("events").disable_rule(Name="hourly")
    wait_for(lambda: Footprint.of(pid).processes <= before.processes, 200)
    rest = Footprint.of(pid)
    print(before, warm, after, rest, sep="\n")
    assert after.memory / warm.memory < 1.5
    assert rest.files / warm.files <= 1.0
    assert rest.processes == before.processes
    assert made <= HOURS + 2  # an hour is an hour
