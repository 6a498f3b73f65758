"""From a request's body to columns of cells, one reader for each content type."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from container.encoding import Cell, shown
from container.errors import CellRefused, Refused
from container.media import CSV, JSON, JSONLINES, read_content_type
from container.schema import Schema

Columns = Sequence[Sequence[Cell]]


def read_payload(body: bytes, content_type: str | None, schema: Schema) -> Columns:
    """Return cells by column in the schema's order; refuse what cannot be read, with row and column."""
    kind, charset = read_content_type(content_type)
    try:
        text = body.decode(charset)
    except UnicodeDecodeError as error:
        raise Refused(f"the body is not {charset.removesuffix('-sig').upper()} at byte {error.start}") from None
    columns = READERS[kind](text, schema)
    if not columns or not columns[0]:
        raise Refused("the body holds no rows")
    return columns


def _read_csv(text: str, schema: Schema) -> Columns:
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True) if row]
    except csv.Error as error:
        raise Refused(f"the body is no CSV: {error}") from None
    if rows and is_header(rows[0], schema):
        return _named_columns([name.strip() for name in rows[0]], rows[1:], schema)
    return _ordered_columns(rows, schema.names)


def is_header(cells: list[str], schema: Schema) -> bool:
    """Tell whether a first row names columns: half of it must, and none of it may be a number unless names are."""
    known = sum(cell.strip() in schema.known for cell in cells)
    if 2 * known < len(cells):
        return False
    return sorted(cell.strip() for cell in cells) == sorted(schema.names) or not any(map(_is_number, cells))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_json(text: str, schema: Schema) -> Columns:
    content = _parse(text, "the body")
    if isinstance(content, dict) and "columns" in content and "data" in content:
        names = content["columns"]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise Refused("columns must be a list of names")
        return _named_columns(names, _list(content["data"], "data"), schema)
    rows = content.get("instances") if isinstance(content, dict) else content
    if not isinstance(rows, list):
        raise Refused('the body must be {"instances": [...]}, a list of records or {"columns": [...], "data": [...]}')
    return _from_rows(rows, schema)


def _read_jsonlines(text: str, schema: Schema) -> Columns:
    lines = [line for line in text.split("\n") if line.strip()]
    return _from_rows([_parse(line, f"row {row}") for row, line in enumerate(lines, 1)], schema)


def _parse(text: str, where: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise Refused(f"{where} is nested too deeply") from None
    except ValueError as error:
        raise Refused(f"{where} is no JSON: {error}") from None


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not allowed; send null for a missing value")


def _list(content: Any, name: str) -> list[Any]:
    if not isinstance(content, list):
        raise Refused(f"{name} must be a list of rows")
    return content


def _from_rows(rows: list[Any], schema: Schema) -> Columns:
    """Return columns from rows that are all lists, in the schema's order, or all records."""
    if rows and isinstance(rows[0], dict):
        return _from_records(rows, schema)
    return _ordered_columns(rows, schema.names)


def _from_records(rows: list[Any], schema: Schema) -> Columns:
    names = frozenset(schema.names)
    for place, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise Refused(f"row {place} is not a record like the first")
        if not names <= row.keys():
            lacking = next(name for name in schema.names if name not in row)
            raise CellRefused(place, lacking, "is missing; send null when its value is not known")
        if not row.keys() <= schema.known:
            _refuse_unknown(row, schema, f"row {place}")
    return _checked([[row[name] for row in rows] for name in schema.names], schema.names)


def _named_columns(names: list[str], rows: list[Any], schema: Schema) -> Columns:
    """Return columns in the schema's order from rows in the order of names."""
    _refuse_unknown(names, schema, "the header")
    if len(set(names)) < len(names):
        raise Refused(f"column {Counter(names).most_common(1)[0][0]} is named twice")
    if lacking := [name for name in schema.names if name not in names]:
        raise Refused(f"column {lacking[0]} is missing")
    by_name = dict(zip(names, _ordered_columns(rows, names), strict=True))
    return [by_name[name] for name in schema.names]


def _refuse_unknown(names: Iterable[str], schema: Schema, where: str) -> None:
    """Refuse names that training has not seen."""
    for name in names:
        if name not in schema.known:
            raise Refused(f"{where}: column {shown(name)} is not known; known are {', '.join(schema.names)}")


def _ordered_columns(rows: list[Any], names: list[str]) -> Columns:
    for place, row in enumerate(rows, 1):
        if not isinstance(row, list):
            raise Refused(f"row {place} is not a list like the first")
        if len(row) != len(names):
            raise Refused(f"row {place} has {len(row)} cells; it must have {len(names)}: {', '.join(names)}")
    return _checked(list(zip(*rows, strict=True)) or [()] * len(names), names)


def _checked(columns: Columns, names: list[str]) -> Columns:
    """Return the columns as they are; refuse a cell that is none."""
    for name, cells in zip(names, columns, strict=False):
        if not {list, dict}.isdisjoint(map(type, cells)):
            row = next(row for row, cell in enumerate(cells, 1) if isinstance(cell, (list, dict)))
            raise CellRefused(row, name, "is a list or an object; send text, a number, true, false or null")
    return columns


READERS: dict[str, Callable[[str, Schema], Columns]] = {CSV: _read_csv, JSON: _read_json, JSONLINES: _read_jsonlines}
