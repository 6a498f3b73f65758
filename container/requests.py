"""Captured requests, and what was read of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from container.capture_lines import Captured
from container.columns import Columns
from container.row_texts import Rows


class Body(NamedTuple):
    """A request and the text of its body, or of one row of it."""

    request: Captured
    text: str | bytes


@dataclass
class Read:
    """Columns of all that could be read, and requests of which something could not, each with the reason."""

    columns: list[Columns] = field(default_factory=list)
    faults: list[tuple[Captured, str]] = field(default_factory=list)

    def add(self, rows: Rows, owners: Sequence[Captured]) -> None:
        """Take in rows; owners has the request of each, by number."""
        self.columns += rows.columns
        self.faults += [(owners[min(number, len(owners) - 1)], reason) for number, reason in rows.faults.items()]

    def refuse(self, bodies: Iterable[Body], reason: str) -> None:
        """Take in requests that cannot be read."""
        self.faults += [(body.request, reason) for body in bodies]
