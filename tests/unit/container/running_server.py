"""The image's server as a process on a free port, with what tests want to know of it."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from image_jobs import ROOT

from container.proxy import installed

# Both ways to serve; scripts/test.sh leaves out the mark nginx, and says so, where there is none and not all is asked for.
BOTH = [pytest.param(True, id="nginx", marks=pytest.mark.nginx), pytest.param(False, id="no nginx")]
SERVE = (sys.executable, "-W", "error", "-m", "container", "serve")


class RunningServer:
    """`python -m container serve` on a base folder; its log goes to a file, so it never waits for a reader."""

    def __init__(self, base: Path, folder: Path, nginx: bool | None = None, command: tuple[str, ...] = SERVE,
                 **environment: str) -> None:
        """Take what to serve: behind nginx, without it, or as it is installed (None)."""
        assert not nginx or installed(), "nginx is not installed or not on the PATH (on Debian: apt-get install nginx-light)"
        self.port, self.log = _free_port(), folder / "log"
        self._command = command
        self._environment = {
            **os.environ, "SAGEMAKER_BASE_DIR": str(base), "SAGEMAKER_BIND_TO_HOST": "127.0.0.1",
            "SAGEMAKER_BIND_TO_PORT": str(self.port), "MODEL_SERVER_WORKERS": "2", **environment,
        }
        if nginx is False:
            self._environment["PATH"] = str(folder)

    def __enter__(self) -> Self:
        """Start it and wait until it answers its health check."""
        with self.log.open("w") as log:
            started = time.monotonic()
            self.process = subprocess.Popen(self._command, cwd=ROOT, env=self._environment, stderr=log, stdout=log)
        wait_for(lambda: self.process.poll() is not None or self.is_healthy(), "the server to be healthy")
        self.seconds_to_ready = time.monotonic() - started
        assert self.process.poll() is None, self.log.read_text()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop it, and see that it ends well."""
        self.process.send_signal(signal.SIGTERM)
        try:
            assert self.process.wait(20) == 0 or error, self.log.read_text()
        finally:
            self.process.kill()

    def is_healthy(self) -> bool:
        """Tell whether it answers its health check."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def is_listening(self) -> bool:
        """Tell whether anything takes connections on its port."""
        try:
            socket.create_connection(("127.0.0.1", self.port), 5).close()
        except ConnectionRefusedError:
            return False
        return True

    def workers(self) -> list[int]:
        """Return the process ids of the workers that run."""
        return sorted(self._children("python"))

    def proxy(self) -> int:
        """Return the process id of nginx."""
        return next(self._children("nginx"))

    def memory(self) -> int:
        """Return the bytes of memory that the workers hold."""
        pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.workers()]
        return sum(pages) * os.sysconf("SC_PAGE_SIZE")

    def _children(self, program: str) -> Iterator[int]:
        for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended since it was listed
                if program in Path(f"/proc/{pid}/cmdline").read_text():
                    yield int(pid)


def wait_for(condition: object, what: str, seconds: float = 20) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, f"waited {seconds} s in vain for {what}"
        threading.Event().wait(0.02)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
