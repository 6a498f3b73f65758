"""The log of one build: a file that its commands write to, shipped to CloudWatch Logs as it grows."""

from datetime import UTC, datetime

from local.logs import LogStream


class BuildLog(LogStream):
    """A log that must be there before the build runs, with the build's own lines between those of its commands."""

    def open(self) -> None:
        """Make the stream, and the group where it is missing; raises what CloudWatch Logs answers."""
        self.path.touch()
        try:
            self._client.create_log_stream(logGroupName=self.group, logStreamName=self.stream)
        except self._client.exceptions.ResourceNotFoundException:
            self._client.create_log_group(logGroupName=self.group)
            self._client.create_log_stream(logGroupName=self.group, logStreamName=self.stream)
        self._ready = True

    def say(self, text: str) -> None:
        """Write a line of the build itself."""
        stamp = datetime.now(UTC).strftime("%Y/%m/%d %H:%M:%S.%f")
        with self.path.open("a") as file:
            file.write(f"[Container] {stamp} {text}\n")
