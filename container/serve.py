"""Serve: answer GET /ping and POST /invocations with the model in /opt/ml/model.

The model is loaded before the workers are forked, so they share its memory and a model that
cannot be loaded ends the program at once, with its reason. A proxy that shields the workers from
slow clients takes the port and goes in front of `bind`.
"""

import os
from typing import Any

from gunicorn.app.base import BaseApplication

from container.app import create_app
from container.errors import Misused, Refused
from container.paths import model_folder


class Server(BaseApplication):
    """gunicorn with one application and settings given by code, not by the command line."""

    def __init__(self, app: Any, options: dict[str, Any]) -> None:
        self._app, self._options = app, options
        super().__init__()

    def load_config(self) -> None:
        """Take the settings."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Return the application."""
        return self._app


def main(arguments: list[str]) -> None:
    """Run the program until it is told to stop."""
    if arguments:
        raise Misused("usage: python -m container serve")
    largest = _whole_number("SAGEMAKER_MAX_PAYLOAD_IN_MB", 6) << 20
    app = create_app(model_folder(), os.environ.get("MODEL_RUN", ""), largest)
    Server(app, gunicorn_options()).run()


def gunicorn_options() -> dict[str, Any]:
    """Return gunicorn's settings from the environment."""
    host = os.environ.get("SAGEMAKER_BIND_TO_HOST") or "0.0.0.0"
    return {
        "bind": f"{host}:{_whole_number('SAGEMAKER_BIND_TO_PORT', 8080)}",
        "workers": _whole_number("MODEL_SERVER_WORKERS", len(os.sched_getaffinity(0))),
        "timeout": _whole_number("MODEL_SERVER_TIMEOUT", 60),
        "preload_app": True,
        # Nobody commands this server from a socket in its home folder.
        "control_socket_disable": True,
    }


def _whole_number(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or int(text) < 1:
        raise Refused(f"{name} is {text!r}; it must be a whole number from 1")
    return int(text)
