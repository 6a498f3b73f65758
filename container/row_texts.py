"""Lines of cells to columns: Arrow reads them in C, in threads; what it cannot read is read again in Python, row by row."""

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow

from container.bulk_encoding import MISSING_WORDS
from container.columns import Columns, Texts, columns_of, finite, number_in, other_names, texts_of
from container.schema import Feature, Schema

NUMBER_MISSING = ["", *MISSING_WORDS.to_pylist()]
TEXT = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True)
class Rows:
    """What lines of cells hold: columns, and of the rows that are none the numbers (from 0) with the reasons."""

    columns: list[Columns] = field(default_factory=list)
    faults: dict[int, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Return how many rows there were, readable or not."""
        return sum(each.rows for each in self.columns) + len(self.faults)

    @property
    def words(self) -> set[str]:
        """Return all different texts."""
        return {word for each in self.columns for texts in each.texts.values() for word in texts.words}


def read_rows(content: bytes, names: Sequence[str], schema: Schema, ids: Sequence[str] | None = None, null_is_empty: bool = False) -> Rows:
    """Return the rows of CSV without a header.

    ids has one for each row; null_is_empty tells that null without quotes is no text.
    """
    found = typed_rows(content, names, schema, ids, null_is_empty)
    return found or _rows(content, names, schema, ids, null_is_empty, is_typed=False)


def typed_rows(content: bytes, names: Sequence[str], schema: Schema, ids: Sequence[str] | None = None, null_is_empty: bool = False) -> Rows | None:
    """Return the rows, or nothing where a cell in a column of numbers is none."""
    try:
        return _rows(content, names, schema, ids, null_is_empty, is_typed=True)
    except pa.ArrowInvalid:
        return None


def _rows(content: bytes, names: Sequence[str], schema: Schema, ids: Sequence[str] | None, null_is_empty: bool, is_typed: bool) -> Rows:
    odd: list[arrow.InvalidRow] = []
    wanted = [feature for feature in schema.features if feature.name in names]
    types = {feature.name: pa.float64() if is_typed and feature.type == "numeric" else TEXT for feature in wanted}
    table = _parsed(content, list(names), types, null_is_empty, odd)
    left_out = {row.number - 1 for row in odd}
    kept = ids and [name for number, name in enumerate(ids) if number not in left_out]
    found = Rows([_columns(table, wanted, other_names(names, schema), kept)] if len(table) else [])
    _read_odd(odd, list(names), schema, ids, found)
    return found


def _parsed(content: bytes, names: list[str], types: dict[str, pa.DataType], null_is_empty: bool, odd: list[arrow.InvalidRow]) -> pa.Table:
    def skipped(row: arrow.InvalidRow) -> str:
        odd.append(row)
        return "skip"

    return arrow.read_csv(
        pa.BufferReader(content),
        # One block, so that a column has one dictionary; rows are numbered only without Arrow's own threads.
        read_options=arrow.ReadOptions(column_names=names, use_threads=False, block_size=len(content) + 1),
        parse_options=arrow.ParseOptions(newlines_in_values=True, invalid_row_handler=skipped),
        convert_options=arrow.ConvertOptions(
            column_types=types, include_columns=list(types), null_values=NUMBER_MISSING, strings_can_be_null=null_is_empty,
            quoted_strings_can_be_null=False),
    )


def _columns(table: pa.Table, wanted: Sequence[Feature], others: tuple[str, ...], ids: Sequence[str] | None) -> Columns:
    numbers: dict[str, np.ndarray] = {}
    texts: dict[str, Texts] = {}
    strays: dict[str, int] = {}
    for feature in wanted:
        cells = table[feature.name].combine_chunks()
        if not pa.types.is_dictionary(cells.type):
            values = cells.to_numpy(zero_copy_only=False)
        else:
            words, codes = [*map(_bare, cells.dictionary.to_pylist())], cells.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            if feature.type != "numeric":
                texts[feature.name] = texts_of(words, codes, feature)
                continue
            values = np.array([*map(number_in, words), np.nan])[codes]
        numbers[feature.name], count = finite(values)
        if count:
            strays[feature.name] = count
    return Columns(len(table), numbers, texts, strays, others, ids)


def _bare(word: str) -> str:
    """Return a text without blanks, and without the quotes that Arrow leaves where a blank stands before them."""
    text = word.strip()
    return text[1:-1].replace('""', '"') if word[:1] == " " and len(text) > 1 and text[0] == text[-1] == '"' else text


def _read_odd(odd: list[arrow.InvalidRow], names: list[str], schema: Schema, ids: Sequence[str] | None, found: Rows) -> None:
    """Add rows that Arrow found too short or too long: with blanks before a quote, or with more columns than there are names."""
    by_length: dict[int, dict[int, list[str]]] = defaultdict(dict)
    for row in odd:
        cells = next(csv.reader([row.text], skipinitialspace=True), [])
        if len(cells) < len(names):
            found.faults[row.number - 1] = f"{len(cells)} cells; there must be {len(names)}: {', '.join(names)}"
        else:
            by_length[len(cells)][row.number - 1] = cells
    for length, rows in by_length.items():
        named = [*names, *(f"column {place}" for place in range(len(names) + 1, length + 1))]
        columns = dict(zip(named, zip(*rows.values(), strict=True), strict=True))
        found.columns.append(columns_of(columns, schema, ids and [ids[number] for number in rows]))
