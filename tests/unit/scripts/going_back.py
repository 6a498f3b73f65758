"""What the tests of going back share: how the script is run, and how a refusal is told from going back."""

from __future__ import annotations

from collections.abc import Callable

from tests.unit.scripts.account import Account

Back = Callable[..., tuple[int, str, str]]


def refused(account: Account, back: Back, *words: str, arguments: tuple[str, ...] = ()) -> None:
    """Check that it says why not, and touches nothing."""
    serves = account.alias
    code, said, told = back(*arguments)
    assert (code, said, account.calls, account.alias) == (1, "", [], serves)
    assert all(word in told for word in words), told
