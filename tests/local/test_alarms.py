"""Alarms: the state that data give, by AWS's own tables; metric math; and one alarm from its metric to two queues."""

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from ministack.core.responses import request_scope
from ministack.services import cloudwatch

from local import metric_math
from local.alarm_states import check, judge
from local.alarms import Alarms
from local.clock import Clock
from local.machine import Machine
from local.service import UnsupportedError
from tests.local.local_aws import LocalAws

TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
START = 1763719200.0  # 21/11/25 10:00:00
# Newest datum last; X breaches, 0 does not. Then the state for each treatment; None keeps the current one.
ALL_OF_THREE = {
    "0 - X - X": ("OK", "OK", "OK", "OK"),
    "- - - - 0": ("OK", "OK", "OK", "OK"),
    "- - - - -": ("INSUFFICIENT_DATA", None, "ALARM", "OK"),
    "0 X X - X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "- - X - -": ("ALARM", None, "ALARM", "OK"),
}
TWO_OF_THREE = {
    "0 - X - X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "0 0 X 0 X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "0 - X - -": ("OK", "OK", "ALARM", "OK"),
    "- - - - 0": ("OK", "OK", "ALARM", "OK"),
    "- - - X -": ("ALARM", None, "ALARM", "OK"),
}
CASES = [(needed, data, treatment, state) for needed, table in ((3, ALL_OF_THREE), (2, TWO_OF_THREE))
         for data, states in table.items() for treatment, state in zip(TREATMENTS, states, strict=True)]


def alarm(**more: Any) -> dict:
    return {"AlarmName": "errors", "Namespace": "Test", "MetricName": "Errors", "Statistic": "Sum", "Period": 60,
            "EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold"} | more


def series(data: str) -> metric_math.Series:
    return tuple({"X": 2.0, "0": 0.0}.get(each) for each in data.split())


def verdict(data: str, **more: Any) -> Any:
    values = series(data)
    return judge(alarm(**more), values, [START + 60 * index for index in range(len(values))])


@pytest.mark.parametrize(("needed", "data", "treatment", "state"), CASES)
def test_missing_data_are_treated_as_awss_tables_say(needed: int, data: str, treatment: str, state: str | None) -> None:
    found = verdict(data, EvaluationPeriods=3, DatapointsToAlarm=needed, TreatMissingData=treatment)
    assert (found and found.state) == state


def test_a_first_breaching_datum_does_not_fire_before_its_time() -> None:
    assert verdict("- - - - X", EvaluationPeriods=3, DatapointsToAlarm=3).state == "OK"
    assert verdict("- - X", EvaluationPeriods=1).state == "ALARM"


@pytest.mark.parametrize(("comparison", "fires"), [
    ("GreaterThanThreshold", "no"), ("GreaterThanOrEqualToThreshold", "yes"),
    ("LessThanThreshold", "no"), ("LessThanOrEqualToThreshold", "yes")])
def test_a_value_at_the_threshold(comparison: str, fires: str) -> None:
    found = verdict("X", Threshold=2.0, ComparisonOperator=comparison)
    assert found.state == {"yes": "ALARM", "no": "OK"}[fires]


@pytest.mark.parametrize(("data", "more", "reason"), [
    ("- - X", {}, ("Threshold Crossed: 1 out of the last 1 datapoints [2.0 (21/11/25 10:02:00)] was greater than the"
                  " threshold (1.0) (minimum 1 datapoint for OK -> ALARM transition).")),
    ("0 0 X", {"EvaluationPeriods": 3, "DatapointsToAlarm": 2},
     ("Threshold Crossed: 2 out of the last 3 datapoints [0.0 (21/11/25 10:01:00), 0.0 (21/11/25 10:00:00)] were not"
     " greater than the threshold (1.0) (minimum 2 datapoints for ALARM -> OK transition).")),
    ("- - -", {}, "Insufficient Data: 1 datapoint was unknown."),
    ("- - -", {"TreatMissingData": "notBreaching"}, ("Threshold Crossed: no datapoints were received for 1 period and"
                                                    " 1 missing datapoint was treated as [NonBreaching].")),
    ("- - 0", {"EvaluationPeriods": 3, "DatapointsToAlarm": 2, "TreatMissingData": "breaching"},
     ("Threshold Crossed: 1 datapoint was received for 3 periods and 2 missing datapoints were treated as"
     " [Breaching]."))])
