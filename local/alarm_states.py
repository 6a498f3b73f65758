"""What an alarm asks for, which state data give it, and how both are told: pure functions.

An alarm is a dictionary as PutMetricAlarm has it. Missing data follow AWS's rules: an alarm looks at its evaluation
range, a few periods more than EvaluationPeriods, takes the newest data there are, and only fills up what is lacking.
"""

import json
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local import metric_math
from local.metric_math import Series
from local.service import UnsupportedError

COMPARISONS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to")}
STATISTIC = re.compile(r"SampleCount|Average|Sum|Minimum|Maximum|[pP](\d{1,2}(\.\d+)?|100)")
TREATMENTS = {"breaching": "Breaching", "notBreaching": "NonBreaching", "missing": "Missing", "ignore": "Ignored"}
GROWING = ("Sum", "SampleCount", "Maximum")
SHORT_PERIODS, MINUTE, HOUR = (10, 20, 30), 60, 3600


@dataclass(frozen=True)
class Verdict:
    """The state that an alarm should have, and why."""

    state: str
    reason: str


def judge(alarm: dict[str, Any], values: Series, starts: list[float]) -> Verdict | None:
    """Return the state of an alarm for its evaluation range, oldest first; None where it keeps the one it has."""
    compare, wanted = COMPARISONS[alarm["ComparisonOperator"]][0], alarm["EvaluationPeriods"]
    treatment, needed = alarm.get("TreatMissingData") or "missing", alarm.get("DatapointsToAlarm") or wanted
    points = [(age, value, start) for age, (value, start) in
              enumerate(zip(reversed(values), reversed(starts), strict=True), 1) if value is not None][:wanted]
    breaching = [point for point in points if compare(point[1], alarm["Threshold"])]
    missing, only_breaching = wanted - len(points), len(breaching) == len(points)
    if treatment == "missing" and not points:
        return Verdict("INSUFFICIENT_DATA", f"Insufficient Data: {_count(wanted)} unknown.")
    fires = len(breaching) + (missing if treatment == "breaching" else 0) >= needed
    if treatment == "ignore" and not fires and missing and only_breaching:
        return None
    if treatment == "missing" and missing and only_breaching and points[-1][0] >= needed:
        fires = True  # nothing but breaching data for as long as the alarm asks, some of it missing
    crossing = breaching if fires else [point for point in points if point not in breaching]
    reason = _received(points, wanted, missing, treatment) if not crossing or (
        missing and treatment in ("breaching", "notBreaching")) else _crossed(alarm, fires, crossing, len(points))
    return Verdict("ALARM" if fires else "OK", f"Threshold Crossed: {reason}.")


def _count(number: int, noun: str = "datapoint") -> str:
    return f"{number or 'no'} {noun} was" if number == 1 else f"{number or 'no'} {noun}s were"


def _received(points: list[Any], wanted: int, missing: int, treatment: str) -> str:
    periods = "1 period" if wanted == 1 else f"{wanted} periods"
    return (f"{_count(len(points))} received for {periods} and {_count(missing, 'missing datapoint')} treated as"
            f" [{TREATMENTS[treatment]}]")


def _crossed(alarm: dict[str, Any], fires: bool, crossing: list[Any], total: int) -> str:
    shown = ", ".join(f"{value} ({datetime.fromtimestamp(start, UTC):%d/%m/%y %H:%M:%S})"
                      for _, value, start in crossing)
    wanted = alarm["EvaluationPeriods"]
    needed = alarm.get("DatapointsToAlarm") or wanted
    least, change = (needed, "OK -> ALARM") if fires else (wanted - needed + 1, "ALARM -> OK")
    return (f"{len(crossing)} out of the last {total} datapoints [{shown}] {'was' if len(crossing) == 1 else 'were'}"
            f" {'' if fires else 'not '}{COMPARISONS[alarm['ComparisonOperator']][1]} the threshold"
            f" ({alarm['Threshold']}) (minimum {least} datapoint{'' if least == 1 else 's'} for {change} transition)")


# What an alarm asks for

