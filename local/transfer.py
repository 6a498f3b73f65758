"""S3 as SageMaker's agent uses it: folders down, folders up, with the rights of the job's or endpoint's role."""

import gzip
import json
import shutil
import tarfile
from pathlib import Path, PurePosixPath

from botocore.client import BaseClient

Window = tuple[int, int]  # wall seconds: from the first on, before the second


class TransferError(Exception):
    """Data could not be brought in or out; the message is AWS's."""


def split(uri: str) -> tuple[str, str]:
    """Return bucket and key of an S3 address."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


class Transfer:
    """S3 through one client, so with one role's rights."""

    def __init__(self, client: BaseClient) -> None:
        self._client = client

    def _keys(self, uri: str, window: Window | None) -> list[str]:
        """Return the keys that start with an address, of objects that were written in a window where one is given."""
        bucket, prefix = split(uri)
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", []) if not item["Key"].endswith("/")
                and (window is None or window[0] <= item["LastModified"].timestamp() // 1 < window[1])]

    def has(self, uri: str, window: Window) -> bool:
        """Whether anything below an address was written in a window."""
        return bool(self._keys(uri, window))

    def objects(self, uri: str, window: Window | None = None) -> dict[str, str]:
        """Return the keys that start with an address, each with its path relative to it; none is an error."""
        prefix = split(uri)[1]
        found = {key: _relative(key, prefix) for key in self._keys(uri, window)}
        if not found:
            raise TransferError(f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure '
                                "that the bucket exists in the selected region, that objects exist under that S3 "
                                'prefix, and that the role has "s3:ListBucket" permissions on it.')
        return found

    def read(self, uri: str) -> bytes:
        """Return an object's content."""
        bucket, key = split(uri)
        content: bytes = self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    def fetch(self, uri: str, path: Path) -> None:
        """Save an object as a file."""
        bucket, key = split(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            shutil.copyfileobj(self._client.get_object(Bucket=bucket, Key=key)["Body"], file)

    def listed(self, uri: str) -> dict[str, str]:
        """Return the addresses that a manifest lists, each with its path below the manifest's prefix.

        A manifest is a JSON list: {"prefix": ADDRESS}, then the rest of the address of each object.
        """
        try:
            first, *names = json.loads(self.read(uri))
            prefix = first["prefix"]
        except (ValueError, TypeError, KeyError):
            raise TransferError(f'The manifest {uri} is not a JSON list whose first element is {{"prefix": "s3://..."}}.'
                                ) from None
        if not prefix.startswith("s3://") or not names or not all(name and isinstance(name, str) for name in names):
            raise TransferError(f"The manifest {uri} must name a prefix that starts with s3://, then at least one object.")
        return {prefix + name: name.lstrip("/") for name in names}

    def download(self, uri: str, folder: Path, *, gunzip: bool = False, manifest: bool = False,
                 window: Window | None = None) -> None:
        """Bring everything that starts with an address, or that the manifest there lists, into a folder."""
        bucket, _ = split(uri)
        folder.mkdir(parents=True, exist_ok=True)
        found = self.listed(uri) if manifest else {
            f"s3://{bucket}/{key}": relative for key, relative in self.objects(uri, window).items()}
        for address, relative in found.items():
            path = folder / relative
            if not path.resolve().is_relative_to(folder.resolve()):
                raise TransferError(f"The name of {address} leads out of its folder. Rename the object.")
            self.fetch(address, path)
            if gunzip and path.suffix == ".gz":
                with gzip.open(path) as packed, path.with_suffix("").open("wb") as file:
                    shutil.copyfileobj(packed, file)
                path.unlink()

    def put(self, content: Path | bytes, uri: str, key_id: str | None = None) -> None:
        """Write an object, encrypted with the KMS key where one is given."""
        bucket, key = split(uri)
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key_id} if key_id else {}
        if isinstance(content, bytes):
            self._client.put_object(Bucket=bucket, Key=key, Body=content, **encryption)
            return
        with content.open("rb") as file:
            self._client.put_object(Bucket=bucket, Key=key, Body=file, **encryption)

    def upload(self, folder: Path, uri: str, key_id: str | None = None) -> None:
        """Write every file of a folder below an address."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(path, f"{uri.rstrip('/')}/{path.relative_to(folder).as_posix()}", key_id)


def _relative(key: str, prefix: str) -> str:
    """Return what SageMaker calls the file: the rest below the prefix's folder, the last part for the object itself."""
    folder = prefix if prefix.endswith("/") else f"{prefix}/"
    if prefix and key.startswith(folder):
        return key[len(folder):]
    return str(PurePosixPath(key).relative_to(PurePosixPath(prefix).parent)) if prefix else key


def archive(folder: Path, path: Path) -> Path:
    """Write a folder's content as a .tar.gz."""
    with tarfile.open(path, "w:gz") as packed:
        for item in sorted(folder.iterdir()):
            packed.add(item, item.name)
    return path


def extract(path: Path, folder: Path) -> None:
    """Unpack a .tar.gz; a member that would leave the folder, or is no plain file, is an error."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(path, "r:*") as packed:
            packed.extractall(folder, filter="data")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise TransferError(f"{path.name} could not be extracted: {error}") from error
