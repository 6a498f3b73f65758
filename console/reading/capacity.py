"""The live endpoint's instances: how many, between which limits they move, and when they did."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from console.account import Project
from console.faults import gone
from console.reading import series
from console.reading.endpoints import Endpoint, Variant, endpoint
from console.reading.series import Line, Metric

DIMENSION = "sagemaker:variant:DesiredInstanceCount"
ACTIVITIES = 10
SHOWN = timedelta(hours=3)


@dataclass(frozen=True)
class Limits:
    """Between which numbers of instances a variant scales; it does not scale in while a release is watched."""

    least: int
    most: int
    target: float | None  # requests that one instance shall get in a minute
    scales_in: bool


@dataclass(frozen=True)
class Activity:
    """One step up or down."""

    time: datetime
    status: str
    what: str
    why: str


@dataclass(frozen=True)
class Capacity:
    """The endpoint's capacity; no limits where it does not scale."""

    endpoint: Endpoint
    instance_type: str
    captured: int  # percent of the requests that are kept
    limits: Limits | None
    activities: tuple[Activity, ...]
    load: Line  # requests that one instance got, period by period
    period: int  # seconds


def capacity(project: Project, name: str) -> Capacity:
    """Return the capacity of an endpoint and how it has moved."""
    place = endpoint(project, name)
    if not place.variants:
        return Capacity(place, "", 0, None, (), Line(), 60)
    variant, now = place.variants[0], datetime.now(UTC)
    span = series.span(now - SHOWN, now, series.finest(project))
    load = Metric("AWS/SageMaker", "InvocationsPerInstance", (("EndpointName", name), ("VariantName", variant.name)), "Sum")
    with ThreadPoolExecutor(4) as pool:
        config = pool.submit(_config, project, place.config)
        limits = pool.submit(_limits, project, name, variant)
        moved = pool.submit(_activities, project, name, variant)
        seen = series.lines(project, [load], span)[0]
        kind, captured = config.result()
        return Capacity(place, kind, captured, limits.result(), moved.result(), seen, span.period)


def _config(project: Project, name: str) -> tuple[str, int]:
    """Return the type of the instances, and the percent of the requests that is captured."""
    try:
        found = project.client("sagemaker").describe_endpoint_config(EndpointConfigName=name)
    except ClientError as error:
        if gone(error):
            return "", 0
        raise
    capture = found.get("DataCaptureConfig", {})
    return found["ProductionVariants"][0].get("InstanceType", ""), capture.get("InitialSamplingPercentage", 0) if capture.get("EnableCapture") else 0


def _place(name: str, variant: Variant) -> dict[str, Any]:
    return {"ServiceNamespace": "sagemaker", "ScalableDimension": DIMENSION, "ResourceId": f"endpoint/{name}/variant/{variant.name}"}


def _limits(project: Project, name: str, variant: Variant) -> Limits | None:
    scaling, place = project.client("application-autoscaling"), _place(name, variant)
    targets = scaling.describe_scalable_targets(
        ServiceNamespace="sagemaker", ScalableDimension=DIMENSION, ResourceIds=[place["ResourceId"]])["ScalableTargets"]
    if not targets:
        return None
    policies = scaling.describe_scaling_policies(**place)["ScalingPolicies"]
    tracked = [policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
               for policy in policies if "TargetTrackingScalingPolicyConfiguration" in policy]
    suspended = targets[0].get("SuspendedState", {}).get("DynamicScalingInSuspended", False)
    return Limits(targets[0]["MinCapacity"], targets[0]["MaxCapacity"], tracked[0] if tracked else None, not suspended)


def _activities(project: Project, name: str, variant: Variant) -> tuple[Activity, ...]:
    found = project.client("application-autoscaling").describe_scaling_activities(**_place(name, variant), MaxResults=ACTIVITIES)
    return tuple(Activity(each["StartTime"], each["StatusCode"], each.get("Description", ""), each.get("Cause", ""))
                 for each in found["ScalingActivities"][:ACTIVITIES])
