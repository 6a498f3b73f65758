"""Asks AWS several things at once, for a view waits for the slowest of them and not for their sum."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_POOL = ThreadPoolExecutor(24, thread_name_prefix="reading")


def together(*questions: Callable[[], Any]) -> list[Any]:
    """Return the answers in the order of the questions; raises the first error. A question may not ask together itself."""
    asked = [_POOL.submit(question) for question in questions]
    return [each.result() for each in asked]
