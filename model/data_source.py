"""Reads an unpacked data-source.zip. Pure: it knows files, not AWS.

It holds either the data, CSV files, or inputData.json that points to it; hyperparameters.json and
imageDetail.json may be beside either.
"""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model.errors import BuildError

CHANNELS = {"train": "TrainingUri", "validation": "ValidationUri", "test": "TestUri", "baseline": "BaselineUri"}
IMAGES = {"model": "ImageUri", "api": "ImageLambdaUri"}
LABELLED = ("train", "validation", "test")
S3_URI = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<key>.+)")


@dataclass(frozen=True)
class DataSource:
    """What an upload brings: files or pointers by channel, images by target, hyperparameters."""

    files: dict[str, list[Path]] = field(default_factory=dict)
    pointers: dict[str, str] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    hyperparameters: dict[str, Any] = field(default_factory=dict)


def read(folder: Path) -> DataSource:
    """Return what the folder holds, or raise BuildError naming file and field."""
    files = csv_files(folder)
    pointers = uris(folder / "inputData.json", CHANNELS, needed=("TrainingUri",))
    if files and pointers:
        raise BuildError(f"data-source.zip holds both inputData.json and {first(files)}; keep one of the two")
    if not pointers and "train" not in files:
        raise BuildError(
            f"data-source.zip holds neither inputData.json nor training data as CSV; found: {listing(folder)}. "
            "Put one of them in and upload it again"
        )
    for name, uri in pointers.items():
        if not S3_URI.fullmatch(uri):
            raise BuildError(f"inputData.json: {CHANNELS[name]} is {uri!r}; allowed: s3://bucket/key or s3://bucket/folder/")
    return DataSource(files, pointers, uris(folder / "imageDetail.json", IMAGES), hyperparameters(folder))


def csv_files(folder: Path) -> dict[str, list[Path]]:
    """Return the CSV files by channel: folders named for them; without a folder validation.csv, test.csv, baseline.csv, and the rest is train."""
    found: dict[str, list[Path]] = {}
    for path in sorted(members(folder)):
        if path.suffix.lower() != ".csv":
            continue
        place = path.relative_to(folder).parts
        own = path.stem.lower()
        channel = place[0] if len(place) == 2 else own if own in CHANNELS else "train"
        if len(place) > 2 or channel not in CHANNELS:
            raise BuildError(f"data-source.zip: {'/'.join(place)} is in no known folder; allowed: {', '.join(CHANNELS)} or none")
        found.setdefault(channel, []).append(path)
    return found


def members(folder: Path) -> list[Path]:
    """Return the files that a person put in; not what an operating system added."""
    return [path for path in folder.rglob("*") if path.is_file()
            and not any(part == "__MACOSX" or part.startswith(".") for part in path.relative_to(folder).parts)]


def first(files: dict[str, list[Path]]) -> str:
    """Return the name of one of the CSV files."""
    return next(iter(files.values()))[0].name


def listing(folder: Path) -> str:
    """Return the names of the files that the upload holds."""
    names = sorted(str(path.relative_to(folder)) for path in members(folder))
    return ", ".join(names[:5]) + (" and more" if len(names) > 5 else "") if names else "nothing"


def json_object(path: Path) -> dict[str, Any]:
    """Return the object that a JSON file holds; an absent file holds none."""
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BuildError(f"{path.name} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise BuildError(f"{path.name} holds a {type(content).__name__}; allowed: one JSON object")
    return content


def uris(path: Path, names: dict[str, str], needed: tuple[str, ...] = ()) -> dict[str, str]:
    """Return a pointer file's addresses by channel or target; blank ones count as left out."""
    content = json_object(path)
    unknown = sorted(set(content) - set(names.values()))
    if unknown:
        raise BuildError(f"{path.name} has the unknown field {', '.join(unknown)}; allowed: {', '.join(names.values())}")
    for name, value in content.items():
        if not isinstance(value, str):
            raise BuildError(f"{path.name}: {name} is {json.dumps(value)}; allowed: a text")
    missing = [name for name in needed if path.exists() and not content.get(name, "").strip()]
    if missing:
        raise BuildError(f"{path.name} lacks {', '.join(missing)}")
    return {key: content[name].strip() for key, name in names.items() if content.get(name, "").strip()}


def hyperparameters(folder: Path) -> dict[str, Any]:
    """Return hyperparameters.json: names with a text, a number, true or false."""
    content = json_object(folder / "hyperparameters.json")
    for name, value in content.items():
        if not isinstance(value, (str, int, float)):
            raise BuildError(f"hyperparameters.json: {name} is {json.dumps(value)}; allowed: a text, a number, true or false")
    return content


def check_tables(tables: dict[str, dict[str, str]], target: str) -> None:
    """Raise BuildError unless the tables' first lines make sense; {channel: {name to show: CSV text}}."""
    for channel, texts in tables.items():
        headers = {name: header(name, text) for name, text in texts.items()}
        name, columns = next(iter(headers.items()))
        for other, others in headers.items():
            if sorted(others) != sorted(columns):
                raise BuildError(f"{other} has other columns than {name}: {differing(others, columns)}")
        if channel in LABELLED and target not in columns:
            raise BuildError(f"{name} has no column {target}, which model/config.yml names as problem.target; "
                             f"its columns: {', '.join(columns)}")


def header(name: str, text: str) -> list[str]:
    """Return the column names of a table that has at least one row."""
    rows = [row for row in csv.reader(text.splitlines()) if row][:2]
    if not rows:
        raise BuildError(f"{name} is empty; it needs a line of column names and rows")
    columns = [column.strip() for column in rows[0]]
    if len(rows) < 2:
        raise BuildError(f"{name} has no row after its column names")
    if "" in columns or len(set(columns)) < len(columns):
        raise BuildError(f"{name} has blank or repeated column names: {', '.join(columns)}")
    return columns


def differing(one: list[str], other: list[str]) -> str:
    """Return the column names that only one of the two has."""
    return ", ".join(sorted(set(one) ^ set(other)))
