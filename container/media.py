"""What a request says of its body and of the reply that it wants, in Content-Type and Accept."""

import codecs
from functools import lru_cache
from typing import NamedTuple

from container.errors import NotAcceptable, UnsupportedType

CSV, JSON, JSONLINES = "text/csv", "application/json", "application/jsonlines"
KINDS = (CSV, JSON, JSONLINES)
# Only encodings of text that read any body in one pass: Python also knows zip, rot13 and slow ones as idna.
CHARSETS = frozenset({"utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252", "utf-16", "utf-16-le", "utf-16-be"})
# What a reply tells of each row: the name is what `Accept: text/csv; answer=NAME` and MODEL_SERVER_ANSWER say.
ANSWERS = ("both", "label", "probability", "probabilities")


class Body(NamedTuple):
    """The type of a body and the name of its encoding."""

    kind: str
    charset: str


class Wish(NamedTuple):
    """The type of the reply, and what it tells of each row."""

    kind: str
    answer: str


# Clients repeat themselves, so a header is read once; the caches are bounded because clients may not.
@lru_cache(256)
def read_content_type(header: str | None) -> Body:
    """Return what a Content-Type says; UnsupportedType when it has no reader."""
    kind, parameters = _parts(header or "")
    if kind not in KINDS:
        given = f"content type {kind[:80]!r} is not supported" if kind else "the request has no content type"
        raise UnsupportedType(f"{given}; send {', '.join(KINDS)}")
    try:
        charset = codecs.lookup(parameters.get("charset", "utf-8")).name
    except (LookupError, ValueError):
        charset = ""
    if charset not in CHARSETS:
        raise UnsupportedType(f"the body's charset is not known; send one of {', '.join(sorted(CHARSETS))}")
    return Body(kind, "utf-8-sig" if charset == "utf-8" else charset)


@lru_cache(256)
def read_accept(header: str | None, default: str) -> Wish:
    """Return what an Accept asks for, its best-liked first; NotAcceptable when no reply is of that kind."""
    ranges = [_parts(part) for part in (header or "*/*").split(",")]
    for asked, parameters in sorted(ranges, key=lambda asked: -_quality(asked[1])):
        kind = JSON if asked in ("*/*", "application/*", "") else CSV if asked == "text/*" else asked
        if kind in KINDS and _quality(parameters) > 0:
            return Wish(kind, _answer(parameters.get("answer", default)))
    raise NotAcceptable(f"the reply can be {', '.join(KINDS)}")


def media_types(header: str | None) -> str | None:
    """Return the types that an Accept names, without their parameters."""
    return header and ", ".join(part.partition(";")[0].strip() for part in header.split(","))


def _answer(name: str) -> str:
    if name not in ANSWERS:
        raise NotAcceptable(f"answer can be {', '.join(ANSWERS)}")
    return name


def _parts(header: str) -> tuple[str, dict[str, str]]:
    kind, *rest = header.split(";")
    pairs = (part.partition("=") for part in rest)
    return kind.strip().lower(), {name.strip().lower(): value.strip().strip('"').lower() for name, _, value in pairs}


def _quality(parameters: dict[str, str]) -> float:
    try:
        return float(parameters.get("q", 1))
    except ValueError:
        return 0.0
