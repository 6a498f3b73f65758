"""An image as a registry keeps it: one layer, a configuration and a manifest (Docker's version 2, schema 2).

Everything that could differ between two builds of the same content (times, owners, order) is fixed, so the digest
changes when and only when a file, a variable, a requirement or a command does.
"""

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from local.engines.dockerfile import Stage

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"
MANIFEST_TYPES = [MANIFEST_TYPE, "application/vnd.oci.image.manifest.v1+json"]


def digest_of(content: bytes) -> str:
    """Return the digest by which registries name content."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class Packed:
    """An image's manifest and what it names."""

    manifest: bytes
    config: bytes
    layer: bytes

    @property
    def digest(self) -> str:
        """The digest that deployments refer to."""
        return digest_of(self.manifest)

    @property
    def blobs(self) -> list[bytes]:
        """What is pushed before the manifest."""
        return [self.layer, self.config]


def pack(stage: Stage) -> Packed:
    """Return the image of a built stage."""
    tar = _tar(stage)
    layer = _gzip(tar)
    config = _json({"architecture": "amd64", "os": "linux", "config": {
        "Env": sorted(f"{name}={value}" for name, value in stage.env.items()), "WorkingDir": stage.workdir,
        "Entrypoint": stage.entrypoint, "Cmd": stage.cmd},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(tar)]},
        "requirements": [asdict(requirement) for requirement in stage.requirements]})
    manifest = _json({"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": _descriptor(CONFIG_TYPE, config),
                      "layers": [_descriptor(LAYER_TYPE, layer)]})
    return Packed(manifest, config, layer)


def unpack(layers: list[bytes], root: Path) -> None:
    """Write the layers' files below ``root``; names that would leave it are refused."""
    root.mkdir(parents=True)
    for layer in layers:
        with tarfile.open(fileobj=io.BytesIO(layer), mode="r:gz") as archive:
            archive.extractall(root, filter="data")


def _tar(stage: Stage) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(stage.files):
            content = stage.files[name].source.read_bytes()
            entry = tarfile.TarInfo(name.lstrip("/"))
            entry.size, entry.mode = len(content), 0o755 if stage.files[name].executable else 0o644
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _gzip(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, compresslevel=6, mtime=0) as archive:
        archive.write(content)
    return buffer.getvalue()


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "size": len(content), "digest": digest_of(content)}
