"""Files in blocks of whole lines, each block small enough to be read at once and large enough to be worth it."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

BLOCK = 4 * 1024 * 1024


@dataclass
class Block:
    """Whole lines of one file or of several; parts say of each file its first line here, and which of its own that is."""

    content: bytes = b""
    parts: list[tuple[int, str, int]] = field(default_factory=list)

    def place(self, line: int) -> str:
        """Return the name of a line, counted from 0, by its file."""
        first, name, number = self.parts[bisect_right(self.parts, line, key=lambda part: part[0]) - 1]
        return f"{name} line {number + line - first}"


Cut = Callable[[bytes], int]


def blocks(files: Iterable[tuple[str, Path]], cut: Cut, first_line: int = 1) -> Iterator[Block]:
    """Yield the files' lines in order; small files share a block, since an endpoint may write one a minute."""
    block, held, lines = Block(), [], 0
    for name, path in files:
        for content, number in _pieces(path, cut, first_line):
            block.parts.append((lines, name, number))
            held.append(content)
            lines += content.count(b"\n")
            if sum(map(len, held)) >= BLOCK:
                block.content = b"".join(held)
                yield block
                block, held, lines = Block(), [], 0
    if held:
        block.content = b"".join(held)
        yield block


def _pieces(path: Path, cut: Cut, first_line: int) -> Iterator[tuple[bytes, int]]:
    """Yield a file's lines in pieces, each with the number of its first line; the last line gets an end where it has none."""
    rest, number = b"", 1
    with path.open("rb") as file:
        for _ in range(first_line - 1):
            file.readline()
            number += 1
        while piece := file.read(BLOCK):
            rest += piece
            if end := cut(rest):
                yield rest[:end], number
                number += rest.count(b"\n", 0, end)
                rest = rest[end:]
    if rest.strip():
        yield rest if rest.endswith(b"\n") else rest + b"\n", number


def after_line(content: bytes) -> int:
    """Return where the last whole line ends; 0 where none does."""
    return content.rfind(b"\n") + 1


def after_row(content: bytes) -> int:
    """Return where the last whole row of CSV ends, whose cells may hold line ends between quotes."""
    end = after_line(content)
    while end and content.count(b'"', 0, end) % 2:
        end = content.rfind(b"\n", 0, end - 1) + 1
    return end
