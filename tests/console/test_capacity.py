"""The live endpoint's instances, their limits and how they moved."""

from console.reading.capacity import capacity
from tests.console.any_order import refusal
from tests.console.released_account import OLD
from tests.console.watched_account import Watched


def endpoint(account: Watched) -> str:
    return f"{account.project.prefix}-{OLD[:8]}-p"


def test_capacity_tells_instances_limits_load_and_steps() -> None:
    account = Watched("capacity")
    room = capacity(account.project, endpoint(account))
    [variant] = room.endpoint.variants
    assert (variant.current, variant.desired, room.instance_type, room.captured) == (2, 3, "ml.m5.large", 100)
    assert room.limits and (room.limits.least, room.limits.most, room.limits.target, room.limits.scales_in) == (2, 10, 750.0, False)
    assert room.load.values == (30.0, 40.0)
    assert [(each.status, each.what) for each in room.activities] == [("Successful", "Setting desired instance count to 3.")]
    [asked] = account.stubs.named("DescribeScalableTargets")
    assert asked["ResourceIds"] == [f"endpoint/{endpoint(account)}/variant/AllTraffic"]


def test_an_endpoint_that_does_not_scale_has_no_limits() -> None:
    account = Watched("fixed")
    account.stubs.answer("application-autoscaling", "DescribeScalableTargets", {"ScalableTargets": []})
    assert capacity(account.project, endpoint(account)).limits is None


def test_an_endpoint_that_is_gone_is_told_so_and_nothing_more_is_asked() -> None:
    account = Watched("vanished", status={OLD[:8]: "Gone"})
    room = capacity(account.project, endpoint(account))
    assert (room.endpoint.status, room.endpoint.variants, room.limits) == ("Gone", (), None)
    assert account.stubs.named("DescribeScalingActivities") == []


def test_a_configuration_that_was_replaced_meanwhile_is_no_fault() -> None:
    account = Watched("replaced")
    account.stubs.answer("sagemaker", "DescribeEndpointConfig", refusal("ValidationException", "Could not find endpoint configuration c."))
    room = capacity(account.project, endpoint(account))
    assert (room.instance_type, room.captured, room.endpoint.status) == ("", 0, "InService")
