"""Series that only grow, saved line by line: adding costs what is added, not what is there already."""

import json
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


class Journal:
    """A file of JSON lines. What was appended survives a kill of the process; half a line at the end is not read."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._lock = path, threading.Lock()

    def read(self) -> Iterator[list[Any]]:
        """Yield what was appended, oldest first."""
        if not self._path.exists():
            return
        with self._path.open() as file:
            for line in file:
                if line.endswith("\n"):
                    yield json.loads(line)

    def append(self, records: Iterable[list[Any]]) -> None:
        """Add records; they are in the system's hands on return."""
        text = "".join(f"{json.dumps(record)}\n" for record in records)
        if text:
            with self._lock, self._path.open("a") as file:
                file.write(text)

    def rewrite(self, records: Iterable[list[Any]]) -> None:
        """Replace all records, at once or not at all."""
        fresh = self._path.with_suffix(".new")
        with self._lock:
            with fresh.open("w") as file:
                file.writelines(f"{json.dumps(record)}\n" for record in records)
            fresh.replace(self._path)
