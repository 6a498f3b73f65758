"""CloudWatch alarms evaluated on time: by exact dimensions, M of N, with missing data treated as told.

Time: a period is a duration of AWS, so on the wall it lasts period / speed, and a metric's time stamp is wall time.
At speed 60 a period of 60 s is the data of one wall second; a datum stamped a wall minute ago is 60 periods old.
Alarms are evaluated once a minute of AWS time (every 10 s those with shorter periods), never more often than
every SHORTEST_WAIT wall seconds; each evaluation reads the whole periods up to the last full minute (or 10 s), and
two more than EvaluationPeriods, AWS's evaluation range. Time in which the machine is stopped counts as missing data.

Between two evaluations an alarm looks at the period that is not over, too: a count of AWS's own that is above its
threshold stays there, so its alarm goes off as soon as that is known, not when the minute ends. It says no more than that.

Nothing else evaluates: what ministack does inside PutMetricData and PutMetricAlarm is taken out. One lock makes each
change of state happen once; actions and events leave through one queue, in order, outside that lock.
"""

import functools
import json
import logging
import math
import threading
from collections.abc import Callable
from datetime import datetime
from queue import SimpleQueue
from typing import Any

from local import alarm_states, metric_math
from local.alarm_states import MINUTE, Verdict, judge
from local.machine import Machine
from local.metric_math import Series
from local.service import ServiceError

logger = logging.getLogger("local")
# Of a metric and a span of time: all its points, how many of them were read, and those of them that are recent.
Reads = dict[tuple[str, str, str, float], tuple[list[dict[str, Any]], int, list[dict[str, Any]]]]
_CLOUDWATCH, _PROVISIONERS = "ministack.services.cloudwatch", "ministack.services.cloudformation.provisioners"
SEAMS: tuple[tuple[str, str], ...] = (
    *((_CLOUDWATCH, name) for name in (
        "_alarms", "_calc_stats", "_composite_alarms", "_dims_from_list", "_dims_key",
        "_dispatch_alarm_actions", "_error", "_evaluate_alarm", "_evaluate_all_alarms", "_evaluate_parent_alarms",
        "_history_entries", "_metrics", "_p", "_put_composite_alarm",
        "_put_metric_alarm", "_record_history", "_set_alarm_state", "_stat_value")),
    (_PROVISIONERS, "_cw_metric_alarm_put"),
    (_PROVISIONERS, "_cw_metric_alarm_record"),
)
RANGE_EXTRA = 2
SHORTEST_WAIT, ARRIVAL = 0.05, 0.02  # wall seconds; how long after a period's end its last data may still come
LOOK_SECONDS = 0.5  # of wall time, between two looks at periods that are not over
SINGLE = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit")


def _with_metrics(alarm: dict[str, Any], metrics: list[dict[str, Any]] | None) -> None:
    """Turn a stored alarm into one on an expression, which ministack does not keep."""
    if metrics:
        for key in SINGLE:
            alarm.pop(key, None)
        alarm["Metrics"] = alarm_states.queries(alarm | {"Metrics": metrics})