def test_the_reason_reads_as_awss(data: str, more: dict, reason: str) -> None:
    assert verdict(data, **more).reason == reason


# Time

@pytest.fixture
def alarms(tmp_path: Path) -> Iterator[Alarms]:
    """Alarms of a machine at speed 60, evaluated when a test says so, with what `put` and `publish` leave there."""
    machine = Machine(tmp_path, 0, Clock(60.0), tmp_path)
    yield Alarms(machine)
    cloudwatch.reset()
    machine.store.close()


def put(**more: Any) -> dict:
    with request_scope("000000000000", "us-east-1"):
        made = cloudwatch._alarms["errors"] = alarm(StateValue="INSUFFICIENT_DATA", **more)
    return made


def publish(value: float, wall: float, function: str = "f") -> None:
    with request_scope("000000000000", "us-east-1"):
        cloudwatch._store_datum("Test", "Errors", {"Function": function}, wall, "None", value, None, None, None)


def states(alarms: Alarms, made: dict, *walls: float) -> list[str]:
    """Evaluate at each of the times and return the states."""
    return [alarms.evaluate(wall) or made["StateValue"] for wall in walls]


OWN = {"Dimensions": [{"Name": "Function", "Value": "f"}]}


def test_at_speed_60_a_period_of_60_s_is_one_second_on_the_wall(alarms: Alarms) -> None:
    made = put(**OWN, TreatMissingData="notBreaching")
    publish(1, START + 0.2)
    publish(1, START + 0.9)  # together 2 in one period, above the threshold of 1
    publish(9, START + 0.5, function="other")
    assert states(alarms, made, START + 0.95, START + 1, START + 3.5, START + 4) == ["OK", "ALARM", "ALARM", "OK"]
    assert made["StateReason"].startswith("Threshold Crossed: no datapoints")


def test_one_breach_in_each_of_two_periods_of_three_fires_two_of_three(alarms: Alarms) -> None:
    made = put(**OWN, EvaluationPeriods=3, DatapointsToAlarm=2)
    for second, value in enumerate((5, 0, 5, 0, 0)):
        publish(value, START + second)
    assert states(alarms, made, *(START + second for second in range(1, 6))) == ["OK", "OK", "ALARM", "OK", "OK"]


def looks(alarms: Alarms, made: dict, wall: float) -> str:
    """Let time go on to a moment within a period, and return the state."""
    alarms.evaluate(wall)
    alarms.look_ahead(wall)
    return made["StateValue"]


LAMBDA = {**OWN, "Namespace": "AWS/Lambda", "Threshold": 0.0, "TreatMissingData": "notBreaching"}


def count(value: float, wall: float) -> None:
    with request_scope("000000000000", "us-east-1"):
        cloudwatch._store_datum("AWS/Lambda", "Errors", {"Function": "f"}, wall, "Count", value, None, None, None)


def test_release_alarm_on_a_count_goes_off_before_its_minute_is_over(alarms: Alarms) -> None:
    made = put(**LAMBDA)
    count(0, START + 0.1)
    assert looks(alarms, made, START + 0.2) == "OK"
    count(1, START + 0.3)
    assert looks(alarms, made, START + 0.4) == "ALARM"
    assert json.loads(made["StateReasonData"])["recentDatapoints"] == [1.0]
    assert states(alarms, made, START + 1, START + 3.5, START + 4) == ["ALARM", "ALARM", "OK"]


def test_release_alarm_ahead_of_its_minute_is_not_taken_back_by_the_minute_before(alarms: Alarms) -> None:
    made = put(**LAMBDA)
    alarms.evaluate(START + 0.5)
    count(1, START + 1.001)
    alarms.look_ahead(START + 1.002)  # the minute that has just ended has not been looked at
    alarms.look_ahead(START + 1.003)
    assert looks(alarms, made, START + 1.02) == "ALARM"
    assert states(alarms, made, START + 2, START + 5) == ["ALARM", "OK"]


