"""Finding out what a column of text cells is, from batches of it."""

import re
from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from container.bulk_encoding import encode_cells, numbers_of
from container.encoding import is_missing
from container.errors import CellRefused, Refused
from container.number_texts import refuse_numbers
from container.schema import Feature
from container.table import Batch

# More categories than this add columns but no knowledge; the rarest count as unseen.
MOST_CATEGORIES = 255
# Different texts that are counted of a column: bounds the memory, not the rows.
MOST_TEXTS = 100_000
BOOLEAN_WORDS = ({"yes", "no"}, {"true", "false"})
MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
DAY = (r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d{1,2}/\d{1,2}/\d{2}"
       rf"|\d{{1,2}}[- ]{MONTH}[- ,]+\d{{2,4}}|{MONTH} \d{{1,2}},? \d{{4}})")
TIME = r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[ap]m)?"
DATE = re.compile(rf"({DAY}([T ]+{TIME}\s*(Z|UTC|[+-]\d{{2}}:?\d{{2}})?)?|{TIME})", re.IGNORECASE)


class ColumnSurvey:
    """What a column's cells have shown so far; a column is numeric until one of them is no number."""

    def __init__(self, name: str, declared: str | None, textual: bool = False) -> None:
        self.name, self.declared = name, declared
        # Its earlier batches were taken for numbers and not counted: the column must be read again.
        self.is_behind = False
        self._kind = declared or ("text" if textual else "numeric")
        self._rows = self._present = 0
        self._counts: Counter[str] = Counter()
        self._overflows = False
        self._infinite: Refused | None = None

    def read(self, batch: Batch) -> None:
        """Take in some more of the column; refuse a cell that is not of the declared type."""
        if self.declared in ("numeric", "boolean"):
            encode_cells(batch, Feature(self.name, self.declared))
        elif self._kind == "numeric":
            self._read_number(batch)
        else:
            self._count(batch.columns[self.name])
        self._rows += batch.rows

    def _read_number(self, batch: Batch) -> None:
        cells = batch.columns[self.name]
        try:
            values = numbers_of(cells, self.name)
            self._present += int((values == values).sum())
        except CellRefused as error:
            if "finite" in error.reason:
                # A number, but infinite: no category either. It counts unless a text turns up.
                self._infinite = self._infinite or batch.located(error)
                return
            self._kind, self.is_behind = "text", self._rows > 0
            self._count(cells)

    def _count(self, cells: pa.Array) -> None:
        if self._overflows and self.declared is None:
            return
        found = pc.value_counts(cells)
        for text, count in zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True):
            if text:
                self._counts[text] += count
        if len(self._counts) > MOST_TEXTS:
            self._overflows = True
            self._counts = Counter({text: self._counts[text] for text in self._commonest(MOST_TEXTS // 2)})

    def _commonest(self, most: int) -> list[str]:
        # Ties go by name, so that the same data always give the same columns.
        return sorted(self._counts, key=lambda text: (-self._counts[text], text))[:most]

    def feature(self) -> Feature:
        """Return the column as a feature: of the declared type, else of the type that its cells show."""
        kind = self.declared or self._shown_type()
        if kind != "categorical":
            return Feature(self.name, kind)
        if not self._counts:
            raise self._no_value()
        if self.declared is None:
            self._refuse_names_of_rows()
        return Feature(self.name, kind, tuple(sorted(self._commonest(MOST_CATEGORIES))))

    def _shown_type(self) -> str:
        if self._kind == "numeric":
            if self._infinite:
                raise self._infinite
            if not self._present:
                raise self._no_value()
            return "numeric"
        present = [text for text in self._counts if not is_missing(text)]
        if {text.lower() for text in present} in BOOLEAN_WORDS:
            return "boolean"
        if present and all(DATE.fullmatch(text) for text in present[:100]):
            raise Refused(
                f"column {self.name} holds dates such as {present[0]!r}; put numbers in their place (days since an event, "
                "month, weekday), list it under problem.ignore, or declare it under problem.columns"
            )
        refuse_numbers(present, self.name)
        return "categorical"

    def _refuse_names_of_rows(self) -> None:
        is_name = len(self._counts) == self._rows > MOST_CATEGORIES
        if is_name or self._overflows:
            how_many = f"more than {MOST_TEXTS:,} different texts" if self._overflows else "another text on each row"
            raise Refused(
                f"column {self.name} has {how_many}, so it names rows and teaches nothing; "
                "list it under problem.ignore"
            )

    def _no_value(self) -> Refused:
        return Refused(f"column {self.name} has no value at all; fill it, or list it under problem.ignore")
