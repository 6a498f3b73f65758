"""What the tests of model/ share: a project whose names are as long as they may be, and S3 in memory."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from model import settings

NAME = "mlprojects-churnmodel-p-abc123def456"  # 10 + 10 + 14 and two hyphens
ACCOUNT = "123456789012"
RUN = "0a1b2c3d-1111-4222-8333-444455556666"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
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
    role = f"arn:aws:iam::{ACCOUNT}:role/{NAME}"
    return {
        "NAME_PREFIX": NAME, "PROJECT_NAME": "churn", "PROJECT_ID": "p-abc123def456", "BUCKET": f"{NAME}-{ACCOUNT}",
        "DATASET_BUCKET": "data-sets", "KMS_KEY_ARN": KEY, "WORKFLOW_ROLE_ARN": f"{role}-workflow", "JOB_ROLE_ARN": f"{role}-job",
        "ENDPOINT_ROLE_ARN": f"{role}-endpoint", "API_AUTHORIZATION": "AWS_IAM", "TOPIC_ARN": f"arn:aws:sns:us-east-1:{ACCOUNT}:{NAME}",
        "TIMEOUT_MINUTES": "45",
        "PIPELINE_EXECUTION_ID": RUN, "COMMIT_ID": "c0ffee", "DATA_VERSION": "v1", "CODEBUILD_SRC_DIR_DataSource": str(upload),
        "MODEL_REPOSITORY_URI": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/{NAME}-model",
        "API_REPOSITORY_URI": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/{NAME}-api",
        "MODEL_IMAGE_URI": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/{NAME}-model@sha256:{'0' * 64}",
        "API_IMAGE_URI": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/{NAME}-api@sha256:{'1' * 64}",
    }


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