@pytest.mark.parametrize("more", [
    {"Statistic": "Average"}, {"Statistic": None, "ExtendedStatistic": "p95"}, {"Namespace": "Test"},
    {"ComparisonOperator": "LessThanThreshold", "Threshold": 2.0}, {"EvaluationPeriods": 2},
    {"TreatMissingData": "breaching", "Dimensions": []}])
def test_what_later_data_may_change_waits_for_the_minutes_end(alarms: Alarms, more: dict) -> None:
    made = put(**LAMBDA | more)
    made["StateValue"] = "OK"
    alarms.evaluate(START)
    made["StateValue"] = "OK"
    count(1, START + 0.3)
    alarms.look_ahead(START + 0.4)
    assert made["StateValue"] == "OK"


def test_longer_periods_slide_by_the_minute_and_shorter_ones_by_ten_seconds(alarms: Alarms) -> None:
    made = put(**OWN, Period=300, TreatMissingData="notBreaching")
    publish(5, START + 1.5)
    assert states(alarms, made, START + 1.99, START + 2) == ["OK", "ALARM"]
    made = put(**OWN, Period=10, TreatMissingData="notBreaching")
    publish(5, START + 10.01)
    assert states(alarms, made, START + 10.1, START + 10.2) == ["OK", "ALARM"]


def test_data_that_come_late_or_out_of_order_count_for_their_own_period(alarms: Alarms) -> None:
    made = put(**OWN, ExtendedStatistic="p50", TreatMissingData="ignore")
    assert states(alarms, made, START + 2) == ["INSUFFICIENT_DATA"]
    for value, wall in ((0, START + 2.5), (7, START + 1.5)):
        publish(value, wall)
    assert states(alarms, made, START + 2.1, START + 2.4, START + 3.0) == ["INSUFFICIENT_DATA"] * 2 + ["OK"]


def test_an_alarm_is_evaluated_once_for_each_period_and_a_set_state_lasts_as_long(alarms: Alarms) -> None:
    made = put(**OWN, TreatMissingData="notBreaching")
    assert states(alarms, made, START) == ["OK"]
    made["StateValue"] = "ALARM"
    assert states(alarms, made, START + 0.3, START + 0.99, START + 1) == ["ALARM", "ALARM", "OK"]


def test_states_continue_after_a_restart(alarms: Alarms) -> None:
    made = put(**OWN, TreatMissingData="notBreaching")
    publish(5, START)
    assert states(alarms, made, START + 1) == ["ALARM"]
    since = made["StateUpdatedTimestamp"]
    assert states(Alarms(alarms._machine), made, START + 1.5) == ["ALARM"]
    assert made["StateUpdatedTimestamp"] == since


# Metric math

def stat(name: str, period: int = 60) -> dict:
    return {"Id": name, "ReturnData": False, "MetricStat": {
        "Metric": {"Namespace": "Test", "MetricName": name, "Dimensions": [{"Name": "Api", "Value": "a"}]},
        "Period": period, "Stat": "Sum"}}


def metrics(expression: str, *more: dict) -> list[dict]:
    return [stat("m1"), stat("m2"), *more, {"Id": "e1", "Expression": expression, "ReturnData": True}]


@pytest.mark.parametrize(("expression", "result"), [
    ("m1 / m2 * 100", (50.0, None, None)),
    ("-(m1 + 1) - m2", (-4.0, None, -4.0)),
    ("SUM([m1, m2])", (3.0, 4.0, 3.0)),
    ("SUM(METRICS())", (3.0, 4.0, 3.0)),
    ("MAX([m1, m2, 2])", (2.0, 4.0, 3.0)),
    ("MIN([m1, m2])", (1.0, 4.0, 0.0)),
    ("m1 / SUM(m1)", (0.25, None, 0.75)),
    ("FILL(m1, 0) + m2", (3.0, 4.0, 3.0)),
    ("IF(m2 > 0, m1 / m2, 0)", (0.5, None, 0.0)),
    ("IF(m2 >= 2, m2)", (2.0, 4.0, None)),
    ("half * 4", (2.0, None, 6.0))])
