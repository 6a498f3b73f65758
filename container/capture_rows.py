"""Captured requests to columns, by content type; what the endpoint takes is read here, too."""

import base64
import binascii
from collections import defaultdict
from collections.abc import Callable, Iterable

from container.capture_lines import Captured
from container.errors import UnsupportedType
from container.media import CSV, JSON, JSONLINES, read_content_type
from container.request_csv import read_csv
from container.request_json import read_json, read_json_lines
from container.requests import Body, Read
from container.schema import Schema

READERS: dict[str, Callable[[list[Body], Schema, bool, Read], None]] = {CSV: read_csv, JSON: read_json, JSONLINES: read_json_lines}
# What an encoding says where no content type was observed.
KINDS = {"CSV": CSV, "JSON": JSON}


def read_requests(requests: Iterable[Captured], schema: Schema, with_ids: bool = False) -> Read:
    """Return the requests' rows."""
    found = Read()
    by_form: dict[tuple[str | None, str], list[Body]] = defaultdict(list)
    for request in requests:
        side = request.capture_data.endpoint_input
        if side is None:
            found.refuse([Body(request, "")], "no input was captured")
        else:
            by_form[side.observedContentType, side.encoding].append(Body(request, side.data))
    for (header, encoding), bodies in by_form.items():
        try:
            kind, charset = read_content_type(header or KINDS.get(encoding))
        except UnsupportedType as error:
            found.refuse(bodies, str(error))
        else:
            READERS[kind](_decoded(bodies, charset, found) if encoding == "BASE64" else bodies, schema, with_ids, found)
    return found


def _decoded(bodies: list[Body], charset: str, found: Read) -> list[Body]:
    texts = []
    for body in bodies:
        try:
            texts.append(Body(body.request, base64.b64decode(body.text, validate=True).decode(charset)))
        except (binascii.Error, UnicodeDecodeError) as error:
            found.refuse([body], f"its base64 holds no text in {charset}: {error}")
    return texts
