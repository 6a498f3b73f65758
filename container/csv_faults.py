"""What is wrong with a CSV file, by row: Python's own reader is slow but knows where it stands."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO, TypeVar

from container.errors import Refused

Found = TypeVar("Found")
# How files begin that are taken for CSV by their name only.
OTHER_FILES = {b"PK": "a zip archive or an Excel file", b"\x1f\x8b": "packed with gzip", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


def header(path: Path) -> tuple[str, ...]:
    """Return the names in the first line as they stand; refuse what names no columns."""
    names = _read(path, lambda rows: next(rows, []))
    _check_names([name.strip() for name in names], path.name)
    return tuple(names)


def fault(path: Path, width: int) -> Refused | None:
    """Return the first fault of a file that should have this many columns; None when none is found."""
    try:
        return _read(path, lambda rows: _first_odd_row(rows, path.name, width))
    except Refused as refusal:
        return refusal


def _read(path: Path, use: Callable[[Iterator[list[str]]], Found]) -> Found:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return use(_rows(file))
    except FileNotFoundError:
        raise Refused(f"{path} is missing; the job's inputs must bring it") from None
    except UnicodeDecodeError as error:
        raise Refused(f"{path.name}: not UTF-8 ({error.reason}: {error.object[error.start : error.start + 1]!r}); "
                      f"{_advice(path)}") from None
    except csv.Error as error:
        raise Refused(f"{path.name}: no CSV: {error}") from None


def _advice(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(2)
    return f"it is {OTHER_FILES[start]}; bring a CSV in UTF-8" if start in OTHER_FILES else "save it as UTF-8"


def _rows(file: TextIO) -> Iterator[list[str]]:
    return filter(None, csv.reader(file, strict=True))


def _first_odd_row(rows: Iterator[list[str]], name: str, width: int) -> Refused | None:
    next(rows, None)
    for place, row in enumerate(rows, 1):
        if len(row) != width:
            return Refused(f"{name}: row {place} has {len(row)} cells; the header has {width}")
    return None


def _check_names(names: list[str], file: str) -> None:
    if not any(names):
        raise Refused(f"{file}: empty; the first line must name the columns")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or "" in names:
        which = f"twice: {', '.join(map(repr, twice))}" if twice else f"empty in column {names.index('') + 1}"
        raise Refused(f"{file}: column names must be given and differ; {which}")
