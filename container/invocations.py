"""POST /invocations as a WSGI application in front of Flask's: the same server, without Flask's cost for an answer.

Flask's request and response objects cost more than the model does. So what can be answered is
answered here, and everything else (other paths and methods, every fault) is Flask's. It costs that
Flask's before_request and after_request functions do not see successful predictions.
"""

from collections.abc import Callable, Iterable
from typing import Any

from container.answering import Answering
from container.body import read_body

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
PATH = "/invocations"
FAULT = "container.fault"


class Invocations:
    """Answers predictions; hands on to Flask what it cannot answer, with the fault in the environment."""

    def __init__(self, answering: Answering, flask: WsgiApp, run: str, largest_body: int) -> None:
        self._answering, self._flask, self._largest_body = answering, flask, largest_body
        self._run = ("X-Model-Run", run)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer as WSGI says."""
        if environ["PATH_INFO"] != PATH or environ["REQUEST_METHOD"] != "POST":
            return self._flask(environ, start_response)
        try:
            body = read_body(environ, self._largest_body)
            reply, kind = self._answering.reply(body, environ.get("CONTENT_TYPE"), environ.get("HTTP_ACCEPT"))
        except Exception as fault:  # noqa: BLE001
            environ[FAULT] = fault
            return self._flask(environ, start_response)
        start_response("200 OK", [("Content-Type", kind), ("Content-Length", str(len(reply))), self._run])
        return [reply]
