"""What API Gateway measures of each request to a REST API, published as on AWS: refused requests count, too.

Dimensions: ApiName; ApiName and Stage; where a stage has detailed metrics, Method and Resource besides.
"""

import functools
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from local import access_logs
from local.machine import Machine

_REST = "ministack.services.apigateway_v1"
SEAMS: tuple[tuple[str, str], ...] = (
    ("ministack.app", "_handle_execute_api_request"),
    ("ministack.app", "_parse_execute_api_url"),
    (_REST, "_call_lambda_raw"),
    (_REST, "_match_resource_tree"),
    (_REST, "_rest_apis"),
    (_REST, "_stages_v1"),
)
Answer = tuple[int, dict[str, Any], bytes]
# The seconds that the integration of the request in hand has taken.
_integration: ContextVar[list[float]] = ContextVar("integration_seconds")


def install(machine: Machine) -> None:
    """Measure at ministack's API Gateway."""
    import ministack.app as native
    from ministack.services import apigateway_v1

    native._handle_execute_api_request = functools.partial(_measured, machine, native._handle_execute_api_request)
    apigateway_v1._call_lambda_raw = functools.partial(_timed, apigateway_v1._call_lambda_raw)


async def _timed(inner: Callable[..., Awaitable[Any]], *arguments: Any, **more: Any) -> Any:
    began = time.perf_counter()
    try:
        return await inner(*arguments, **more)
    finally:
        _integration.get([]).append(time.perf_counter() - began)


async def _measured(machine: Machine, inner: Callable[..., Awaitable[Answer | None]], host: str, path: str, method: str,
                    *request: Any, **more: Any) -> Answer | None:
    from ministack.app import _parse_execute_api_url

    place: tuple[str, str, str] | None = _parse_execute_api_url(host, path)
    if place is None:
        return await inner(host, path, method, *request, **more)
    began = time.perf_counter()
    spent: list[float] = []
    _integration.set(spent)
    answer = await inner(host, path, method, *request, **more)
    sets = dimensions(machine, *place, method) if answer else []
    if answer and sets:
        values: dict[str, tuple[float, str]] = {"Count": (1, "Count"), "4XXError": (int(400 <= answer[0] < 500), "Count"),
                  "5XXError": (int(answer[0] >= 500), "Count"), "Latency": (_milliseconds(began), "Milliseconds")}
        whole = {"IntegrationLatency": (round(1000 * spent[0]), "Milliseconds")} if spent else {}
        machine.metrics.record("AWS/ApiGateway", sets, values | whole)
        access_logs.tell(machine, place, method, answer, began, spent)
    return answer


def _milliseconds(began: float) -> int:
    return round(1000 * (time.perf_counter() - began))


def dimensions(machine: Machine, api_id: str, stage_name: str, path: str, method: str) -> list[dict[str, str]]:
    """Return the sets of dimensions of a request, none where there is no such API or stage."""
    from ministack.services import apigateway_v1

    scope = machine.account_id, machine.region, api_id
    api, stage = apigateway_v1._rest_apis.get_scoped(*scope), apigateway_v1._stages_v1.get_scoped(*scope, {}).get(stage_name)
    if api is None or stage is None:
        return []
    named = {"ApiName": api["name"]}
    sets = [named, named | {"Stage": stage_name}]
    resource, _ = apigateway_v1._match_resource_tree(api_id, [part for part in path.split("/") if part])
    if resource and {method, "ANY"} & set(resource.get("resourceMethods", {})) and _detailed(stage, resource["path"], method):
        sets.append(named | {"Stage": stage_name, "Resource": resource["path"], "Method": method})
    return sets


def _detailed(stage: dict[str, Any], resource: str, method: str) -> bool:
    settings = stage.get("methodSettings") or {}
    return any(settings.get(key, {}).get("metricsEnabled")
               for key in (f"{resource}/{method}", f"{resource.lstrip('/')}/{method}", "*/*"))
