"""A stack that runs: started on free ports of 127.0.0.1, asked, measured, ended."""

import http.client
import os
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from benchmarks.serving import nginx, processes
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.model import ROOT
from benchmarks.serving.stacks import Row, Stack

READY_SECONDS = 90
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Server:
    """One running stack."""

    def __init__(self, stack: Stack, folder: Path, base: Path) -> None:
        """Take a stack; ``folder`` is for its files, ``base`` is where our image finds its model."""
        self.stack, self._folder, self._base = stack, folder / stack.name, base
        self.port, self._second, self._third = free_ports(3)
        self.log = self._folder / "log.txt"
        self._programs: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start it and wait until it is ready; raises BenchmarkError with the end of its log."""
        python = ROOT / "build" / "env" / self.stack.environment / "bin" / "python"
        if not (python.parent.parent / "installed").is_file():
            raise BenchmarkError(f"build/env/{self.stack.environment} could not be installed")
        (self._folder / "empty").mkdir(parents=True, exist_ok=True)
        # A socket's address has a limit of some hundred characters; a folder's name has none.
        where = Path(os.path.relpath(self._folder / "gunicorn.sock", ROOT))
        (ROOT / where).unlink(missing_ok=True)
        proxy = nginx.found() if self.stack.proxied else None
        places = {"port": self.port, "second": self._second, "third": self._third, "base": self._base, "home": self._folder,
                  "empty": self._folder / "empty", "bind": f"unix:{where}" if proxy else f"127.0.0.1:{self.port}"}
        env = {"PATH": f"{python.parent}:{PATH}", "HOME": str(self._folder), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1",
               **{name: value.format(**places) for name, value in self.stack.variables.items()}}
        with self.log.open("wb") as log:
            self._programs.append(processes.start(
                [str(python), *(word.format(**places) for word in self.stack.words)], env, ROOT, log))
            if proxy:
                words = nginx.command(proxy, self._folder / "nginx", ROOT / where, self.port)
                self._programs.append(processes.start(words, env, ROOT, log))
        self._wait()

    def _wait(self) -> None:
        began = time.monotonic()
        while time.monotonic() < began + READY_SECONDS:
            for program in self._programs:
                if program.poll() is not None:
                    raise BenchmarkError(f"it ended with {program.returncode}: {self._last_words()}")
            with suppress(OSError, http.client.HTTPException):
                if self._answer("GET", self.stack.ready, None)[0] == 200:
                    return
            time.sleep(0.1)
        raise BenchmarkError(f"not ready after {READY_SECONDS} s: {self._last_words()}")

    def _last_words(self) -> str:
        return self.log.read_text(errors="replace")[-1500:].strip() or f"its log {self.log} is empty"

    def _answer(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, {"Content-Type": self.stack.content_type} if body else {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def probabilities(self, rows: list[Row]) -> list[float]:
        """Return the server's answer for rows in one request; raises BenchmarkError for anything else."""
        status, body = self._answer("POST", self.stack.path, self.stack.body(rows))
        if status != 200:
            raise BenchmarkError(f"it answered {status}: {body[:500].decode(errors='replace')}; {self._last_words()}")
        return self.stack.read(body)

    def resident_mb(self) -> float:
        """Return the resident memory of all of its processes together."""
        return processes.resident_mb([pid for program in self._programs for pid in processes.family(program.pid)])

    def stop(self) -> None:
        """End all of its processes."""
        for program in reversed(self._programs):
            processes.stop(program)
        self._programs.clear()


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
