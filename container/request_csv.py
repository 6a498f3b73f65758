"""Captured requests of CSV to columns: all together in one reading, by header where some have one."""

import csv
import io
from collections import defaultdict
from dataclasses import replace

from container.capture_lines import Captured
from container.payload import is_header
from container.requests import Body, Read
from container.row_texts import Rows, read_rows, typed_rows
from container.schema import Schema

Names = tuple[str, ...]


def read_csv(bodies: list[Body], schema: Schema, with_ids: bool, found: Read) -> None:
    """Add the rows of requests, each with a header or without."""
    closed = [body for body in bodies if body.text.count('"') % 2 == 0]
    if len(closed) < len(bodies):
        # It would take the next requests for the rest of its cell.
        found.refuse((body for body in bodies if body.text.count('"') % 2), "a quote has no end")
    if not with_ids:
        rows = typed_rows(_joined(closed), schema.names, schema)
        # A header holds no number; and where all columns hold texts, its names are among them.
        if rows is not None and schema.known.isdisjoint(rows.words):
            found.add(rows, _owners(closed) if rows.faults else ())
            return
    by_names: dict[Names, list[Body]] = defaultdict(list)
    for body in closed:
        names, rest = _headed(body, schema)
        by_names[names].append(rest)
    for names, alike in by_names.items():
        _read_alike(names, alike, schema, with_ids, found)


def _read_alike(names: Names, bodies: list[Body], schema: Schema, with_ids: bool, found: Read) -> None:
    """Add the rows of requests without headers, whose columns have these names."""
    if len(set(names)) < len(names):
        found.refuse(bodies, "its header names a column twice")
        return
    owners = _owners(bodies)
    rows = read_rows(_joined(bodies), names, schema, [owner.event_metadata.id for owner in owners] if with_ids else None)
    if not with_ids or rows.count == len(owners):
        found.add(rows, owners)
        return
    for body in bodies:
        each = read_rows(_joined([body]), names, schema)
        found.add(Rows([replace(part, ids=[body.request.event_metadata.id] * part.rows) for part in each.columns], each.faults), [body.request])


def _headed(body: Body, schema: Schema) -> tuple[Names, Body]:
    """Return the names in a request's header, else the schema's, and the rows."""
    line, _, rest = body.text.partition("\n")
    cells = [cell.strip() for cell in next(csv.reader([line], skipinitialspace=True), [])]
    return (tuple(cells), Body(body.request, rest)) if is_header(cells, schema) else (tuple(schema.names), body)


def _joined(bodies: list[Body]) -> bytes:
    return "\n".join([body.text for body in bodies]).encode()


def _owners(bodies: list[Body]) -> list[Captured]:
    """Return the request of each row."""
    return [body.request for body in bodies for _ in range(_rows(body.text))]


def _rows(text: str) -> int:
    if '"' in text:
        return sum(map(bool, csv.reader(io.StringIO(text, newline=""))))
    return sum(map(bool, text.splitlines()))
