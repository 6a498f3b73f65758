"""Reading what prepare wrote: encoded features with their targets."""

from pathlib import Path

import numpy as np

from container.encoding import encode, numbers
from container.errors import CellRefused, Refused
from container.schema import Schema
from container.table import Table, read_table


def read_rows(path: Path, schema: Schema) -> tuple[np.ndarray, np.ndarray]:
    """Return encoded features and targets (places in schema.labels, or numbers) of a prepared file."""
    table = read_table(path)
    lacking = [name for name in [*schema.names, schema.problem.target] if name not in table.names]
    if lacking or not len(table):
        raise Refused(f"{path.name}: {f'no column {lacking[0]!r}' if lacking else 'no rows'}; prepare writes it")
    try:
        return encode(table.columns(schema.names), schema), _targets(table, schema)
    except CellRefused as error:
        raise table.located(error) from None


def _targets(table: Table, schema: Schema) -> np.ndarray:
    cells = table.cells(schema.problem.target)
    if not schema.labels:
        return numbers(cells, schema.problem.target)
    places = {label: place for place, label in enumerate(schema.labels)}
    for row, cell in enumerate(cells, 1):
        if cell not in places:
            raise CellRefused(row, schema.problem.target, f"label {cell!r} is not among {', '.join(schema.labels)}")
    return np.array([places[cell] for cell in cells])
