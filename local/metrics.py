"""CloudWatch's metrics as they are kept here: one point a minute of AWS time for what services measure of themselves.

Each invocation of a function, an endpoint or an API adds to the points of its minute, so that its cost does not grow
with what is there, and alarms and readers see it at once. A point holds its Sum, SampleCount, Minimum and Maximum, and
its values with their counts for percentiles. With age points become coarser and at last go (LEVELS and LONGEST, AWS's
own, divided by the clock's speed). What others put by PutMetricData is kept as it comes and ages alike.
"""

import copy
import functools
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from local.journal import Journal
from local.machine import Machine

_CLOUDWATCH = "ministack.services.cloudwatch"
STATE = ("alarms", "composite_alarms", "composite_triggers", "alarm_history", "dashboards", "resource_tags")
SEAMS: tuple[tuple[str, str], ...] = tuple((_CLOUDWATCH, name) for name in (
    "_dims_key", "_evict_old_metrics", "_metric_bucket", "_metrics", "_percentile_samples", "_point_stats",
    "_error", "_put_metric_data", "_store_datum", "get_state", "record_metric", *(f"_{name}" for name in STATE)))
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
LEVELS = ((15 * DAY, DAY), (DAY, HOUR), (3 * HOUR, 5 * MINUTE))  # AWS time: older than this, points of this length
LONGEST = 455 * DAY
MOST_DIMENSIONS = 30
DIGITS = 3  # of the values of points that were put together: enough for a percentile
Key = tuple[str, str, tuple[Any, ...]]
Values = dict[str, tuple[float, str]]  # a metric's name: value and unit


class Metrics:
    """All metrics of the machine's account and region."""

    def __init__(self, machine: Machine) -> None:
        from ministack.services import cloudwatch

        self._machine, self._cloudwatch, self._lock = machine, cloudwatch, threading.RLock()
        self._journal = Journal(machine.data / "native" / "metrics.jsonl")
        self._minute_seconds, self._minute = machine.clock.scaled(MINUTE), 0.0
        self._began = 0.0  # when the minute's first measurement came: the time of all its points, so that metrics can be compared
        self._open: dict[Key, dict[str, Any]] = {}

    def install(self) -> None:
        """Put this store at ministack's CloudWatch, with what was saved."""
        cloudwatch = self._cloudwatch
        for namespace, name, dimensions, point in self._journal.read():
            self._list((namespace, name, cloudwatch._dims_key(dimensions))).append(_read(point))
        cloudwatch._evict_old_metrics = lambda: None  # at each request, and it loses new points
        cloudwatch._metric_bucket = self._list  # one list, whoever comes first
        cloudwatch.record_metric = lambda namespace, name, value, unit="None", dimensions=None: self.record(
            namespace, [dimensions or {}], {name: (value, unit)})
        cloudwatch.get_state = _state
        for name, repaired in (
                ("_percentile_samples", _samples), ("_store_datum", self._store), ("_put_metric_data", _put)):
            setattr(cloudwatch, name, functools.partial(repaired, getattr(cloudwatch, name)))

    def record(self, namespace: str, sets: Iterable[dict[str, str]], values: Values) -> None:
        """Take one measurement of a service itself, for each set of dimensions."""
        now = time.time()
        minute = now // self._minute_seconds
        with self._lock:
            if minute != self._minute:
                self.save()
                self._minute, self._began = minute, now
            for dimensions in sets:
                known = tuple(dimensions.items())
                for name, (value, unit) in values.items():
                    _add(self._open.get((namespace, name, known)) or self._opened(namespace, name, known, unit), value)

    def _opened(self, namespace: str, name: str, dimensions: tuple[Any, ...], unit: str) -> dict[str, Any]:
        """Return a new point of this minute."""
        point = {"Timestamp": self._began, "Unit": unit, "Dimensions": dict(dimensions), "_values": {},
                 "_stat": {"SampleCount": 0.0, "Sum": 0.0, "Minimum": float("inf"), "Maximum": float("-inf")}}
        self._list((namespace, name, self._cloudwatch._dims_key(point["Dimensions"]))).append(point)
        self._open[namespace, name, dimensions] = point
        return point

    def _list(self, key: Key) -> list[dict[str, Any]]:
        scope = self._machine.account_id, self._machine.region
        with self._lock:
            if not self._cloudwatch._metrics.contains_scoped(*scope, key):
                self._cloudwatch._metrics.set_scoped(*scope, key, [])
            points: list[dict[str, Any]] = self._cloudwatch._metrics.get_scoped(*scope, key)
            return points

    def _store(self, inner: Any, namespace: str, name: str, dimensions: dict[str, Any], *datum: Any) -> None:
        """Keep what PutMetricData brings; it is saved before the request is answered."""
        points = self._list((namespace, name, self._cloudwatch._dims_key(dimensions)))
        with self._lock:
            known = len(points)
            inner(namespace, name, dimensions, *datum)
            self._journal.append(_line(namespace, name, point) for point in points[known:])

    def save(self, *, everything: bool = True) -> None:
        """Save the points that are open: everything, or those of a minute that has passed."""
        with self._lock:
            if not everything and time.time() // self._minute_seconds == self._minute:
                return
            done, self._open = self._open, {}
            self._journal.append(_line(namespace, name, point) for (namespace, name, _), point in done.items())

    def age(self, now: float) -> None:
        """Make points coarser that are old at ``now``, and forget the oldest."""
        metrics, scope, changed = self._cloudwatch._metrics, (self._machine.account_id, self._machine.region), False
        with self._lock:
            for key, points in list(metrics.items_scoped(*scope)):
                left = self._coarser(points, now)
                if left == points:
                    continue
                changed = True
                metrics.set_scoped(*scope, key, left)  # a new list: who has read the old one sees that it is another
                if not left:
                    metrics.pop_scoped(*scope, key)
            if changed:
                self._open = {}  # what is open is saved with all else
                self._journal.rewrite(_line(key[0], key[1], point) for key, points in metrics.items_scoped(*scope)
                                      for point in points)

    def _coarser(self, points: list[dict[str, Any]], now: float) -> list[dict[str, Any]]:
        scaled = self._machine.clock.scaled
        kept: dict[Any, dict[str, Any]] = {}
        for point in points:
            age = now - point["Timestamp"]
            length = next((scaled(length) for older, length in LEVELS if age > scaled(older)), 0.0)
            if age <= scaled(LONGEST):
                moved = _in_the_middle(point, length) if length else point
                place = (length, moved["Timestamp"], moved["Unit"]) if length else id(point)
                kept[place] = _together(self._cloudwatch, kept[place], moved) if place in kept else moved
        return list(kept.values())


