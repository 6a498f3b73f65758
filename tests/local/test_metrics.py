"""Metrics: many measurements are one point with the same statistics, it survives a restart, and grows coarse with age."""

import statistics
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from ministack.services import cloudwatch

from local.alarms import Alarms
from local.clock import Clock
from local.machine import Machine
from local.metrics import DAY, Metrics
from tests.local.local_aws import LocalAws

SCOPE = ("000000000000", "us-east-1")
KEY = ("AWS/Test", "Latency", "Api=a")
VALUES = [float(value) for value in range(1, 101)]


@pytest.fixture
def metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Metrics]:
    """Metrics of a machine on which a minute is a wall minute, at ministack's CloudWatch."""
    for name in ("_metrics", "_evict_old_metrics", "_metric_bucket", "record_metric", "get_state", "_percentile_samples",
                 "_put_metric_data", "_store_datum"):
        monkeypatch.setattr(cloudwatch, name, getattr(cloudwatch, name))
    machine = Machine(tmp_path, 0, Clock(1.0), tmp_path)
    made = Metrics(machine)
    made.install()
    yield made
    cloudwatch.reset()
    machine.store.close()


def measure(metrics: Metrics, values: list[float]) -> None:
    for value in values:
        metrics.record("AWS/Test", [{"Api": "a"}], {"Latency": (value, "Milliseconds")})


def points() -> list[dict]:
    return cloudwatch._metrics.get_scoped(*SCOPE, KEY) or []


def statistic(name: str) -> float:
    return cloudwatch._stat_value(cloudwatch._calc_stats(points()), name, points())


def test_many_measurements_are_few_points_with_exact_statistics(metrics: Metrics) -> None:
    measure(metrics, VALUES)
    assert len(points()) <= 2  # a minute may have passed between
    found = {name: statistic(name) for name in ("Sum", "SampleCount", "Average", "Minimum", "Maximum", "p50", "p99")}
    assert found == {"Sum": 5050, "SampleCount": 100, "Average": 50.5, "Minimum": 1, "Maximum": 100,
                     "p50": statistics.median(VALUES), "p99": pytest.approx(99.01)}


