"""CloudWatch's dashboards: their bodies are validated, and metric widgets are drawn."""

import asyncio
import base64
import functools
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema

from local.durability import operation_of
from local.machine import Machine
from local.service import ServiceError
from local.widgets import Reader, picture

_CLOUDWATCH, _PROVISIONERS = "ministack.services.cloudwatch", "ministack.services.cloudformation.provisioners"
SEAMS: tuple[tuple[str, str], ...] = (
    *((_CLOUDWATCH, name) for name in ("_alarms", "_error", "_metrics", "_p", "_put_dashboard")),
    (_PROVISIONERS, "_cw_dashboard_body"), ("ministack.core.iam_actions", "extract_resource_arn"))
_TEXT, _NUMBER = {"type": "string"}, {"type": "integer"}
_PROPERTIES: dict[str, dict[str, Any]] = {
    "metric": {"required": ["region"], "anyOf": [{"required": ["metrics"]}, {"required": ["annotations"]}], "properties": {
        "metrics": {"type": "array", "items": {"type": "array", "minItems": 1}}, "region": _TEXT, "title": _TEXT,
        "view": {"enum": ["timeSeries", "singleValue", "gauge", "bar", "pie", "table"]}, "stacked": {"type": "boolean"},
        "period": _NUMBER, "stat": _TEXT, "annotations": {"type": "object"}, "yAxis": {"type": "object"}}},
    "text": {"required": ["markdown"], "properties": {"markdown": _TEXT}},
    "alarm": {"required": ["alarms"], "properties": {"alarms": {
        "type": "array", "items": _TEXT, "minItems": 1, "maxItems": 100}, "title": _TEXT}},
    "log": {"required": ["query", "region"], "properties": {"query": _TEXT, "region": _TEXT, "title": _TEXT}},
    "explorer": {}, "custom": {"required": ["endpoint"]}}
# The dashboard body structure of CloudWatch's API reference, as far as it decides whether a body is taken.
SCHEMA = {"type": "object", "required": ["widgets"], "properties": {
    "start": _TEXT, "end": _TEXT, "periodOverride": {"enum": ["auto", "inherit"]}, "variables": {"type": "array", "maxItems": 25},
    "widgets": {"type": "array", "maxItems": 500, "items": {
        "type": "object", "required": ["type", "properties"], "properties": {
            "type": {"enum": list(_PROPERTIES)}, "x": _NUMBER | {"minimum": 0, "maximum": 23}, "y": _NUMBER | {"minimum": 0},
            "width": _NUMBER | {"minimum": 1, "maximum": 24}, "height": _NUMBER | {"minimum": 1, "maximum": 1000},
            "properties": {"type": "object"}},
        "allOf": [{"if": {"properties": {"type": {"const": kind}}}, "then": {"properties": {"properties": rules}}}
                  for kind, rules in _PROPERTIES.items()]}}}}
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def install(machine: Machine) -> None:
    """Put validation and pictures at ministack's CloudWatch, and at CloudFormation's dashboards."""
    import ministack.app as native
    from ministack.core import iam_actions
    from ministack.services import cloudwatch
    from ministack.services.cloudformation import provisioners

    cloudwatch._put_dashboard = functools.partial(_put, cloudwatch._put_dashboard)
    provisioners._cw_dashboard_body = functools.partial(_of_template, provisioners._cw_dashboard_body)
    native.SERVICE_HANDLERS["monitoring"] = functools.partial(_handle, machine, native.SERVICE_HANDLERS["monitoring"])
    iam_actions.extract_resource_arn = functools.partial(_arn, iam_actions.extract_resource_arn)


