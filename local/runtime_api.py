"""Lambda execution environments: processes that ask for events over the Lambda Runtime API, and their pool.

Every environment has a listener of its own on 127.0.0.1, and the thread that invokes also serves the protocol: no
queue and no hand-over between threads, so a warm invocation costs two small requests.
"""

import os
import selectors
import shutil
import socket
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import h11

from local.machine import Credentials
from local.processes import Child

API = "/2018-06-01/runtime"
# the runtime sends a stack trace for X-Ray as one header of up to 1 MB
LARGEST_HEADERS = 2 * 1024 * 1024
LARGEST_LOG = 64 * 1024 * 1024
CHECK_SECONDS = 0.02
# Environments of one version. As many as keep the cores busy start at once; more, for functions that mostly wait, only
# when none has come free for a while, because each start takes the cores from those that run.
AT_ONCE = max(4, 2 * (os.cpu_count() or 1))
MOST_OF_ONE_FUNCTION = 2 * AT_ONCE
PATIENCE_SECONDS, WAIT_SECONDS = 0.2, 10.0

Key = tuple[str, ...]  # function, version, revision, code: what an environment was started from


@dataclass(frozen=True)
class Outcome:
    """How an invocation ended: response, error, init, timeout or exit; with the body that the runtime sent."""

    kind: str
    body: bytes = b""
    seconds: float = 0.0
    exit_code: int = 0


@dataclass(frozen=True)
class Invocation:
    """What the runtime is told about one invocation."""

    request_id: str
    event: bytes
    function_arn: str
    timeout: float
    trace: str

    def headers(self) -> list[tuple[str, str]]:
        """Return the headers of the Runtime API's "next" call."""
        deadline = int((time.time() + self.timeout) * 1000)
        return [("Lambda-Runtime-Aws-Request-Id", self.request_id), ("Lambda-Runtime-Deadline-Ms", str(deadline)),
                ("Lambda-Runtime-Invoked-Function-Arn", self.function_arn), ("Lambda-Runtime-Trace-Id", self.trace),
                ("Content-Type", "application/json")]


@dataclass(eq=False)
class Destination:
    """Where the output of one environment goes, and the rights with which it is written."""

    group: str
    name: str
    credentials: Credentials
    exists: bool = False


@dataclass
class Connection:
    """One connection of the runtime, and the request that is being read from it."""

    sock: socket.socket
    protocol: h11.Connection = field(default_factory=lambda: h11.Connection(
        h11.SERVER, max_incomplete_event_size=LARGEST_HEADERS))
    request: h11.Request | None = None
    body: bytearray = field(default_factory=bytearray)

    def receive(self) -> bool:
        """Read what has arrived; False when the runtime has closed the connection."""
        try:
            data = self.sock.recv(1 << 16)
        except ConnectionError:
            return False
        self.protocol.receive_data(data)
        return bool(data)

    def complete(self) -> bool:
        """Whether a whole request has arrived."""
        while (event := self.protocol.next_event()) is not h11.NEED_DATA:
            if isinstance(event, h11.Request):
                self.request, self.body = event, bytearray()
            elif isinstance(event, h11.Data):
                self.body += event.data
            else:
                return isinstance(event, h11.EndOfMessage)
        return False

    def answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Answer the request in one packet and be ready for the next."""
        response = h11.Response(status_code=status, headers=[*headers, ("Content-Length", str(len(body)))])
        parts = [self.protocol.send(each) for each in (response, h11.Data(data=body), h11.EndOfMessage())]
        with suppress(ConnectionError):  # a runtime that has died shows when it is waited for
            self.sock.sendall(b"".join(part for part in parts if part))
        if self.protocol.our_state is h11.DONE:
            self.protocol.start_next_cycle()


class RuntimeApi:
    """The server side of the Runtime API for one process."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def next_request(self, deadline: float, running: Callable[[], bool]) -> tuple[str, Connection] | None:
        """Return the next request's path; None at the deadline (monotonic) or when the process has ended."""
        while (left := deadline - time.monotonic()) > 0:
            ready = self._selector.select(min(left, CHECK_SECONDS if self._silent else 1.0))
            for key, _ in ready:
                if key.data is None:
                    self._accept()
                elif not key.data.receive():
                    self._drop(key.data)
                elif key.data.complete():
                    return key.data.request.target.decode(), key.data
            if not ready and not running():
                return None
        return None

    @property
    def _silent(self) -> bool:
        """Whether no connection would tell of the process's end."""
        return len(self._selector.get_map()) == 1

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(sock, selectors.EVENT_READ, Connection(sock))

    def _drop(self, connection: Connection) -> None:
        self._selector.unregister(connection.sock)
        connection.sock.close()

    def close(self) -> None:
        """Close the listener and every connection."""
        for key in list((self._selector.get_map() or {}).values()):
            key.fileobj.close()  # type: ignore[union-attr] # what was registered is a socket
        self._selector.close()


