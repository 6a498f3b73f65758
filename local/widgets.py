"""What a metric widget shows: its lines with their values, its thresholds. Pure but for the reader that it is given.

Periods and starts like -PT3H are durations of AWS, so on the wall they last that divided by the clock's speed.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from statistics import fmean
from typing import Any

from local import metric_math, metric_search
from local.alarm_states import STATISTIC
from local.clock import Clock
from local.metric_math import Series
from local.service import UnsupportedError

Metric = dict[str, Any]  # Namespace, MetricName and Dimensions in the API's form
Fetch = Callable[[dict[str, Any], float, float, int], Series]  # a MetricStat, the start, a period's wall seconds, their number
MEMBERS = {"metrics", "annotations", "title", "view", "stacked", "width", "height", "start", "end", "period", "stat", "region",
           "yAxis", "legend", "timezone", "liveData", "setPeriodToTimeRange", "sparkline"}
OPTIONS = {"id", "expression", "label", "color", "stat", "period", "visible", "yAxis", "region"}
VIEWS = ("timeSeries", "singleValue")
MOST_POINTS, MOST_LINES = 5000, 500
DURATION = re.compile(r"-?P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
SECONDS = (604800, 86400, 3600, 60, 1)
VALUES: dict[str, Callable[[list[float]], float]] = {
    "MAX": max, "MIN": min, "AVG": fmean, "SUM": sum, "LAST": lambda values: values[-1]}


@dataclass(frozen=True)
class Line:
    """One line of a picture: its values in order, each with the wall time at which its period starts."""

    label: str
    starts: list[float]
    values: Series
    color: str = ""
    right: bool = False


@dataclass(frozen=True)
class Threshold:
    """A horizontal line."""

    label: str
    value: float
    color: str = ""


@dataclass(frozen=True)
class Picture:
    """All that is to be drawn."""

    title: str
    start: float
    end: float
    lines: list[Line]
    thresholds: list[Threshold] = field(default_factory=list)
    view: str = "timeSeries"
    stacked: bool = False
    axes: dict[str, dict[str, Any]] = field(default_factory=dict)
    size: tuple[int, int] = (600, 400)


@dataclass(frozen=True)
class Reader:
    """What there is to show: values, names and alarms."""

    fetch: Fetch
    metrics: Callable[[], Iterable[tuple[str, str, dict[str, str]]]]
    alarm: Callable[[str], dict[str, Any] | None]  # by its ARN, in the form of PutMetricAlarm with Metrics
    clock: Clock
    region: str


def picture(widget: dict[str, Any], reader: Reader, now: float) -> Picture:
    """Return what a widget shows at ``now``; raises ValueError for what is wrong, UnsupportedError for what is not known here."""
    _known(widget, MEMBERS, "a metric widget")
    if (view := widget.get("view", "timeSeries")) not in VIEWS:
        raise UnsupportedError(f"a metric widget with view {view}")
    if widget.get("region", reader.region) != reader.region:
        raise UnsupportedError(f"a metric widget of region {widget['region']}")
    if widget.get("timezone", "+0000") not in ("+0000", "UTC"):
        raise UnsupportedError(f"a metric widget with timezone {widget['timezone']}")
    start, end = (_moment(widget.get(key, default), reader.clock, now) for key, default in (("start", "-PT3H"), ("end", "PT0H")))
    if start >= end:
        raise ValueError("start must be before end.")
    drawn = _Widget(widget, reader, start, end)
    return Picture(widget.get("title", ""), start, end, drawn.lines(), list(drawn.thresholds()), view,
                   bool(widget.get("stacked")), widget.get("yAxis") or {},
                   (_size(widget, "width", 600), _size(widget, "height", 400)))


def _known(members: dict[str, Any], known: set[str], what: str) -> None:
    if unknown := sorted(members.keys() - known):
        raise UnsupportedError(f"{what} with {', '.join(unknown)}")


def _size(widget: dict[str, Any], name: str, default: int) -> int:
    value = widget.get(name, default)
    if not isinstance(value, int) or not 1 <= value <= 2000:
        raise ValueError(f"{name} must be a number between 1 and 2000.")
    return value


def _moment(text: str, clock: Clock, now: float) -> float:
    """Return the wall time of a duration before now, or of a time stamp."""
    if found := DURATION.fullmatch(text):
        return now - clock.scaled(sum(int(count or 0) * length for count, length in zip(found.groups(), SECONDS, strict=True)))
    return datetime.fromisoformat(text).timestamp()


def rows(metrics: list[list[Any]]) -> Iterator[tuple[Metric | None, dict[str, Any]]]:
    """Yield each entry's metric (None for an expression) and options, with "." and "..." filled in from the one before."""
    before: list[str] = []
    for entry in metrics:
        *names, last = entry
        options, names = (last, names) if isinstance(last, dict) else ({}, [*names, last])
        _known(options, OPTIONS, "a metric")
        if "expression" in options:
            yield None, options
            continue
        if "..." in names:
            place = names.index("...")
            rest = names[place + 1:]
            names = names[:place] + before[place:len(before) - len(rest)] + rest
        names = [before[index] if name == "." and index < len(before) else name for index, name in enumerate(names)]
        if len(names) < 2 or len(names) % 2 or not all(isinstance(name, str) for name in names):
            raise ValueError(f"The metric {entry} must be a namespace, a name, and pairs of dimension and value.")
        before = names
        pairs = zip(names[2::2], names[3::2], strict=True)
        yield {"Namespace": names[0], "MetricName": names[1],
               "Dimensions": [{"Name": name, "Value": value} for name, value in pairs]}, options


