"""From a WSGI environment to the bytes of a request's body: bounded, unpacked, and complete."""

import zlib
from typing import Any

from gunicorn.http.errors import NoMoreData, ParseException

from container.errors import Refused, TooLarge, TooSlow, UnsupportedType

GZIP = 16 + zlib.MAX_WBITS


def read_body(environ: dict[str, Any], largest: int) -> bytes:
    """Return the body, unpacked; refuse what is larger than allowed, incomplete or packed in another way."""
    body = _read(environ, largest)
    encoding = environ.get("HTTP_CONTENT_ENCODING")
    if not encoding or encoding.lower() == "identity":
        return body
    if encoding.strip().lower() not in ("gzip", "x-gzip"):
        raise UnsupportedType("the body's content encoding is not supported; send gzip, or none")
    return unpacked(body, largest)


def _read(environ: dict[str, Any], largest: int) -> bytes:
    promised = int(environ.get("CONTENT_LENGTH") or -1)
    if promised > largest:
        raise TooLarge(largest)
    try:
        # A chunked body has no length; one byte more than allowed tells that it is too large.
        body: bytes = environ["wsgi.input"].read(largest + 1 if promised < 0 else promised)
    except (ParseException, NoMoreData, ValueError) as error:
        raise Refused(f"the body's chunks cannot be read: {type(error).__name__}") from None
    except OSError:
        raise TooSlow("the body did not come, or stopped coming; send it again") from None
    if len(body) > largest:
        raise TooLarge(largest)
    if len(body) < promised:
        raise Refused(f"the body ended after {len(body)} bytes of the {promised} that Content-Length names")
    return body


def unpacked(body: bytes, largest: int) -> bytes:
    """Return what gzip has packed, which may be several streams one after the other."""
    parts: list[bytes] = []
    left = largest
    while body or not parts:
        stream = zlib.decompressobj(GZIP)
        try:
            # Never more than allowed is unpacked: a few kilobytes can unpack to gigabytes.
            parts.append(stream.decompress(body, left + 1))
        except zlib.error:
            raise Refused("the body is no gzip, although Content-Encoding says so") from None
        left -= len(parts[-1])
        if left < 0:
            raise TooLarge(largest)
        if not stream.eof:
            raise Refused("the gzip body ends too early")
        body = stream.unused_data
    return b"".join(parts)