def test_metric_math_is_computed_period_by_period(expression: str, result: metric_math.Series) -> None:
    data = {"m1": (1.0, None, 3.0), "m2": (2.0, 4.0, 0.0)}
    queries = metrics(expression, {"Id": "half", "Expression": "m1 / 2", "ReturnData": False})
    assert metric_math.evaluate(queries, lambda each: data[each["Metric"]["MetricName"]]) == result


@pytest.mark.parametrize("expression", ["ABS(m1)", "SEARCH('{A}', 'Sum')", "m1 ** 2", "FILL(m1, REPEAT)",
                                        "METRICS() * 2", "m1 AND m2"])
def test_other_metric_math_is_refused_by_name(expression: str) -> None:
    name = expression.split("(")[0].replace("METRICS", "array")
    with pytest.raises(UnsupportedError, match=name.replace("*", r"\*")):
        metric_math.check(metrics(expression))


@pytest.mark.parametrize(("queries", "message"), [
    (metrics("m3 + 1"), "refers to m3"), (metrics("e1 + 1"), "refers to e1"),
    (metrics("SUM(m1)"), "not give a time series"),
    ([stat("m1")], "Exactly one element"), (metrics("m1", stat("m1")), "not unique"),
    (metrics("m1", stat("m4", 300)), "same Period")])
def test_wrong_metric_math_is_refused_when_the_alarm_is_put(queries: list[dict], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check(alarm(MetricName=None, Metrics=queries))


@pytest.mark.parametrize("more", [
    {"ComparisonOperator": "GreaterThanUpperThreshold"}, {"TreatMissingData": "never"}, {"MetricName": None},
    {"DatapointsToAlarm": 2}, {"Period": 45}])
def test_an_alarm_that_aws_refuses_is_refused(more: dict) -> None:
    with pytest.raises(ValueError, match="must"):
        check(alarm(**more))


def test_statistics_are_the_five_and_percentiles() -> None:
    check(alarm(ExtendedStatistic="p99.9"))
    with pytest.raises(UnsupportedError, match="tm90"):
        check(alarm(ExtendedStatistic="tm90"))


# Through the address

@pytest.fixture
def queue(aws: LocalAws) -> dict[str, str]:
    """A queue that a topic and the alarms' events both reach: its URL, and the topic."""
    sqs, sns, events, name = (*map(aws.client, ("sqs", "sns", "events")), f"alarms-{uuid.uuid4().hex[:6]}")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allow = {"Effect": "Allow", "Principal": {"Service": ["sns.amazonaws.com", "events.amazonaws.com"]},
             "Action": "sqs:SendMessage", "Resource": arn}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17",
                                                                             "Statement": [allow]})})
    topic = sns.create_topic(Name=name)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    events.put_rule(Name=name, EventPattern=json.dumps({
        "source": ["aws.cloudwatch"], "detail-type": ["CloudWatch Alarm State Change"],
        "detail": {"alarmName": [{"prefix": name}]}}))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    return {"name": name, "url": url, "topic": topic}


def received(aws: LocalAws, url: str, number: int) -> list[dict]:
    """Wait for messages and return what they tell: an event, or a notification's message."""
    sqs, messages = aws.client("sqs"), []
    deadline = time.monotonic() + 20
    while len(messages) < number and time.monotonic() < deadline:
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5, MaxNumberOfMessages=10).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            body = json.loads(message["Body"])
            messages.append(json.loads(body["Message"]) if "Message" in body else body)
    return messages


