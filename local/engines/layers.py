"""ECR's half of a push and a pull, where ministack answers but keeps nothing: layers, and what must be there first.

Layers are kept where ministack's own registry keeps them. That registry asks nobody's rights, so its address is
closed to all but the signed URLs that GetDownloadUrlForLayer hands out.
"""

import base64
import hmac
import json
import secrets
from collections.abc import Callable
from typing import Any

from local.engines.image import digest_of
from local.machine import Machine

NAMES = ("_initiate_layer_upload", "_upload_layer_part", "_complete_layer_upload", "_batch_check_layer_availability",
         "_get_download_url_for_layer", "_put_image", "_describe_images", "handle_registry_request")
SEAMS = tuple(("ministack.services.ecr", name) for name in (
    *NAMES, "_repositories", "_images", "_layer_blobs", "_uploads", "_find_image", "_image_digest", "_query_first",
    "_registry_error", "_v2_get_blob"))
Response = tuple[int, dict[str, str], bytes]


def install(machine: Machine) -> None:
    """Replace the calls of NAMES."""
    from ministack.services import ecr

    layers = Layers(machine, ecr)
    for name in NAMES:
        setattr(ecr, name, layers.repaired(name, getattr(ecr, name)))


class LayerError(Exception):
    """An error that ECR answers: its code and a message."""


class Layers:
    """What is kept between the calls of a push and a pull; the state itself is ministack's."""

    def __init__(self, machine: Machine, ecr: Any) -> None:
        self._machine, self._ecr = machine, ecr
        self._secret = secrets.token_bytes(32)

    def repaired(self, name: str, original: Callable[..., Response]) -> Callable[..., Any]:
        """Return the repaired call: our method of that name, given the data and what ministack answers."""
        method: Callable[..., Response] = getattr(self, name)
        if name == "handle_registry_request":
            return method

        def call(data: dict[str, Any]) -> Response:
            if data.get("repositoryName") not in self._ecr._repositories:
                return original(data)
            try:
                return method(data, data["repositoryName"], original)
            except LayerError as error:
                refusal: Response = self._ecr.error_response_json(*error.args, 400)
                return refusal
        return call

    def _blobs(self, repository: str) -> dict[str, bytes]:
        blobs: dict[str, bytes] = self._ecr._layer_blobs.setdefault(repository, {})
        return blobs

    def _upload(self, data: dict[str, Any], repository: str) -> bytearray:
        upload: bytearray | None = self._ecr._uploads.setdefault(repository, {}).get(data["uploadId"])
        if upload is None:
            raise LayerError("UploadNotFoundException", f"The upload '{data['uploadId']}' does not exist")
        return upload

    def _initiate_layer_upload(self, data: dict[str, Any], repository: str, original: Callable[..., Response]) -> Response:
        response = original(data)
        upload = json.loads(response[2])["uploadId"]
        self._ecr._uploads.setdefault(repository, {})[upload] = bytearray()
        return response

    def _upload_layer_part(self, data: dict[str, Any], repository: str, original: Callable[..., Response]) -> Response:
        upload = self._upload(data, repository)
        part = base64.b64decode(data["layerPartBlob"])
        if data["partFirstByte"] != len(upload) or data["partLastByte"] != len(upload) + len(part) - 1:
            raise LayerError("InvalidLayerPartException", f"The next part must begin at byte {len(upload)}")
        upload += part
        return _with(original(data), lastByteReceived=len(upload) - 1)

    def _complete_layer_upload(self, data: dict[str, Any], repository: str, original: Callable[..., Response]) -> Response:
        content = bytes(self._upload(data, repository))
        digest = digest_of(content)
        if data["layerDigests"] != [digest]:
            raise LayerError("InvalidLayerException", f"The uploaded layer has the digest {digest}")
        del self._ecr._uploads[repository][data["uploadId"]]
        if digest in self._blobs(repository):
            raise LayerError("LayerAlreadyExistsException", f"The layer {digest} already exists")
        self._blobs(repository)[digest] = content
        return original(data)

    def _batch_check_layer_availability(self, data: dict[str, Any], repository: str, original: Callable[..., Response]) -> Response:
        blobs = self._blobs(repository)
        return _with(original(data), layers=[
            {"layerDigest": digest, "layerAvailability": "AVAILABLE", "layerSize": len(blobs[digest])}
            if digest in blobs else {"layerDigest": digest, "layerAvailability": "UNAVAILABLE", "layerSize": 0}
            for digest in data["layerDigests"]])

    def _get_download_url_for_layer(self, data: dict[str, Any], repository: str, original: Callable[..., Response]) -> Response:
        digest = data["layerDigest"]
        if digest not in self._blobs(repository):
            raise LayerError("LayersNotFoundException", f"The layer {digest} does not exist in '{repository}'")
        path = f"/v2/{repository}/blobs/{digest}"
        return _with(original(data), downloadUrl=f"{self._machine.endpoint_url}{path}?signature={self._sign(path)}")

    def _put_image(self, data: dict[str, Any], repository: str, original: Callable[..., Response]) -> Response:
        manifest, tag = data["imageManifest"], data.get("imageTag")
        digest = self._ecr._image_digest(manifest)
        if data.get("imageDigest", digest) != digest:
            raise LayerError("ImageDigestDoesNotMatchException", f"The manifest has the digest {digest}")
        missing = _named(manifest) - self._blobs(repository).keys()
        if missing:
            raise LayerError("LayersNotFoundException", f"These layers were not uploaded: {', '.join(sorted(missing))}")
        held = self._ecr._find_image(repository, {"imageDigest": digest})
        if held and (tag is None or tag in held["imageTags"]):
            raise LayerError("ImageAlreadyExistsException", f"The image {digest} with the tag '{tag}' already exists")
        return original(data)

    def _describe_images(self, data: dict[str, Any], repository: str, original: Callable[..., Response]) -> Response:
        for image_id in data.get("imageIds") or []:
            if self._ecr._find_image(repository, image_id) is None:
                raise LayerError("ImageNotFoundException", f"The image with imageId {json.dumps(image_id)} does not"
                                 f" exist within the repository with name '{repository}'")
        return original(data)

    async def handle_registry_request(self, method: str, path: str, headers: dict[str, Any], body: bytes,
                                      query_params: dict[str, Any]) -> Response:
        """Serve a layer at its signed URL, and nothing else."""
        signature = self._ecr._query_first(query_params, "signature") or ""
        if method != "GET" or not hmac.compare_digest(signature.encode(), self._sign(path).encode()):
            refusal: Response = self._ecr._registry_error(401, "UNAUTHORIZED", "this machine's images are pushed and pulled by"
                                                          " its own docker front; see local/README.md")
            return refusal
        repository, digest = path.removeprefix("/v2/").split("/blobs/")
        blob: Response = self._ecr._v2_get_blob(repository, digest)
        return blob

    def _sign(self, path: str) -> str:
        return hmac.new(self._secret, path.encode(), "sha256").hexdigest()


def _named(manifest: str) -> set[str]:
    """Return the digests that an image's manifest names."""
    try:
        document = json.loads(manifest)
        return {blob["digest"] for blob in [document["config"], *document["layers"]]}
    except (ValueError, KeyError, TypeError) as error:
        raise LayerError("InvalidParameterException", "The manifest is not that of one image") from error


def _with(response: Response, **changes: Any) -> Response:
    """Return ministack's answer with some fields as they should be."""
    status, headers, body = response
    return status, headers, json.dumps(json.loads(body) | changes).encode()
