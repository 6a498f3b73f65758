"""The lines that SageMaker captures: each a request and its answer, with their ids.

msgspec reads only the named fields of a line: 0.6 microseconds, where json takes 4, duckdb 1.6 on both cores and
Arrow 1.4, and all but msgspec and orjson make a line that is none cost the whole block.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

# Requests with which the project tests itself (api/golden.py).
SYNTHETIC = "synthetic-"


class Side(msgspec.Struct, gc=False, frozen=True):
    """A request or an answer as it was captured; data is base64 where the encoding says so."""

    data: str
    encoding: str = ""
    observedContentType: str | None = None  # noqa: N815 - as it is captured


class Sides(msgspec.Struct, gc=False, frozen=True, rename="camel"):
    """What was captured of a request."""

    endpoint_input: Side | None = None
    endpoint_output: Side | None = None


class Event(msgspec.Struct, gc=False, frozen=True, rename="camel"):
    """Which request it was; the client may have given it an inference id."""

    event_id: str = ""
    inference_id: str = ""

    @property
    def id(self) -> str:
        """Return the id by which ground truth names the request."""
        return self.inference_id or self.event_id


class Captured(msgspec.Struct, gc=False, frozen=True, rename="camel"):
    """One line."""

    capture_data: Sides
    event_metadata: Event = Event()


DECODER = msgspec.json.Decoder(Captured)


class Lines(NamedTuple):
    """A block's requests with the numbers of their lines (from 0; blank lines have none), and why other lines hold none."""

    requests: list[Captured]
    numbers: Sequence[int]
    faults: dict[int, str]


def captured(content: bytes) -> Lines:
    """Return what lines hold."""
    try:
        requests = DECODER.decode_lines(content)
        return Lines(requests, range(len(requests)), {})
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _one_by_one(content)


def _one_by_one(content: bytes) -> Lines:
    found: dict[int, Captured] = {}
    faults: dict[int, str] = {}
    for number, line in enumerate(filter(bytes.strip, content.split(b"\n"))):
        try:
            found[number] = DECODER.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            faults[number] = f"no captured request: {error}"
    return Lines([*found.values()], [*found], faults)