def check(body: str) -> None:
    """Raise ServiceError for a dashboard body that CloudWatch does not take."""
    try:
        document = json.loads(body)
    except ValueError:
        raise ServiceError("InvalidParameterInput", "The field DashboardBody must be a valid JSON object") from None
    problems = [{"dataPath": "".join(f"/{part}" for part in error.absolute_path), "message": error.message}
                for error in sorted(VALIDATOR.iter_errors(document), key=lambda error: list(map(str, error.absolute_path)))]
    if problems:
        raise ServiceError("InvalidParameterInput", f"The dashboard body is invalid, there are {len(problems)} validation "
                           f"errors: {json.dumps(problems)}")


def _put(inner: Any, params: dict[str, Any], data: dict[str, Any], is_cbor: bool, is_json: bool = False) -> Any:
    from ministack.services import cloudwatch

    try:
        check(data.get("DashboardBody", "") if is_json or is_cbor else cloudwatch._p(params, "DashboardBody"))
    except ServiceError as error:
        return cloudwatch._error(error.code, str(error), error.status, use_json=is_json, use_cbor=is_cbor)
    return inner(params, data, is_cbor, is_json)


def _of_template(inner: Callable[..., str], properties: dict[str, Any]) -> str:
    body = inner(properties)
    check(body)
    return body


def _arn(inner: Callable[..., str], service: str, method: str, path: str, headers: dict[str, Any], body: bytes, *rest: Any) -> str:
    """Return the ARN of the dashboard that a request names; what is not about one is ministack's."""
    from ministack.core.responses import get_account_id

    if service == "monitoring" and b'"DashboardName' in body:
        request = json.loads(body)
        if name := request.get("DashboardName") or (request.get("DashboardNames") or [""])[0]:
            return f"arn:aws:cloudwatch::{get_account_id()}:dashboard/{name}"
    return inner(service, method, path, headers, body, *rest)


# Pictures

async def _handle(machine: Machine, inner: Any, method: str, path: str, headers: dict[str, Any], body: bytes, query: dict[str, Any]) -> Any:
    if operation_of(method, path, headers, body, query) != "GetMetricWidgetImage" or "json" not in headers.get("content-type", ""):
        return await inner(method, path, headers, body, query)
    return await asyncio.to_thread(_image, machine, json.loads(body))


def _image(machine: Machine, request: dict[str, Any]) -> Any:
    """Return the answer of GetMetricWidgetImage (JSON protocol)."""
    from ministack.services import cloudwatch

    from local.chart import png  # late: it needs its library for this alone

    try:
        drawn = png(picture(_widget(request), reader(machine), time.time()))
    except ServiceError as error:
        return cloudwatch._error(error.code, str(error), error.status, use_json=True)
    except (ValueError, KeyError, TypeError) as error:
        return cloudwatch._error("ValidationError", str(error), 400, use_json=True)
    if request.get("OutputFormat") == "image/png":
        return 200, {"Content-Type": "image/png"}, drawn
    answer = {"MetricWidgetImage": base64.b64encode(drawn).decode()}
    return 200, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(answer).encode()


def _widget(request: dict[str, Any]) -> dict[str, Any]:
    widget = json.loads(request.get("MetricWidget") or "null")
    if not isinstance(widget, dict):
        raise ValueError("MetricWidget must be a JSON object.")
    return widget


def reader(machine: Machine) -> Reader:
    """Return what there is to show on a machine."""
    from ministack.core.responses import request_scope
    from ministack.services import cloudwatch

    scope = machine.account_id, machine.region

    def fetch(stat: dict[str, Any], start: float, length: float, count: int) -> Any:
        with request_scope(*scope):
            return machine.alarms.series(stat, start, length, count, {})

    def metrics() -> Iterator[tuple[str, str, dict[str, str]]]:
        for (namespace, name, _), points in list(cloudwatch._metrics.items_scoped(*scope)):
            if points:
                yield namespace, name, points[0]["Dimensions"]

    def alarm(arn: str) -> dict[str, Any] | None:
        alarm: dict[str, Any] | None = cloudwatch._alarms.get_scoped(*scope, arn.rpartition(":alarm:")[2])
        return alarm

    return Reader(fetch, metrics, alarm, machine.clock, machine.region)