class Environment:
    """A process that serves one invocation at a time, its scratch folder, and what it has printed."""

    def __init__(self, folder: Path, stream: Destination, start: Callable[[str, Path], Child]) -> None:
        """Start the process by ``start(address of the Runtime API, log file)``."""
        self.folder, self.stream, self.log = folder, stream, folder / "output.log"
        (folder / "tmp").mkdir(parents=True)
        self.log.touch()
        self._read, self._failed = 0, False
        self._next: Connection | None = None
        self._began, self.idle_since = time.monotonic(), 0.0
        self.init_seconds: float | None = None
        self._api = RuntimeApi()
        try:
            self._child = start(self._api.address, self.log)
        except BaseException:
            self._discard()
            raise

    @property
    def reusable(self) -> bool:
        """Whether another invocation may use it."""
        return not self._failed and self._child.poll() is None and self._read < LARGEST_LOG

    @property
    def pid(self) -> int:
        """The process id."""
        return self._child.pid

    def invoke(self, invocation: Invocation, init_seconds: float) -> Outcome:
        """Run one invocation; anything but a response or an error of the handler makes it unusable."""
        outcome = self._ready(init_seconds) or self._run(invocation)
        if outcome.kind not in ("response", "error"):
            self._failed = True
            self.kill()
        return outcome

    def _ready(self, seconds: float) -> Outcome | None:
        """Wait until the runtime asks for work; return an outcome when it does not."""
        asked = self._receive(time.monotonic() + seconds)
        if isinstance(asked, Outcome):
            return asked
        path, self._next = asked
        if path != f"{API}/invocation/next":
            self._next.answer(202, [], b"{}")
            return Outcome("init", bytes(self._next.body))
        if self.init_seconds is None:
            self.init_seconds = time.monotonic() - self._began
        return None

    def _run(self, invocation: Invocation) -> Outcome:
        assert self._next is not None
        began = time.monotonic()
        self._next.answer(200, invocation.headers(), invocation.event)
        answer = self._receive(began + invocation.timeout)
        seconds = time.monotonic() - began
        if isinstance(answer, Outcome):
            return Outcome(answer.kind, seconds=seconds, exit_code=answer.exit_code)
        path, connection = answer
        connection.answer(202, [], b'{"status":"OK"}')
        kind = "response" if path == f"{API}/invocation/{invocation.request_id}/response" else "error"
        return Outcome(kind, bytes(connection.body), seconds)

    def _receive(self, deadline: float) -> tuple[str, Connection] | Outcome:
        request = self._api.next_request(deadline, lambda: self._child.poll() is None)
        if request is not None:
            return request
        code = self._child.poll()
        return Outcome("timeout") if code is None else Outcome("exit", exit_code=code)

    def printed(self) -> str:
        """Return what the process has printed since the last call."""
        with self.log.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        self._read += len(text)
        return text.decode("utf-8", "replace")

    def kill(self) -> None:
        """End the process group at once; who waits for its answer sees the end."""
        self._child.stop(0)

    def close(self) -> None:
        """End the process group and remove the folder."""
        self.kill()
        self._discard()

    def _discard(self) -> None:
        self._api.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class PoolFullError(Exception):
    """No environment came free in time."""


class Pool:
    """The environments of all functions: idle ones are used again, new ones started up to a bound."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._freed: dict[Key, threading.Condition] = defaultdict(lambda: threading.Condition(self._lock))
        self._idle: dict[Key, list[Environment]] = defaultdict(list)
        self._busy: set[Environment] = set()
        self._count: Counter[Key] = Counter()
        self._closed = False

    def acquire(self, key: Key, start: Callable[[], Environment]) -> Environment:
        """Return an idle environment or a new one; raises PoolFullError, and whatever ``start`` raises."""
        began = time.monotonic()
        with self._lock:
            while (environment := self._take(key)) is None and not self._reserve(key, time.monotonic() - began):
                if time.monotonic() - began > WAIT_SECONDS:
                    raise PoolFullError(f"{self._count[key]} environments of {key[0]} are busy")
                self._freed[key].wait(PATIENCE_SECONDS)
        environment = environment or self._started(key, start)
        with self._lock:
            self._busy.add(environment)
        return environment

    def _take(self, key: Key) -> Environment | None:
        while self._idle[key]:
            environment = self._idle[key].pop()
            if environment.reusable:
                return environment
            self._end(key, environment)
        return None

    def _reserve(self, key: Key, waited: float) -> bool:
        """Whether another environment may be started for who has waited so long."""
        most = MOST_OF_ONE_FUNCTION if waited >= PATIENCE_SECONDS else AT_ONCE
        if self._count[key] >= most or self._closed:
            return False
        self._count[key] += 1
        return True

    def _started(self, key: Key, start: Callable[[], Environment]) -> Environment:
        try:
            return start()
        except BaseException:
            with self._lock:
                self._count[key] -= 1
                self._freed[key].notify()
            raise

    def release(self, key: Key, environment: Environment) -> None:
        """Give an environment back; one that cannot be used again is ended."""
        with self._lock:
            self._busy.discard(environment)
            if environment.reusable:
                environment.idle_since = time.monotonic()
                self._idle[key].append(environment)
            else:
                self._end(key, environment)
            self._freed[key].notify()

    def _end(self, key: Key, environment: Environment) -> None:
        environment.close()
        self._count[key] -= 1

    def end_idle(self, chosen: Callable[[Key, Environment], bool]) -> None:
        """End the idle environments that ``chosen`` names."""
        with self._lock:
            for key in list(self._idle):
                for environment in [each for each in self._idle[key] if chosen(key, each)]:
                    self._idle[key].remove(environment)
                    self._end(key, environment)
                self._freed[key].notify_all()
                if not self._idle[key]:
                    del self._idle[key]
                if not self._count[key]:
                    del self._count[key], self._freed[key]

    def close(self) -> None:
        """End every environment; a busy one is closed by the thread that uses it."""
        with self._lock:
            self._closed = True
            for environment in self._busy:
                environment.kill()
        self.end_idle(lambda key, environment: True)
