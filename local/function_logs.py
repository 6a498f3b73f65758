"""What functions write to CloudWatch Logs: their own lines, and Lambda's about each invocation."""

import queue
import re
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.machine import Machine
from local.runtime_api import Destination, Invocation, Outcome

LOG_BATCH_SECONDS = 1.0  # a stream's first lines are written at once, those of the next second together


class FunctionLogs:
    """Writes functions' output to CloudWatch Logs with the functions' own rights: without them there are no logs."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._lines: queue.SimpleQueue[tuple[Destination, list[dict[str, Any]]] | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True, name="lambda-logs").start()

    def write(self, stream: Destination, lines: list[str]) -> None:
        """Have lines written soon; the caller does not wait."""
        now = int(time.time() * 1000)
        self._lines.put((stream, [{"timestamp": now, "message": line} for line in lines if line]))

    def stop(self) -> None:
        """Write no more."""
        self._lines.put(None)

    def _run(self) -> None:
        while (first := self._lines.get()) is not None:
            batches = {first[0]: first[1]}
            with suppress(queue.Empty):
                while (entry := self._lines.get_nowait()) is not None:
                    batches.setdefault(entry[0], []).extend(entry[1])
            for stream, events in batches.items():
                self._put(stream, events)
            self._machine.stopping.wait(LOG_BATCH_SECONDS)

    def _put(self, stream: Destination, events: list[dict[str, Any]]) -> None:
        client = self._machine.client("logs", stream.credentials)
        try:
            if not stream.exists:
                self._create(client, stream)
            for first in range(0, len(events), 1000):
                client.put_log_events(logGroupName=stream.group, logStreamName=stream.name,
                                      logEvents=events[first:first + 1000])
        except ClientError:  # a right is missing, or somebody deleted the stream
            stream.exists = False
        except BotoCoreError:  # the endpoint is stopping
            return

    @staticmethod
    def _create(client: Any, stream: Destination) -> None:
        names = {"logGroupName": stream.group, "logStreamName": stream.name}
        with suppress(client.exceptions.ResourceAlreadyExistsException):
            try:
                client.create_log_stream(**names)
            except client.exceptions.ResourceNotFoundException:
                client.create_log_group(logGroupName=stream.group)
                client.create_log_stream(**names)
        stream.exists = True


def log_group(config: dict[str, Any]) -> str:
    """Return the log group that a function writes to."""
    return (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"


def exit_reason(code: int) -> str:
    """Return how Lambda words the end of a runtime."""
    if code == 0:
        return "Runtime exited without providing a reason"
    status = f"signal: {(signal.strsignal(-code) or str(-code)).lower()}" if code < 0 else f"exit status {code}"
    return f"Runtime exited with error: {status}"


def report(outcome: Outcome, invocation: Invocation, config: dict[str, Any], output: str, memory: str,
           init_seconds: float | None) -> list[str]:
    """Return the lines that Lambda logs for one invocation."""
    request, milliseconds = f"RequestId: {invocation.request_id}", outcome.seconds * 1000
    lines = [f"START {request} Version: {config['Version']}", *output.splitlines()]
    if outcome.kind == "timeout":
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        lines.append(f"{stamp}.000Z {invocation.request_id} Task timed out after {invocation.timeout:.2f} seconds")
    elif outcome.kind == "exit":
        lines.append(f"{request} Error: {exit_reason(outcome.exit_code)}")
    summary = [f"REPORT {request}", f"Duration: {milliseconds:.2f} ms", f"Billed Duration: {int(milliseconds) + 1} ms",
               f"Memory Size: {config['MemorySize']} MB"]
    if memory:
        summary.append(f"Max Memory Used: {memory} MB")
    if init_seconds is not None:
        summary.append(f"Init Duration: {init_seconds * 1000:.2f} ms")
    return [*lines, f"END {request}", "\t".join(summary)]


def peak_memory(pid: int) -> str:
    """Return the most megabytes that a process has held; empty where the kernel does not tell."""
    with suppress(OSError):
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        return str(int(found[1]) // 1024) if found else ""
    return ""
