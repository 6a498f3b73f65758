"""A custom resource's frame: act, and answer CloudFormation once, however that ends."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

ATTEMPTS = 3
LONGEST_REASON = 1000


def answer(event: dict[str, Any], act: Callable[[], str]) -> None:
    """Run ``act`` (which returns what it saw, or raises) but on Delete, and report; an error's text becomes the reason."""
    try:
        status, reason = "SUCCESS", "" if event["RequestType"] == "Delete" else act()
    except Exception as error:  # noqa: BLE001 - the answer is what matters: without it the stack hangs
        status, reason = "FAILED", str(error) or repr(error)
    print(json.dumps({"level": "INFO" if status == "SUCCESS" else "ERROR", "resource": physical_id(event),
                      "request": event["RequestType"], "status": status, "reason": reason}))
    send(event, status, reason)


def physical_id(event: dict[str, Any]) -> str:
    """Return the id that the resource keeps for good: its stack's name and its own."""
    return event.get("PhysicalResourceId") or f"{event['StackId'].split('/')[1]}-{event['LogicalResourceId']}"


def send(event: dict[str, Any], status: str, reason: str) -> None:
    """Put the answer to CloudFormation's address, again when that fails: without it the stack would hang for an hour."""
    body = json.dumps({"Status": status, "Reason": reason[:LONGEST_REASON], "PhysicalResourceId": physical_id(event),
                       **{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}}).encode()
    # The address is signed for an empty content type.
    request = urllib.request.Request(event["ResponseURL"], data=body, method="PUT", headers={"Content-Type": ""})
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with urllib.request.urlopen(request, timeout=10):
                return
        except OSError as error:
            print(f"the answer {status} did not reach CloudFormation (attempt {attempt} of {ATTEMPTS}): {error}")
            if attempt == ATTEMPTS:
                raise
