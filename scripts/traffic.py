"""Steady requests to a project's API, each counted by the run that its answer names."""

import itertools
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from project_api import Api

RATE = 60  # requests a second: enough for a share of 10 % to show in each
THREADS = 8  # so that a slow answer delays no other request
END_SECONDS = 2  # for requests under way; one that takes longer is left to its thread


@dataclass(frozen=True)
class Answer:
    """A request was answered at ``moment`` (of time.monotonic) by the model of ``run``."""

    moment: float
    run: str


class Traffic:
    """Sends requests from entry to exit and keeps each answer and each failure."""

    def __init__(self, api: Api, bodies: Sequence[bytes], runs: Collection[str], rate: float = RATE) -> None:
        self.answers: list[Answer] = []
        self.failures: list[str] = []
        self._api, self._bodies, self._runs, self._rate = api, bodies, runs, rate
        self._numbers, self._started = itertools.count(), 0.0
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(THREADS)]

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        deadline = time.monotonic() + END_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def wait(self, seconds: float) -> None:
        """Let the requests go on for a while."""
        self._ended.wait(seconds)

    def _work(self) -> None:
        """Send every request whose turn comes to this thread, at its time."""
        for number in self._numbers:  # shared: each number is one request
            if self._ended.wait(max(0.0, self._started + number / self._rate - time.monotonic())):
                return
            self._send(self._bodies[number % len(self._bodies)])

    def _send(self, body: bytes) -> None:
        try:
            run = self._api.ask(body).run
        except Exception as error:  # noqa: BLE001 - whatever it was, a client got no prediction
            self.failures.append(f"{error}" or repr(error))
            return
        if run in self._runs:
            self.answers.append(Answer(time.monotonic(), run))
        else:
            self.failures.append(f"{self._api.url} was answered by run {run}, which is neither the old nor the new one")
