"""The rights in KMS keys that S3, SNS, SageMaker and Lambda ask of those who use them, and that ministack leaves out."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, unquote

from local.authorization import authorize
from local.machine import AccessDeniedError, Machine, NotAuthenticatedError

KEY = "x-amz-server-side-encryption-aws-kms-key-id"
# Requests on an object that touch neither its content nor its key.
SUBRESOURCES = {"acl", "attributes", "legal-hold", "partNumber", "restore", "retention", "tagging", "uploadId"}
Right = tuple[str, str]


def install(machine: Machine) -> None:
    """Put the checks before ministack's S3 and SNS, and behind its Lambda."""
    import ministack.app as native

    for service, rights in (("s3", _of_object), ("sns", _of_message)):
        native.SERVICE_HANDLERS[service] = _checked(machine, service, rights, native.SERVICE_HANDLERS[service])
    native.SERVICE_HANDLERS["lambda"] = _sealed(machine, native.SERVICE_HANDLERS["lambda"])


def _checked(machine: Machine, service: str, rights: Callable[..., Iterator[Right]], inner: Any) -> Any:
    async def handle(method: str, path: str, headers: dict[str, Any], body: bytes, query: dict[str, Any], **more: Any) -> Any:
        from ministack.core.iam_actions import access_denied_response
        from ministack.core.router import extract_access_key_id

        try:
            for action, resource in rights(machine, method, path, headers, body, query):
                authorize(machine, extract_access_key_id(headers, query), action, resource)
        except AccessDeniedError as error:
            unknown = {"error_code": error.code} if isinstance(error, NotAuthenticatedError) else {}
            return access_denied_response(service, "", "", "", message=str(error), headers=headers, **unknown)
        return await inner(method, path, headers, body, query, **more)

    return handle


# S3

def _of_object(machine: Machine, method: str, path: str, headers: dict[str, Any], body: bytes, query: dict[str, Any]) -> Iterator[Right]:
    """Yield what a request on an object needs besides its own action."""
    from ministack.services import s3

    bucket, key = s3._parse_bucket_key(path, headers)
    if not key or SUBRESOURCES & query.keys() or bucket not in s3._buckets:
        return
    if method in ("GET", "HEAD") and not _record(bucket, key, query.get("versionId")):
        yield "s3:ListBucket", f"arn:aws:s3:::{bucket}"  # only who may list learns that there is nothing
    elif method == "GET":
        yield from reading(machine, bucket, key, query.get("versionId"))
    elif method == "PUT" or "uploads" in query:
        if source := headers.get("x-amz-copy-source"):
            yield from reading(machine, *unquote(source).partition("?")[0].lstrip("/").split("/", 1))
        chosen = headers if headers.get("x-amz-server-side-encryption") else s3._bucket_default_sse_headers(bucket)
        if chosen.get(KEY):
            yield "kms:GenerateDataKey", _arn(machine, chosen[KEY])


def reading(machine: Machine, bucket: str, key: str, version: Any = None) -> Iterator[Right]:
    """Yield what reading an object needs besides S3's own action."""
    if found := _record(bucket, key, version).get("preserved_headers", {}).get(KEY):
        yield "kms:Decrypt", _arn(machine, found)


def _record(bucket: str, key: str, version: Any) -> dict[str, Any]:
    """Return what ministack keeps of an object or of one version, empty where there is none."""
    from ministack.services import s3

    version = version[0] if isinstance(version, list) else version
    if version:
        return next((each for each in s3._object_versions.get((bucket, key), []) if each["version_id"] == version), {})
    return (s3._buckets.get(bucket) or {}).get("objects", {}).get(key) or {}


# SNS

def _of_message(machine: Machine, method: str, path: str, headers: dict[str, Any], body: bytes, query: dict[str, Any]) -> Iterator[Right]:
    fields = query | parse_qs(body.decode(errors="replace"))
    if fields.get("Action") in (["Publish"], ["PublishBatch"]):
        yield from publishing(machine, fields.get("TopicArn", [""])[0])


def publishing(machine: Machine, topic_arn: str) -> Iterator[Right]:
    """Yield what publishing to a topic needs besides sns:Publish."""
    from ministack.core.responses import request_scope
    from ministack.services import sns

    with request_scope(machine.account_id, machine.region):
        key = (sns._topics.get(topic_arn) or {}).get("attributes", {}).get("KmsMasterKeyId")
    for action in ("GenerateDataKey", "Decrypt") if key else ():
        yield f"kms:{action}", _arn(machine, key)


# Lambda

def _sealed(machine: Machine, inner: Any) -> Any:
    """Return Lambda's handler that shows the environment of a function with a key to those who may decrypt under it."""
    async def handle(method: str, path: str, headers: dict[str, Any], body: bytes, query: dict[str, Any], **more: Any) -> Any:
        from ministack.core.router import extract_access_key_id

        status, answered, told = await inner(method, path, headers, body, query, **more)
        if method != "GET" or status >= 400 or b'"KMSKeyArn"' not in told:
            return status, answered, told
        document, caller = json.loads(told), extract_access_key_id(headers, query)
        for config in _configurations(document):
            try:
                authorize(machine, caller, "kms:Decrypt", _arn(machine, config["KMSKeyArn"]))
            except AccessDeniedError as error:
                config["Environment"] = {"Error": {"ErrorCode": "AccessDeniedException", "Message": str(error)}}
        return status, answered, json.dumps(document).encode()

    return handle


def _configurations(document: Any) -> Iterator[dict[str, Any]]:
    """Yield the configurations of an answer that have a key and an environment."""
    for part in document.values() if isinstance(document, dict) else document if isinstance(document, list) else ():
        yield from _configurations(part)
    if isinstance(document, dict) and document.get("KMSKeyArn") and document.get("Environment"):
        yield document


# SageMaker

def authorize_volume(machine: Machine, access_key: str, key: str | None) -> None:
    """Raise AccessDeniedError unless the caller may let the service encrypt its volumes under the key."""
    for action in ("DescribeKey", "CreateGrant") if key else ():
        authorize(machine, access_key, f"kms:{action}", _arn(machine, str(key)), {"kms:GrantIsForAWSResource": "true"})


def _arn(machine: Machine, key: str) -> str:
    """Return a key's ARN from any form in which a request may name it."""
    from ministack.core.responses import request_scope
    from ministack.services import kms

    with request_scope(machine.account_id, machine.region):
        return str((kms._resolve_key(key) or {}).get("Arn", key))
