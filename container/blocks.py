"""Files in blocks of whole lines, each block small enough to be read at once and large enough to be worth it."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

BLOCK = 4 * 1024 * 1024
SEARCHED = 1024 * 1024


class Position(NamedTuple):
    """A byte in a file."""

    name: str
    path: Path
    offset: int

    def __str__(self) -> str:
        """Return the file's name and the line; counted only here, since hardly a line is ever named."""
        with self.path.open("rb") as file:
            left, lines = self.offset, 1
            while left and (piece := file.read(min(left, SEARCHED))):
                lines += piece.count(b"\n")
                left -= len(piece)
        return f"{self.name} line {lines}"


@dataclass
class Block:
    """Whole lines of one file or of several; parts say of each file where it starts here, and where in the file that is."""

    content: bytes = b""
    parts: list[tuple[int, Position]] = field(default_factory=list)

    def line(self, number: int) -> Position:
        """Return where the line with a number (from 0; blank lines have none) is."""
        start = 0
        for line in self.content.split(b"\n"):
            if line.strip():
                if not number:
                    break
                number -= 1
            start += len(line) + 1
        return self.position(start)

    def position(self, byte: int) -> Position:
        """Return where a byte of the content is."""
        first, position = self.parts[bisect_right(self.parts, byte, key=lambda part: part[0]) - 1]
        return position._replace(offset=position.offset + byte - first)


Rest = Callable[[bytes, BinaryIO], bytes]


def blocks(files: Iterable[tuple[str, Path]], rest: Rest, first_line: int = 1) -> Iterator[Block]:
    """Yield the files' lines in order; small files share a block, since an endpoint may write one a minute."""
    parts, held, size = [], [], 0
    for name, path in files:
        for offset, content in _pieces(path, rest, first_line):
            parts.append((size, Position(name, path, offset)))
            held.append(content)
            size += len(content)
            if size >= BLOCK:
                yield Block(b"".join(held), parts)
                parts, held, size = [], [], 0
    if held:
        yield Block(b"".join(held), parts)


def _pieces(path: Path, rest: Rest, first_line: int) -> Iterator[tuple[int, bytes]]:
    """Yield a file's lines in pieces with their places; the last line gets an end where it has none."""
    with path.open("rb") as file:
        for _ in range(first_line - 1):
            file.readline()
        offset = file.tell()
        while piece := file.read(BLOCK):
            whole = piece + rest(piece, file)
            yield offset, whole if whole.endswith(b"\n") else whole + b"\n"
            offset += len(whole)


def rest_of_line(piece: bytes, file: BinaryIO) -> bytes:
    """Return what is missing at the end of a piece that has just been read."""
    return b"" if piece.endswith(b"\n") else file.readline()


def rest_of_row(piece: bytes, file: BinaryIO) -> bytes:
    """Return what is missing to the end of a row of CSV, whose cells may hold line ends between quotes."""
    rest = rest_of_line(piece, file)
    quotes = piece.count(b'"') + rest.count(b'"') if b'"' in piece or b'"' in rest else 0
    while quotes % 2 and (line := file.readline()):
        rest += line
        quotes += line.count(b'"')
    return rest
