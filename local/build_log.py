"""The log of one build: a file that its commands write to, copied to CloudWatch Logs as it grows."""

import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from botocore.client import BaseClient

COPY_EVERY_SECONDS = 0.5
EVENTS_PER_CALL = 1000


class BuildLog:
    """Copies whole lines with the rights of the client, until closed."""

    def __init__(self, path: Path, client: BaseClient, group: str, stream: str) -> None:
        self.path, self._client, self._group, self._stream = path, client, group, stream
        self._done, self._read = threading.Event(), 0
        self._copier = threading.Thread(target=self._copy_regularly, daemon=True)

    def open(self) -> None:
        """Make the stream, and the group where it is missing; raises what CloudWatch Logs answers."""
        self.path.touch()
        try:
            self._client.create_log_stream(logGroupName=self._group, logStreamName=self._stream)
        except self._client.exceptions.ResourceNotFoundException:
            self._client.create_log_group(logGroupName=self._group)
            self._client.create_log_stream(logGroupName=self._group, logStreamName=self._stream)
        self._copier.start()

    def say(self, text: str) -> None:
        """Write a line of the build itself."""
        stamp = datetime.now(UTC).strftime("%Y/%m/%d %H:%M:%S.%f")
        with self.path.open("a") as file:
            file.write(f"[Container] {stamp} {text}\n")

    def close(self) -> None:
        """Copy the rest and end."""
        self._done.set()
        if self._copier.is_alive():
            self._copier.join()
            self._copy(b"\n")

    def _copy_regularly(self) -> None:
        while not self._done.wait(COPY_EVERY_SECONDS):
            self._copy()

    def _copy(self, end: bytes = b"") -> None:
        with self.path.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        whole = new + end if end else new[:new.rfind(b"\n") + 1]
        self._read += len(whole)
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line.decode(errors="replace")} for line in whole.splitlines() if line]
        for start in range(0, len(events), EVENTS_PER_CALL):
            self._client.put_log_events(logGroupName=self._group, logStreamName=self._stream,
                                        logEvents=events[start:start + EVENTS_PER_CALL])
