"""S3 in memory, as far as the functions that watch production use it."""

from __future__ import annotations

import io
import json
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError


def refusal(code: str, message: str = "") -> ClientError:
    """Return a service's refusal."""
    return ClientError({"Error": {"Code": code, "Message": message or code}}, "Operation")


class Bucket:
    """One bucket's objects with their dates; every other bucket is empty."""

    def __init__(self, name: str, now: datetime) -> None:
        self.name, self.now = name, now
        self.objects: dict[str, tuple[bytes, datetime]] = {}

    def holds(self, key: str, content: Any = "x", dated: datetime | None = None) -> None:
        body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        self.objects[key] = body, dated or self.now

    def read(self, key: str) -> Any:
        return json.loads(self.objects[key][0])

    def get_paginator(self, operation: str) -> Bucket:
        assert operation == "list_objects_v2"
        return self

    def paginate(self, Bucket: str, Prefix: str, StartAfter: str = "", Delimiter: str = "") -> list[dict[str, Any]]:  # noqa: N803
        found = sorted(key for key in self.objects if Bucket == self.name and key.startswith(Prefix) and key > StartAfter)
        if Delimiter:
            folders = sorted({Prefix + key[len(Prefix):].split(Delimiter)[0] + Delimiter for key in found if Delimiter in key[len(Prefix):]})
            return [{"CommonPrefixes": [{"Prefix": folder} for folder in folders]}] if folders else [{}]
        items = [{"Key": key, "LastModified": self.objects[key][1], "Size": len(self.objects[key][0]), "ETag": f'"{self.objects[key][0]!r}"'}
                 for key in found]
        return [{"Contents": items[place:place + 2]} for place in range(0, len(items), 2)] or [{}]

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        if Bucket != self.name or Key not in self.objects:
            raise refusal("NoSuchKey")
        return {"Body": io.BytesIO(self.objects[Key][0])}

    def head_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        return {"VersionId": self.get_object(Bucket, Key)["Body"].read().decode()}

    def put_object(self, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str = "", **_: Any) -> None:  # noqa: N803
        assert Bucket == self.name
        if IfNoneMatch == "*" and Key in self.objects:
            raise refusal("PreconditionFailed")
        self.objects[Key] = Body, self.now
