"""Captured requests of JSON to columns.

Rows that are lists are CSV but for the brackets and blanks before quotes, as long as no backslash escapes anything:
Arrow reads them as fast as CSV. What is more than that is read in Python.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any

import msgspec

from container.capture_lines import Captured
from container.columns import columns_of
from container.encoding import plain_text
from container.requests import Bodies, Read
from container.row_texts import Rows, typed_rows
from container.schema import Schema

Names = tuple[str, ...]
Owned = tuple[Captured, Any]


class Content(msgspec.Struct, gc=False):
    """A JSON object as a request."""

    columns: list[str] | None = None
    data: list[msgspec.Raw] | None = None
    instances: list[msgspec.Raw] | None = None


CONTENT, ROWS = msgspec.json.Decoder(Content), msgspec.json.Decoder(list[msgspec.Raw])
LISTS, RECORDS = msgspec.json.Decoder(list[list[Any]]), msgspec.json.Decoder(list[dict[str, Any]])
FORMS = 'the body must be {"instances": [...]}, a list of records or {"columns": [...], "data": [...]}'


def read_json(bodies: Bodies, schema: Schema, with_ids: bool, found: Read) -> None:
    """Add the rows of requests of any of JSON's forms."""
    lists: dict[Names, Bodies] = defaultdict(Bodies)
    records = Bodies()
    own = tuple(schema.names)
    for request, text in bodies:
        try:
            names, rows = _rows(text, own)
        except (msgspec.DecodeError, RecursionError) as error:
            found.faults.append((request, f"no JSON that has rows: {error}"))
            continue
        for row in rows:
            plain = str(row, "utf-8")
            (records if plain[:1] == "{" else lists[names]).add(request, plain)
    _read(lists, records, schema, with_ids, found)


def read_json_lines(bodies: Bodies, schema: Schema, with_ids: bool, found: Read) -> None:
    """Add the rows of requests with a record or a list on each line."""
    lists, records = Bodies(), Bodies()
    for request, text in bodies:
        for line in filter(None, map(str.strip, text.split("\n"))):
            (records if line[:1] == "{" else lists).add(request, line)
    _read({tuple(schema.names): lists}, records, schema, with_ids, found)


def _rows(text: str, own: Names) -> tuple[Names, Sequence[msgspec.Raw]]:
    """Return the names of columns and the rows in a body; own names where it names none."""
    if text.lstrip()[:1] != "{":
        return own, ROWS.decode(text)
    content = CONTENT.decode(text)
    if content.columns is not None and content.data is not None:
        return tuple(content.columns), content.data
    if content.instances is None:
        raise msgspec.DecodeError(FORMS)
    return own, content.instances


def _read(lists: dict[Names, Bodies], records: Bodies, schema: Schema, with_ids: bool, found: Read) -> None:
    for names, rows in lists.items():
        if len(set(names)) < len(names):
            found.refuse(rows, "it names a column twice")
        elif rows.texts:
            _read_lists(names, rows, schema, with_ids, found)
    if records.texts:
        _read_records(records, schema, with_ids, found)


def _read_lists(names: Names, rows: Bodies, schema: Schema, with_ids: bool, found: Read) -> None:
    fast = _as_csv(names, rows.texts, schema, rows.ids if with_ids else None)
    if fast is not None:
        found.add(fast, rows.requests)
        return
    by_length: dict[int, list[Owned]] = defaultdict(list)
    for request, cells in _decoded(rows, LISTS, found):
        if len(cells) < len(names):
            found.faults.append((request, f"{len(cells)} cells; there must be {len(names)}: {', '.join(names)}"))
        else:
            by_length[len(cells)].append((request, cells))
    for length, alike in by_length.items():
        named = [*names, *(f"column {place}" for place in range(len(names) + 1, length + 1))]
        cells = dict(zip(named, zip(*(cells for _, cells in alike), strict=True), strict=True))
        found.columns.append(columns_of(cells, schema, _ids(alike) if with_ids else None))


def _as_csv(names: Names, rows: list[str], schema: Schema, ids: list[str] | None) -> Rows | None:
    """Return the rows as Arrow reads them, or nothing where that may not be what JSON means."""
    content = "\n".join(rows).encode().replace(b"]\n[", b"\n")
    inner = content[1:-1]
    if content[:1] != b"[" or any(mark in inner for mark in (b"\\", b"[", b"{")):
        return None
    found = typed_rows(inner.replace(b', "', b',"'), names, schema, ids, null_is_empty=True)
    if found is None or found.count != len(rows) or any(map(_is_other, found.words)):
        return None
    return found


def _is_other(word: str) -> bool:
    """Tell whether a word may mean another text: JSON's 415.0 is the category 415, and quotes were no part of a word."""
    try:
        return '"' in word or plain_text(float(word)) != word
    except (ValueError, OverflowError):
        return False


def _read_records(rows: Bodies, schema: Schema, with_ids: bool, found: Read) -> None:
    by_names: dict[Names, list[Owned]] = defaultdict(list)
    for request, record in _decoded(rows, RECORDS, found):
        by_names[tuple(record)].append((request, record))
    for names, alike in by_names.items():
        cells = {name: [record[name] for _, record in alike] for name in names}
        found.columns.append(columns_of(cells, schema, _ids(alike) if with_ids else None))


def _decoded(rows: Bodies, decoder: msgspec.json.Decoder[Any], found: Read) -> Iterator[Owned]:
    """Yield rows as Python has them, with their requests; those of another kind are refused."""
    decoded = _decoded_at_once(rows.texts, decoder)
    for request, text, row in zip(rows.requests, rows.texts, decoded or repeat(None)):  # noqa: B905 - repeat has no end
        try:
            # A line may be several rows to JSON, which then stand in others' places.
            (found_row,) = (row,) if decoded else decoder.decode(f"[{text}]")
            yield request, found_row
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            found.faults.append((request, f"a row is neither a list nor a record: {error}"))


def _decoded_at_once(texts: list[str], decoder: msgspec.json.Decoder[list[Any]]) -> list[Any]:
    """Return all rows, or none where one of them is not what it should be."""
    try:
        rows = decoder.decode(f"[{','.join(texts)}]")
    except (msgspec.DecodeError, RecursionError):
        return []
    return rows if len(rows) == len(texts) else []


def _ids(rows: Iterable[Owned]) -> list[str]:
    return [request.event_metadata.id for request, _ in rows]
