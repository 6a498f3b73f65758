"""What the tests of model/ share: a project whose names are as long as they may be, and S3 in memory."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from model import settings
from tests.unit.model.build_variables import variables

TABLE = "minutes,plan,churn\n10,a,no\n20,b,yes\n"


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    """An unpacked data-source.zip, still empty."""
    folder = tmp_path / "DataSource"
    folder.mkdir()
    return folder


@pytest.fixture
def environment(upload: Path) -> dict[str, str]:
    """The variables of a build."""
    return variables(upload)


@pytest.fixture
def project(environment: dict[str, str]) -> settings.Settings:
    """The settings of a build."""
    return settings.read(environment)


class MemoryS3:
    """The part of S3 that the build uses, in a dictionary: {(bucket, key): bytes}."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self.keys: dict[tuple[str, str], str] = {}
        self.times: dict[str, int] = {}

    def get_paginator(self, operation: str) -> MemoryS3:
        assert operation == "list_objects_v2"
        return self

    def paginate(self, Bucket: str, Prefix: str) -> list[dict[str, Any]]:  # noqa: N803
        if Bucket not in {bucket for bucket, _ in self.objects}:
            raise ClientError({"Error": {"Code": "NoSuchBucket", "Message": "The bucket does not exist"}}, "ListObjectsV2")
        return [{"Contents": [{"Key": key, "Size": len(content), "ETag": f'"{hash(content):x}"', "LastModified": self.times.get(key, 0)}
                              for (bucket, key), content in sorted(self.objects.items())
                              if bucket == Bucket and key.startswith(Prefix)]}]

    def get_object(self, Bucket: str, Key: str, Range: str = "") -> dict[str, Any]:  # noqa: N803
        content = self.objects[Bucket, Key]
        return {"Body": io.BytesIO(content[: int(Range.split("-")[1]) + 1] if Range else content)}

    def put_object(self, Bucket: str, Key: str, Body: bytes, SSEKMSKeyId: str = "", **_: Any) -> None:  # noqa: N803
        self.objects[Bucket, Key], self.keys[Bucket, Key] = Body, SSEKMSKeyId

    def upload_file(self, path: str, bucket: str, key: str, ExtraArgs: dict[str, str]) -> None:  # noqa: N803
        self.put_object(bucket, key, Path(path).read_bytes(), **ExtraArgs)

    def copy(self, source: dict[str, str], bucket: str, key: str, ExtraArgs: dict[str, str]) -> None:  # noqa: N803
        self.put_object(bucket, key, self.objects[source["Bucket"], source["Key"]], **ExtraArgs)


@pytest.fixture
def s3() -> MemoryS3:
    """S3 with a data set in the form's bucket."""
    memory = MemoryS3()
    memory.objects["data-sets", "churn/train/one.csv"] = TABLE.encode()
    memory.objects["data-sets", "churn/train/more/two.csv"] = TABLE.encode()
    memory.objects["data-sets", "churn/test.csv"] = TABLE.encode()
    return memory
