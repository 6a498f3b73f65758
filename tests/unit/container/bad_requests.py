"""Requests as no client should send them, made up by hypothesis: one strategy for each kind of badness."""

import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st

KINDS = ("text/csv", "application/json", "application/jsonlines")
Header = tuple[str, str]


@dataclass(frozen=True)
class BadRequest:
    """A request's headers and body as they go over the wire; cut: the client stops sending after the body."""

    headers: tuple[Header, ...]
    body: bytes
    cut: bool = False

    def wire(self) -> bytes:
        """Return the bytes to send; Content-Length is right unless the headers bring one."""
        headers = [("Host", "model"), ("Connection", "close"), *self.headers]
        if not any(name in ("Content-Length", "Transfer-Encoding") for name, _ in headers):
            headers.append(("Content-Length", str(len(self.body))))
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        return b"POST /invocations HTTP/1.1\r\n" + lines.encode("latin-1") + b"\r\n" + self.body


class Sample:
    """Good rows, which the strategies spoil."""

    def __init__(self, header: str, rows: list[str]) -> None:
        self.names, self.rows = header.split(","), [row.split(",") for row in rows]

    def csv(self, rows: list[list[str]], header: bool = False) -> bytes:
        """Return rows as CSV."""
        return "".join(",".join(row) + "\n" for row in ([self.names] if header else []) + rows).encode()

    def bodies(self, row: list[str]) -> st.SearchStrategy[tuple[str, bytes]]:
        """Return a row in each of the forms that are read."""
        record = dict(zip(self.names, row, strict=False))
        return st.sampled_from([
            ("text/csv", self.csv([row])), ("text/csv", self.csv([row], header=True)),
            ("application/json", json.dumps([record]).encode()), ("application/json", json.dumps({"instances": [row]}).encode()),
            ("application/json", json.dumps({"columns": self.names, "data": [row]}).encode()),
            ("application/jsonlines", json.dumps(record).encode()),
        ])


def request(kind: str, body: bytes, *more: Header) -> BadRequest:
    """Return a request whose headers are right but for those given."""
    return BadRequest((("Content-Type", kind), *more), body)


@st.composite
def random_bytes(draw: st.DrawFn, sample: Sample) -> BadRequest:
    return request(draw(st.sampled_from([*KINDS, "image/png", "", "text/csv;;=;charset"])), draw(st.binary(max_size=2000)))


@st.composite
def truncated_csv(draw: st.DrawFn, sample: Sample) -> BadRequest:
    rows = draw(st.lists(st.sampled_from(sample.rows), min_size=1, max_size=5))
    body = sample.csv(rows, header=draw(st.booleans()))
    quote = draw(st.sampled_from([b"", b'"', b'"""']))
    return request("text/csv", quote + body[: draw(st.integers(0, len(body)))])


@st.composite
def wrong_widths(draw: st.DrawFn, sample: Sample) -> BadRequest:
    rows = [(row * 3)[: draw(st.integers(0, 57))] for row in draw(st.lists(st.sampled_from(sample.rows), max_size=4))]
    if draw(st.booleans()):
        return request("text/csv", sample.csv(rows, header=draw(st.booleans())))
    names = draw(st.permutations(sample.names))[: draw(st.integers(0, 19))] * draw(st.integers(1, 2))
    return request("application/json", json.dumps(draw(st.sampled_from([rows, {"columns": names, "data": rows}]))).encode())


HUGE = st.one_of(
    st.integers(300, 6000).map(lambda digits: "9" * digits), st.sampled_from(["1e999", "-1e308", "3.5e38", "1e39", "-4e38"]),
    st.integers(39, 10**6).map(lambda power: f"1e{power}"), st.floats(min_value=1e38, allow_infinity=False).map(repr),
)
NOT_FINITE = st.sampled_from(["NaN", "nan", "Infinity", "-Infinity", "inf", "-inf", "+INF", "iNf", "-nan", "1e400"])


def spoilt_cells(cells: st.SearchStrategy[str]) -> Callable[[Sample], st.SearchStrategy[BadRequest]]:
    """Return the kind that has such cells among good ones, as text and as JSON's numbers."""

    @st.composite
    def kind(draw: st.DrawFn, sample: Sample) -> BadRequest:
        row, places = list(draw(st.sampled_from(sample.rows))), draw(st.sets(st.integers(0, 18), min_size=1, max_size=19))
        cell = draw(cells)
        row = [cell if place in places else old for place, old in enumerate(row)]
        content_type, body = draw(sample.bodies(row))
        return request(content_type, body.replace(b'"%s"' % cell.encode(), cell.encode()) if draw(st.booleans()) else body)

    return kind


@st.composite
def nul_bytes(draw: st.DrawFn, sample: Sample) -> BadRequest:
    kind, body = draw(sample.bodies(draw(st.sampled_from(sample.rows))))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(body)))
        body = body[:place] + draw(st.sampled_from([b"\0", b"\0\0\0\0", b"\\u0000"])) + body[place:]
    return request(kind, body)


