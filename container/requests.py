"""Captured requests, and what was read of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from container.capture_lines import Captured
from container.columns import Columns
from container.row_texts import Rows


@dataclass
class Bodies:
    """Requests and, in a list beside them, the texts of their bodies or of one row each: pairs would cost more than reading them."""

    requests: list[Captured] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def add(self, request: Captured, text: str) -> None:
        """Take in one more."""
        self.requests.append(request)
        self.texts.append(text)

    def __iter__(self) -> Iterator[tuple[Captured, str]]:
        """Yield pairs."""
        return zip(self.requests, self.texts, strict=True)

    @property
    def ids(self) -> list[str]:
        """Return the requests' ids."""
        return [request.event_metadata.id for request in self.requests]


@dataclass
class Read:
    """Columns of all that could be read, and requests of which something could not, each with the reason."""

    columns: list[Columns] = field(default_factory=list)
    faults: list[tuple[Captured, str]] = field(default_factory=list)

    def add(self, rows: Rows, owners: Sequence[Captured]) -> None:
        """Take in rows; owners has the request of each, by number."""
        self.columns += rows.columns
        self.faults += [(owners[min(number, len(owners) - 1)], reason) for number, reason in rows.faults.items()]

    def refuse(self, bodies: Bodies, reason: str) -> None:
        """Take in requests that cannot be read."""
        self.faults += [(request, reason) for request in bodies.requests]
