"""The sample's customers: as data-source.zip, and as what the API is asked."""

import csv
import io
import json
import zipfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

SAMPLE = Path(__file__).resolve().parent.parent / "data" / "churn.csv"


@cache
def rows() -> tuple[list[str], list[list[str]]]:
    """Return header and rows of the sample; the last column says who left."""
    header, *found = csv.reader(SAMPLE.read_text().splitlines())
    return header, found


def archive(count: int) -> bytes:
    """Return a data-source.zip of the first customers."""
    return packed({"churn.csv": rows()[1][:count]})


def packed(files: dict[str, list[list[str]]]) -> bytes:
    """Return a data-source.zip of rows by the name of their file."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as content:
        for name, found in files.items():
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows([rows()[0], *found])
            content.writestr(name, text.getvalue())
    return archive.getvalue()


def request(numbers: Sequence[int]) -> bytes:
    """Return the JSON that asks the API for these customers, counted from 1."""
    header, found = rows()
    return json.dumps([dict(zip(header[:-1], found[number - 1][:-1], strict=True)) for number in numbers]).encode()


def truths(numbers: Sequence[int]) -> list[str]:
    """Return whether these customers, counted from 1, left: yes or no."""
    found = rows()[1]
    return [found[number - 1][-1] for number in numbers]


def share_who_left(feature: str) -> dict[str, float]:
    """Return the share of customers who left, in percent, by the value of a feature."""
    header, found = rows()
    place = header.index(feature)
    by_value: dict[str, list[bool]] = {}
    for row in found:
        by_value.setdefault(row[place], []).append(row[-1] == "yes")
    return {value: 100 * sum(by_value[value]) / len(by_value[value]) for value in sorted(by_value)}