CHARSETS = ("utf-8", "utf-16", "utf-32", "latin-1", "shift_jis", "cp037", "utf-7", "ascii")


@st.composite
def wrong_charsets(draw: st.DrawFn, sample: Sample) -> BadRequest:
    kind, body = draw(sample.bodies(draw(st.sampled_from(sample.rows))))
    text = body.decode().replace("no", draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=8)))
    said = draw(st.sampled_from([*CHARSETS, "idna", "zip", "rot13", "nothing", '"', "utf-8; charset=utf-16", "\xe4"]))
    return request(f"{kind}; charset={said}", text.encode(draw(st.sampled_from(CHARSETS)), "replace"))


@st.composite
def json_bombs(draw: st.DrawFn, sample: Sample) -> BadRequest:
    depth, closed = draw(st.integers(1, 40_000)), draw(st.booleans())
    opening, ending = draw(st.sampled_from([("[", "]"), ('{"a":', "}"), ('{"instances":[', "]}"), ('[{"state":', "}]")]))
    core = draw(st.sampled_from(["", "1", '"state"', '{"columns":["state"],"data":[]}', '"' + "\\u0041" * 500 + '"']))
    wide = "[" + ",".join([opening + ending] * draw(st.integers(0, 500))) + "]"
    text = draw(st.sampled_from([opening * depth + core + ending * depth * closed, wide, '{"columns":' + wide + ',"data":' + wide + "}"]))
    return request(draw(st.sampled_from(KINDS[1:])), text.encode())


DUPLICATES = [("Content-Type", "text/csv"), ("Content-Type", "application/json"), ("Content-Length", "0"), ("Content-Length", "7"),
              ("Content-Length", "120"), ("Accept", "text/csv"), ("Accept", "x/y;q=9;q="), ("Host", "other"), ("Transfer-Encoding", "chunked"),
              ("Transfer-Encoding", "identity"), ("Content-Encoding", "gzip"), ("Content-Encoding", "identity"), ("Expect", "100-continue"),
              ("Connection", "keep-alive"), ("Content_Length", "5"), ("X-Y", "z" * 5000)]


@st.composite
def duplicate_headers(draw: st.DrawFn, sample: Sample) -> BadRequest:
    kind, body = draw(sample.bodies(draw(st.sampled_from(sample.rows))))
    more = draw(st.lists(st.sampled_from(DUPLICATES), min_size=1, max_size=6))
    own = [("Content-Length", str(len(body)))] if draw(st.booleans()) else []
    return BadRequest((("Content-Type", kind), *own, *more, *more[: draw(st.integers(0, 2))]), body, cut=True)


@st.composite
def lying_lengths(draw: st.DrawFn, sample: Sample) -> BadRequest:
    kind, body = draw(sample.bodies(draw(st.sampled_from(sample.rows))))
    said = draw(st.one_of(
        st.integers(-200, 200).map(lambda off: str(len(body) + off)),
        st.sampled_from(["-1", "+5", "1e3", "0x10", "", " ", "9" * 30, "6291457", "5000000", "1, 2", "\xb2"]),
        st.integers(0, 10**12).map(str),
    ))
    chunked = (("Transfer-Encoding", draw(st.sampled_from(["chunked", "chunked, chunked", "gzip", "xchunked"]))),)
    return BadRequest((("Content-Type", kind), ("Content-Length", said), *(chunked if draw(st.booleans()) else ())), body, cut=True)


def bomb() -> bytes:
    """Return gzip that unpacks to 64 MB."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(64)), packer.flush()])


BOMB = bomb()


@st.composite
def lying_gzip(draw: st.DrawFn, sample: Sample) -> BadRequest:
    kind, body = draw(sample.bodies(draw(st.sampled_from(sample.rows))))
    packed = gzip.compress(body, mtime=0)
    place = draw(st.integers(0, len(packed) - 1))
    spoilt = packed[:place] + bytes([packed[place] ^ draw(st.integers(1, 255))]) + packed[place + 1:]
    data = draw(st.sampled_from([body, packed[:place], spoilt, packed + draw(st.binary(max_size=20)), packed * 3, BOMB, BOMB[:place * 50], b""]))
    return request(kind, data, ("Content-Encoding", draw(st.sampled_from(["gzip", "GZIP", "x-gzip", "deflate", "br", "gzip, gzip", ""]))))


BADNESS: dict[str, Callable[[Sample], st.SearchStrategy[BadRequest]]] = {
    "random bytes": random_bytes, "truncated CSV": truncated_csv, "wrong widths": wrong_widths, "huge numbers": spoilt_cells(HUGE),
    "NaN and Inf": spoilt_cells(NOT_FINITE), "NUL bytes": nul_bytes, "wrong charsets": wrong_charsets, "JSON bombs": json_bombs,
    "duplicate headers": duplicate_headers, "lying lengths": lying_lengths, "lying gzip": lying_gzip,
}
