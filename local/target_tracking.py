"""Target tracking as AWS does it: each policy has two alarms, and their states change an endpoint's instance counts.

Once a minute of AWS time each policy is looked at. AlarmHigh (3 of 3 minutes above the target) scales out, AlarmLow (15
of 15 below nine tenths of it) scales in, both to ceil(instances * metric / target) within the target's limits. The metric
is that of the last full minute; one that began before the last change had ended tells of another number of instances,
so it is not acted on. Of several policies the one that asks for most decides, and all must agree to scale in.
"""

import logging
import math
import re
import threading
import uuid
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from local.alarm_states import MINUTE
from local.machine import Machine
from local.service import ServiceError

logger = logging.getLogger("local")
TARGETS, POLICIES, ACTIVITIES = (f"application-autoscaling-{name}" for name in ("targets", "policies", "activities"))
PLACE = re.compile(r"endpoint/([^/]+)/variant/([^/]+)")
SHORTEST_WAIT = 0.05  # of wall time, however fast the clock
COOLDOWN = 300  # AWS's for endpoints, in seconds
LOW = 0.9  # of the target: below it there may be too many instances
MOST_ACTIVITIES = 200  # of one target


def key_of(request: dict[str, Any]) -> str:
    """Return the key of a target from any request or document that names it."""
    return f"{request['ResourceId']}|{request['ScalableDimension']}"


def place_of(resource: str) -> tuple[str, str]:
    """Return endpoint and variant of a resource ID; raises ValidationException for any other."""
    match = PLACE.fullmatch(resource)
    if match is None:
        raise ServiceError("ValidationException", f"Unsupported resource ID {resource}: it must be "
                                                  "endpoint/ENDPOINT/variant/VARIANT.")
    return match[1], match[2]


