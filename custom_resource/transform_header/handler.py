"""Writes the golden records: the rows that every later release must answer alike, with the candidate's answers."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import urlparse

import boto3
from botocore.config import Config

from records import joined, lines


@cache
def s3() -> Any:
    """Return the client, made once."""
    return boto3.client("s3", config=Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "max_attempts": 5}))


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """Take InputUri (CSV with header), OutputUri (the transform's answers) and RecordsUri; return the number of Records."""
    records = joined(text(event["InputUri"]), text(event["OutputUri"]))
    s3().put_object(**place(event["RecordsUri"]), Body=lines(records).encode(), ContentType="application/jsonlines")
    return {"Records": len(records)}


def text(uri: str) -> str:
    """Return an object's text."""
    content: bytes = s3().get_object(**place(uri))["Body"].read()
    return content.decode("utf-8-sig")


def place(uri: str) -> dict[str, str]:
    """Return bucket and key of an address."""
    address = urlparse(uri)
    return {"Bucket": address.netloc, "Key": address.path.lstrip("/")}
