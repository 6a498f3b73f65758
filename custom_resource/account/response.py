"""Answers CloudFormation: one PUT of a JSON document to the event's address."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

ATTEMPTS = 3
LONGEST_REASON = 1000


def send(event: dict[str, Any], status: str, physical_id: str, reason: str = "", data: dict[str, Any] | None = None) -> None:
    """Send SUCCESS or FAILED; without an answer the stack would hang for an hour, so a failed PUT is tried again."""
    body = json.dumps({
        "Status": status,
        "Reason": reason[:LONGEST_REASON],
        "PhysicalResourceId": physical_id,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": data or {},
    }).encode()
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
