"""The function that sizes a new endpoint after the live one."""

from __future__ import annotations

from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest
from botocore.stub import Stubber

NAME = "mlops-churn-p-abc123def456-api"
LIVE = "mlops-churn-p-abc123def456-ffff0000-p"
NOW = datetime(2026, 5, 1, tzinfo=UTC)
Sent = list[tuple[str, str, dict[str, int]]]


@pytest.fixture
def services(load: Any, stub: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, Stubber, Stubber, Sent]:
    """The function with stubbed Lambda and SageMaker, and the list that its answers go to."""
    handler, functions, sagemaker, sent = load("capacity"), stub("lambda"), stub("sagemaker"), []
    monkeypatch.setattr(handler, "client", {"lambda": functions.client, "sagemaker": sagemaker.client}.__getitem__)
    monkeypatch.setattr(handler.response, "send", lambda event, status, physical_id, reason="", data=None: sent.append(
        (status, reason or physical_id, data or {})))
    return handler, functions, sagemaker, sent


def is_live(functions: Stubber, endpoint: str = LIVE) -> None:
    functions.add_response("get_function_configuration", {"Environment": {"Variables": {"ENDPOINT_NAME": endpoint}}},
                           {"FunctionName": NAME, "Qualifier": "live"})


def has(sagemaker: Stubber, *variants: dict[str, int]) -> None:
    sagemaker.add_response("describe_endpoint", {
        "EndpointName": LIVE, "EndpointArn": f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{LIVE}", "EndpointStatus": "InService",
        "EndpointConfigName": "c", "CreationTime": NOW, "LastModifiedTime": NOW,
        "ProductionVariants": [{"VariantName": f"v{number}", **counts} for number, counts in enumerate(variants)]}, {"EndpointName": LIVE})


@pytest.mark.parametrize("variants, count, maximum", [
    ([{"DesiredInstanceCount": 1, "CurrentInstanceCount": 1}], 2, 10),
    ([{"DesiredInstanceCount": 6, "CurrentInstanceCount": 4}], 6, 10),
    ([{"DesiredInstanceCount": 3, "CurrentInstanceCount": 5}], 5, 10),
    ([{"DesiredInstanceCount": 1}, {"DesiredInstanceCount": 12}], 12, 12),
    ([{}], 2, 10),
])
def test_an_endpoint_begins_with_what_the_live_one_has_or_is_to_have(
        services: Any, event: Any, variants: list[dict[str, int]], count: int, maximum: int) -> None:
    handler, functions, sagemaker, sent = services
    is_live(functions)
    has(sagemaker, *variants)
    handler.handler(event("capacity"), None)
    assert sent == [("SUCCESS", f"{NAME}-capacity", {"InstanceCount": count, "MaximumInstances": maximum})]


def test_a_first_release_begins_as_configured(services: Any, event: Any) -> None:
    handler, functions, _, sent = services
    functions.add_client_error("get_function_configuration", "ResourceNotFoundException")
    handler.handler(event("capacity"), None)
    assert sent == [("SUCCESS", f"{NAME}-capacity", {"InstanceCount": 2, "MaximumInstances": 10})]


def test_an_environment_that_may_not_be_decrypted_is_no_first_release(services: Any, event: Any) -> None:
    handler, functions, _, sent = services
    functions.add_response("get_function_configuration", {"Environment": {"Error": {"ErrorCode": "AccessDeniedException",
                                                                                    "Message": "no kms:Decrypt"}}})
    handler.handler(event("capacity"), None)
    [(status, reason, _)] = sent
    assert status == "FAILED" and "api:live cannot be read: no kms:Decrypt" in reason


def test_a_live_endpoint_that_is_gone_counts_for_none(services: Any, event: Any) -> None:
    handler, functions, sagemaker, sent = services
    is_live(functions)
    sagemaker.add_client_error("describe_endpoint", "ValidationException", "Could not find endpoint")
    handler.handler(event("capacity"), None)
    assert sent == [("SUCCESS", f"{NAME}-capacity", {"InstanceCount": 2, "MaximumInstances": 10})]


@pytest.mark.parametrize("refused", ["get_function_configuration", "describe_endpoint"])
def test_a_capacity_that_cannot_be_asked_for_fails_with_the_reason(services: Any, event: Any, refused: str) -> None:
    handler, functions, sagemaker, sent = services
    if refused == "describe_endpoint":
        is_live(functions)
    {"get_function_configuration": functions, "describe_endpoint": sagemaker}[refused].add_client_error(refused, "AccessDeniedException", "no")
    handler.handler(event("capacity"), None)
    [(status, reason, data)] = sent
    assert (status, data) == ("FAILED", {})
    assert reason.startswith("the live endpoint's capacity is not known: ") and "AccessDeniedException" in reason


def test_nothing_is_asked_when_the_stack_goes(services: Any, event: Any) -> None:
    handler, _, _, sent = services
    handler.handler(event("capacity", RequestType="Delete"), None)
    assert sent == [("SUCCESS", f"{NAME}-capacity", {})]
