"""Reading what prepare wrote: encoded features with their targets."""

from pathlib import Path

import numpy as np

from container.bulk_encoding import encode_batch
from container.errors import Refused
from container.schema import Schema
from container.table import csv_file
from container.target_survey import label_places, numeric_targets


def read_rows(path: Path, schema: Schema) -> tuple[np.ndarray, np.ndarray]:
    """Return encoded features and targets (places in schema.labels, or numbers) of a prepared file."""
    file = csv_file(path)
    target = schema.problem.target
    wanted = [*schema.names, target]
    lacking = [name for name in wanted if name not in file.names]
    blocks, targets = [], []
    for batch in () if lacking else file.batches(wanted):
        blocks.append(encode_batch(batch, schema))
        targets.append(label_places(batch, target, schema.labels) if schema.labels else numeric_targets(batch, target))
    if not blocks:
        raise Refused(f"{path.name}: {f'no column {lacking[0]!r}' if lacking else 'no rows'}; prepare writes it")
    return _joined(blocks), np.concatenate(targets)


def _joined(blocks: list[np.ndarray]) -> np.ndarray:
    """Return the blocks as one matrix; each is given up once copied, so that the rows are hardly ever held twice."""
    matrix = np.empty((sum(map(len, blocks)), blocks[0].shape[1]), dtype=np.float32)
    start = 0
    blocks.reverse()
    while blocks:
        block = blocks.pop()
        matrix[start : start + len(block)] = block
        start += len(block)
    return matrix
