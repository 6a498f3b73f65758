"""The one place where our services, and what acts through them, ask IAM."""

import json
import re
from typing import Any

from local.machine import AccessDeniedError, Machine, NotAuthenticatedError


def authorize(machine: Machine, access_key: str, action: str, resource: str = "*",
              context: dict[str, Any] | None = None) -> None:
    """Raise AccessDeniedError unless the policies behind ``access_key`` allow ``action`` on ``resource``."""
    from ministack.core.iam_evaluator import AuthError, _anonymous, enforce
    from ministack.core.responses import request_scope

    _loopback_is_secure()
    # An unsigned request has no key: whoever has one acts in a role, also while such a request is being served.
    unsigned = _anonymous.set(_anonymous.get() and not access_key)
    try:
        with request_scope(machine.account_id, machine.region):
            denied = enforce(access_key, action, action.split(":")[0], machine.region, log_group_arn(resource), context)
    finally:
        _anonymous.reset(unsigned)
    if denied is None:
        return
    if isinstance(denied, AuthError):
        raise NotAuthenticatedError(denied.code, denied.message)
    reason = ("with an explicit deny in a policy" if denied.decision == "Deny"
              else f"because no identity-based policy allows the {action} action")
    raise AccessDeniedError(f"User: {denied.principal_arn} is not authorized to perform: {action} "
                            f"on resource: {resource} {reason}")


def authorize_pass_role(machine: Machine, access_key: str, role_arn: str, service_principal: str) -> None:
    """Raise AccessDeniedError unless the caller may hand ``role_arn`` to the service."""
    authorize(machine, access_key, "iam:PassRole", role_arn, {"iam:PassedToService": service_principal})


def install(machine: Machine) -> None:
    """Let the loopback connection stand for TLS, so that policies that refuse plain HTTP hold on both sides."""
    import ministack.app as native
    from ministack.core import iam_actions

    native.pin_request_origin = lambda address, _secure: _loopback_is_secure(address)
    extract = iam_actions.extract_resource_arn
    iam_actions.extract_resource_arn = lambda *request: log_group_arn(extract(*request))
    tags = iam_actions.request_tag_context
    iam_actions.request_tag_context = lambda service, action, body, given: {
        **tags(service, action, body, given), **_metric_namespace(action, body, given)}
    iam_actions.access_denied_response = _naming_the_resource(iam_actions.access_denied_response)


def _naming_the_resource(answer: Any) -> Any:
    """Return what answers a denial by an identity's policies so that it names the resource, as AWS does."""
    from ministack.core.iam_actions import identity_denial_message

    def denied(service: str, action: str, principal: str, *rest: Any, **told: Any) -> Any:
        if not (told.get("message") or told.get("error_code") or told.get("resource_policy_arn")):
            resource = told.get("resource_arn", "*")
            told["message"] = identity_denial_message(action, principal, f'"{resource}"' if service == "s3" else resource,
                                                      told.get("explicit_deny", False))
        return answer(service, action, principal, *rest, **told)

    return denied


def _metric_namespace(action: str, body: bytes, given: dict[str, Any]) -> dict[str, str]:
    """Return PutMetricData's condition key, of a request in JSON or as a form."""
    if action != "cloudwatch:PutMetricData":
        return {}
    [named] = given.get("Namespace") or [json.loads(body).get("Namespace") if body.startswith(b"{") else None]
    return {"cloudwatch:namespace": named} if named else {}


def log_group_arn(arn: str) -> str:
    """Return the ARN that CloudWatch Logs asks IAM for: a group's own calls name an empty stream in it."""
    return f"{arn}:log-stream:" if re.fullmatch(r"arn:[\w-]+:logs:[^:]*:\d+:log-group:[^:*]+", arn) else arn


def _loopback_is_secure(address: str = "127.0.0.1") -> None:
    from ministack.core.iam_evaluator import pin_request_origin

    pin_request_origin(address, True)
