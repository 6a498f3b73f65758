"""What processes print, shipped to CloudWatch Logs as they print it."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import BotoCoreError, ClientError

logger = logging.getLogger("local")
SHIP_EVERY_SECONDS = 1.0
MAXIMUM_EVENTS = 1000  # of one call; with the lines' limit below it stays under 1 MB
MAXIMUM_LINE = 900


class LogStream:
    """One log file and the stream that it is shipped to, with the client's rights."""

    def __init__(self, client: BaseClient, path: Path, group: str, stream: str) -> None:
        self._client, self.path, self.group, self.stream = client, path, group, stream
        self._offset, self._shipped, self._ready, self._refused = 0, 0.0, False, False

    def ship(self, *, everything: bool = False) -> None:
        """Send the complete lines that are new; at the end everything."""
        if self._refused or (not everything and time.monotonic() - self._shipped < SHIP_EVERY_SECONDS):
            return
        self._shipped = time.monotonic()
        content = self._new(everything)
        if not content:
            return
        try:
            self._put([line for line in content.decode(errors="replace").splitlines() if line.strip()])
            self._offset += len(content)
        except (ClientError, BotoCoreError) as error:  # as on AWS, a job whose role may not log runs on without logs
            self._refused = True
            logger.warning("%s %s: %s", self.group, self.stream, error)

    def _new(self, everything: bool) -> bytes:
        if not self.path.exists() or self.path.stat().st_size == self._offset:
            return b""
        with self.path.open("rb") as file:
            file.seek(self._offset)
            content = file.read()
        return content if everything else content[:content.rfind(b"\n") + 1]

    def _put(self, lines: list[str]) -> None:
        if not self._ready:
            unless_there(self._client.create_log_group, logGroupName=self.group)
            unless_there(self._client.create_log_stream, logGroupName=self.group, logStreamName=self.stream)
            self._ready = True
        pieces = [line[start:start + MAXIMUM_LINE] for line in lines for start in range(0, len(line), MAXIMUM_LINE)]
        now = int(time.time() * 1000)
        for start in range(0, len(pieces), MAXIMUM_EVENTS):
            self._client.put_log_events(
                logGroupName=self.group, logStreamName=self.stream,
                logEvents=[{"timestamp": now, "message": piece} for piece in pieces[start:start + MAXIMUM_EVENTS]])

    def tail(self, characters: int = 700) -> str:
        """Return the last whole lines, at most so many characters."""
        if not self.path.exists():
            return ""
        with self.path.open("rb") as file:
            file.seek(max(0, self.path.stat().st_size - 8 * characters))
            text = file.read().decode(errors="replace").strip()
        return text if len(text) <= characters else text[-characters:].partition("\n")[2] or text[-characters:]


def unless_there(create: Callable[..., Any], **names: str) -> None:
    """Create a group or stream that may be there."""
    try:
        create(**names)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
            raise
