"""Reading what an endpoint captured, or CSV files, as columns: in blocks on all cores, so memory does not grow with the rows."""

import csv
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Set
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from pyarrow import ArrowInvalid

from container.answers import Answer, read_answers
from container.blocks import Block, after_line, after_row, blocks
from container.capture_lines import SYNTHETIC, captured, place_of
from container.capture_rows import read_requests
from container.columns import Columns
from container.row_texts import read_rows
from container.schema import Schema

Result = TypeVar("Result")
NAMED = 20


@dataclass
class Seen:
    """What a reading came upon besides rows: requests of the project's own, and what could not be read."""

    synthetic: int = 0
    unreadable: int = 0
    # The first of these by name, with the reason.
    faults: list[str] = field(default_factory=list)
    # The model's answers to the requests that were asked for.
    answers: list[Answer] = field(default_factory=list)

    def add(self, other: "Seen") -> None:
        """Take in what another block held."""
        self.synthetic += other.synthetic
        self.unreadable += other.unreadable
        self.faults += other.faults[: NAMED - len(self.faults)]
        self.answers += other.answers


Found = tuple[list[Columns], Seen]
Task = Callable[[], Found]


def columns_of_all(tasks: Iterable[Task], seen: Seen) -> Iterator[Columns]:
    """Yield the columns that tasks read, in order; seen fills meanwhile."""
    return summaries(tasks, lambda columns: columns, seen)


def summaries(tasks: Iterable[Task], summarize: Callable[[Columns], Result], seen: Seen) -> Iterator[Result]:
    """Yield in order what summarize, which runs in several threads at once, makes of the columns that tasks read."""

    def work(task: Task) -> tuple[list[Result], Seen]:
        columns, came_upon = task()
        return [summarize(each) for each in columns], came_upon

    cores = os.cpu_count() or 1
    waiting: deque[Future[tuple[list[Result], Seen]]] = deque()
    with ThreadPoolExecutor(cores) as pool:
        for task in tasks:
            waiting.append(pool.submit(work, task))
            if len(waiting) > cores:
                yield from _taken(waiting.popleft(), seen)
        while waiting:
            yield from _taken(waiting.popleft(), seen)


def _taken(future: "Future[tuple[list[Result], Seen]]", seen: Seen) -> list[Result]:
    results, came_upon = future.result()
    seen.add(came_upon)
    return results


def captures(folder: Path, schema: Schema, with_ids: bool = False, answered: Set[str] = frozenset()) -> Iterator[Task]:
    """Yield tasks that read the requests in all capture files below a folder, and the answers to those with the ids that are given."""
    for block in blocks(_files(folder, ".jsonl"), after_line):
        yield partial(_read_captures, block, schema, with_ids, answered)


def _read_captures(block: Block, schema: Schema, with_ids: bool, answered: Set[str]) -> Found:
    lines, faults = captured(block)
    requests = lines
    if SYNTHETIC.encode() in block.content:
        requests = [line for line in lines if not line.event_metadata.inference_id.startswith(SYNTHETIC)]
    found = read_requests(requests, schema, with_ids)
    named = [f"{place}: {reason}" for place, reason in faults.items()][:NAMED]
    for request, reason in found.faults[: NAMED - len(named)]:
        named.append(f"{place_of(block, request.event_metadata.event_id)}: {reason}")
    answers = [answer for line in requests if line.event_metadata.id in answered for answer in read_answers(line, schema)] if answered else []
    return found.columns, Seen(len(lines) - len(requests), len(faults) + len(found.faults), named, answers)


def csv_rows(folder: Path, schema: Schema, has_header: bool = True) -> Iterator[Task]:
    """Yield tasks that read all CSV files below a folder; without a header their columns are the features in order."""
    for name, path in _files(folder, ".csv"):
        names = _header(path) if has_header else schema.names
        for block in blocks([(name, path)], after_row, first_line=2 if has_header else 1):
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
    named = [f"{block.place(number)}: {reason}" for number, reason in islice(rows.faults.items(), NAMED)]
    return rows.columns, Seen(0, len(rows.faults), named)


def _files(folder: Path, suffix: str) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob(f"*{suffix}")):
        yield path.relative_to(folder).as_posix(), path
