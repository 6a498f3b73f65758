"""Whether there is data to train on that a run has not seen.

A run's build keeps in data/source.json which upload it took and what its pointers led to. The same upload may lead to
new objects, as a folder does into which a feed writes.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlparse

from botocore.exceptions import ClientError

UPLOAD = "data-source.zip"
LABELS = "ground-truth/"


def trained_on_this(s3: Any, bucket: str, run: str, learns: bool) -> bool:
    """Return whether a run was trained on what a new run would be trained on; an unknown run was not."""
    source = read(s3, bucket, run)
    if source is None or source["version"] != version(s3, bucket):
        return False
    if any(objects(s3, pointer["uri"]) != pointer["objects"] for pointer in source["pointers"].values()):
        return False
    return not (learns and labelled_since(s3, bucket, datetime.fromisoformat(source["time"])))


def read(s3: Any, bucket: str, run: str) -> dict[str, Any] | None:
    """Return what a run's build has kept of its data; None for a run without."""
    try:
        body = s3.get_object(Bucket=bucket, Key=f"runs/{run}/data/source.json")["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return None
        raise
    found: dict[str, Any] = json.loads(body)
    return found


def version(s3: Any, bucket: str) -> str:
    """Return the version of the upload that the next run would take."""
    return str(s3.head_object(Bucket=bucket, Key=UPLOAD)["VersionId"])


def objects(s3: Any, uri: str) -> dict[str, str]:
    """Return key and hash of what a pointer leads to, as the build sees it: one object, or the CSV objects of a folder."""
    address = urlparse(uri)
    key = address.path.lstrip("/")
    folder = f"{key.rstrip('/')}/"
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=address.netloc, Prefix=key)
    found = {item["Key"]: item["ETag"] for page in pages for item in page.get("Contents", []) if item["Size"]}
    if key in found and not key.endswith("/"):
        return {key: found[key]}
    return {name: mark for name, mark in found.items() if name.startswith(folder) and name.lower().endswith(".csv")}


def labelled_since(s3: Any, bucket: str, time: datetime) -> bool:
    """Return whether labels of captured requests have come since a moment."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=LABELS)
    return any(item["LastModified"] > time for page in pages for item in page.get("Contents", []) if item["Size"])
