"""Endpoints as they are now: whether they serve, and with how many instances."""

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from console.account import Project
from console.faults import gone

SERVES = ("InService", "Updating", "SystemUpdating")  # an endpoint answers while it is being scaled


@dataclass(frozen=True)
class Variant:
    """A variant of an endpoint and its instances."""

    name: str
    current: int
    desired: int


@dataclass(frozen=True)
class Endpoint:
    """An endpoint; its status is Gone where there is none."""

    name: str
    status: str
    reason: str = ""
    config: str = ""
    variants: tuple[Variant, ...] = ()

    @property
    def serves(self) -> bool:
        """Return whether it answers requests."""
        return self.status in SERVES


def endpoint(project: Project, name: str) -> Endpoint:
    """Return an endpoint as it is now."""
    try:
        found = project.client("sagemaker").describe_endpoint(EndpointName=name)
    except ClientError as error:
        if gone(error):
            return Endpoint(name, "Gone")
        raise
    return Endpoint(name, found["EndpointStatus"], found.get("FailureReason", ""), found["EndpointConfigName"],
                    tuple(_variant(each) for each in found.get("ProductionVariants", [])))


def shared(prefix: str) -> str:
    """Return the name of the endpoint that runs share with strategy endpoint."""
    return f"{prefix}-live-p"


def _variant(found: dict[str, Any]) -> Variant:
    return Variant(found["VariantName"], found.get("CurrentInstanceCount", 0), found.get("DesiredInstanceCount", 0))