class _Widget:
    """The metrics of one widget, by id, and what becomes of them in its time."""

    def __init__(self, widget: dict[str, Any], reader: Reader, start: float, end: float) -> None:
        self._widget, self._reader, self._start, self._end = widget, reader, start, end
        self._rows = [(options.get("id") or f"row_{index}", metric, options)
                      for index, (metric, options) in enumerate(rows(widget.get("metrics") or []))]
        self._queries = [self._query(*row) for row in self._rows]

    def _query(self, name: str, metric: Metric | None, options: dict[str, Any]) -> dict[str, Any]:
        if options.get("region", self._reader.region) != self._reader.region:
            raise UnsupportedError(f"a metric of region {options['region']}")
        if metric is None:
            return {"Id": name, "Expression": options["expression"]}
        return {"Id": name, "MetricStat": {"Metric": metric, "Stat": self._stat(options)}}

    def _stat(self, options: dict[str, Any]) -> str:
        stat = options.get("stat") or self._widget.get("stat") or "Average"
        if not STATISTIC.fullmatch(stat):
            raise UnsupportedError(f"the statistic {stat} in a widget")
        return stat

    def _grid(self, period: int) -> tuple[float, float, int]:
        """Return the first period's start, a period's wall seconds and how many there are."""
        length = self._reader.clock.scaled(period)
        first = math.floor(self._start / length) * length
        count = math.ceil((self._end - first) / length)
        if period <= 0 or count > MOST_POINTS:
            raise ValueError(f"A period of {period} seconds gives {count} points; at most {MOST_POINTS} are drawn.")
        return first, length, count

    def lines(self) -> list[Line]:
        """Return the lines of all visible entries."""
        found = [line for name, metric, options in self._rows if options.get("visible", True)
                 for line in self._lines_of(name, metric, options)][:MOST_LINES]
        return _labelled(found)

    def _lines_of(self, name: str, metric: Metric | None, options: dict[str, Any]) -> Iterator[tuple[Line, str, Metric | None]]:
        """Yield an entry's lines, each with the label that the widget wants and its metric."""
        grid = first, length, count = self._grid(self._period(options))
        found: list[Metric] = []
        value = metric_math.evaluate(self._queries, lambda stat: self._reader.fetch(stat, *grid), name,
                                     lambda *search: self._search(grid, found, *search))
        several = isinstance(value, list)
        metrics = [metric] if not several else found if str(options.get("expression", "")).lstrip().startswith("SEARCH(") else []
        for index, series in enumerate(value if several else [value]):
            values = series if isinstance(series, tuple) else (series,) * count
            own = metrics[index] if index < len(metrics) else None
            if several and not any(each is not None for each in values):
                continue  # of a search: nothing was measured in this time
            yield (Line("" if metric or several else options.get("id") or options["expression"],
                        [first + length * step for step in range(count)], values, options.get("color", ""),
                        options.get("yAxis") == "right"), options.get("label", ""), own)

    def _period(self, options: dict[str, Any]) -> int:
        third = re.fullmatch(r"\s*SEARCH\(.*,\s*(\d+)\s*\)\s*", options.get("expression", ""), re.DOTALL)
        return int(options.get("period") or (third[1] if third else 0) or self._widget.get("period") or 300)

    def _search(self, grid: tuple[float, float, int], found: list[Metric], query: str, stat: str,
                period: int | None = None) -> list[Series]:
        """Return what a SEARCH finds, and leave the metrics in ``found``."""
        search, (_, length, _) = metric_search.parse(query), grid
        if period and not math.isclose(self._reader.clock.scaled(period), length):
            raise UnsupportedError(f"SEARCH with another period ({period}) than its expression's")
        matched = sorted((name, sorted(dimensions.items())) for namespace, name, dimensions in self._reader.metrics()
                         if search.finds(namespace, name, dimensions))
        metrics = [{"Namespace": search.namespace, "MetricName": name, "Dimensions": [
            {"Name": key, "Value": value} for key, value in pairs]} for name, pairs in matched[:MOST_LINES]]
        found.extend(metrics)
        return [self._reader.fetch({"Metric": metric, "Stat": self._stat({"stat": stat})}, *grid) for metric in metrics]

    def thresholds(self) -> Iterator[Threshold]:
        """Yield the horizontal annotations, and the thresholds of the alarms that are named."""
        annotations = self._widget.get("annotations") or {}
        _known(annotations, {"horizontal", "alarms"}, "annotations")
        for each in annotations.get("horizontal") or []:
            if not isinstance(each, dict):
                raise UnsupportedError("bands of annotations")
            _known(each, {"value", "label", "color", "visible", "yAxis"}, "a horizontal annotation")
            if each.get("visible", True):
                yield Threshold(each.get("label", ""), float(each["value"]), each.get("color", ""))
        for arn in annotations.get("alarms") or []:
            alarm = self._reader.alarm(arn)
            if alarm is None:
                raise ValueError(f"There is no metric alarm {arn}.")
            yield Threshold(alarm["AlarmName"], float(alarm["Threshold"]))


