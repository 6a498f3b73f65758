"""A clock with a speed: durations shrink, time stamps stay wall time."""

import threading
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Clock:
    """Divides the durations that AWS waits by ``speed`` (1 is real time)."""

    speed: float = 60.0

    def scaled(self, seconds: float) -> float:
        """Return the wall seconds that ``seconds`` of AWS time take here."""
        return seconds / self.speed

    def wait(self, seconds: float, event: threading.Event | None = None) -> bool:
        """Wait ``seconds`` of AWS time; return early, and True, when ``event`` is set."""
        return (event or threading.Event()).wait(self.scaled(seconds))

    @staticmethod
    def now() -> float:
        """Return the wall time in seconds since the epoch."""
        return time.time()
