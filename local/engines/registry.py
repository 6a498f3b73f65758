"""Pushes to and pulls from ECR by the very API calls that docker's push and pull need rights for."""

import base64
import json
import re
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.client import BaseClient

from local.engines.image import MANIFEST_TYPE, MANIFEST_TYPES, Packed, digest_of

URI = re.compile(
    r"(?P<registry>(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?)"
    r"/(?P<repository>[a-z0-9][a-z0-9._/-]*)(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?")


class ImageError(Exception):
    """An image that cannot be had."""


class ImageNotFoundError(ImageError):
    """An image that the registry does not hold."""


@dataclass(frozen=True)
class Reference:
    """An image's address in ECR, taken apart."""

    registry: str
    account: str
    region: str
    repository: str
    tag: str | None
    digest: str | None

    @classmethod
    def parse(cls, uri: str) -> "Reference":
        """Read an address; raises ImageNotFoundError for one that is not ECR's."""
        match = URI.fullmatch(uri)
        if match is None:
            raise ImageNotFoundError(f"Image {uri} is not in an ECR repository: only"
                                     " ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY[:TAG][@DIGEST] can be used.")
        return cls(**match.groupdict())

    @property
    def image_id(self) -> dict[str, str]:
        """How ECR's API names the image: by digest, else by tag."""
        return {"imageDigest": self.digest} if self.digest else {"imageTag": self.tag or "latest"}


def push(ecr: BaseClient, reference: Reference, image: Packed) -> None:
    """Upload what the repository lacks, then the manifest under the tag; an image that is there already is no error."""
    names = {digest_of(blob): blob for blob in image.blobs}
    ecr.batch_get_image(repositoryName=reference.repository, imageIds=[reference.image_id],
                        acceptedMediaTypes=MANIFEST_TYPES)  # a push asks first whether the tag is there
    answer = ecr.batch_check_layer_availability(repositoryName=reference.repository, layerDigests=list(names))
    present = {layer["layerDigest"] for layer in answer["layers"] if layer["layerAvailability"] == "AVAILABLE"}
    for digest in names.keys() - present:
        _upload(ecr, reference.repository, digest, names[digest])
    try:
        ecr.put_image(repositoryName=reference.repository, imageTag=reference.tag or "latest",
                      imageManifest=image.manifest.decode(), imageManifestMediaType=MANIFEST_TYPE)
    except ecr.exceptions.ImageAlreadyExistsException:
        return


def _upload(ecr: BaseClient, repository: str, digest: str, blob: bytes) -> None:
    upload = ecr.initiate_layer_upload(repositoryName=repository)
    size = upload["partSize"]
    for first in range(0, len(blob), size):
        part = blob[first:first + size]
        ecr.upload_layer_part(repositoryName=repository, uploadId=upload["uploadId"], partFirstByte=first,
                              partLastByte=first + len(part) - 1, layerPartBlob=part)
    with suppress(ecr.exceptions.LayerAlreadyExistsException):  # another push of the same content was faster
        ecr.complete_layer_upload(repositoryName=repository, uploadId=upload["uploadId"], layerDigests=[digest])


@dataclass(frozen=True)
class Pulled:
    """An image that the caller may use: its digest, and where its blobs can be read."""

    digest: str
    manifest: dict[str, Any]
    urls: dict[str, str]

    def read(self, descriptor: dict[str, Any]) -> bytes:
        """Return a blob of the manifest; raises ImageError when it is not what the manifest says."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.urls[descriptor["digest"]], timeout=60) as response:
            content: bytes = response.read()
        if digest_of(content) != descriptor["digest"]:
            raise ImageError(f"{descriptor['digest']} of image {self.digest} is damaged. Push the image again.")
        return content


def pull(ecr: BaseClient, uri: str) -> Pulled:
    """Ask for an image as a docker host does; raises ImageNotFoundError, or ClientError when a right is missing."""
    reference = Reference.parse(uri)
    ecr.get_authorization_token()
    manifest = _manifest(ecr, reference, uri)
    document = json.loads(manifest)
    digests = [blob["digest"] for blob in [document["config"], *document["layers"]]]
    ecr.batch_check_layer_availability(repositoryName=reference.repository, layerDigests=digests)
    answers = [ecr.get_download_url_for_layer(repositoryName=reference.repository, layerDigest=digest)
               for digest in digests]
    return Pulled(digest_of(manifest), document, {answer["layerDigest"]: answer["downloadUrl"] for answer in answers})


def _manifest(ecr: BaseClient, reference: Reference, uri: str) -> bytes:
    try:
        answer = ecr.batch_get_image(registryId=reference.account, repositoryName=reference.repository,
                                     imageIds=[reference.image_id], acceptedMediaTypes=MANIFEST_TYPES)
    except ecr.exceptions.RepositoryNotFoundException as error:
        raise ImageNotFoundError(f"Requested image {uri} not found: {error.response['Error']['Message']}") from error
    if not answer["images"]:
        raise ImageNotFoundError(f"Requested image {uri} not found.")
    manifest: bytes = answer["images"][0]["imageManifest"].encode()
    return manifest


def password(ecr: BaseClient) -> str:
    """Return the password with which docker logs in to the caller's registry."""
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    return base64.b64decode(token).decode().partition(":")[2]
