"""Finding out what a column of text cells is."""

import re
from collections import Counter

import numpy as np

from container.encoding import is_missing, numbers
from container.errors import CellRefused, Refused
from container.schema import Feature

# More categories than this add columns but no knowledge; the rarest count as unseen.
MOST_CATEGORIES = 255
BOOLEAN_WORDS = ({"yes", "no"}, {"true", "false"})
DATE = re.compile(
    r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})([T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?\s*(Z|[+-]\d{2}:?\d{2})?)?"
)


def feature_of(name: str, cells: np.ndarray, declared: str | None) -> Feature:
    """Return a column as a feature: of the declared type, else of the type that its cells show."""
    kind = declared or _type_of(name, cells)
    if kind != "categorical":
        return Feature(name, kind)
    counts = Counter(cell for cell in cells if cell != "")
    if not counts:
        raise Refused(f"column {name} has no value at all; fill it, or list it under problem.ignore")
    if declared is None and len(counts) == len(cells) and len(cells) > MOST_CATEGORIES:
        raise Refused(
            f"column {name} has another text on each row, so it names rows and teaches nothing; "
            "list it under problem.ignore"
        )
    # Ties go by name, so that the same data always give the same columns.
    kept = sorted(counts, key=lambda category: (-counts[category], category))[:MOST_CATEGORIES]
    return Feature(name, kind, tuple(sorted(kept)))


def _type_of(name: str, cells: np.ndarray) -> str:
    present = [cell for cell in cells if not is_missing(cell)]
    if not present:
        raise Refused(f"column {name} has no value at all; fill it, or list it under problem.ignore")
    if {cell.lower() for cell in set(present)} in BOOLEAN_WORDS:
        return "boolean"
    if _are_numbers(name, cells):
        return "numeric"
    if all(DATE.fullmatch(cell) for cell in present[:100]):
        raise Refused(
            f"column {name} holds dates such as {present[0]!r}; put numbers in their place (days since an event, "
            "month, weekday), list it under problem.ignore, or declare it under problem.columns"
        )
    return "categorical"


def _are_numbers(name: str, cells: np.ndarray) -> bool:
    try:
        numbers(cells, name)
    except CellRefused as error:
        # All are numbers, but one is infinite: no category either, and the person must know.
        if "finite" in error.reason:
            raise
        return False
    return True