def install(machine: Machine) -> None:
    """Give the machine its metrics."""
    machine.metrics = Metrics(machine)
    machine.metrics.install()


def _put(inner: Any, params: dict[str, Any], data: dict[str, Any], *protocol: Any) -> Any:
    """Take metrics, unless one has more dimensions than AWS takes."""
    from ministack.services import cloudwatch

    for number, datum in enumerate(data.get("MetricData", []), 1):
        if len(datum.get("Dimensions", [])) > MOST_DIMENSIONS:
            return cloudwatch._error("InvalidParameterValue", f"The collection MetricData.member.{number}.Dimensions must not "
                                     f"have a size greater than {MOST_DIMENSIONS}.", 400, use_json=True)
    return inner(params, data, *protocol)


def _add(point: dict[str, Any], value: float, times: float = 1.0) -> None:
    stat, values = point["_stat"], point["_values"]
    stat["SampleCount"] += times
    stat["Sum"] += value * times
    stat["Minimum"], stat["Maximum"] = min(stat["Minimum"], value), max(stat["Maximum"], value)
    values[value] = values.get(value, 0.0) + times


def _in_the_middle(point: dict[str, Any], length: float) -> dict[str, Any]:
    """Return a point in the middle of its interval: where the other metrics' are, and at neither end, which rounding could move over."""
    middle = (point["Timestamp"] // length + 0.5) * length
    return point if point["Timestamp"] == middle else {**point, "Timestamp": middle}


def _together(cloudwatch: Any, one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return two points as one: statistics exact, values rounded; without values where one has none."""
    parts = [cloudwatch._point_stats(point) for point in (one, other)]
    values: dict[float, float] = {}
    for value, times in (pair for point in (one, other) for pair in _values(point)):
        rounded = float(f"{value:.{DIGITS}g}")
        values[rounded] = values.get(rounded, 0.0) + times
    known = not any("_stat" in point and point.get("_values") is None for point in (one, other))
    return {"Timestamp": one["Timestamp"], "Unit": one["Unit"], "Dimensions": one["Dimensions"], "_values": values if known else None, "_stat": {
        "SampleCount": sum(part[0] for part in parts), "Sum": sum(part[1] for part in parts),
        "Minimum": min(part[2] for part in parts), "Maximum": max(part[3] for part in parts)}}


def _values(point: dict[str, Any]) -> Iterator[tuple[float, float]]:
    """Yield the values of a point with their counts, none where only its statistics are known."""
    if point.get("_values") is not None:
        yield from point["_values"].copy().items()  # others may add meanwhile
    elif "_stat" not in point:
        yield point["Value"], point.get("Count", 1.0)


def _samples(inner: Callable[..., list[tuple[float, float]] | None], points: list[dict[str, Any]]) -> list[tuple[float, float]] | None:
    """Return the samples of a percentile: the values of our points, and what ministack makes of the others."""
    return inner([each for point in points for each in (
        [{"Value": value, "Count": times} for value, times in _values(point)] if point.get("_values") else [point])])


def _state() -> dict[str, Any]:
    """Return what ministack is to save: all but the metrics, which the journal has."""
    from ministack.services import cloudwatch

    return {name: copy.deepcopy(getattr(cloudwatch, f"_{name}")) for name in STATE}


def _line(namespace: str, name: str, point: dict[str, Any]) -> list[Any]:
    values = point.get("_values")
    saved = point | {"_values": list(values.items())} if values is not None else point
    return [namespace, name, point["Dimensions"], saved]


def _read(point: dict[str, Any]) -> dict[str, Any]:
    return point | {"_values": dict(map(tuple, point["_values"]))} if point.get("_values") is not None else point