def test_what_is_measured_in_one_minute_has_one_time(metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    for second, version in ((120.5, "1"), (179.0, "2"), (180.0, "2")):
        monkeypatch.setattr(time, "time", lambda second=second: second)
        metrics.record("AWS/Test", [{"Version": version}], {"Requests": (1.0, "Count")})
    moments = {version: [point["Timestamp"] for point in cloudwatch._metrics.get_scoped(*SCOPE, ("AWS/Test", "Requests", f"Version={version}"))]
               for version in ("1", "2")}
    assert moments == {"1": [120.5], "2": [120.5, 180.0]}, "or two versions' shares cannot be compared"


def test_an_alarm_sees_a_measurement_at_its_next_evaluation(metrics: Metrics) -> None:
    alarm = {"AlarmName": "slow", "Namespace": "AWS/Test", "MetricName": "Latency", "ExtendedStatistic": "p90", "Period": 60,
             "Dimensions": [{"Name": "Api", "Value": "a"}], "EvaluationPeriods": 1, "Threshold": 80.0, "StateValue": "OK",
             "ComparisonOperator": "GreaterThanThreshold"}
    cloudwatch._alarms.set_scoped(*SCOPE, "slow", alarm)
    alarms = Alarms(metrics._machine)
    measure(metrics, VALUES[:1])
    alarms.evaluate(points()[0]["Timestamp"])  # what it has read of the minute by now must not be all that it sees
    measure(metrics, VALUES)
    alarms.evaluate(60 * (points()[-1]["Timestamp"] // 60 + 1))
    assert alarm["StateValue"] == "ALARM"


@pytest.mark.parametrize("period", [3600, 86400])
def test_an_alarm_over_hours_reads_their_data_at_the_clocks_speed(tmp_path: Path, period: int) -> None:
    speed, dimensions = 60.0, {f"D{number}": "v" for number in range(30)}
    machine, now = Machine(tmp_path, 0, Clock(speed), tmp_path), 60.0 * (time.time() // 60)
    alarm = {"AlarmName": "drift", "Namespace": "Own", "MetricName": "Drifted", "Statistic": "Maximum", "Period": period,
             "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()], "EvaluationPeriods": 1,
             "Threshold": 1.0, "StateValue": "OK", "ComparisonOperator": "GreaterThanOrEqualToThreshold",
             "TreatMissingData": "notBreaching"}
    cloudwatch._alarms.set_scoped(*SCOPE, "drift", alarm)
    try:
        made, alarms = Metrics(machine), Alarms(machine)
        made._list(("Own", "Drifted", cloudwatch._dims_key(dimensions))).append(
            {"Timestamp": now + 1, "Unit": "None", "Dimensions": dimensions, "Value": 2.0})
        states = []
        for wall in (0.5, 2.0, 3 * period / speed, 3 * period / speed + 3):
            alarms.evaluate(now + wall)
            states.append(alarm["StateValue"])
        assert states == ["OK", "ALARM", "ALARM", "OK"]  # the range is two periods more than those that are evaluated
    finally:
        cloudwatch.reset()
        machine.store.close()


def test_more_than_30_dimensions_are_refused(aws: LocalAws) -> None:
    def put(number: int) -> None:
        aws.client("cloudwatch").put_metric_data(Namespace="Own", MetricData=[{"MetricName": "Many", "Value": 1.0, "Dimensions": [
            {"Name": f"D{index}", "Value": "v"} for index in range(number)]}])

    put(30)
    [found] = aws.client("cloudwatch").list_metrics(Namespace="Own", MetricName="Many")["Metrics"]
    assert len(found["Dimensions"]) == 30
    with pytest.raises(ClientError, match="must not have a size greater than 30"):
        put(31)


@pytest.mark.parametrize(("slow", "state"), [(4, "OK"), (6, "ALARM")])
def test_release_alarm_on_latency_fires_when_more_than_5_of_100_are_slow(metrics: Metrics, slow: int, state: str) -> None:
    own, second = {"EndpointName": "e", "VariantName": "AllTraffic"}, 1_000_000.0  # ModelLatency is in microseconds
    alarm = {"AlarmName": "slow", "Namespace": "AWS/SageMaker", "MetricName": "ModelLatency", "ExtendedStatistic": "p95",
             "Period": 60, "Dimensions": [{"Name": key, "Value": value} for key, value in own.items()], "Threshold": second,
             "EvaluationPeriods": 1, "StateValue": "OK", "ComparisonOperator": "GreaterThanThreshold",
             "TreatMissingData": "notBreaching"}
    cloudwatch._alarms.set_scoped(*SCOPE, "slow", alarm)
    for value in [2 * second] * slow + [second / 20] * (100 - slow):
        metrics.record("AWS/SageMaker", [own], {"ModelLatency": (value, "Microseconds")})
    [recorded] = [found for key, found in cloudwatch._metrics.items_scoped(*SCOPE) if key[0] == "AWS/SageMaker"]
    Alarms(metrics._machine).evaluate(60 * (recorded[0]["Timestamp"] // 60 + 1))
    assert alarm["StateValue"] == state


def test_what_is_saved_is_there_after_a_restart(metrics: Metrics, tmp_path: Path) -> None:
    measure(metrics, VALUES)
    metrics.save()
    cloudwatch.reset()
    again = Metrics(metrics._machine)
    for namespace, name, dimensions, _point in again._journal.read():
        assert (namespace, name, dimensions) == ("AWS/Test", "Latency", {"Api": "a"})
    again.install()
    assert (statistic("Sum"), statistic("p50")) == (5050, 50.5)


def test_what_others_put_is_saved_before_the_answer(metrics: Metrics) -> None:
    cloudwatch._store_datum("AWS/Test", "Latency", {"Api": "a"}, time.time(), "None", None, [1.0, 3.0], [2.0, 1.0], None)
    assert [line[3]["Value"] for line in metrics._journal.read()] == [1.0, 3.0]
    assert statistic("Sum") == 5


def test_points_grow_coarse_with_age_and_go_at_last(metrics: Metrics) -> None:
    now = DAY * (time.time() // DAY)
    for minute in range(600):
        cloudwatch._store_datum("AWS/Test", "Latency", {"Api": "a"}, now - 60 * minute, "None", 1.0, None, None, None)
    metrics.age(now)
    assert (len(points()), statistic("Sum")) == (181 + 84, 600)  # three hours as they were, then points of 5 minutes
    metrics.age(now + 2 * DAY)
    assert (len(points()), statistic("Sum"), statistic("p90")) == (11, 600, 1.0)
    metrics.age(now + 500 * DAY)
    assert points() == [] and list(metrics._journal.read()) == []


def test_old_points_of_several_metrics_lie_at_the_same_moments(metrics: Metrics) -> None:
    now = DAY * (time.time() // DAY)
    for version, seconds in (("1", (10, 70, 310)), ("2", (130, 400))):
        for second in seconds:
            cloudwatch._store_datum("AWS/Test", "Requests", {"Version": version}, now - DAY / 2 + second, "None", 1.0, None, None, None)
    metrics.age(now)
    found = {version: [point["Timestamp"] for point in cloudwatch._metrics.get_scoped(*SCOPE, ("AWS/Test", "Requests", f"Version={version}"))]
             for version in ("1", "2")}
    assert found["1"] == found["2"] == [now - DAY / 2 + 150, now - DAY / 2 + 450]


def test_an_api_tells_its_requests_and_their_faults(aws: LocalAws) -> None:
    gateway, name = aws.client("apigateway"), f"told-{uuid.uuid4().hex[:6]}"
    api = gateway.create_rest_api(name=name)["id"]
    root = gateway.get_resources(restApiId=api)["items"][0]["id"]
    gateway.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    gateway.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="MOCK",
                            requestTemplates={"application/json": '{"statusCode": 200}'})
    gateway.put_integration_response(restApiId=api, resourceId=root, httpMethod="GET", statusCode="200")
    gateway.create_deployment(restApiId=api, stageName="prd")
    gateway.update_stage(restApiId=api, stageName="prd", patchOperations=[
        {"op": "replace", "path": "/*/*/metrics/enabled", "value": "true"}])
    statuses = [status(f"{aws.endpoint_url}/_aws/execute-api/{api}/prd{path}") for path in ("/", "/", "/unknown")]
    assert (statuses[:2], statuses[2] // 100) == ([200, 200], 4)

    def total(metric: str, **dimensions: str) -> float:
        found = aws.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/ApiGateway", MetricName=metric, StartTime=time.time() - 600, EndTime=time.time() + 60, Period=60,
            Dimensions=[{"Name": key, "Value": value} for key, value in {"ApiName": name, **dimensions}.items()],
            Statistics=["Sum"])["Datapoints"]
        return sum(point["Sum"] for point in found)

    assert [total(metric, Stage="prd") for metric in ("Count", "4XXError", "5XXError")] == [3, 1, 0]
    assert total("Count") == 3
    assert total("Count", Stage="prd", Method="GET", Resource="/") == 2
    gateway.delete_rest_api(restApiId=api)


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
