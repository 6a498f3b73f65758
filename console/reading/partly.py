"""Reads of which some may fail: what the caller may see is shown, and what not is told."""

from concurrent.futures import Future
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from console.faults import Refused, sentence

Found = TypeVar("Found")


class Partly:
    """What could be read, and why the rest could not."""

    def __init__(self) -> None:
        self._faults: list[str] = []

    def get(self, asked: "Future[Found]", otherwise: Found) -> Found:
        """Return what was asked for; where that failed the fault is kept."""
        try:
            return asked.result()
        except (Refused, BotoCoreError, ClientError) as error:
            self._faults.append(sentence(error))
            return otherwise

    @property
    def faults(self) -> tuple[str, ...]:
        """Return each fault once, as a person is told of it."""
        return tuple(dict.fromkeys(self._faults))
