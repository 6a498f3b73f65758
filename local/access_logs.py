"""API Gateway's access logs: a line for each request in the stage's format, written with the rights of the account's role.

Without such a role a stage cannot have a log, as on AWS. A format may use VARIABLES; others are refused by name. Lines
leave together, so that no request waits for a log; a kill takes what has not left within LEAVE_SECONDS.
"""

import functools
import json
import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.authorization import authorize_pass_role
from local.gateway_responses import request_in_hand
from local.logs import unless_there
from local.machine import AccessDeniedError, Machine
from local.service import ServiceError, UnsupportedError

logger = logging.getLogger("local")
_REST = "ministack.services.apigateway_v1"
SEAMS: tuple[tuple[str, str], ...] = tuple((_REST, name) for name in (
    "_account_settings", "_api_key_from_request", "_create_stage", "_resolve_api_key", "_stages_v1", "_update_stage", "_v1_error"))
PRINCIPAL = "apigateway.amazonaws.com"
LEAVE_SECONDS, MOST = 0.5, 1000  # lines of one call
NO_ROLE = "CloudWatch Logs role ARN must be set in account settings to enable logging"
VARIABLE = re.compile(r"\$context\.([\w.]+)")
Request = dict[str, Any]  # what is known of one request and its answer
VARIABLES: dict[str, Callable[[Request], Any]] = {
    "requestId": lambda request: request["request_id"],
    "extendedRequestId": lambda request: request["request_id"],
    "requestTime": lambda request: f"{datetime.fromtimestamp(request['began'], UTC):%d/%b/%Y:%H:%M:%S +0000}",
    "requestTimeEpoch": lambda request: int(request["began"] * 1000),
    "httpMethod": lambda request: request["method"],
    "path": lambda request: f"/{request['stage_name']}{request['path']}",
    "resourcePath": lambda request: request.get("resource_path"),
    "protocol": lambda request: "HTTP/1.1",
    "stage": lambda request: request["stage_name"],
    "apiId": lambda request: request["api_id"],
    "accountId": lambda request: request["account_id"],
    "status": lambda request: request["status"],
    "responseLength": lambda request: request["length"],
    "responseLatency": lambda request: round(1000 * request["seconds"]),
    "integrationLatency": lambda request: request["integration"],
    "integration.latency": lambda request: request["integration"],
    "error.message": lambda request: request.get("error", (None, None))[1],
    "error.responseType": lambda request: request.get("error", (None, None))[0],
    "identity.apiKeyId": lambda request: request["key_id"],
    **{f"identity.{name}": functools.partial(lambda name, request: request["identity"].get(name), name)
       for name in ("sourceIp", "userAgent", "userArn", "user", "caller", "accountId", "accessKey")}}


def install(machine: Machine) -> None:
    """Put the checks at ministack's stages, and let lines leave until the machine stops."""
    import ministack.app as native
    from ministack.services import apigateway_v1 as rest

    for name in ("_create_stage", "_update_stage"):
        setattr(rest, name, functools.partial(_checked, getattr(rest, name)))
    native.SERVICE_HANDLERS["apigateway"] = functools.partial(_passed, machine, native.SERVICE_HANDLERS["apigateway"])
    threading.Thread(target=_leave, args=(machine,), name="access logs", daemon=True).start()


# Settings

def check(setting: dict[str, Any]) -> None:
    """Raise for an access log that AWS refuses (ServiceError), or that this machine could not write (UnsupportedError)."""
    from ministack.services import apigateway_v1 as rest

    if not setting:
        return
    form = setting.get("format") or ""
    if not (rest._account_settings.get("settings") or {}).get("cloudwatchRoleArn"):
        raise ServiceError("BadRequestException", NO_ROLE)
    if ":log-group:" not in (setting.get("destinationArn") or ""):
        raise UnsupportedError(f"an access log to {setting.get('destinationArn')}")
    found = set(VARIABLE.findall(form))
    if not found & {"requestId", "extendedRequestId"}:
        raise ServiceError("BadRequestException", "Invalid access log format: it must contain $context.requestId or "
                           "$context.extendedRequestId")
    if unknown := sorted(found - VARIABLES.keys()):
        raise UnsupportedError(f"an access log with $context.{', $context.'.join(unknown)}")


def of_template(properties: dict[str, Any]) -> dict[str, Any]:
    """Return a stage's setting in the API's form."""
    return {name[0].lower() + name[1:]: value for name, value in (properties.get("AccessLogSetting") or {}).items()}