def put_four(client: Any, name: str, topic: str) -> None:
    """Put alarms on one function's metric, on another's and on a rate of the first, and one of both of the first's."""
    for each, value in (("own", name), ("other", "other")):
        client.put_metric_alarm(**alarm(
            AlarmName=f"{name}-{each}", AlarmActions=[topic], MetricName="m1", TreatMissingData="ignore",
            Dimensions=[{"Name": "Function", "Value": value}]))
    rate = metrics("IF(m2 > 0, m1 / m2, 0)")
    for query in rate[:2]:
        query["MetricStat"]["Metric"]["Dimensions"] = [{"Name": "Function", "Value": name}]
    client.put_metric_alarm(AlarmName=f"{name}-rate", Metrics=rate, EvaluationPeriods=1, Threshold=0.4,
                            ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore")
    client.put_composite_alarm(AlarmName=f"{name}-both", AlarmRule=f'ALARM("{name}-own") AND ALARM("{name}-rate")')


@pytest.fixture
def told(aws: LocalAws, queue: dict[str, str]) -> list[dict]:
    """What the queue got once data of one function came that breach its alarms."""
    client, name = aws.client("cloudwatch"), queue["name"]
    put_four(client, name, queue["topic"])
    received(aws, queue["url"], 1)  # the composite's first evaluation
    client.put_metric_data(Namespace="Test", MetricData=[
        {"MetricName": metric, "Dimensions": [{"Name": "Function", "Value": name}], "Value": value}
        for metric, value in (("m1", 5), ("m2", 10))])
    return received(aws, queue["url"], 4)


def test_data_of_an_alarms_own_dimensions_fire_it_and_reach_its_topic_and_the_bus(
        aws: LocalAws, queue: dict[str, str], told: list[dict]) -> None:
    name = queue["name"]
    assert {each["detail"]["alarmName"] for each in told if "detail" in each} == {
        f"{name}-own", f"{name}-rate", f"{name}-both"}
    assert [(each["AlarmName"], each["OldStateValue"], each["NewStateValue"]) for each in told if "AlarmName" in each
            ] == [(f"{name}-own", "INSUFFICIENT_DATA", "ALARM")]
    states = aws.client("cloudwatch").describe_alarms(AlarmNamePrefix=name)["MetricAlarms"]
    assert {each["AlarmName"]: each["StateValue"] for each in states} == {
        f"{name}-own": "ALARM", f"{name}-other": "INSUFFICIENT_DATA", f"{name}-rate": "ALARM"}


def test_the_event_says_what_awss_does(queue: dict[str, str], told: list[dict]) -> None:
    name = f"{queue['name']}-own"
    [event] = [each for each in told if each.get("detail", {}).get("alarmName") == name]
    detail = event["detail"]
    assert event["resources"] == [f"arn:aws:cloudwatch:us-east-1:000000000000:alarm:{name}"]
    assert (detail["previousState"]["value"], detail["previousState"]["reason"]) == (
        "INSUFFICIENT_DATA", "Unchecked: Initial alarm creation")
    assert detail["state"]["reason"].startswith("Threshold Crossed: 1 out of the last 1 datapoints [5.0 (")
    assert json.loads(detail["state"]["reasonData"])["recentDatapoints"] == [5.0]
    assert detail["configuration"]["metrics"][0]["metricStat"]["metric"] == {
        "namespace": "Test", "name": "m1", "dimensions": {"Function": queue["name"]}}


def test_a_state_that_was_set_lasts_until_the_next_evaluation(aws: LocalAws, queue: dict[str, str]) -> None:
    client, name = aws.client("cloudwatch"), queue["name"]
    client.put_metric_alarm(**alarm(AlarmName=name, TreatMissingData="notBreaching"))
    assert [each["detail"]["state"]["value"] for each in received(aws, queue["url"], 1)] == ["OK"]
    client.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a drill")
    drill, back = (each["detail"] for each in received(aws, queue["url"], 2))
    assert drill["state"] | {"timestamp": ""} == {"value": "ALARM", "reason": "a drill", "timestamp": ""}
    assert (back["previousState"]["reason"], back["state"]["value"]) == ("a drill", "OK")
    history = client.describe_alarm_history(AlarmName=name, HistoryItemType="StateUpdate")["AlarmHistoryItems"]
    assert [each["HistorySummary"] for each in history] == [
        "Alarm updated from ALARM to OK", "Alarm updated from OK to ALARM",
        "Alarm updated from INSUFFICIENT_DATA to OK"]


def test_metric_math_that_is_not_available_is_named_in_the_answer(aws: LocalAws) -> None:
    with pytest.raises(ClientError, match="RATE"):
        aws.client("cloudwatch").put_metric_alarm(
            AlarmName="rate", Metrics=metrics("RATE(m1)"), EvaluationPeriods=1, Threshold=1,
            ComparisonOperator="GreaterThanThreshold")
