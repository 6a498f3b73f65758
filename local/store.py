"""State of our services: tables of JSON documents, written through to SQLite.

Every change is on disk before it is acknowledged, so a kill loses nothing that a caller was told.
It costs one small transaction a change; nothing here changes more than some hundred times a second.
"""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.storage import Storage

WRITE = "INSERT INTO document VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body"
DELETE = "DELETE FROM document WHERE collection = ? AND id = ?"


class Table(MutableMapping[str, dict[str, Any]]):
    """One named table: keys to JSON documents, in insertion order. Readers get copies."""

    def __init__(self, store: "Store", name: str) -> None:
        self._store, self._name = store, name
        self._rows: dict[str, str] = dict(store.rows(name))

    def __getitem__(self, key: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self._rows[key])
        return document

    def __setitem__(self, key: str, document: dict[str, Any]) -> None:
        text = json.dumps(document)
        with self._store.lock:
            self._store.replace([(self._name, {key: text}, ())])
            self._rows[key] = text

    def __delitem__(self, key: str) -> None:
        with self._store.lock:
            if key not in self._rows:
                raise KeyError(key)
            self._store.replace([(self._name, {}, (key,))])
            del self._rows[key]

    def pop(self, key: str, *default: Any) -> Any:
        """Take a document out and return it; of two who take the same one, one gets it and the other one the default."""
        with self._store.lock:
            return super().pop(key, *default)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._rows))

    def __len__(self) -> int:
        return len(self._rows)

    @contextmanager
    def edit(self, key: str) -> Iterator[dict[str, Any]]:
        """Yield the document of ``key`` to be changed in place; it is saved unless the block raises."""
        with self._store.lock:
            document = self[key]
            yield document
            self[key] = document


class Store:
    """All tables of one machine, in one SQLite file."""

    def __init__(self, path: Path, storage: Storage | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.lock, self._storage = threading.RLock(), storage or Storage(path.parent)
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")  # survives a killed process, not a power cut
        self._database.execute("CREATE TABLE IF NOT EXISTS document (collection TEXT, id TEXT, body TEXT,"
                               " PRIMARY KEY (collection, id))")
        self._tables: dict[str, Table] = {}

    def rows(self, name: str) -> list[tuple[str, str]]:
        """Return the saved keys and JSON texts of a table, oldest first."""
        query = "SELECT id, body FROM document WHERE collection = ? ORDER BY rowid"
        return self._database.execute(query, (name,)).fetchall()

    def replace(self, changes: Iterable[tuple[str, dict[str, str], Iterable[str]]]) -> None:
        """Write rows and delete others, of any tables, all at once or not at all; they are durable on return.

        On a full disk the reserve is given up for it: what is told of an end must not get lost.
        """
        changes = list(changes)
        with self.lock:
            try:
                self._transact(changes)
            except sqlite3.OperationalError:
                if not self._storage.release():
                    raise
                self._transact(changes)

    def _transact(self, changes: Iterable[tuple[str, dict[str, str], Iterable[str]]]) -> None:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            for collection, rows, gone in changes:
                self._database.executemany(WRITE, [(collection, key, text) for key, text in rows.items()])
                self._database.executemany(DELETE, [(collection, key) for key in gone])
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise

    def table(self, name: str) -> Table:
        """Return the table of that name, made on first use."""
        with self.lock:
            if name not in self._tables:
                self._tables[name] = Table(self, name)
            return self._tables[name]

    def close(self) -> None:
        """Close the file; the store is unusable afterwards."""
        with self.lock:
            self._database.close()
