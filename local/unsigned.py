"""Requests that nobody has signed: which service each is for, so that it refuses them in AWS's words.

A signature names its service. Without one, JSON has a target, a form the version of its API, and an endpoint's
invocation its path; everything else is S3's, where a bucket may be open to anybody, but not the account.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from local.machine import Machine
from local.service import Service

SEAMS: tuple[tuple[str, str], ...] = (
    ("ministack.app", "detect_service"), ("ministack.core.iam_evaluator", "AuthError"),
    ("ministack.core.iam_evaluator", "_anonymous"), ("ministack.core.iam_evaluator", "check_credentials"),
    ("ministack.services.s3", "_bucket_owner_account"))
FORMS = {"cloudformation": "cloudformation", "cloudwatch": "monitoring", "ec2": "ec2", "iam": "iam", "sns": "sns", "sts": "sts"}
INVOCATION = re.compile(r"/endpoints/[^/]+/(async-)?invocations(-response-stream)?")
SIGNED_QUERY = {"X-Amz-Algorithm", "AWSAccessKeyId"}


def install(machine: Machine, services: Iterable[Service]) -> None:
    """Tell ministack where an unsigned request goes, and that ours want a signature."""
    import ministack.app as native
    from ministack.core import iam_evaluator

    targets = {service.model.metadata["targetPrefix"]: service.model.signing_name
               for service in services if "targetPrefix" in service.model.metadata}
    versions = {machine.botocore.get_service_model(name).api_version: native_name for name, native_name in FORMS.items()}
    native.detect_service = _naming(native.detect_service, targets, versions)
    iam_evaluator.check_credentials = _wanting(iam_evaluator.check_credentials, set(targets.values()))
    native.SERVICE_HANDLERS["s3"] = _closed(native.SERVICE_HANDLERS["s3"])


def _naming(inner: Callable[..., str], targets: dict[str, str], versions: dict[str, str]) -> Callable[..., str]:
    def detect(method: str, path: str, headers: dict[str, str], query: dict[str, Any]) -> str:
        if headers.get("authorization") or SIGNED_QUERY & query.keys():
            return inner(method, path, headers, query)
        version = query.get("Version", [""])[0] if "Action" in query else ""
        return (targets.get(headers.get("x-amz-target", "").partition(".")[0]) or versions.get(version)
                or ("sagemaker" if method == "POST" and INVOCATION.fullmatch(path) else inner(method, path, headers, query)))

    return detect


def _wanting(inner: Callable[..., Any], ours: set[str]) -> Callable[..., Any]:
    def check(access_key: str, service: str | None = None) -> Any:
        from ministack.core.iam_evaluator import AuthError, _anonymous

        if service in ours and _anonymous.get():
            return AuthError("MissingAuthenticationToken", "Missing Authentication Token")
        return inner(access_key, service)

    return check


def _closed(inner: Any) -> Any:
    """Return S3's handler that lists and makes buckets for nobody."""
    async def handle(method: str, path: str, headers: dict[str, Any], body: bytes, query: dict[str, Any], **more: Any) -> Any:
        from ministack.core.iam_actions import access_denied_response
        from ministack.core.iam_evaluator import _anonymous
        from ministack.services import s3

        bucket, _ = s3._parse_bucket_key(path, headers)
        if _anonymous.get() and (not bucket or (method == "PUT" and s3._bucket_owner_account(bucket) is None)):
            return access_denied_response("s3", "", "", "", error_code="MissingAuthenticationToken", headers=headers)
        return await inner(method, path, headers, body, query, **more)

    return handle
