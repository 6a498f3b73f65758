"""Tables with a caption and headings; on a phone each row becomes a card (static/console.css)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from console.parts.markup import tag

Cell = str | Callable[[], object]  # a text, or what draws into the cell


@dataclass(frozen=True)
class Column:
    """A column: its heading, and whether it holds numbers, which stand at the right."""

    title: str
    number: bool = False


def table(caption: str, columns: Sequence[Column], rows: Iterable[Sequence[Cell]], *, caption_shown: bool = False, marked: int = -1) -> None:
    """Add a table; the first cell of a row is its heading. ``marked`` is the row that the page is about."""
    with tag("div", classes="scroll"), tag("table", role="table"):  # roles, for styling rows as cards takes away the built-in ones
        tag("caption", caption, "" if caption_shown else "unseen")
        with tag("thead", role="rowgroup"), tag("tr", role="row"):
            for column in columns:
                tag("th", column.title, "number" if column.number else "", scope="col", role="columnheader")
        with tag("tbody", role="rowgroup"):
            for index, row in enumerate(rows):
                with tag("tr", classes="marked" if index == marked else "", role="row"):
                    for place, (column, cell) in enumerate(zip(columns, row, strict=True)):
                        _cell(column, cell, first=place == 0)


def _cell(column: Column, cell: Cell, *, first: bool) -> None:
    role = {"scope": "row", "role": "rowheader"} if first else {"role": "cell"}
    with tag("th" if first else "td", classes="number" if column.number else "", data_label=column.title, **role):
        if isinstance(cell, str):
            tag("span", cell)
        else:
            cell()
