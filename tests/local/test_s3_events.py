"""A bucket's events are kept for a while and forgotten, whatever ends at the same time."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ministack.services import s3

from local import s3_events
from local.store import Store

EVENTS = 400


def test_no_event_is_lost_when_many_end_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fired: list[str] = []
    monkeypatch.setattr(s3, "_fire_s3_event", lambda bucket, event, key: fired.append(key))
    monkeypatch.setattr(s3, "_bucket_notifications", {"told": {}})
    monkeypatch.setattr(s3_events, "DELIVERED_SECONDS", 0.0)  # every event finds others to forget
    store = Store(tmp_path / "state.sqlite")
    machine: Any = SimpleNamespace(store=store)
    s3_events.install(machine)
    with ThreadPoolExecutor(16) as crowd:
        list(crowd.map(lambda number: s3._fire_s3_event("told", "s3:ObjectCreated:Put", str(number)), range(EVENTS)))
    assert sorted(fired, key=int) == [str(number) for number in range(EVENTS)]
    assert len(store.table("s3-events")) < EVENTS
    store.close()
