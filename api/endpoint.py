"""Asks the model's endpoint, and says whose fault it is when there is no answer."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from api.errors import EndpointFault, RequestRefused

ACCEPT = "application/json;answer=both"  # label and probability, whatever serving.answer says
LARGEST = 6 * 1024 * 1024  # what InvokeEndpoint takes; Lambda takes no larger event, so a parameter could only lower it
AWAY = ("ThrottlingException", "ServiceUnavailable", "ServiceUnavailableException", "ModelNotReadyException", "ValidationError",
        "ValidationException")  # a ValidationError here is an endpoint that is not there: the request is checked before
FAILED = "the model's endpoint failed"


def ask(runtime: Any, endpoint_name: str, columns: tuple[str, ...], rows: list[list[Any]], request_id: str) -> list[dict[str, Any]]:
    """Return one prediction a row; raise RequestRefused or EndpointFault."""
    content = json.dumps({"columns": columns, "data": rows}).encode()
    if len(content) > LARGEST:
        raise RequestRefused(413, f"{len(rows)} rows are too much for one request; send fewer at a time")
    try:
        reply = runtime.invoke_endpoint(EndpointName=endpoint_name, ContentType="application/json", Accept=ACCEPT,
                                        InferenceId=request_id, Body=content)
        answer = reply["Body"].read()
    except ClientError as error:
        raise from_refusal(error.response) from error
    except BotoCoreError as error:
        raise EndpointFault("the model's endpoint did not answer in time", str(error)) from error
    return predictions(answer, len(rows))


def from_refusal(response: dict[str, Any]) -> Exception:
    """Return what a refusal of InvokeEndpoint means for the caller."""
    code, detail = response["Error"]["Code"], response["Error"].get("Message", "")
    if code == "ModelError" and response.get("OriginalStatusCode") in (400, 413):
        return RequestRefused(response["OriginalStatusCode"], reason(response.get("OriginalMessage") or detail))
    if code in AWAY:
        return EndpointFault("the model's endpoint is not available", f"{code}: {detail}")
    return EndpointFault(FAILED, f"{code}: {detail}")


def reason(message: str) -> str:
    """Return what the container said: its error field, or the message as it is."""
    try:
        content = json.loads(message)
    except ValueError:
        return message[:1000]
    return str(content["error"]) if isinstance(content, dict) and "error" in content else message[:1000]


def predictions(answer: bytes, count: int) -> list[dict[str, Any]]:
    """Return the predictions of a reply; anything else is the endpoint's fault."""
    try:
        found = json.loads(answer)["predictions"]
    except (ValueError, KeyError, TypeError):
        found = None
    if not isinstance(found, list) or len(found) != count:
        raise EndpointFault(FAILED, f"no {count} predictions in its answer: {answer[:200]!r}")
    return found