def _labelled(found: list[tuple[Line, str, Metric | None]]) -> list[Line]:
    """Name lines as CloudWatch does: by the metric, with the dimensions that tell it from the others."""
    counts = Counter((name, value) for _, _, metric in found if metric for name, value in _names(metric).items())
    total = sum(metric is not None for _, _, metric in found)

    def shown(line: Line, wanted: str, metric: Metric | None) -> str:
        names = _names(metric) if metric else {}
        telling = [value for name, value in names.items() if name != "MetricName" and counts[name, value] < total]
        plain = " ".join([*telling, names["MetricName"]]) if names else line.label
        return _filled(wanted, line, plain, names) if wanted else plain

    return [replace(line, label=shown(line, wanted, metric)) for line, wanted, metric in found]


def _names(metric: Metric) -> dict[str, str]:
    return {each["Name"]: each["Value"] for each in metric["Dimensions"]} | {"MetricName": metric["MetricName"]}


def _filled(label: str, line: Line, plain: str, names: dict[str, str]) -> str:
    """Fill in a label's ${...}."""
    values = [value for value in line.values if value is not None]

    def fill(found: re.Match[str]) -> str:
        word = found[1].strip()
        if word == "LABEL":
            return plain
        if word in VALUES:
            return f"{VALUES[word](values):.4g}" if values else "-"
        if prop := re.fullmatch(r"PROP\('(?:Dim\.([\w.-]+)|(MetricName))'\)", word):
            return names.get(prop[1] or prop[2], "")
        raise UnsupportedError(f"a label with ${{{word}}}")

    return re.sub(r"\$\{([^}]*)\}", fill, label)
