"""Rows whose distribution is no longer that of the training data: what scripts/drift.sh sends."""

import csv
import io
import random
import re
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

CHANGE = re.compile(r"(?P<feature>[^=]+)=(?P<kind>[-+]?[\d.]+sd|[-+][\d.]+|\*[\d.]+|missing:[\d.]+|=.*)")
FORMS = "FEATURE=+1sd, FEATURE=-0.5sd, FEATURE=+25, FEATURE=*1.3, FEATURE=missing:0.2 or FEATURE==VALUE"


class DriftError(ValueError):
    """What was asked cannot be done; the message says what would be."""


@dataclass(frozen=True)
class Table:
    """A header and rows of text, as a CSV file holds them."""

    header: list[str]
    rows: list[list[str]]

    def column(self, feature: str) -> int:
        """Return the place of a feature; raises DriftError naming those that there are."""
        if feature not in self.header:
            raise DriftError(f"there is no feature {feature!r}; there are {', '.join(self.header)}")
        return self.header.index(feature)


def read(text: str, where: str) -> Table:
    """Return a CSV file's table; raises DriftError where it has no rows or rows of different length."""
    rows = [row for row in csv.reader(io.StringIO(text)) if row]
    if len(rows) < 2:
        raise DriftError(f"{where} has no rows below its header")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise DriftError(f"{where}, row {number}: {len(row)} values where the header has {len(rows[0])}")
    return Table(rows[0], rows[1:])


def only(table: Table, features: Sequence[str], where: str) -> Table:
    """Return the table's features in their order, without what else it has; raises DriftError for a feature that it lacks."""
    if missing := [feature for feature in features if feature not in table.header]:
        raise DriftError(f"{where} lacks {', '.join(missing)}, which the model of the API wants")
    places = [table.header.index(feature) for feature in features]
    return Table(list(features), [[row[place] for place in places] for row in table.rows])


def numbers(table: Table, feature: str) -> list[float]:
    """Return a feature's numbers; raises DriftError where a value is none."""
    place, found = table.column(feature), []
    for row in table.rows:
        try:
            found += [float(row[place])] if row[place] else []
        except ValueError as error:
            raise DriftError(f"{feature} holds {row[place]!r}, which is no number; allowed of it: missing:SHARE and =VALUE") from error
    return found


def shifted(table: Table, change: str, seed: int) -> Table:
    """Return the table after one change of the forms in FORMS."""
    match = CHANGE.fullmatch(change)
    if match is None:
        raise DriftError(f"{change!r} is no change; allowed: {FORMS}")
    place, feature = table.column(match["feature"]), match["feature"]
    new = _change(table, feature, match["kind"], random.Random(seed))
    return Table(table.header, [[*row[:place], new(row[place]), *row[place + 1:]] for row in table.rows])


def _change(table: Table, feature: str, kind: str, chance: random.Random) -> Callable[[str], str]:
    """Return what becomes of a value."""
    if kind.startswith("="):
        return lambda value: kind[1:]
    if kind.startswith("missing:"):
        share = float(kind.removeprefix("missing:"))
        return lambda value: "" if chance.random() < share else value
    found = numbers(table, feature)
    if kind.startswith("*"):
        return lambda value: _written(float(value) * float(kind[1:])) if value else value
    size = float(kind.removesuffix("sd")) * (statistics.pstdev(found) if kind.endswith("sd") else 1.0)
    return lambda value: _written(float(value) + size) if value else value


def _written(number: float) -> str:
    return f"{number:.6g}"


def first_number(table: Table) -> str:
    """Return the first feature of many different numbers; raises DriftError where there is none."""
    for feature in table.header:
        try:
            found = numbers(table, feature)
        except DriftError:
            continue
        if len(set(found)) > 10:
            return feature
    raise DriftError(f"no feature is numeric; choose one with --shift, as {FORMS}")


def endless(table: Table, seed: int) -> Iterator[list[str]]:
    """Yield rows drawn at random, with repetition."""
    chance = random.Random(seed)
    while True:
        yield chance.choice(table.rows)
