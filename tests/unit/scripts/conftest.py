"""Scripts import each other by name, so their folder is where modules are looked for; what the tests of going back share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.unit.scripts.account import BAD, OLD, PROJECT, Account
from tests.unit.scripts.going_back import Back

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "scripts"))


@pytest.fixture
def account() -> Account:
    """A project that has released two runs; the newer one is bad."""
    made = Account()
    made.released(OLD)
    made.released(BAD)
    return made


@pytest.fixture
def back(account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Back:
    """Return a function that runs the script; it returns exit code, stdout and stderr."""
    import rollback  # found once the path is set

    monkeypatch.setattr(rollback, "client", account.client)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr("signal.signal", lambda number, handler: None)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["rollback.py", *(arguments or (PROJECT,))])
        code = rollback.main()
        said = capsys.readouterr()
        return code, said.out, said.err

    return call
