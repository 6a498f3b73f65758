"""The hooks' cloud."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from api import capacity, lifecycle, pause, pre_traffic, scaling, synthetic, watch
from tests.unit.api.cloud import ENVIRONMENT, Cloud


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """Stubbed services; nothing waits."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    found = Cloud()
    for module in (capacity, lifecycle, pre_traffic, scaling, synthetic, watch):
        monkeypatch.setattr(module, "client", found.clients.__getitem__)
    monkeypatch.setattr(pause.time, "sleep", lambda seconds: None)
    synthetic.stored.cache_clear()
    yield found
    for stubber in found.stubbers.values():
        stubber.assert_no_pending_responses()
    for client in found.clients.values():
        client.close()
