"""Published versions of functions as Lambda numbers them: none is new unless code or configuration are.

ministack takes a function for changed as soon as it was updated; Lambda looks at what it is. In a template a version is
replaced by whatever changes of it (all of its properties are create-only), and one whose function is unchanged fails.
"""

import functools
import json
from collections.abc import Callable
from typing import Any

from local.machine import Machine

_LAMBDA, _PROVISIONERS = "ministack.services.lambda_svc", "ministack.services.cloudformation.provisioners"
SEAMS: tuple[tuple[str, str], ...] = (
    (_LAMBDA, "_functions"), (_LAMBDA, "_publish_version"), (_PROVISIONERS, "_RESOURCE_HANDLERS"),
    (_PROVISIONERS, "_REPLACING_PROPERTIES"), (_PROVISIONERS, "_lambda_function_for_cfn_ref"))
KIND = "AWS::Lambda::Version"
REPLACED_ON = ("CodeSha256", "Description", "FunctionName", "ProvisionedConcurrencyConfig", "RuntimePolicy")
# What changes of a function without a change of its code or configuration.
PASSING = ("RevisionId", "LastModified", "State", "StateReason", "StateReasonCode", "LastUpdateStatus",
           "LastUpdateStatusReason", "LastUpdateStatusReasonCode", "Version", "FunctionArn")


def install(machine: Machine) -> None:
    """Put the comparison at ministack's two ways to publish."""
    from ministack.services import lambda_svc
    from ministack.services.cloudformation import provisioners

    lambda_svc._publish_version = functools.partial(_publish, lambda_svc._publish_version)
    provisioners._REPLACING_PROPERTIES[KIND] = REPLACED_ON
    handlers = provisioners._RESOURCE_HANDLERS[KIND]
    handlers["create"] = functools.partial(_create, handlers["create"])


def _publish(inner: Callable[..., tuple[Any, ...]], name: str, data: dict[str, Any]) -> tuple[Any, ...]:
    from ministack.services.lambda_svc import _functions

    func = _functions.get(name)
    if func is None:
        return inner(name, data)
    _recognise(func)
    answer = inner(name, data)
    if latest := _latest(func):
        latest["published_of"] = _fingerprint(func)
    return answer


def _create(inner: Callable[..., tuple[str, dict[str, Any]]], logical_id: str, properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
    from ministack.services.cloudformation.provisioners import _lambda_function_for_cfn_ref

    func = _lambda_function_for_cfn_ref(properties.get("FunctionName", ""))[0]
    if func:
        _recognise(func)
    return inner(logical_id, properties, stack_name)


def _recognise(func: dict[str, Any]) -> None:
    """Let the latest version be that of the function as it is, where nothing of it differs."""
    latest = _latest(func)
    if latest and latest.get("published_of") == _fingerprint(func):
        latest["function_revision"] = func["config"]["RevisionId"]


def _latest(func: dict[str, Any]) -> dict[str, Any] | None:
    number = max(func["versions"], key=int, default=None)
    return func["versions"][number] if number else None


def _fingerprint(func: dict[str, Any]) -> str:
    lasting = {key: value for key, value in func["config"].items() if key not in PASSING}
    return json.dumps(lasting, sort_keys=True, default=str)
