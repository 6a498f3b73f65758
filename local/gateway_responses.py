"""How API Gateway answers where it, or the function behind it, fails: through the API's gateway responses.

ministack keeps gateway responses and answers its own refusals through them. What it leaves out is here: those of an
OpenAPI body, an update that keeps the API, failures of the integration, one request id for a request and its event,
and a DEFAULT_4XX or DEFAULT_5XX whose status holds for all that are not set themselves.
"""

import asyncio
import functools
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from local.functions import INTERNAL_ERROR
from local.machine import Machine

_REST, _PROVISIONERS = "ministack.services.apigateway_v1", "ministack.services.cloudformation.provisioners"
SEAMS: tuple[tuple[str, str], ...] = (
    *((_REST, name) for name in (
        "_GATEWAY_RESPONSE_ERROR_TYPES", "_GatewayError", "_authorizers_v1", "_build_lambda_event_v1", "_call_lambda_raw",
        "_delete_rest_api", "_deployed_gateway_responses", "_execute_in_scope", "_gateway_error_response",
        "_gateway_response_family", "_gateway_response_for_type", "_gateway_responses", "_import_rest_api",
        "_invoke_lambda_proxy_v1", "_lambda_proxy_response", "_models", "_put_gateway_response", "_resources", "_rest_apis")),
    (_PROVISIONERS, "_RESOURCE_HANDLERS"))
EXTENSION = "x-amazon-apigateway-gateway-responses"
KIND = "AWS::ApiGateway::RestApi"
IMPORTED = ("_resources", "_authorizers_v1", "_models", "_gateway_responses")  # what a body decides of an API
INTERNAL, TIMED_OUT = "Internal server error", "Endpoint request timed out"
LONGEST_SECONDS = 29.0  # of wall time: what a function really takes
# By the status: Lambda refuses the invocation; the function fails, or answers out of form.
FAILURES: dict[int, tuple[str, str, int | None]] = {
    500: ("API_CONFIGURATION_ERROR", INTERNAL, None), 502: ("DEFAULT_5XX", INTERNAL, 502)}
# x-amzn-ErrorType where ministack knows none.
ERROR_TYPES = {
    "INTEGRATION_FAILURE": "InternalServerErrorException", "INTEGRATION_TIMEOUT": "InternalServerErrorException",
    "INVALID_API_KEY": "ForbiddenException", "QUOTA_EXCEEDED": "LimitExceededException",  # pragma: allowlist secret - errors' names
    "REQUEST_TOO_LARGE": "RequestTooLargeException"}
# The request in hand, as ministack's gateway responses see it.
_request: ContextVar[dict[str, Any]] = ContextVar("gateway_request")