def check_template(machine: Machine, properties: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Raise for a template's stage whose access log is refused; it needs no further rights."""
    from ministack.core.responses import request_scope

    with request_scope(machine.account_id, machine.region):
        check(of_template(properties))
    return iter(())


def _checked(inner: Any, *request: Any) -> Any:
    """Refuse a stage whose access log could not be written; what was before stays."""
    from ministack.services import apigateway_v1 as rest

    *_, data = request
    setting = dict(data.get("accessLogSettings") or {})
    for patch in data.get("patchOperations", []):
        found = re.fullmatch(r"/accessLogSettings/(\w+)", patch.get("path", ""))
        if found and patch.get("op") != "remove":
            stage = (rest._stages_v1.get(request[0]) or {}).get(request[1]) or {}
            setting = (stage.get("accessLogSettings") or {}) | setting | {found[1]: patch.get("value")}
    try:
        check(setting)
    except ServiceError as error:
        return rest._v1_error(error.code, str(error), error.status)
    return inner(*request)


async def _passed(machine: Machine, inner: Any, method: str, path: str, headers: dict[str, Any], body: bytes, query: dict[str, Any]) -> Any:
    """Ask for the right to pass the role that the account is given."""
    from ministack.core.router import extract_access_key_id
    from ministack.services.apigateway_v1 import _v1_error

    if method == "PATCH" and path.rstrip("/") == "/account":
        try:
            for patch in json.loads(body or b"{}").get("patchOperations", []):
                if patch.get("path") == "/cloudwatchRoleArn" and patch.get("value"):
                    authorize_pass_role(machine, extract_access_key_id(headers, query), patch["value"], PRINCIPAL)
        except AccessDeniedError as error:
            return _v1_error("AccessDeniedException", str(error), 403)
    return await inner(method, path, headers, body, query)


# Lines

_lines: SimpleQueue[tuple[str, str, int]] = SimpleQueue()  # log group, text and time


def tell(machine: Machine, place: tuple[str, str, str], method: str, answer: tuple[int, dict[str, Any], bytes], began: float,
         integration: list[float]) -> None:
    """Note a request to a stage that has an access log."""
    from ministack.services import apigateway_v1 as rest

    api_id, stage_name, path = place
    stage = (rest._stages_v1.get_scoped(machine.account_id, machine.region, api_id) or {}).get(stage_name) or {}
    setting = stage.get("accessLogSettings") or {}
    if not setting.get("destinationArn"):
        return
    known = request_in_hand() or {"headers": {}, "request_id": "", "stage_name": stage_name, "api_id": api_id}
    key = rest._resolve_api_key(rest._api_key_from_request(known["headers"])) or {}
    now = time.time()
    request = known | {
        "began": now - (time.perf_counter() - began), "seconds": time.perf_counter() - began, "method": method, "path": path,
        "account_id": machine.account_id, "status": answer[0], "length": len(answer[2]), "key_id": key.get("id"),
        "integration": round(1000 * integration[0]) if integration else None,
        "identity": {"sourceIp": "127.0.0.1", "userAgent": known["headers"].get("user-agent")} | known.get("identity", {})}
    text = VARIABLE.sub(lambda found: _shown(VARIABLES[found[1]](request)), setting["format"])
    _lines.put((setting["destinationArn"].partition(":log-group:")[2].removesuffix(":*"), text, int(now * 1000)))


def _shown(value: Any) -> str:
    return "-" if value in (None, "") else str(value)


def _leave(machine: Machine) -> None:
    """Write lines that came together, with one stream a group and start of the machine."""
    stream, ready, goes_on = uuid.uuid4().hex, set[str](), True
    while goes_on:
        goes_on = not machine.stopping.wait(LEAVE_SECONDS)  # the last lines leave while the machine stops
        groups: dict[str, list[dict[str, Any]]] = {}
        for group, text, now in (_lines.get() for _ in range(_lines.qsize())):
            groups.setdefault(group, []).append({"timestamp": now, "message": text})
        for group, events in groups.items():
            _write(machine, group, stream, events, ready)


def _write(machine: Machine, group: str, stream: str, events: list[dict[str, Any]], ready: set[str]) -> None:
    """Write one group's lines; as on AWS, the API serves on where that fails."""
    from ministack.services import apigateway_v1 as rest

    settings = rest._account_settings.get_scoped(machine.account_id, machine.region, "settings") or {}
    try:
        logs = machine.client("logs", machine.session(settings.get("cloudwatchRoleArn") or "", PRINCIPAL, "BackplaneAssumeRoleSession"))
        if group not in ready:
            unless_there(logs.create_log_stream, logGroupName=group, logStreamName=stream)
            ready.add(group)
        for start in range(0, len(events), MOST):
            logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events[start:start + MOST])
    except (ClientError, BotoCoreError, AccessDeniedError) as error:
        logger.warning("access log %s lost %d lines: %s", group, len(events), error)
