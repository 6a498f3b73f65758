"""Waiting for what a service does: a look each half second, for a bounded time."""

import time
from collections.abc import Callable
from typing import TypeVar

from narration import DemoError

LOOK_SECONDS = 0.5
Answer = TypeVar("Answer")


def until(look: Callable[[], Answer | None], seconds: float, otherwise: str) -> Answer:
    """Return the first answer that holds something; raises DemoError, saying ``otherwise``, when the seconds are over."""
    deadline = time.monotonic() + seconds
    while not (answer := look()):
        if time.monotonic() > deadline:
            raise DemoError(otherwise)
        time.sleep(LOOK_SECONDS)
    return answer
