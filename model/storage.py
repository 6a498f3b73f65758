"""The build's reads and writes in S3: it finds what pointers point to and lays out the run's input."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from model.data_source import CHANNELS, S3_URI, DataSource
from model.errors import BuildError
from model.settings import Settings

RELEASE_FILES = ("api.json", "deploy-model-prd.yml", "endpoint-prd.json", "deploy-endpoint.yml", "monitoring.json",
                 "monitoring.yml")  # scripts/rollback.sh reads them
SAMPLE_BYTES = 65536  # enough for a header and a row; the prepare job reads the whole


@dataclass(frozen=True)
class Found:
    """One object that a pointer leads to, and the name it gets in the run."""

    bucket: str
    key: str
    name: str
    mark: str = ""  # S3's hash of the content

    @property
    def uri(self) -> str:
        """Return the object's address."""
        return f"s3://{self.bucket}/{self.key}"


def find(s3: Any, source: DataSource, settings: Settings) -> dict[str, list[Found]]:
    """Return the objects behind the pointers by channel; a pointer to nothing raises BuildError."""
    return {channel: objects(s3, CHANNELS[channel], uri, settings) for channel, uri in source.pointers.items()}


def objects(s3: Any, field: str, uri: str, settings: Settings) -> list[Found]:
    """Return the object at the address, or the CSV objects of the folder at it."""
    match = S3_URI.fullmatch(uri)
    readable = [name for name in (settings.dataset_bucket, settings.bucket) if name]
    if match is None or match["bucket"] not in readable:
        raise BuildError(f"inputData.json: {field} is {uri}; allowed: an address in {' or '.join(readable)}")
    bucket, key = match["bucket"], match["key"]
    folder = key.rstrip("/") + "/"
    keys = listed(s3, bucket, key, f"inputData.json: {field} {uri}")
    found = [Found(bucket, key, file_name(key, ""), keys[key])] if key in keys and not key.endswith("/") else [
        Found(bucket, name, file_name(name, folder), mark) for name, mark in keys.items()
        if name.startswith(folder) and name.lower().endswith(".csv")
    ]
    if not found:
        raise BuildError(f"inputData.json: {field} {uri} points to nothing: no such object, and no CSV under {folder}")
    return found


def file_name(key: str, folder: str) -> str:
    """Return the flat name under which the object joins its channel; prepare reads *.csv."""
    name = key[len(folder):].replace("/", "_") if folder else key.rsplit("/", 1)[-1]
    return name if name.lower().endswith(".csv") else f"{name}.csv"


def listed(s3: Any, bucket: str, prefix: str, where: str) -> dict[str, str]:
    """Return the keys of the non-empty objects with the prefix, each with S3's hash of its content."""
    return {item["Key"]: item["ETag"] for item in listed_objects(s3, bucket, prefix, where)}


def listed_objects(s3: Any, bucket: str, prefix: str, where: str) -> list[dict[str, Any]]:
    """Return the non-empty objects with the prefix in the order of their keys, as S3 lists them."""
    try:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [item for page in pages for item in page.get("Contents", []) if item["Size"]]
    except ClientError as error:
        raise BuildError(f"{where} cannot be read: {reason(error)}") from error


def sample(s3: Any, found: Found) -> str:
    """Return the first lines of an object."""
    try:
        body = s3.get_object(Bucket=found.bucket, Key=found.key, Range=f"bytes=0-{SAMPLE_BYTES - 1}")["Body"].read()
    except ClientError as error:
        raise BuildError(f"inputData.json: {found.uri} cannot be read: {reason(error)}") from error
    return decoded(body, found.uri)


def local_sample(path: Path) -> str:
    """Return the first lines of a file of the upload."""
    with path.open("rb") as file:
        return decoded(file.read(SAMPLE_BYTES), f"data-source.zip: {path.name}")


def decoded(content: bytes, name: str) -> str:
    """Return the text; a character that the sample cuts in two is dropped."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start >= SAMPLE_BYTES - 4:
            return content[: error.start].decode("utf-8-sig")
        raise BuildError(f"{name} is not UTF-8 text: byte {error.start} is {content[error.start]:#04x}") from error


def reason(error: ClientError) -> str:
    """Return AWS's code and message."""
    return "{Code}: {Message}".format_map({"Code": "Error", "Message": "no message"} | error.response.get("Error", {}))


def encryption(settings: Settings) -> dict[str, str]:
    """Return the arguments that put an object under the project's key."""
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": settings.kms_key_arn}


def copy_data(s3: Any, source: DataSource, found: dict[str, list[Found]], settings: Settings) -> None:
    """Lay the training, test and baseline data under the run's data/input/."""
    for channel, paths in source.files.items():
        for path in paths:
            s3.upload_file(str(path), settings.bucket, input_key(settings, channel, path.name), ExtraArgs=encryption(settings))
    for channel, items in found.items():
        for item in items:
            s3.copy({"Bucket": item.bucket, "Key": item.key}, settings.bucket,
                    input_key(settings, channel, item.name), ExtraArgs=encryption(settings))


def input_key(settings: Settings, channel: str, name: str) -> str:
    """Return where a file of a channel lies in the run."""
    return f"{settings.run_key}/data/input/{channel}/{name}"


def put_config(s3: Any, config: dict[str, Any], settings: Settings) -> None:
    """Write the run's config/config.json."""
    put_json(s3, "config/config.json", config, settings)


def put_json(s3: Any, name: str, content: dict[str, Any], settings: Settings) -> None:
    """Write one of the run's files."""
    s3.put_object(Bucket=settings.bucket, Key=f"{settings.run_key}/{name}", Body=json.dumps(content, indent=2).encode(),
                  ContentType="application/json", **encryption(settings))


def put_source(s3: Any, source: DataSource, found: dict[str, list[Found]], settings: Settings) -> None:
    """Write the run's data/source.json: drift retrains only on other data than the live run's (custom_resource/retraining)."""
    pointers = {channel: {"uri": source.pointers[channel], "objects": {item.key: item.mark for item in items}}
                for channel, items in found.items()}
    # What was learned from production stands behind a plus sign; the upload is known by what stands before it.
    content = {"version": settings.data_version.partition("+")[0], "time": datetime.now(UTC).isoformat(), "pointers": pointers}
    s3.put_object(Bucket=settings.bucket, Key=f"{settings.run_key}/data/source.json", Body=json.dumps(content, indent=2).encode(),
                  ContentType="application/json", **encryption(settings))


def keep_release(s3: Any, build: Path, settings: Settings) -> None:
    """Keep what the run's release consists of, so that going back to it needs no build."""
    for name in RELEASE_FILES:
        s3.upload_file(str(build / name), settings.bucket, f"{settings.run_key}/release/{name}", ExtraArgs=encryption(settings))
