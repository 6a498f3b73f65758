"""Reading what an endpoint captured, or CSV files, as columns: in blocks on all cores, so memory does not grow with the rows."""

import csv
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

from pyarrow import ArrowInvalid

from container.answers import Answer, read_answers
from container.blocks import Block, Position, blocks, rest_of_line, rest_of_row
from container.capture_lines import SYNTHETIC, Lines, captured
from container.capture_rows import read_requests
from container.columns import Columns
from container.requests import Read
from container.row_texts import read_rows
from container.schema import Schema

Result = TypeVar("Result")
NAMED = 20


class Found(NamedTuple):
    """What a block held: columns, requests of the project's own, what could not be read (some of it by its place), answers."""

    columns: list[Columns]
    synthetic: int = 0
    unreadable: int = 0
    faults: Sequence[tuple[Position, str]] = ()
    answers: Sequence[Answer] = ()


@dataclass
class Seen:
    """What a reading came upon besides rows: requests of the project's own, and what could not be read."""

    synthetic: int = 0
    unreadable: int = 0
    # The first of these by name, with the reason.
    faults: list[str] = field(default_factory=list)
    # The model's answers to the requests that were asked for.
    answers: list[Answer] = field(default_factory=list)

    def add(self, found: Found) -> None:
        """Take in what another block held."""
        self.synthetic += found.synthetic
        self.unreadable += found.unreadable
        self.faults += [f"{place}: {reason}" for place, reason in found.faults[: NAMED - len(self.faults)]]
        self.answers += found.answers


Task = Callable[[], Found]


def columns_of_all(tasks: Iterable[Task], seen: Seen) -> Iterator[Columns]:
    """Yield the columns that tasks read, in order; seen fills meanwhile."""
    return summaries(tasks, lambda columns: columns, seen)


def summaries(tasks: Iterable[Task], summarize: Callable[[Columns], Result], seen: Seen) -> Iterator[Result]:
    """Yield in order what summarize, which runs in several threads at once, makes of the columns that tasks read."""

    def work(task: Task) -> tuple[list[Result], Found]:
        found = task()
        return [summarize(each) for each in found.columns], found._replace(columns=[])

    cores = os.cpu_count() or 1
    waiting: deque[Future[tuple[list[Result], Found]]] = deque()
    with ThreadPoolExecutor(cores) as pool:
        for task in tasks:
            waiting.append(pool.submit(work, task))
            if len(waiting) > cores:
                yield from _taken(waiting.popleft(), seen)
        while waiting:
            yield from _taken(waiting.popleft(), seen)


def _taken(future: "Future[tuple[list[Result], Found]]", seen: Seen) -> list[Result]:
    results, found = future.result()
    seen.add(found)
    return results


def captures(folder: Path, schema: Schema, with_ids: bool = False, answered: AbstractSet[str] = frozenset()) -> Iterator[Task]:
    """Yield tasks that read the requests in all capture files below a folder, and the answers to those with the ids that are given."""
    for block in blocks(_files(folder, ".jsonl"), rest_of_line):
        yield partial(_read_captures, block, schema, with_ids, answered)


def _read_captures(block: Block, schema: Schema, with_ids: bool, answered: AbstractSet[str]) -> Found:
    lines = captured(block.content)
    requests = lines.requests
    if any(request.event_metadata.inference_id for request in requests):  # mostly none has one
        requests = [request for request in requests if not request.event_metadata.inference_id.startswith(SYNTHETIC)]
    read = read_requests(requests, schema, with_ids)
    answers = [answer for request in requests if request.event_metadata.id in answered for answer in read_answers(request, schema)] if answered else []
    return Found(read.columns, len(lines.requests) - len(requests), len(lines.faults) + len(read.faults), _named(block, lines, read), answers)


def _named(block: Block, lines: Lines, read: Read) -> list[tuple[Position, str]]:
    """Return some faults by their places in their files."""
    faults = [*islice(lines.faults.items(), NAMED)]
    for request, reason in read.faults[: NAMED - len(faults)]:
        # The very request: two may be alike.
        place = next(place for place, other in enumerate(lines.requests) if other is request)
        faults.append((lines.numbers[place], reason))
    return [(block.line(number), reason) for number, reason in sorted(faults)]


def csv_rows(folder: Path, schema: Schema, has_header: bool = True) -> Iterator[Task]:
    """Yield tasks that read all CSV files below a folder; without a header their columns are the features in order."""
    for name, path in _files(folder, ".csv"):
        names = _header(path) if has_header else schema.names
        for block in blocks([(name, path)], rest_of_row, first_line=2 if has_header else 1):
            yield partial(_read_csv, block, names, schema)


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        return [name.strip() for name in next(csv.reader(file), [])]


def _read_csv(block: Block, names: list[str], schema: Schema) -> Found:
    try:
        rows = read_rows(block.content, names, schema)
    except ArrowInvalid:
        # Bytes that are no UTF-8 spoil their cell, not the block.
        rows = read_rows(block.content.decode(errors="replace").encode(), names, schema)
    # Where cells hold line ends, a row's line is later than this.
    named = [(block.line(number), reason) for number, reason in islice(rows.faults.items(), NAMED)]
    return Found(rows.columns, 0, len(rows.faults), named)


def _files(folder: Path, suffix: str) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob(f"*{suffix}")):
        yield path.relative_to(folder).as_posix(), path
