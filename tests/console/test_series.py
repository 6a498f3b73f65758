"""Metrics over time, asked as seldom and as coarsely as will do."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.reading import series
from console.reading.series import Line, Metric
from tests.console.any_order import Stubs, project

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
METRIC = Metric("AWS/Lambda", "Invocations", (("FunctionName", "f"),), "Sum")


def answer(given: dict[str, Any]) -> dict[str, Any]:
    return {"MetricDataResults": [{"Id": query["Id"], "Timestamps": [NOW + timedelta(minutes=1), NOW], "Values": [2.0, 1.0]}
                                  for query in given["MetricDataQueries"]]}


@pytest.mark.parametrize(("length", "shortest", "period"), [
    (timedelta(minutes=2), 1, 1), (timedelta(minutes=2), 60, 60), (timedelta(hours=1), 1, 20), (timedelta(hours=1), 60, 60), (timedelta(days=1), 60, 900),
    (timedelta(days=7), 60, 3600), (timedelta(days=60), 60, 86400)])
def test_a_span_has_the_finest_period_that_a_picture_can_show(length: timedelta, shortest: int, period: int) -> None:
    now = datetime.now(UTC)
    found = series.span(now - length, now, shortest)
    assert found.period == period
    assert found.start <= now - length and found.end >= now
    assert (found.end - found.start) / timedelta(seconds=period) <= series.MOST_POINTS + 2


def test_what_began_long_ago_is_asked_no_finer_than_it_is_kept() -> None:
    began = datetime.now(UTC) - timedelta(days=16)
    assert series.span(began, began + timedelta(minutes=5), 1).period == 300


def test_lines_come_in_order_of_time_and_of_the_metrics() -> None:
    stubs = Stubs()
    stubs.answer("cloudwatch", "GetMetricData", answer)
    other = Metric("AWS/Lambda", "Errors", (("FunctionName", "f"),), "Sum")
    found = series.lines(project(stubs, "series"), [METRIC, other], series.Span(NOW, NOW + timedelta(hours=1), 60))
    assert found == [Line((NOW, NOW + timedelta(minutes=1)), (1.0, 2.0))] * 2
    [call] = stubs.named("GetMetricData")
    assert [query["MetricStat"]["Metric"]["MetricName"] for query in call["MetricDataQueries"]] == ["Invocations", "Errors"]


def test_more_metrics_than_one_call_takes_are_asked_in_several() -> None:
    stubs = Stubs()
    stubs.answer("cloudwatch", "GetMetricData", answer)
    metrics = [Metric("MLDelivery", "FeatureDrift", (("Feature", str(number)),), "Maximum") for number in range(501)]
    assert len(series.lines(project(stubs, "many"), metrics, series.Span(NOW, NOW + timedelta(hours=1), 60))) == 501
    assert [len(call["MetricDataQueries"]) for call in stubs.named("GetMetricData")] == [500, 1]


def test_the_same_question_is_asked_anew_only_after_half_of_its_period(monkeypatch: pytest.MonkeyPatch) -> None:
    stubs, clock = Stubs(), [100.0]
    stubs.answer("cloudwatch", "GetMetricData", answer)
    monkeypatch.setattr(series.time, "monotonic", lambda: clock[0])
    asked, span = project(stubs, "again"), series.Span(NOW, NOW + timedelta(hours=1), 60)
    for clock[0] in (100.0, 129.0, 131.0):
        series.lines(asked, [METRIC], span)
    assert len(stubs.named("GetMetricData")) == 2


def test_where_another_endpoint_stands_in_for_aws_a_minute_may_pass_in_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert series.finest(project(Stubs(), "aws")) == 60
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert series.finest(project(Stubs(), "local")) == 1


def test_lines_that_follow_one_another_become_one() -> None:
    later = NOW + timedelta(hours=1)
    assert series.merged([Line((later,), (2.0,)), Line((NOW,), (1.0,)), Line()]) == Line((NOW, later), (1.0, 2.0))
    assert (Line().last, Line().highest, Line().total) == (None, None, 0)
