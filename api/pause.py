"""Waits a while, as long as the function's time suffices to report afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

SECONDS = 5
MARGIN_MILLISECONDS = 30_000  # of the function's time, to report in
Pause = Callable[[], bool]


def within(context: Any) -> Pause:
    """Return what waits, and says whether there was time to."""

    def pause() -> bool:
        if context.get_remaining_time_in_millis() < MARGIN_MILLISECONDS + SECONDS * 1000:
            return False
        time.sleep(SECONDS)
        return True

    return pause
