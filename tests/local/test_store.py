"""Tables that several threads use at once."""

import threading
from pathlib import Path
from typing import Any

import pytest

from local.store import Store, Table


def test_of_two_who_take_the_same_document_one_gets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "state.sqlite")
    table = store.table("processes")
    table["1"] = {"name": "build"}
    taken: list[Any] = []
    other = threading.Thread(target=lambda: taken.append(table.pop("1", None)))
    read = Table.__getitem__

    def read_while_another_one_takes(self: Table, key: str) -> dict[str, Any]:
        found = read(self, key)
        if not other.ident:
            other.start()
            other.join(0.5)
        return found

    monkeypatch.setattr(Table, "__getitem__", read_while_another_one_takes)
    taken.append(table.pop("1", None))
    other.join()
    assert (len(taken), {"name": "build"} in taken, None in taken) == (2, True, True)
    assert list(table) == []
    store.close()
