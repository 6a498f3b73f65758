"""Serve: answer GET /ping and POST /invocations with the model in /opt/ml/model.

nginx takes the port where it is installed, and shields workers that take one request at a time from
slow clients. Without it the workers take the port, and several requests on threads: a slow client
then holds a thread of a worker, not the worker.

Each worker loads the model for itself and takes requests only then. They cannot share one:
ONNX Runtime starts a thread as soon as it is imported, threads do not survive a fork, and a worker
forked after that never ends.
"""

import ctypes
import gc
import os
import socket
import struct
import sys
import traceback
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

from container import proxy
from container.errors import Misused, Refused
from container.failure import report
from container.hooks import hooks_file, load_hooks
from container.media import ANSWERS
from container.paths import model_folder
from container.proxy import PATIENCE, Proxy

THREADS = 16
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8  # of mallopt(3)


class Server(BaseApplication):  # type: ignore[misc] # gunicorn has no types
    """gunicorn with settings given by code, not by the command line."""

    def __init__(self, options: dict[str, Any], largest_body: int, answer: str) -> None:
        self._options, self._largest_body, self._answer = options, largest_body, answer
        super().__init__()

    def load_config(self) -> None:
        """Take the settings."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Return the application with the model loaded; without one the whole server ends."""
        try:
            # Only workers need it: the master's copy of what it imports would be a quarter of all memory.
            from container.app import create_app

            hooks = load_hooks(hooks_file())
            app = create_app(model_folder(), os.environ.get("MODEL_RUN", ""), self._largest_body, hooks, self._answer)
        except (Exception, SystemExit) as error:  # noqa: BLE001
            if isinstance(error, Refused):
                reason = str(error)
            else:
                traceback.print_exc()  # of loading: no request's data are in it
                reason = f"{type(error).__name__}: {error}"
            report(f"serve: the model cannot be loaded: {reason}")
            # The status at which gunicorn gives up instead of starting the worker again and again.
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
        # What is loaded stays: the collector need not look at it with every request's garbage.
        gc.freeze()
        _give_large_buffers_back()
        return app


class Master(Arbiter):  # type: ignore[misc] # gunicorn has no types
    """gunicorn's master, with a proxy that starts after the workers' socket and stops before the workers."""

    def __init__(self, app: Server, shield: Proxy | None) -> None:
        super().__init__(app)
        self._shield, self._ends = shield, False

    def start(self) -> None:
        """Listen, then let the proxy take the port."""
        super().start()
        if self._shield:
            self._shield.start()

    def manage_workers(self) -> None:
        """Keep the workers at their number; end when the proxy has ended, for nobody reaches them then."""
        if self._shield and self._shield.has_ended:
            raise HaltServer("nginx ended; its reason stands above. Is the port taken?", 1)
        super().manage_workers()

    def reap_workers(self) -> None:
        """Take note of workers that ended; one that could not load the model ends the server, the next one does not interrupt that."""
        try:
            super().reap_workers()
        except HaltServer:
            if not self._ends:
                raise

    def stop(self, graceful: bool = True) -> None:
        """End the proxy when it has answered the requests under way, then the workers."""
        self._ends = True
        if self._shield:
            self._shield.stop(self.cfg.graceful_timeout if graceful else 0)
        super().stop(graceful)
        if self._shield:
            self._shield.remove()


def main(arguments: list[str]) -> None:
    """Run the program until it is told to stop."""
    if arguments:
        raise Misused("usage: python -m container serve")
    largest_body = _whole_number("SAGEMAKER_MAX_PAYLOAD_IN_MB", 6) << 20
    answer = os.environ.get("MODEL_SERVER_ANSWER") or ANSWERS[0]
    if answer not in ANSWERS:
        raise Refused(f"MODEL_SERVER_ANSWER is {answer!r}; it must be one of {', '.join(ANSWERS)}")
    options, shield = gunicorn_options(), None
    if program := proxy.installed():
        shield = Proxy(program, options["bind"], largest_body, options["timeout"])
        options |= {"bind": f"unix:{shield.socket}", "worker_class": "container.workers.ShieldedWorker", "threads": 1}
    Master(Server(options, largest_body, answer), shield).run()


def gunicorn_options() -> dict[str, Any]:
    """Return gunicorn's settings from the environment, for workers that take the port themselves."""
    host = os.environ.get("SAGEMAKER_BIND_TO_HOST") or "0.0.0.0"  # noqa: S104 - a container's port is reached from outside of it
    return {
        "bind": f"{host}:{_whole_number('SAGEMAKER_BIND_TO_PORT', 8080)}",
        "workers": _whole_number("MODEL_SERVER_WORKERS", len(os.sched_getaffinity(0))),
        "timeout": _whole_number("MODEL_SERVER_TIMEOUT", 60),
        "worker_class": "container.workers.OpenWorker",
        "threads": THREADS,
        "when_ready": _limit_pauses,
        "logger_class": "container.server_log.ServerLog",
        # Nobody commands this server from a socket in its home folder.
        "control_socket_disable": True,
    }


def _give_large_buffers_back() -> None:
    """Have the C library return large buffers when they are free: by default it learns to keep them, and for each thread."""
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(M_MMAP_THRESHOLD, 1 << 20)
        mallopt(M_ARENA_MAX, 1)


def _limit_pauses(master: Arbiter) -> None:
    """Let reading end when a client pauses for too long: connections take this over from the socket that listens."""
    for listener in master.LISTENERS:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", PATIENCE, 0))


def _whole_number(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or int(text) < 1:
        raise Refused(f"{name} is {text!r}; it must be a whole number from 1")
    return int(text)