def alarms_of(policy: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the policy's alarms, high and low, as PutMetricAlarm takes them."""
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    target = tracking["TargetValue"]
    sides = ((3, "GreaterThanThreshold", target), (15, "LessThanThreshold", target * LOW))
    for alarm, (minutes, comparison, threshold) in zip(policy["Alarms"], sides, strict=True):
        yield _metric(policy) | {
            "AlarmName": alarm["AlarmName"], "ComparisonOperator": comparison, "EvaluationPeriods": minutes,
            "Period": int(MINUTE), "Threshold": threshold, "ActionsEnabled": True, "AlarmActions": [policy["PolicyARN"]],
            "AlarmDescription": f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy['PolicyARN']}."}


def _metric(policy: dict[str, Any]) -> dict[str, Any]:
    custom = policy["TargetTrackingScalingPolicyConfiguration"].get("CustomizedMetricSpecification")
    if custom:
        return {"Dimensions": [], **custom}
    return {"Namespace": "AWS/SageMaker", "MetricName": "InvocationsPerInstance", "Statistic": "Sum", "Dimensions": [
        {"Name": name, "Value": value} for name, value in _dimensions(policy["ResourceId"]).items()]}


def _dimensions(resource: str) -> dict[str, str]:
    return dict(zip(("EndpointName", "VariantName"), place_of(resource), strict=True))


def wanted(states: tuple[str, str], tracking: dict[str, Any], value: float, count: int) -> int | None:
    """Return how many instances a policy wants, by its alarms' states (high, low); None where it leaves them alone."""
    needed: int = math.ceil(count * value / tracking["TargetValue"])
    if states[0] == "ALARM" and needed > count:
        return needed
    if states[1] == "ALARM" and needed < count and not tracking.get("DisableScaleIn"):
        return needed
    return None


def decided(target: dict[str, Any], wishes: list[int | None], count: int) -> int:
    """Return the count that a target's policies and limits, and what is suspended of it, come to."""
    known = [wish for wish in wishes if wish is not None]
    if not known or (max(known) < count and len(known) < len(wishes)):
        return count
    new = min(max(*known, target["MinCapacity"]), target["MaxCapacity"])
    return count if target["SuspendedState"][f"DynamicScaling{_direction(new, count)}Suspended"] else new


def _direction(new: int, count: int) -> str:
    return "Out" if new > count else "In"


class Scaler:
    """Looks at all targets once a minute, as what the service-linked role stands for: no policy limits it."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._targets, self._policies, self._activities = (
            machine.store.table(name) for name in (TARGETS, POLICIES, ACTIVITIES))

    def start(self) -> None:
        """Scale until the machine stops."""
        threading.Thread(target=self._run, name="scaling", daemon=True).start()

    def _run(self) -> None:
        while not self._machine.stopping.wait(self._until_next(self._machine.clock.now())):
            for key, target in list(self._targets.items()):
                try:
                    self._tend(key, target)
                except Exception:  # one target that cannot be scaled must not keep the others from it
                    if not self._machine.stopping.is_set():
                        logger.exception("scaling of %s", target["ResourceId"])

    def _until_next(self, now: float) -> float:
        """Return the wall seconds until the middle of a minute: its alarms have been evaluated."""
        minute = self._machine.clock.scaled(MINUTE)
        return max(SHORTEST_WAIT, minute - (now - minute / 2) % minute)

    def _tend(self, key: str, target: dict[str, Any]) -> None:
        endpoint, variant = place_of(target["ResourceId"])
        found = self._machine.store.table("sagemaker-endpoint").get(endpoint.lower())
        shown = next((each for each in (found or {}).get("ProductionVariants", []) if each["VariantName"] == variant), None)
        if found is None or shown is None or found["EndpointStatus"] != "InService":
            return None
        # SageMaker itself measures 0 where nobody asks, so that silence scales in.
        self._machine.metrics.record("AWS/SageMaker", [_dimensions(target["ResourceId"])],
                                     {"InvocationsPerInstance": (0.0, "None")})
        if "activity" in target:
            return self._close(key, target, found, shown)
        self._scale(key, target, shown["DesiredInstanceCount"])
        return None

    def _scale(self, key: str, target: dict[str, Any], count: int) -> None:
        """Change the count where the policies ask for it and no cooldown is in effect."""
        now, wishes, causes, cooldowns = self._machine.clock.now(), [], [], []
        for policy in [policy for policy in self._policies.values() if key_of(policy) == key]:
            tracking = policy["TargetTrackingScalingPolicyConfiguration"]
            (high, value), (low, _) = (self._machine.alarms.reading(alarm["AlarmName"]) for alarm in policy["Alarms"])
            wish = None if value is None else wanted((high, low), tracking, value, count)
            wishes.append(wish)
            if wish is not None:
                alarm = policy["Alarms"][0 if wish > count else 1]["AlarmName"]
                causes.append(f"monitor alarm {alarm} in state ALARM triggered policy {policy['PolicyName']}")
                cooldowns.append(tracking.get(f"Scale{_direction(wish, count)}Cooldown", COOLDOWN))
        new = decided(target, wishes, count)
        if new != count and self._rested(target, _direction(new, count), max(cooldowns), now):
            self._begin(key, new, _direction(new, count), "; ".join(causes))

    def _rested(self, target: dict[str, Any], direction: str, cooldown: float, now: float) -> bool:
        """Whether the cooldown is over, and the last full minute began after the last change had ended."""
        ends, minute = target.get("ends", {}), self._machine.clock.scaled(MINUTE)
        return (now - ends.get(direction, 0.0) >= self._machine.clock.scaled(cooldown)
                and now // minute * minute - minute >= max(ends.values(), default=0.0))

    def _begin(self, key: str, new: int, direction: str, cause: str) -> None:
        target = self._targets[key]
        activity = {"ActivityId": str(uuid.uuid4()), "Description": f"Setting desired instance count to {new}.",
                    "Cause": cause, "StartTime": self._machine.clock.now(), "StatusCode": "InProgress",
                    "StatusMessage": f"Successfully set desired instance count to {new}. Waiting for change to be fulfilled "
                                     "by sagemaker.", "count": new, "direction": direction,
                    **{name: target[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")}}
        endpoint, variant = place_of(target["ResourceId"])
        try:
            self._machine.client("sagemaker").update_endpoint_weights_and_capacities(
                EndpointName=endpoint, DesiredWeightsAndCapacities=[{"VariantName": variant, "DesiredInstanceCount": new}])
        except ClientError as error:
            activity |= {"StatusCode": "Failed", "EndTime": self._machine.clock.now(),
                         "StatusMessage": f"Failed to set desired instance count to {new}. Reason: {error}"}
        self._record(activity)
        if activity["StatusCode"] == "InProgress":
            with self._targets.edit(key) as document:
                document["activity"] = activity["ActivityId"]

    def _record(self, activity: dict[str, Any]) -> None:
        self._activities[activity["ActivityId"]] = activity
        same = [name for name, each in self._activities.items() if each["ResourceId"] == activity["ResourceId"]]
        for name in same[:-MOST_ACTIVITIES]:
            del self._activities[name]

    def _close(self, key: str, target: dict[str, Any], endpoint: dict[str, Any], shown: dict[str, Any]) -> None:
        """Say how an activity ended, now that the endpoint is InService again; its cooldown begins."""
        now = self._machine.clock.now()
        with self._activities.edit(target["activity"]) as activity:
            done = shown["CurrentInstanceCount"] == activity["count"]
            activity.update(EndTime=now, StatusCode="Successful" if done else "Failed", StatusMessage=(
                f"Successfully set desired instance count to {activity['count']}. Change successfully fulfilled by sagemaker."
                if done else f"Failed to set desired instance count to {activity['count']}. Reason: "
                f"{endpoint.get('FailureReason') or 'another change came between'}"))
        with self._targets.edit(key) as document:
            document.pop("activity", None)
            document["ends"] = document.get("ends", {}) | {activity["direction"]: now}