class Alarms:
    """The alarms of one machine, evaluated by one thread; a second one carries out what follows from a change."""

    def __init__(self, machine: Machine) -> None:
        from ministack.services import cloudwatch

        self._machine, self._cloudwatch, self._lock = machine, cloudwatch, threading.RLock()
        self._notices: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._evaluated: dict[str, tuple[float, Reads]] = {}
        self._ahead: dict[str, float] = {}  # of an alarm that went off before its period's end: that end

    def install(self) -> None:
        """Put the repairs at ministack's CloudWatch."""
        from ministack.services.cloudformation import provisioners

        cloudwatch = self._cloudwatch
        for name in ("_evaluate_alarm", "_evaluate_all_alarms"):
            setattr(cloudwatch, name, lambda *_: None)  # the timer does it
        for module, name in ((cloudwatch, "_put_composite_alarm"), (cloudwatch, "_evaluate_parent_alarms"),
                             (provisioners, "_cw_metric_alarm_put")):
            setattr(module, name, self._one_at_a_time(getattr(module, name)))
        for module, name, repaired in (
                (cloudwatch, "_put_metric_alarm", self._put), (cloudwatch, "_record_history", self._record),
                (cloudwatch, "_set_alarm_state", self._set), (cloudwatch, "_dispatch_alarm_actions", self._act),
                (provisioners, "_cw_metric_alarm_record", self._of_template)):
            setattr(module, name, functools.partial(repaired, getattr(module, name)))

    def start(self) -> None:
        """Evaluate from now on, until the machine stops. To be called when its state has been read."""
        for target in (self._evaluate_regularly, self._carry_out):
            threading.Thread(target=target, name=f"alarms-{target.__name__}", daemon=True).start()

    # Evaluating

    def _evaluate_regularly(self) -> None:
        while not self._machine.stopping.wait(self._until_next(self._machine.clock.now())):
            now = self._machine.clock.now()
            self.evaluate(now)
            self.look_ahead(now)
            self._machine.metrics.save(everything=False)
        self._machine.metrics.save()
        self._notices.put(None)

    def _until_next(self, now: float) -> float:
        """Return the wall seconds until an alarm is due, or may be seen to go off."""
        alarms = self._cloudwatch._alarms.all_values()
        every = self._machine.clock.scaled(min((alarm_states.interval(alarm) for alarm in alarms), default=MINUTE))
        return min(LOOK_SECONDS, max(SHORTEST_WAIT, every - now % every + ARRIVAL))

    def evaluate(self, now: float) -> None:
        """Evaluate each alarm that has not been evaluated since its last full minute (or 10 s) before ``now``."""
        from ministack.core.responses import request_scope

        done = {}
        with request_scope(self._machine.account_id, self._machine.region):
            for name, alarm in self._cloudwatch._alarms.items():
                every = self._machine.clock.scaled(alarm_states.interval(alarm))
                end, (last, reads) = math.floor(now / every) * every, self._evaluated.get(name, (0.0, {}))
                done[name] = end, reads
                if end != last:
                    self._evaluate(alarm, end, reads)
        self._evaluated = done

    def look_ahead(self, now: float) -> None:
        """Let alarms go off that will at the end of their period, whatever data come until then."""
        from ministack.core.responses import request_scope

        with request_scope(self._machine.account_id, self._machine.region):
            for name, (end, reads) in self._evaluated.items():
                alarm = self._cloudwatch._alarms.get(name)
                if alarm and alarm["StateValue"] != "ALARM" and alarm_states.only_grows(alarm):
                    self._evaluate(alarm, end + self._machine.clock.scaled(alarm_states.interval(alarm)), reads, now)

    def _evaluate(self, alarm: dict[str, Any], end: float, reads: Reads, ahead_at: float | None = None) -> None:
        """Give an alarm the state of its range up to ``end``; ``ahead_at`` is the time where that is to come."""
        try:
            wanted, count = alarm_states.queries(alarm), alarm["EvaluationPeriods"] + RANGE_EXTRA
            length = self._machine.clock.scaled(alarm_states.period(alarm))
            starts = [end - length * (count - index) for index in range(count)]
            values = metric_math.evaluate(wanted, lambda stat: self.series(stat, starts[0], length, count, reads))
            with self._lock:
                verdict = judge(alarm, values, starts)
                if verdict and verdict.state != alarm["StateValue"] and self._counts(alarm, verdict, values, end, ahead_at):
                    self._change(alarm, verdict, alarm_states.reason_data(alarm, wanted, values, starts, ahead_at or end))
        except Exception:  # one alarm that cannot be evaluated must not keep the others from it
            logger.exception("alarm %s could not be evaluated", alarm["AlarmName"])

    def reading(self, name: str) -> tuple[str, float | None]:
        """Return an alarm's state, and its metric in the last full period, None where there are no data."""
        from ministack.core.responses import request_scope

        with request_scope(self._machine.account_id, self._machine.region):
            alarm = self._cloudwatch._alarms.get(name)
            if alarm is None:
                return "INSUFFICIENT_DATA", None
            length = self._machine.clock.scaled(alarm_states.period(alarm))
            start = (math.floor(self._machine.clock.now() / length) - 1) * length
            values = metric_math.evaluate(alarm_states.queries(alarm), lambda stat: self.series(stat, start, length, 1, {}))
            return alarm["StateValue"], values[-1]

    def _counts(self, alarm: dict[str, Any], verdict: Verdict, values: Series, end: float, ahead_at: float | None) -> bool:
        """Whether a change holds: one ahead when its newest period breaches, any other unless one ahead goes further."""
        name = alarm["AlarmName"]
        if self._cloudwatch._alarms.get(name) is not alarm:
            return False
        if ahead_at is None:
            return end >= self._ahead.pop(name, end)
        if verdict.state == "ALARM" and alarm_states.breaches(alarm, values[-1]):
            self._ahead[name] = end
            return True
        return False

    def series(self, stat: dict[str, Any], start: float, length: float, count: int, reads: Reads) -> Series:
        """Return a statistic of a metric for ``count`` periods from ``start``, None where there are no data."""
        periods: list[list[dict[str, Any]]] = [[] for _ in range(count)]
        for point in self._recent(stat["Metric"], start, length * count, reads):
            index = math.floor((point["Timestamp"] - start) / length)
            if 0 <= index < count and stat.get("Unit") in (None, "", point["Unit"]):
                periods[index].append(point)
        statistics = [(self._cloudwatch._calc_stats(each), each) for each in periods]
        return tuple(self._cloudwatch._stat_value(values, stat["Stat"], each) if values else None
                     for values, each in statistics)

    def _recent(self, metric: dict[str, Any], since: float, span: float, reads: Reads) -> list[dict[str, Any]]:
        """Return a metric's points from ``since`` on; of those that an alarm read before, only the recent are kept."""
        dimensions = self._cloudwatch._dims_key(self._cloudwatch._dims_from_list(metric.get("Dimensions") or []))
        key = metric["Namespace"], metric["MetricName"], dimensions
        points = self._cloudwatch._metrics.get(key, [])
        known, read, recent = reads.get((*key, span), (points, 0, []))
        if known is not points or read > len(points):
            read, recent = 0, []
        total = len(points)  # a function's thread may add one meanwhile
        recent = [point for point in recent + points[read:total] if point["Timestamp"] >= since]
        reads[*key, span] = points, total, recent
        return recent

    def _change(self, alarm: dict[str, Any], verdict: Verdict, data: dict[str, Any]) -> None:
        old, now = alarm["StateValue"], self._machine.clock.now()
        alarm.update(StateValue=verdict.state, StateReason=verdict.reason, StateReasonData=json.dumps(data),
                     StateUpdatedTimestamp=now, StateTransitionedTimestamp=now)
        self._cloudwatch._record_history(alarm["AlarmName"], old, verdict.state, verdict.reason,
                                         reason_data=data)
        self._cloudwatch._dispatch_alarm_actions(alarm, old, verdict.state, verdict.reason)
        self._cloudwatch._evaluate_parent_alarms(alarm)

    # What follows from a change

    def _carry_out(self) -> None:
        from ministack.core.responses import request_scope

        with request_scope(self._machine.account_id, self._machine.region):
            while (notice := self._notices.get()) is not None:
                try:
                    notice()
                except Exception:  # an action that fails is lost, as on AWS; the next ones are not
                    logger.exception("an action or event of an alarm failed")

    def _act(self, inner: Any, alarm: dict[str, Any], *change: Any) -> None:
        self._notices.put(functools.partial(inner, dict(alarm), *change))

    def _record(self, inner: Any, name: str, old: str, new: str, reason: str, *more: Any, **data: Any) -> None:
        """Add to the history, and publish the change as an event."""
        alarm = self._cloudwatch._alarms.get(name) or self._cloudwatch._composite_alarms.get(name)
        if old != new and alarm:
            detail = {"alarmName": name, "configuration": alarm_states.configuration(alarm), "previousState":
                      self._previous(name, old), "state": alarm_states.told_state(
                          new, reason, alarm.get("StateReasonData"), alarm["StateUpdatedTimestamp"])}
            self._notices.put(functools.partial(self._machine.emit, "aws.cloudwatch", "CloudWatch Alarm State Change",
                                                detail, [alarm["AlarmArn"]]))
            for heard in self._machine.on_alarm:
                heard()
        inner(name, old, new, reason, *more, **data)
        if old == new:  # ministack tells a creation as a change of state
            self._cloudwatch._history_entries()[-1].update(HistoryItemType="ConfigurationUpdate",
                                                           HistorySummary=f'Alarm "{name}" created')

    def _previous(self, name: str, state: str) -> dict[str, Any]:
        """Return the state before the change, as the history tells it."""
        for entry in reversed(self._cloudwatch._history_entries()):
            if entry["AlarmName"] == name:
                told = json.loads(entry["HistoryData"])["newState"]
                since = datetime.fromisoformat(entry["Timestamp"]).timestamp()
                return alarm_states.told_state(state, told["stateReason"], told.get("stateReasonData"), since)
        return {"value": state}

    # Repairs of the API: each takes what ministack had at this place first

    def _one_at_a_time(self, inner: Any) -> Any:
        @functools.wraps(inner)
        def call(*arguments: Any, **more: Any) -> Any:
            with self._lock:
                return inner(*arguments, **more)

        return call

    def _put(self, inner: Any, params: dict[str, Any], data: dict[str, Any], is_cbor: bool, is_json: bool = False) -> Any:
        request = data if is_cbor or is_json else {key: self._cloudwatch._p(params, key) for key in params}
        try:
            alarm_states.check(request)
        except (ServiceError, ValueError) as error:
            return self._cloudwatch._error(getattr(error, "code", "ValidationError"), str(error),
                                           getattr(error, "status", 400), use_json=is_json, use_cbor=is_cbor)
        with self._lock:
            answer = inner(params, data, is_cbor, is_json)
            if answer[0] == 200:
                _with_metrics(self._cloudwatch._alarms[request["AlarmName"]], request.get("Metrics"))
            return answer

    def _set(self, inner: Any, params: dict[str, Any], data: dict[str, Any], *protocol: Any) -> Any:
        """Set a state for the time until the next evaluation; the data of the reason before go with it."""
        with self._lock:
            name = data.get("AlarmName") or self._cloudwatch._p(params, "AlarmName")
            self._cloudwatch._alarms.get(name, {}).pop("StateReasonData", None)
            return inner(params, data, *protocol)

    def _of_template(self, inner: Any, name: str, properties: dict[str, Any]) -> dict[str, Any]:
        alarm_states.check(properties)
        named = {"MetricName": "expression", "Namespace": "expression"} if properties.get("Metrics") else {}
        alarm: dict[str, Any] = inner(name, {key: value for key, value in properties.items() if key != "Metrics"} | named)
        _with_metrics(alarm, properties.get("Metrics"))
        return alarm
