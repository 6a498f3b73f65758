"""Which image a run uses: an upload's own, one that is already in ECR, or none yet.

Images are named by digest from here on, so that what was tested is what is served.
"""

from __future__ import annotations

import re
from typing import Any

from botocore.exceptions import ClientError

from model.data_source import IMAGES
from model.errors import BuildError

IMAGE_URI = re.compile(r"(?P<host>[a-zA-Z0-9.:-]+)/(?P<repository>[a-z0-9._/-]+?)(?::(?P<tag>[\w.-]+)|@(?P<digest>sha256:[0-9a-f]{64}))")
ABSENT = ("ImageNotFoundException", "RepositoryNotFoundException")


def resolve(ecr: Any, target: str, uri: str) -> str:
    """Return an upload's image by digest, or raise BuildError when ECR does not have it."""
    where = f"imageDetail.json: {IMAGES[target]} {uri}"
    match = IMAGE_URI.fullmatch(uri)
    if match is None:
        raise BuildError(f"{where} is no image; allowed: host/repository:tag or host/repository@sha256:...")
    digest = find(ecr, match, where)
    if not digest:
        raise BuildError(f"{where} points to nothing: ECR has no such image")
    return f"{match['host']}/{match['repository']}@{digest}"


def existing(ecr: Any, repository_uri: str, tag: str) -> str:
    """Return the image with this content by digest; blank when it has yet to be built."""
    match = IMAGE_URI.fullmatch(f"{repository_uri}:{tag}")
    if match is None:
        raise BuildError(f"{repository_uri}:{tag} is no image; pipeline.yml sets the repository")
    digest = find(ecr, match, f"{repository_uri}:{tag}")
    return f"{repository_uri}@{digest}" if digest else ""


def find(ecr: Any, match: re.Match[str], where: str) -> str:
    """Return the digest of an image; blank when ECR has no such image."""
    image = {"imageTag": match["tag"]} if match["tag"] else {"imageDigest": match["digest"]}
    account = match["host"].split(".")[0]
    registry = {"registryId": account} if re.fullmatch(r"\d{12}", account) else {}
    try:
        found = ecr.describe_images(repositoryName=match["repository"], imageIds=[image], **registry)
    except ClientError as error:
        if error.response["Error"]["Code"] in ABSENT:
            return ""
        raise BuildError(f"{where} cannot be read: {error}") from error
    return str(found["imageDetails"][0]["imageDigest"])
