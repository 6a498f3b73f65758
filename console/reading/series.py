"""CloudWatch's metrics over time: which of them, between which moments, and how finely.

Each metric that is asked for costs, so the same question is asked anew only after half of its period.
"""

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from console.account import Project

MOST_POINTS = 200  # of a line: more than a picture can show
MOST_QUERIES = 500  # of one call
PERIODS = (1, 5, 10, 20, 30, 60, 300, 900, 3600, 21600, 86400)
KEPT = ((timedelta(days=63), 3600), (timedelta(days=15), 300), (timedelta(hours=3), 60))  # what began longer ago is kept no finer
MOST_KEPT = 64
_kept: dict[Any, tuple[float, list["Line"]]] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Metric:
    """One metric and the statistic that is wanted of it."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str


@dataclass(frozen=True)
class Span:
    """A stretch of time, and the seconds that one point stands for."""

    start: datetime
    end: datetime
    period: int


@dataclass(frozen=True)
class Line:
    """The values of a metric with the moments at which their periods begin, in order of time; empty where there are none."""

    moments: tuple[datetime, ...] = ()
    values: tuple[float, ...] = ()

    @property
    def total(self) -> float:
        """Return the sum of the values."""
        return sum(self.values)

    @property
    def highest(self) -> float | None:
        """Return the highest value."""
        return max(self.values, default=None)

    @property
    def last(self) -> float | None:
        """Return the newest value."""
        return self.values[-1] if self.values else None


def finest(project: Project) -> int:
    """Return the shortest period that is kept: a minute; where another endpoint stands in for AWS a minute may pass in a second."""
    return 1 if project.account.endpoint else 60


def span(start: datetime, end: datetime, shortest: int) -> Span:
    """Return a stretch with the finest period that a picture can show and CloudWatch still has; whole periods, so that it seldom changes."""
    age = datetime.now(UTC) - start
    least = max([shortest, *(period for older, period in KEPT if age > older)])
    length = (end - start).total_seconds()
    period = next((each for each in PERIODS if each >= least and length / each <= MOST_POINTS), PERIODS[-1])
    return Span(_floor(start, period), _floor(end, period) + timedelta(seconds=period), period)


def lines(project: Project, metrics: Sequence[Metric], wanted: Span) -> list[Line]:
    """Return a line for each of the metrics, in their order."""
    key, now = (project.bucket, tuple(metrics), wanted), time.monotonic()
    with _lock:
        read, found = _kept.get(key, (-math.inf, []))
    if now - read < wanted.period / 2:
        return found
    found = [line for place in range(0, len(metrics), MOST_QUERIES)
             for line in _some(project.client("cloudwatch"), metrics[place:place + MOST_QUERIES], wanted)]
    with _lock:
        _kept.pop(key, None)
        _kept[key] = now, found
        while len(_kept) > MOST_KEPT:
            del _kept[next(iter(_kept))]
    return found


def _some(cloudwatch: Any, metrics: Sequence[Metric], wanted: Span) -> list[Line]:
    queries = [_query(f"m{place}", metric, wanted.period) for place, metric in enumerate(metrics)]
    points: dict[str, list[tuple[datetime, float]]] = {query["Id"]: [] for query in queries}
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries, StartTime=wanted.start, EndTime=wanted.end, ScanBy="TimestampAscending")
    for result in (each for page in pages for each in page["MetricDataResults"]):
        points[result["Id"]] += zip(result["Timestamps"], result["Values"], strict=True)
    return [_line(sorted(points[query["Id"]])) for query in queries]


def _query(name: str, metric: Metric, period: int) -> dict[str, Any]:
    dimensions = [{"Name": key, "Value": value} for key, value in metric.dimensions]
    return {"Id": name, "MetricStat": {"Period": period, "Stat": metric.statistic, "Metric": {
        "Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions}}}


def _line(points: list[tuple[datetime, float]]) -> Line:
    return Line(tuple(moment for moment, _ in points), tuple(value for _, value in points))


def merged(parts: Sequence[Line]) -> Line:
    """Return lines that follow one another as one."""
    return _line(sorted(point for part in parts for point in zip(part.moments, part.values, strict=True)))


def _floor(moment: datetime, period: int) -> datetime:
    return datetime.fromtimestamp(moment.timestamp() // period * period, UTC)
