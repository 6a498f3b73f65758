"""Puts the sample data-source.zip in place before the pipeline exists, so that the first run has data.

What is there is never overwritten, and nothing is deleted with the resource: the upload is the user's.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

import response
from sample import packed

CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "max_attempts": 5})


@cache
def client(service: str) -> Any:
    """Return a service's client, made once."""
    return boto3.client(service, config=CONFIG)


def handler(event: dict[str, Any], context: Any) -> None:
    """Answer CloudFormation once, whatever happens."""
    properties = event["ResourceProperties"]
    physical_id = f"s3://{properties['BucketName']}/{properties['Key']}"
    try:
        if event["RequestType"] != "Delete":
            seed(properties)
    except Exception as error:  # noqa: BLE001 - the answer is what matters: without it the stack hangs
        print(f"{event['RequestType']} failed: {error!r}")
        response.send(event, "FAILED", physical_id, f"{physical_id} was not seeded: {error}")
        return
    response.send(event, "SUCCESS", physical_id)


def seed(properties: dict[str, str]) -> None:
    """Write the archive with the first Rows rows of the repository's file, unless the key exists."""
    bucket, key, path = properties["BucketName"], properties["Key"], properties["FilePath"]
    if exists(bucket, key):
        return
    file = client("codecommit").get_file(
        repositoryName=properties["RepositoryName"], commitSpecifier=properties["BranchName"], filePath=path)
    client("s3").put_object(
        Bucket=bucket, Key=key, Body=packed(path, file["fileContent"], int(properties["Rows"])),
        ContentType="application/zip", ServerSideEncryption="aws:kms", SSEKMSKeyId=properties["KmsKeyArn"])


def exists(bucket: str, key: str) -> bool:
    """Return whether the key holds an object."""
    try:
        client("s3").head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
            return False
        raise
    return True
