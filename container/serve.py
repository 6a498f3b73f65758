"""Serve: answer GET /ping and POST /invocations with the model in /opt/ml/model.

Each worker loads the model for itself and takes requests only then. They cannot share one:
ONNX Runtime starts a thread as soon as it is imported, threads do not survive a fork, and a worker
forked after that never ends. A proxy that shields the workers from slow clients takes the port and
goes in front of `bind`.
"""

import os
import sys
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from container.app import create_app
from container.errors import Misused, Refused
from container.failure import report
from container.paths import model_folder


class Server(BaseApplication):
    """gunicorn with settings given by code, not by the command line."""

    def __init__(self, options: dict[str, Any], largest_body: int) -> None:
        self._options, self._largest_body = options, largest_body
        super().__init__()

    def load_config(self) -> None:
        """Take the settings."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Return the application with the model loaded; without one the whole server ends."""
        try:
            return create_app(model_folder(), os.environ.get("MODEL_RUN", ""), self._largest_body)
        except Exception as error:
            report(f"serve: the model cannot be loaded: {error}")
            # The status at which gunicorn gives up instead of starting the worker again and again.
            sys.exit(Arbiter.WORKER_BOOT_ERROR)


def main(arguments: list[str]) -> None:
    """Run the program until it is told to stop."""
    if arguments:
        raise Misused("usage: python -m container serve")
    Server(gunicorn_options(), _whole_number("SAGEMAKER_MAX_PAYLOAD_IN_MB", 6) << 20).run()


def gunicorn_options() -> dict[str, Any]:
    """Return gunicorn's settings from the environment."""
    host = os.environ.get("SAGEMAKER_BIND_TO_HOST") or "0.0.0.0"
    return {
        "bind": f"{host}:{_whole_number('SAGEMAKER_BIND_TO_PORT', 8080)}",
        "workers": _whole_number("MODEL_SERVER_WORKERS", len(os.sched_getaffinity(0))),
        "timeout": _whole_number("MODEL_SERVER_TIMEOUT", 60),
        # Nobody commands this server from a socket in its home folder.
        "control_socket_disable": True,
    }


def _whole_number(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or int(text) < 1:
        raise Refused(f"{name} is {text!r}; it must be a whole number from 1")
    return int(text)
