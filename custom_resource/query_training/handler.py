"""Promotes a candidate that has passed the gate.

The schema goes to the file system and to S3 first, the archive last: a run's model/model.tar.gz
exists only once everything that a release needs is in place.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any
from urllib.parse import urlparse

import boto3
from botocore.config import Config

from artifacts import save, schema_of


@cache
def s3() -> Any:
    """Return the client, made once."""
    return boto3.client("s3", config=Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": 5}))


def handler(event: dict[str, Any], context: Any) -> dict[str, str]:
    """Take RunId, ModelArtifactUri, ModelUri, InferenceUri (a folder) and KmsKeyArn; return ModelUri and InferenceUri."""
    source, target = place(event["ModelArtifactUri"]), place(event["ModelUri"])
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": event["KmsKeyArn"]}
    schema = schema_of(s3().get_object(**source)["Body"], event["RunId"], event["ModelArtifactUri"])
    save(schema, os.environ.get("ARTIFACTS_PATH", ""), event["RunId"])
    s3().put_object(**place(f"{event['InferenceUri']}/schema.json"), Body=schema, ContentType="application/json", **encryption)
    s3().copy(source, target["Bucket"], target["Key"], ExtraArgs=encryption)
    return {"ModelUri": event["ModelUri"], "InferenceUri": event["InferenceUri"]}


def place(uri: str) -> dict[str, str]:
    """Return bucket and key of an address."""
    address = urlparse(uri)
    return {"Bucket": address.netloc, "Key": address.path.lstrip("/")}
