"""Captured requests of CSV to columns: all together in one reading, by header where some have one."""

import csv
import io
from collections import defaultdict
from dataclasses import replace

from container.payload import is_header
from container.requests import Bodies, Read
from container.row_texts import Rows, read_rows, typed_rows
from container.schema import Schema

Names = tuple[str, ...]


def read_csv(bodies: Bodies, schema: Schema, with_ids: bool, found: Read) -> None:
    """Add the rows of requests, each with a header or without."""
    content = _joined(bodies)
    if b'"' in content:
        bodies = _closed(bodies, found)
        content = _joined(bodies)
    if not with_ids:
        rows = typed_rows(content, schema.names, schema)
        # A header holds no number, may be short, and where all columns hold texts its names are among them.
        if rows is not None and not rows.faults and schema.known.isdisjoint(rows.words):
            found.columns += rows.columns
            return
    by_names: dict[Names, Bodies] = defaultdict(Bodies)
    for request, text in bodies:
        names, rest = _headed(text, schema)
        by_names[names].add(request, rest)
    for names, alike in by_names.items():
        _read_alike(names, alike, schema, with_ids, found)


def _read_alike(names: Names, bodies: Bodies, schema: Schema, with_ids: bool, found: Read) -> None:
    """Add the rows of requests without headers, whose columns have these names."""
    if len(set(names)) < len(names):
        found.refuse(bodies, "its header names a column twice")
        return
    owners = _by_row(bodies)
    rows = read_rows(_joined(bodies), names, schema, owners.ids if with_ids else None)
    if not with_ids or rows.count == len(owners.requests):
        found.add(rows, owners.requests)
        return
    for request, text in bodies:
        each = read_rows(text.encode(), names, schema)
        named = [replace(part, ids=[request.event_metadata.id] * part.rows) for part in each.columns]
        found.add(Rows(named, each.faults), [request])


def _closed(bodies: Bodies, found: Read) -> Bodies:
    """Return the bodies whose quotes have an end; another would take the next requests for the rest of its cell."""
    closed = Bodies()
    for request, text in bodies:
        if text.count('"') % 2:
            found.faults.append((request, "a quote has no end"))
        else:
            closed.add(request, text)
    return closed


def _headed(text: str, schema: Schema) -> tuple[Names, str]:
    """Return the names in a body's header, else the schema's, and the rows."""
    line, _, rest = text.partition("\n")
    cells = [cell.strip() for cell in next(csv.reader([line], skipinitialspace=True), [])]
    return (tuple(cells), rest) if is_header(cells, schema) else (tuple(schema.names), text)


def _joined(bodies: Bodies) -> bytes:
    return "\n".join(bodies.texts).encode()


def _by_row(bodies: Bodies) -> Bodies:
    """Return the request of each row."""
    owners = Bodies()
    for request, text in bodies:
        lines = csv.reader(io.StringIO(text, newline="")) if '"' in text else text.splitlines()
        for _ in filter(None, lines):
            owners.add(request, text)
    return owners
