"""SageMaker's deployment guardrails: traffic moves to a new fleet in steps, alarms are watched, and it goes back if one fires.

A step turns on a share of the new fleet, then bakes for WaitIntervalInSeconds; after the last step all traffic bakes
once more. An alarm in ALARM before the first step or during a baking ends the update. What a step's share is of the
new fleet's capacity, it is here of the traffic, to the percent.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from local.authorization import authorize
from local.fleets import TICK_SECONDS, Fleet
from local.instances import PRINCIPAL
from local.machine import AccessDeniedError, Machine
from local.service import ServiceError

if TYPE_CHECKING:
    from local.hosting import Endpoint

SIZES = {"CANARY": ("CanarySize", 0.0), "LINEAR": ("LinearStepSize", 0.1)}  # member, least share; at most a half
MOST = 0.5


class RollbackError(Exception):
    """The update ends and traffic goes back; the message is the FailureReason."""


class StoppedError(Exception):
    """The endpoint goes away while it is updated: its next start serves the old configuration."""


def steps(policy: dict[str, Any], instances: int) -> list[tuple[float, float]]:
    """Return the new fleet's shares of the traffic in order, each with the seconds that it bakes."""
    routing = policy["TrafficRoutingConfiguration"]
    wait, kind = float(routing["WaitIntervalInSeconds"]), routing["Type"]
    if kind not in SIZES:
        return [(1.0, wait)]
    size = routing[SIZES[kind][0]]
    share = size["Value"] / (100 if size["Type"] == "CAPACITY_PERCENT" else instances)
    shares = [share] if kind == "CANARY" else [share * step for step in range(1, int(1 / share) + 1) if share * step < 1 - 1e-9]
    return [*((each, wait) for each in shares), (1.0, wait)]


def check(deployment: dict[str, Any], old: list[str], config: dict[str, Any], kept: dict[str, dict[str, Any]]) -> None:
    """Raise ValidationException for a deployment that SageMaker refuses for this configuration and the counts kept."""
    policy = deployment.get("BlueGreenUpdatePolicy")
    variants = config["ProductionVariants"]
    problem = _differing(old, [each["VariantName"] for each in variants])
    if policy and not problem:
        instances = sum(kept.get(each["VariantName"], {}).get("DesiredInstanceCount") or each.get("InitialInstanceCount", 1)
                        for each in variants)
        problem = _wrong_size(policy["TrafficRoutingConfiguration"], instances) or _too_long(policy, instances)
    if problem:
        raise ServiceError("ValidationException", problem)


def _differing(old: list[str], new: list[str]) -> str:
    return "" if set(old) == set(new) else (
        f"With a DeploymentConfig the variants must keep their names: the endpoint has {', '.join(old)}, the new endpoint "
        f"configuration has {', '.join(new)}.")


def _wrong_size(routing: dict[str, Any], instances: int) -> str:
    kind = routing["Type"]
    if kind not in SIZES:
        return ""
    member, least = SIZES[kind]
    if member not in routing:
        return f"TrafficRoutingConfiguration of Type {kind} needs {member}."
    size = routing[member]
    share = size["Value"] / (100 if size["Type"] == "CAPACITY_PERCENT" else instances)
    return "" if least <= share <= MOST else (
        f"{member} {size['Value']} ({size['Type']}) is {share:.0%} of the {instances} instances of the new fleet; it must be "
        f"{f'{least:.0%} to ' if least else 'at most '}{MOST:.0%}.")


def _too_long(policy: dict[str, Any], instances: int) -> str:
    waits = sum(wait for _, wait in steps(policy, instances)) + policy.get("TerminationWaitInSeconds", 0)
    limit = policy.get("MaximumExecutionTimeoutInSeconds", waits + 1)
    return "" if limit > waits else (f"MaximumExecutionTimeoutInSeconds is {limit}; it must be more than the {waits:.0f} "
                                     "seconds that the deployment waits.")


class Alarms:
    """The alarms of a deployment, read with the rights of the endpoint's role."""

    def __init__(self, machine: Machine, deployment: dict[str, Any], role: str) -> None:
        self._machine, self._role = machine, role
        self._names = [alarm["AlarmName"] for alarm in deployment.get("AutoRollbackConfiguration", {}).get("Alarms", [])]

    def check(self) -> None:
        """Raise RollbackError where an alarm is in ALARM, is missing, or may not be read."""
        if not self._names:
            return
        try:
            key = self._machine.session(self._role, PRINCIPAL, "SageMaker").access_key
            for name in self._names:
                authorize(self._machine, key, "cloudwatch:DescribeAlarms", self._machine.arn("cloudwatch", f"alarm:{name}"))
        except AccessDeniedError as error:
            raise RollbackError(f"The alarms of the deployment cannot be read: {error}") from error
        found = self._machine.client("cloudwatch").describe_alarms(
            AlarmNames=self._names, AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        states = {alarm["AlarmName"]: alarm["StateValue"] for kind in ("MetricAlarms", "CompositeAlarms")
                  for alarm in found.get(kind, [])}
        if missing := [name for name in self._names if name not in states]:
            raise RollbackError(f"The alarms {', '.join(missing)} of the deployment do not exist.")
        if active := [name for name in self._names if states[name] == "ALARM"]:
            raise RollbackError(f"Rolled back because of alarms in state ALARM: {', '.join(active)}.")


class Shift:
    """One guarded update of an endpoint, run on its thread."""

    def __init__(self, endpoint: "Endpoint", old: Fleet, deployment: dict[str, Any], role: str) -> None:
        self._endpoint, self._machine, self._old = endpoint, endpoint.machine, old
        self._policy = deployment.get("BlueGreenUpdatePolicy") or {
            "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}}
        self._limit = self._policy.get("MaximumExecutionTimeoutInSeconds")
        self._deadline = time.monotonic() + (self._limit or float("inf"))  # wall time, like every limit of real work
        self.alarms = Alarms(self._machine, deployment, role)

    def run(self, new: Fleet) -> None:
        """Move the traffic step by step; raises RollbackError where an alarm or the time takes it back."""
        for share, seconds in steps(self._policy, sum(variant.count for variant in new.variants.values())):
            self._check()
            self._endpoint.route = ((self._old, 1 - share), (new, share))
            self._endpoint.tell_pending(new, "Baking", f"{share:.0%} of the traffic")
            self._wait(seconds, (self._old, new), self._check)

    def keep_old(self, new: Fleet) -> None:
        """Keep the old fleet, which takes no more traffic, for TerminationWaitInSeconds."""
        self._wait(self._policy.get("TerminationWaitInSeconds", 0), (self._old, new), lambda: None)

    def _check(self) -> None:
        self.alarms.check()
        if time.monotonic() > self._deadline:
            raise RollbackError(f"The deployment took longer than MaximumExecutionTimeoutInSeconds, {self._limit}.")

    def _wait(self, seconds: float, fleets: tuple[Fleet, ...], look: Callable[[], None]) -> None:
        end = time.monotonic() + self._machine.clock.scaled(seconds)
        while (left := end - time.monotonic()) > 0:
            if self._endpoint.ended.wait(min(TICK_SECONDS, left)) or self._machine.stopping.is_set():
                raise StoppedError
            look()
            for fleet in fleets:
                fleet.watch()
