"""Captured requests to columns, by content type; what the endpoint takes is read here, too."""

import base64
import binascii
from collections import defaultdict
from collections.abc import Callable

from container.capture_lines import Captured
from container.errors import UnsupportedType
from container.media import CSV, JSON, JSONLINES, read_content_type
from container.request_csv import read_csv
from container.request_json import read_json, read_json_lines
from container.requests import Bodies, Read
from container.schema import Schema

Form = tuple[str | None, str]
READERS: dict[str, Callable[[Bodies, Schema, bool, Read], None]] = {CSV: read_csv, JSON: read_json, JSONLINES: read_json_lines}
# What an encoding says where no content type was observed.
KINDS = {"CSV": CSV, "JSON": JSON}


def read_requests(requests: list[Captured], schema: Schema, with_ids: bool = False) -> Read:
    """Return the requests' rows."""
    found = Read()
    for (header, encoding), bodies in _by_form(requests, found).items():
        try:
            kind, charset = read_content_type(header or KINDS.get(encoding))
        except UnsupportedType as error:
            found.refuse(bodies, str(error))
        else:
            READERS[kind](_decoded(bodies, charset, found) if encoding == "BASE64" else bodies, schema, with_ids, found)
    return found


def _by_form(requests: list[Captured], found: Read) -> dict[Form, Bodies]:
    """Return bodies by content type and encoding; mostly all are alike, which is found out faster than by sorting them."""
    sides = [request.capture_data.endpoint_input for request in requests]
    captured = [side for side in sides if side is not None]
    types, kinds = {side.observedContentType for side in captured}, {side.encoding for side in captured}
    if len(captured) == len(sides) and len(types) == len(kinds) == 1:
        return {(types.pop(), kinds.pop()): Bodies(requests, [side.data for side in captured])}
    by_form: dict[Form, Bodies] = defaultdict(Bodies)
    for request, side in zip(requests, sides, strict=True):
        if side is None:
            found.faults.append((request, "no input was captured"))
        else:
            by_form[side.observedContentType, side.encoding].add(request, side.data)
    return by_form


def _decoded(bodies: Bodies, charset: str, found: Read) -> Bodies:
    decoded = Bodies()
    for request, text in bodies:
        try:
            decoded.add(request, base64.b64decode(text, validate=True).decode(charset))
        except (binascii.Error, UnicodeDecodeError) as error:
            found.faults.append((request, f"its base64 holds no text in {charset}: {error}"))
    return decoded
