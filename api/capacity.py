"""The capacity of the endpoint that goes live: as many instances as the one that serves now.

Its stack gave it those of the live one, but between the stack and the release an approval or a scaling may lie.
"""

from __future__ import annotations

from typing import Any

from api.lifecycle import Refused, Release, client, described
from api.pause import Pause


def live_endpoint(name_prefix: str) -> str:
    """Return the endpoint that the version behind the alias asks."""
    function = f"{name_prefix}-api"
    version = client("lambda").get_alias(FunctionName=function, Name="live")["FunctionVersion"]
    found = client("lambda").get_function_configuration(FunctionName=function, Qualifier=version)
    name: str = found["Environment"]["Variables"]["ENDPOINT_NAME"]
    return name


def match(release: Release, live_name: str, pause: Pause) -> str:
    """Give the new endpoint the live one's instances where it has fewer and wait for them; refuse when they do not come in time."""
    live, new = desired(described(live_name)), desired(described(release.endpoint_name))
    lacking = {variant: count for variant, count in live.items() if variant in new and count > new[variant]}
    if not lacking:
        return f"it has at least the {sum(live.values())} instances of {live_name}"
    client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName=release.endpoint_name,
        DesiredWeightsAndCapacities=[{"VariantName": variant, "DesiredInstanceCount": count} for variant, count in lacking.items()])
    while (status := (described(release.endpoint_name) or {}).get("EndpointStatus")) == "Updating":
        if not pause():
            raise Refused(f"endpoint {release.endpoint_name} has fewer instances than {live_name}, and {lacking} did not start in time; "
                          "retry the stage once they have")
    if status != "InService":
        raise Refused(f"endpoint {release.endpoint_name} is {status} after it was asked for {lacking}, which {live_name} has")
    return f"it was given {lacking}, which {live_name} has"


def desired(endpoint: dict[str, Any] | None) -> dict[str, int]:
    """Return the number of instances by variant that an endpoint shall have; none where it is gone."""
    variants = (endpoint or {}).get("ProductionVariants", [])
    return {variant["VariantName"]: variant.get("DesiredInstanceCount", 0) for variant in variants}
