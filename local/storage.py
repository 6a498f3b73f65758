"""The space of the data folder: changes are refused while it is short, and what is under way can still be recorded."""

import contextvars
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

RESERVE = 16 * 2**20  # bytes that a file keeps back for the machine's own records
SPARE = 16 * 2**20  # bytes that must be free besides, and besides what a request brings


class StorageError(Exception):
    """A change cannot be kept; the message says why and what to do."""


class StorageFullError(StorageError):
    """There is no space left."""


class Storage:
    """The disk of one data folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._reserve = folder, folder / "reserve"
        self._failures: contextvars.ContextVar[list[OSError] | None] = contextvars.ContextVar("failures", default=None)

    def check(self, wanted: int = 0) -> None:
        """Raise StorageFullError unless so many bytes fit and the reserve is there."""
        missing = 0 if self._reserve.exists() else RESERVE
        free = shutil.disk_usage(self.folder).free
        if free < SPARE + missing + wanted:
            raise StorageFullError(
                f"{self.folder} is full: {free / 2**20:.0f} MB are free and {(SPARE + missing + wanted) / 2**20:.0f} MB "
                "are needed. Nothing was changed. Free some space on that disk and try again.")
        if missing:
            self._keep_back()

    def _keep_back(self) -> None:
        with suppress(OSError):
            fresh = self._reserve.with_suffix(".new")
            fresh.write_bytes(bytes(RESERVE))
            fresh.replace(self._reserve)

    def release(self) -> bool:
        """Give the reserve back to the disk; return whether there was one."""
        with suppress(OSError):
            self._reserve.unlink()
            return True
        return False

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Raise what ``noting`` saw fail in this block."""
        failures: list[OSError] = []
        token = self._failures.set(failures)
        try:
            yield
        finally:
            self._failures.reset(token)
        if failures:
            raise self.explained(failures[0])

    def noting(self, write: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that writes a file, for callers who would pass over its failure: see ``watch``."""
        def noted(*arguments: Any, **more: Any) -> Any:
            try:
                return write(*arguments, **more)
            except OSError as error:
                if (failures := self._failures.get()) is not None:
                    failures.append(error)
                raise

        return noted

    def explained(self, error: OSError | sqlite3.Error) -> StorageError:
        """Return an error of the disk in words that name the folder."""
        return StorageError(f"{self.folder} could not be written: {error}. The change is not kept for certain. "
                            "Free some space on that disk and try again.")
