"""What the demo tells while it goes on, and what its report keeps of it."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class DemoError(Exception):
    """A step did not end as it should; the message says where and why."""


def say(text: str) -> None:
    """Narrate on stderr."""
    print(f"   {text}", file=sys.stderr, flush=True)


class Steps:
    """Runs steps, tells what happens, and keeps what the report says of them."""

    def __init__(self) -> None:
        self.report: dict[str, Any] = {"steps": []}

    @contextmanager
    def step(self, name: str, why: str = "") -> Iterator[None]:
        """Time one step; a failure is recorded before it ends the demo."""
        print(f"\n== {name}", file=sys.stderr, flush=True)
        if why:
            say(why)
        started, status = time.monotonic(), "failed"
        try:
            yield
            status = "succeeded"
        finally:
            seconds = round(time.monotonic() - started, 1)
            self.report["steps"].append({"name": name, "seconds": seconds, "status": status})
            say(f"{status} in {seconds} s")
