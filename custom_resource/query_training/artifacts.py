"""Takes the schema out of a model archive, and keeps it on the file system that the API function reads."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path
from typing import IO, Any

SCHEMA = "schema.json"
LARGEST = 16 * 1024 * 1024


class ArtifactsUnavailable(Exception):
    """The file system cannot be written yet; the workflow tries again."""


class ArchiveUnusable(Exception):
    """The model archive lacks what a release needs."""


def schema_of(archive: IO[bytes], run_id: str, where: str) -> bytes:
    """Return the archive's schema.json with its run filled in; nothing else is read into memory, nothing is unpacked."""
    try:
        with tarfile.open(fileobj=archive, mode="r|gz") as members:
            content = next((read(members, member, where) for member in members
                            if os.path.normpath(member.name) == SCHEMA and member.isfile()), None)
    except tarfile.TarError as error:
        raise ArchiveUnusable(f"{where} is no gzipped tar archive: {error}") from error
    if content is None:
        raise ArchiveUnusable(f"{where} holds no {SCHEMA}; container/train.py writes it beside the model")
    return json.dumps(content | {"run": run_id}, indent=2).encode()


def read(members: tarfile.TarFile, member: tarfile.TarInfo, where: str) -> dict[str, Any]:
    """Return a member that is one JSON object."""
    file = members.extractfile(member)
    if file is None or member.size > LARGEST:
        raise ArchiveUnusable(f"{where}: {SCHEMA} has {member.size} bytes; allowed: a file of at most {LARGEST}")
    try:
        content = json.loads(file.read())
    except ValueError as error:
        raise ArchiveUnusable(f"{where}: {SCHEMA} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ArchiveUnusable(f"{where}: {SCHEMA} holds no JSON object")
    return content


def save(schema: bytes, root: str, run_id: str) -> None:
    """Write the schema under the run's folder in one step, so that no reader sees half of it; blank root: no file system."""
    if not root:
        return
    target = Path(root) / run_id / SCHEMA
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".partial")
        partial.write_bytes(schema)
        partial.replace(target)
    except OSError as error:
        raise ArtifactsUnavailable(f"{target} cannot be written: {error}") from error
