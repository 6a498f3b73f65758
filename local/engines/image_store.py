"""The images that a build has made and not yet pushed: a folder of contents, and tags that name manifests."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from local.engines.image import Packed, digest_of


class NoSuchImageError(Exception):
    """A name that no local image has."""


@dataclass(frozen=True)
class ImageStore:
    """docker's own folder of one build."""

    folder: Path

    def save(self, image: Packed, tags: list[str]) -> None:
        """Keep an image under its tags."""
        for content in (*image.blobs, image.manifest):
            self._write("blobs", digest_of(content), content)
        for tag in tags:
            self._write("tags", quote(full_name(tag), safe=""), image.digest.encode())

    def load(self, name: str) -> Packed:
        """Return the image of that tag; raises NoSuchImageError."""
        tag = self.folder / "tags" / quote(full_name(name), safe="")
        if not tag.exists():
            raise NoSuchImageError(name)
        manifest = self._blob(tag.read_text())
        document = json.loads(manifest)
        return Packed(manifest, self._blob(document["config"]["digest"]), self._blob(document["layers"][0]["digest"]))

    def tags(self, image: Packed) -> list[str]:
        """Return every name that the image has."""
        return sorted(unquote(tag.name) for tag in (self.folder / "tags").iterdir()
                      if tag.read_text() == image.digest)

    def _blob(self, digest: str) -> bytes:
        return (self.folder / "blobs" / digest.removeprefix("sha256:")).read_bytes()

    def _write(self, kind: str, name: str, content: bytes) -> None:
        file = self.folder / kind / name.removeprefix("sha256:")
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f".{file.name[:64]}.{os.getpid()}")
        part.write_bytes(content)
        part.replace(file)


def full_name(name: str) -> str:
    """Return the name with docker's default tag where it has none."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"