def queries(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the metrics of an alarm in PutMetricAlarm's form of Metrics, whichever form it was put in."""
    if alarm.get("Metrics"):
        return [_typed(query) for query in alarm["Metrics"]]
    metric = {key: alarm[key] for key in ("Namespace", "MetricName", "Dimensions") if alarm.get(key)}
    stat = {"Metric": metric, "Period": int(alarm.get("Period") or MINUTE), "Unit": alarm.get("Unit"),
            "Stat": alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"}
    return [{"Id": "m1", "MetricStat": stat, "ReturnData": True}]


def _typed(query: dict[str, Any]) -> dict[str, Any]:
    """Return a query with a template's strings turned to what the API has."""
    typed = query | {"ReturnData": str(query.get("ReturnData", True)).lower() != "false"}
    if "MetricStat" in query:
        typed["MetricStat"] = query["MetricStat"] | {"Period": int(query["MetricStat"]["Period"])}
    return typed


def check(request: dict[str, Any]) -> None:
    """Raise ValueError for an alarm that AWS refuses, UnsupportedError for one that only this machine does."""
    _check_known(request)
    if not request.get("Metrics") and not (request.get("MetricName") and request.get("Namespace")):
        raise ValueError("The alarm must have MetricName and Namespace, or Metrics.")
    if int(request.get("DatapointsToAlarm") or 1) > int(request.get("EvaluationPeriods") or 1):
        raise ValueError("DatapointsToAlarm must not be larger than EvaluationPeriods.")
    wanted = queries(request)
    length = period(request)
    days = 7 if length >= HOUR else 1
    if length * int(request.get("EvaluationPeriods") or 1) > days * 24 * HOUR:
        raise ValueError(f"Metrics cannot be checked across more than {days} day{'s' if days > 1 else ''} "
                         f"(EvaluationPeriods * Period must be <= {days * 24 * HOUR}).")
    for stat in (query["MetricStat"] for query in wanted if "MetricStat" in query):
        if not STATISTIC.fullmatch(stat["Stat"]):
            raise UnsupportedError(f"the statistic {stat['Stat']} in an alarm")
        if stat["Period"] not in SHORT_PERIODS and (stat["Period"] <= 0 or stat["Period"] % MINUTE):
            raise ValueError("Period must be 10, 20, 30 or a multiple of 60.")
    metric_math.check(wanted)


def _check_known(request: dict[str, Any]) -> None:
    if any(key.startswith("Metrics.member.") for key in request):
        raise UnsupportedError("Metrics through CloudWatch's Query protocol")
    for key in ("ThresholdMetricId", "EvaluationCriteria"):
        if request.get(key):
            raise UnsupportedError(f"an alarm with {key}")
    if request.get("EvaluateLowSampleCountPercentile") == "ignore":
        raise UnsupportedError("EvaluateLowSampleCountPercentile=ignore")
    for key, allowed in (("ComparisonOperator", COMPARISONS), ("TreatMissingData", TREATMENTS)):
        if (value := request.get(key, "missing" if allowed is TREATMENTS else None)) not in allowed:
            raise ValueError(f"{key} is {value}; it must be one of {', '.join(allowed)}.")


def period(alarm: dict[str, Any]) -> int:
    return next(int(query["MetricStat"]["Period"]) for query in queries(alarm) if "MetricStat" in query)


def breaches(alarm: dict[str, Any], value: float | None) -> bool:
    """Whether a period's value is beyond the alarm's threshold; no data are not."""
    return value is not None and COMPARISONS[alarm["ComparisonOperator"]][0](value, alarm["Threshold"])


def only_grows(alarm: dict[str, Any]) -> bool:
    """Whether an alarm that is beyond its threshold stays so for the period: counts of AWS's own are never negative."""
    return (not alarm.get("Metrics") and alarm.get("Namespace", "").startswith("AWS/")
            and alarm.get("Statistic") in GROWING and alarm["ComparisonOperator"].startswith("GreaterThan"))


def interval(alarm: dict[str, Any]) -> int:
    """Return how often an alarm is evaluated, in seconds of AWS time."""
    return MINUTE if period(alarm) >= MINUTE else SHORT_PERIODS[0]


def _iso(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")


def told_state(value: str, reason: str, data: Any, since: float) -> dict[str, Any]:
    state = {"value": value, "reason": reason, "timestamp": _iso(since)}
    return state | ({"reasonData": data if isinstance(data, str) else json.dumps(data)} if data else {})


def reason_data(alarm: dict[str, Any], wanted: list[dict[str, Any]], values: Series, starts: list[float], end: float) -> dict[str, Any]:
    known = [(start, value) for start, value in zip(starts, values, strict=True) if value is not None]
    known = known[-alarm["EvaluationPeriods"]:]
    one = {} if alarm.get("Metrics") else {"statistic": wanted[0]["MetricStat"]["Stat"]}
    return {"version": "1.0", "queryDate": _iso(end), **({"startDate": _iso(known[0][0])} if known else {}), **one,
            "period": period(alarm), "recentDatapoints": [value for _, value in known],
            "threshold": alarm["Threshold"], "evaluatedDatapoints": [
                {"timestamp": _iso(start), "value": value} for start, value in reversed(known)]}


def configuration(alarm: dict[str, Any]) -> dict[str, Any]:
    """Return an alarm's configuration as its events show it."""
    head = {"description": alarm["AlarmDescription"]} if alarm.get("AlarmDescription") else {}
    if "AlarmRule" in alarm:
        return head | {"alarmRule": alarm["AlarmRule"]}
    return head | {"metrics": [_shown(query) for query in queries(alarm)]}


def _shown(query: dict[str, Any]) -> dict[str, Any]:
    shown = {"id": query["Id"], "returnData": query["ReturnData"]}
    if "MetricStat" not in query:
        return shown | {"expression": query["Expression"]} | ({"label": query["Label"]} if "Label" in query else {})
    stat, metric = query["MetricStat"], query["MetricStat"]["Metric"]
    dimensions = {each["Name"]: each["Value"] for each in metric.get("Dimensions") or []}
    return shown | {"metricStat": {"metric": {"namespace": metric["Namespace"], "name": metric["MetricName"],
                                              "dimensions": dimensions},
                                   "period": stat["Period"], "stat": stat["Stat"]}}