class IntegrationError(Exception):
    """The integration gave no answer that the API can hand on: which gateway response tells it."""

    def __init__(self, response_type: str, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.response_type, self.status = response_type, status


def install(machine: Machine) -> None:
    """Put the repairs at ministack's API Gateway, and at CloudFormation's REST APIs."""
    from ministack.services import apigateway_v1 as rest
    from ministack.services.cloudformation import provisioners

    rest._GATEWAY_RESPONSE_ERROR_TYPES.update(ERROR_TYPES)
    for name, repaired in (
            ("_execute_in_scope", _execute), ("_build_lambda_event_v1", _event), ("_invoke_lambda_proxy_v1", _invoke),
            ("_call_lambda_raw", _call), ("_lambda_proxy_response", _proxy_response), ("_import_rest_api", _import),
            ("_gateway_error_response", _error_response), ("_gateway_response_for_type", _response_for_type)):
        setattr(rest, name, functools.partial(repaired, getattr(rest, name)))
    handlers = provisioners._RESOURCE_HANDLERS[KIND]
    handlers["update"] = functools.partial(_update, handlers["update"])


# A request

def request_in_hand() -> dict[str, Any]:
    """Return what is known of the request that this task answers: ids, place, identity and error."""
    return _request.get({})


async def _execute(inner: Any, request: dict[str, Any], *arguments: Any) -> Any:
    """Answer a request, with its id in the header of whatever is answered."""
    _request.set(request)
    answer = await inner(request, *arguments)
    if not isinstance(answer, tuple):
        return answer  # a gateway error, which names the id itself
    status, headers, body = answer
    return status, headers | {"x-amzn-requestid": request["request_id"]}, body


def _event(inner: Callable[..., dict[str, Any]], *arguments: Any, **more: Any) -> dict[str, Any]:
    event = inner(*arguments, **more)
    event["requestContext"]["requestId"] = _request.get()["request_id"]
    _request.get()["identity"] = event["requestContext"]["identity"]
    return event


async def _call(inner: Any, *arguments: Any, **more: Any) -> Any:
    """Wait for the integration as long as API Gateway does; the function goes on."""
    try:
        return await asyncio.wait_for(inner(*arguments, **more), LONGEST_SECONDS)
    except TimeoutError:
        raise IntegrationError("INTEGRATION_TIMEOUT", TIMED_OUT) from None


def _proxy_response(inner: Any, result: dict[str, Any]) -> tuple[dict[str, Any], None]:
    answer, _ = inner(result)
    if answer["body"] is INTERNAL_ERROR:
        raise IntegrationError(*FAILURES[answer["statusCode"]])
    return answer, None


async def _invoke(inner: Any, *arguments: Any, **more: Any) -> Any:
    from ministack.services.apigateway_v1 import _GatewayError

    try:
        return await inner(*arguments, **more)
    except IntegrationError as error:
        failure = _GatewayError(error.response_type, str(error))
        failure.status = error.status
        return failure


# The answer

def _error_response(inner: Any, error: Any, request: dict[str, Any]) -> tuple[int, dict[str, Any], bytes]:
    """Answer with the status that the failure has, unless the API says another."""
    from ministack.services import apigateway_v1 as rest

    status, headers, body = inner(error, request)
    request["error"] = error.response_type, error.message
    own, api_id = getattr(error, "status", None), request["api_id"]
    deployed = rest._deployed_gateway_responses.get(api_id, {}).get(request["stage"].get("deploymentId"), {})
    if own and not deployed.get(error.response_type, {}).get("statusCode"):
        status = own
    return status, headers, body


def _response_for_type(inner: Callable[..., dict[str, Any]], customized: dict[str, Any], response_type: str) -> dict[str, Any]:
    """Return the response of a type; the status of a fallback is that of all types that are not set themselves."""
    from ministack.services.apigateway_v1 import _gateway_response_family

    response = inner(customized, response_type)
    fallback = customized.get(_gateway_response_family(response_type), {}).get("statusCode")
    return response | {"statusCode": fallback} if fallback and response_type not in customized else response


# An API of an OpenAPI body

def _import(inner: Callable[..., str], body: dict[str, Any], *base: Any) -> str:
    from ministack.services import apigateway_v1 as rest

    api_id = inner(body, *base)
    for response_type, response in (body.get(EXTENSION) or {}).items():
        status, _, answer = rest._put_gateway_response(api_id, response_type, response)
        if status >= 400:
            rest._delete_rest_api(api_id)
            raise ValueError(f"{EXTENSION}.{response_type}: {answer.decode()}")
    return api_id


def _update(inner: Callable[..., tuple[str, dict[str, Any]]], physical_id: str, old: dict[str, Any], new: dict[str, Any],
            *rest_of: Any) -> tuple[str, dict[str, Any]]:
    """Change an API; another body takes the place of the old one, and the API keeps its id, deployments and stages."""
    from ministack.services import apigateway_v1 as rest

    body = new.get("Body")
    if isinstance(body, dict) and body != old.get("Body"):
        made = rest._import_rest_api(body, {"name": new.get("Name")})
        for store in IMPORTED:
            content = getattr(rest, store)
            content[physical_id] = content[made]
        rest._delete_rest_api(made)
        old = old | {"Body": body}
    return inner(physical_id, old, new, *rest_of)
