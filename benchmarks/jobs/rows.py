"""Synthetic rows in the sample's schema, as many as are asked for.

Each is put together from three customers: what hardly bears on the label comes from two of them, the rest and the
label from the third. Rows are so nearly all different, and there is as much to learn as in the sample.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.serving.model import SAMPLE

PARTS = (slice(0, 3), slice(3, 12), slice(12, 15), slice(15, None))  # the second and fourth belong together
CHUNK = 200_000
Cells = list[str]


def write_rows(file: Path, count: int, seed: int = 7) -> None:
    """Write a CSV file with a header; the same count and seed give the same bytes."""
    with file.open("w") as out:
        out.write(f"{header()}\n")
        for chunk in rows(count, seed):
            out.writelines(f"{row}\n" for row in chunk)


def header() -> str:
    """Return the sample's first line."""
    with SAMPLE.open() as file:
        return file.readline().rstrip("\n")


def rows(count: int, seed: int = 7, change: Callable[[Cells], Cells] = list) -> Iterator[Iterator[str]]:
    """Yield rows as lines of CSV, some at a time; change may make other customers of the sample's."""
    cells = [change(line.split(",")) for line in SAMPLE.read_text().splitlines()[1:]]
    parts = [[",".join(row[part]) for row in cells] for part in PARTS]
    source = np.random.default_rng(seed)
    for start in range(0, count, CHUNK):
        chosen = source.integers(len(cells), size=(3, min(CHUNK, count - start))).tolist()
        yield (f"{parts[0][one]},{parts[1][two]},{parts[2][three]},{parts[3][two]}" for one, two, three in zip(*chosen, strict=True))
