"""Reading the CSV files of jobs: text cells batch by batch, and where each row stands.

Arrow's reader makes the batches: it takes a row in microseconds where Python takes tens, and holds a
few blocks of a file however long that is. Its messages lack the row, so a file that it refuses is
read again, slowly, for the reason (container/csv_faults.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from container.csv_faults import fault, header
from container.errors import CellRefused, FileRefused, Refused

# Bytes read at a time; no row may be longer.
BLOCK = 8 * 1024 * 1024


@dataclass(frozen=True)
class Batch:
    """Some rows of a file in a row, without blanks around cells; before counts the file's earlier rows."""

    columns: dict[str, pa.Array]
    file: str
    before: int
    rows: int

    def located(self, error: CellRefused) -> FileRefused:
        """Return a cell's refusal with the file and the row in that file."""
        return FileRefused(f"{self.file}: {CellRefused(self.before + error.row, error.column, error.reason)}")


@dataclass(frozen=True)
class CsvFile:
    """A CSV file with a header; raw_names are its columns' names with their blanks."""

    path: Path
    raw_names: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """Return the columns' names in order."""
        return [name.strip() for name in self.raw_names]

    def batches(self, wanted: list[str] | None = None) -> Iterator[Batch]:
        """Yield the file's rows in order, of the wanted columns only where they are named; refuse what is no CSV."""
        names = self.names if wanted is None else wanted
        before = 0
        try:
            for found in self._opened(names):
                cells = map(pc.utf8_trim_whitespace, found.columns)
                yield Batch(dict(zip(names, cells, strict=True)), self.path.name, before, len(found))
                before += len(found)
        except pa.ArrowInvalid as error:
            raise fault(self.path, len(self.names)) or Refused(f"{self.path.name}: no CSV: {error}") from None

    def _opened(self, names: list[str]) -> Any:
        raw = dict(zip(self.names, self.raw_names, strict=True))
        wanted = [raw[name] for name in names]
        return csv.open_csv(
            self.path,
            read_options=csv.ReadOptions(block_size=BLOCK),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(self.raw_names, pa.string()), include_columns=wanted),
        ) if _has_rows(self.path) else ()


def _has_rows(path: Path) -> bool:
    # Arrow takes a header alone for no file at all where its line does not end.
    with path.open("rb") as file:
        first = file.read(BLOCK)
    return b"\n" in first or b"\r" in first


def csv_file(path: Path) -> CsvFile:
    """Return a file whose header names columns; refuse one that does not."""
    return CsvFile(path, header(path))


def csv_files(folder: Path) -> list[CsvFile]:
    """Return a folder's CSV files in the order of their names; refuse when their columns differ."""
    paths = [path for path in folder.iterdir() if path.suffix.lower() == ".csv"] if folder.is_dir() else []
    files = [csv_file(path) for path in sorted(paths)]
    for file in files[1:]:
        if set(file.names) != set(files[0].names):
            odd = ", ".join(sorted(set(file.names) ^ set(files[0].names)))
            raise Refused(f"{file.path.name} and {files[0].path.name} differ in their columns: {odd}")
    return files


def batches_of(files: list[CsvFile], wanted: list[str]) -> Iterator[Batch]:
    """Yield the wanted columns of all files' rows in order."""
    for file in files:
        yield from file.batches(wanted)


@dataclass(frozen=True)
class Table:
    """All rows of one file, for files that fit into memory."""

    source: str
    cells_by_name: dict[str, np.ndarray]
    rows: int

    @property
    def names(self) -> list[str]:
        """Return the columns' names in order."""
        return list(self.cells_by_name)

    def __len__(self) -> int:
        return self.rows

    def cells(self, name: str) -> np.ndarray:
        """Return a column's cells as an array of text."""
        return self.cells_by_name[name]

    def columns(self, names: list[str]) -> list[np.ndarray]:
        """Return several columns' cells."""
        return [self.cells(name) for name in names]

    def located(self, error: CellRefused) -> Refused:
        """Return a cell's refusal with the file's name."""
        return Refused(f"{self.source}: {error}")


def read_table(path: Path) -> Table:
    """Return the rows of one CSV file with a header; refuse, by name and row, what is not one."""
    file = csv_file(path)
    parts: dict[str, list[np.ndarray]] = {name: [np.empty(0, dtype=object)] for name in file.names}
    rows = 0
    for batch in file.batches():
        rows += batch.rows
        for name, cells in batch.columns.items():
            parts[name].append(cells.to_numpy(zero_copy_only=False))
    return Table(path.name, {name: np.concatenate(cells) for name, cells in parts.items()}, rows)
