"""Writing chosen rows of a data set to several CSV files, in one reading.

Arrow's own writer puts quotes around all cells of a block or none; here only those that need them have them.
"""

import csv
import io
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from container.table import Batch, CsvFile, batches_of

NEED_QUOTES = (b'"', b",", b"\r", b"\n")


@dataclass(frozen=True)
class Part:
    """A file to write: its columns in order, and for each row of the data set whether it is among the file's."""

    path: Path
    columns: list[str]
    rows: np.ndarray


def write_parts(files: list[CsvFile], parts: list[Part]) -> None:
    """Write each part's rows in their order as CSV with a header."""
    names = list(dict.fromkeys(name for part in parts for name in part.columns))
    start = 0
    with ExitStack() as opened:
        outputs = [opened.enter_context(part.path.open("wb")) for part in parts]
        for part, output in zip(parts, outputs, strict=True):
            output.write(_header(part.columns))
        for batch in batches_of(files, names):
            for part, output in zip(parts, outputs, strict=True):
                _write(batch, part.columns, part.rows[start : start + batch.rows], output)
            start += batch.rows


def _header(names: list[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(names)
    return text.getvalue().encode()


def _write(batch: Batch, names: list[str], chosen: np.ndarray, output: BinaryIO) -> None:
    rows = pa.array(chosen)
    cells = [_quoted(batch.columns[name].filter(rows)) for name in names]
    if len(cells) == 1:
        # The line of an only cell that is empty would be blank, which is no row.
        cells = [pc.if_else(pc.equal(cells[0], ""), '""', cells[0])]
    # An array of text keeps its texts one after the other: lines with their ends are the file already.
    output.write(_bytes(pc.binary_join_element_wise(pc.binary_join_element_wise(*cells, ","), "", "\n")))


def _quoted(cells: pa.Array) -> pa.Array:
    """Return cells with quotes around those that need them."""
    content = _bytes(cells)
    if not any(mark in content for mark in NEED_QUOTES):
        return cells
    doubled = pc.replace_substring(cells, '"', '""')
    needing = pc.match_substring_regex(cells, '[",\r\n]')
    return pc.if_else(needing, pc.binary_join_element_wise('"', doubled, '"', ""), cells)


def _bytes(cells: pa.Array) -> bytes:
    """Return the array's texts as they stand one after the other in memory."""
    _, ends, content = cells.buffers()
    if not len(cells) or content is None:
        return b""
    first, last = np.frombuffer(ends, dtype=np.int32)[[cells.offset, cells.offset + len(cells)]]
    texts: bytes = content.slice(int(first), int(last - first)).to_pybytes()
    return texts
