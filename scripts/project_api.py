"""Calls a project's API with a signed request, as any client of an IAM-protected API does."""

import json
import urllib.error
import urllib.request
from typing import Any

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest


class ApiError(Exception):
    """The API answered with an error; the message holds status and body."""


def call_api(url: str, body: bytes, content_type: str) -> dict[str, Any]:
    """POST ``body`` and return the JSON answer; raises ApiError for any other status than 200."""
    session = boto3.Session()
    signed = AWSRequest("POST", url, data=body, headers={"Content-Type": content_type})
    SigV4Auth(session.get_credentials(), "execute-api", session.region_name).add_auth(signed)
    request = urllib.request.Request(url, data=body, headers=dict(signed.headers), method="POST")  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - the address is the stack's own
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise ApiError(f"{url} answered {error.code}: {error.read().decode(errors='replace')}") from error
