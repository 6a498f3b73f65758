"""Loads a function's folder as Lambda does: its own modules by their bare names, nothing of its neighbours."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

FUNCTIONS = Path(__file__).parents[3] / "custom_resource"
EVENTS = Path(__file__).parent / "events"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Return a function's handler module by its folder's name."""
    own: set[str] = set()

    def loaded(name: str) -> ModuleType:
        folder = FUNCTIONS / name
        own.update(path.stem for path in folder.glob("*.py"))
        forget(own)
        monkeypatch.syspath_prepend(str(folder))
        return importlib.import_module("handler")

    yield loaded
    forget(own)


def forget(names: set[str]) -> None:
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
def stub() -> Iterator[Callable[[str], Stubber]]:
    """Return an active stubber of a service; what was expected of it must have happened by the test's end."""
    stubbers: list[Stubber] = []

    def stubbed(service: str) -> Stubber:
        client = boto3.client(service, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        stubbers.append(Stubber(client))
        stubbers[-1].activate()
        return stubbers[-1]

    yield stubbed
    for stubber in stubbers:
        stubber.assert_no_pending_responses()
        stubber.client.close()


@pytest.fixture
def event() -> Callable[..., dict[str, Any]]:
    """Return a recorded event by its file's name, with changes."""
    return lambda name, **changes: json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8")) | changes
