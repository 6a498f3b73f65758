"""Whether an endpoint may scale in: not while traffic leaves it or comes to it, so that either way its capacity is there."""

from __future__ import annotations

from api.lifecycle import client, described

DIMENSION = "sagemaker:variant:DesiredInstanceCount"
TARGETS = {"ServiceNamespace": "sagemaker", "ScalableDimension": DIMENSION}


def allow_scale_in(endpoint_name: str, allowed: bool) -> list[str]:
    """Let every variant that scales scale in, or stop that; return those that this changed. One that is gone is no error."""
    found = described(endpoint_name) or {}
    variants = [f"endpoint/{endpoint_name}/variant/{variant['VariantName']}" for variant in found.get("ProductionVariants", [])]
    if not variants:
        return []
    autoscaling, changed = client("application-autoscaling"), []
    for target in autoscaling.describe_scalable_targets(**TARGETS, ResourceIds=variants)["ScalableTargets"]:
        state = target.get("SuspendedState", {})
        if state.get("DynamicScalingInSuspended", False) == allowed:
            autoscaling.register_scalable_target(
                **TARGETS, ResourceId=target["ResourceId"], SuspendedState=state | {"DynamicScalingInSuspended": not allowed})
            changed.append(target["ResourceId"])
    return changed
