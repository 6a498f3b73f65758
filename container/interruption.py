"""Being told to stop: a job's SIGTERM becomes an exception, so that the program ends in seconds.

As the first process of a container Python would otherwise not hear SIGTERM at all, and SageMaker
would wait two minutes before it kills.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

EXIT_STATUS = 128 + signal.SIGTERM


class Interrupted(BaseException):
    """The platform wants the program to stop; no program may take it for an error of its own."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise Interrupted in the block when SIGTERM comes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    earlier: Any = signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, earlier)


def _raise(number: int, frame: FrameType | None) -> None:
    # Once: a second one must not interrupt the way out.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Interrupted
