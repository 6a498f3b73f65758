"""Reading and writing the CSV files of jobs: text cells, and where each row came from."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from container.errors import CellRefused, Refused


@dataclass(frozen=True)
class Table:
    """Rows of text cells; files pairs each file's name with its number of rows, in order."""

    frame: pd.DataFrame
    files: tuple[tuple[str, int], ...]

    @property
    def names(self) -> list[str]:
        """Return the columns' names in order."""
        return list(self.frame.columns)

    @property
    def source(self) -> str:
        """Return the files' names for messages."""
        return ", ".join(name for name, _ in self.files)

    def __len__(self) -> int:
        return len(self.frame)

    def cells(self, name: str) -> np.ndarray:
        """Return a column's cells as an array of text."""
        return self.frame[name].to_numpy(dtype=object)

    def columns(self, names: list[str]) -> list[np.ndarray]:
        """Return several columns' cells."""
        return [self.cells(name) for name in names]

    def place(self, row: int) -> tuple[str, int]:
        """Return the file and the row in it of a row that counts from 1 over all files."""
        for name, length in self.files:
            if row <= length:
                return name, row
            row -= length
        return self.source, row

    def located(self, error: CellRefused) -> Refused:
        """Return a cell's refusal with the file and the row in that file."""
        name, row = self.place(error.row)
        return Refused(f"{name}: {CellRefused(row, error.column, error.reason)}")


def read_folder(folder: Path) -> Table | None:
    """Return all rows of a folder's CSV files; None when there are none."""
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        return None
    tables = [read_table(path) for path in paths]
    first = tables[0]
    for table in tables[1:]:
        if set(table.names) != set(first.names):
            odd = ", ".join(sorted(set(table.names) ^ set(first.names)))
            raise Refused(f"{table.source} and {first.source} differ in their columns: {odd}")
    frame = pd.concat([table.frame[first.names] for table in tables], ignore_index=True)
    return Table(frame, tuple(file for table in tables for file in table.files))


def read_table(path: Path) -> Table:
    """Return the rows of one CSV file with a header; refuse, by name and row, what is not one."""
    names = _checked_names(path)
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False,
                            encoding="utf-8-sig", skipinitialspace=True)
    except pd.errors.ParserError as error:
        raise Refused(f"{path.name}: no CSV: {error}") from None
    frame.columns = pd.Index(names)
    return Table(frame.apply(lambda column: column.str.strip()), ((path.name, len(frame)),))


def _checked_names(path: Path) -> list[str]:
    """Return the columns' names once every row has as many cells, which pandas does not check."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True, skipinitialspace=True)
            names = [name.strip() for name in next(rows, [])]
            _check_names(names, path.name)
            for place, row in enumerate(filter(None, rows), 1):
                if len(row) != len(names):
                    raise Refused(f"{path.name}: row {place} has {len(row)} cells; the header has {len(names)}")
    except FileNotFoundError:
        raise Refused(f"{path} is missing; the job's inputs must bring it") from None
    except UnicodeDecodeError as error:
        raise Refused(f"{path.name}: not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from None
    except csv.Error as error:
        raise Refused(f"{path.name}: no CSV: {error}") from None
    return names


def _check_names(names: list[str], file: str) -> None:
    if not any(names):
        raise Refused(f"{file}: empty; the first line must name the columns")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or "" in names:
        which = f"twice: {', '.join(map(repr, twice))}" if twice else f"empty in column {names.index('') + 1}"
        raise Refused(f"{file}: column names must be given and differ; {which}")


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write rows as CSV with a header."""
    frame.to_csv(path, index=False)
