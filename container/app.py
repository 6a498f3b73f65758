"""The web application of an endpoint: GET /ping and POST /invocations."""

import logging
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from container.answering import Answering
from container.errors import CellRefused, NotAcceptable, Refused, TooLarge, TooSlow, UnsupportedType
from container.hooks import NO_HOOKS, Hooks
from container.invocations import FAULT, PATH, Invocations

STATUS = {Refused: 400, NotAcceptable: 406, TooSlow: 408, TooLarge: 413, UnsupportedType: 415}
log = logging.getLogger("gunicorn.error")


def create_app(folder: Path, run: str, largest_body: int, hooks: Hooks = NO_HOOKS, answer: str = "both") -> Flask:
    """Return the application with its model loaded and proven able to answer.

    There is no application without a model, so /ping can only answer when there is one.
    """
    answering = Answering(folder, hooks, answer)
    app = Flask(__name__, static_folder=None)

    @app.get("/ping")
    def ping() -> Response:
        return Response(status=200)

    @app.post(PATH)
    def invocations() -> Response:
        # Taken out: held there, a refused body of megabytes would wait in a circle for the collector.
        raise request.environ.pop(FAULT)

    @app.after_request
    def name_run(response: Response) -> Response:
        response.headers["X-Model-Run"] = run
        return response

    _answer_errors(app, largest_body)
    app.wsgi_app = Invocations(answering, app.wsgi_app, run, largest_body)  # type: ignore[method-assign] # as Flask documents it
    return app


def _answer_errors(app: Flask, largest_body: int) -> None:
    """Have every error answered as JSON with a reason that the client can act on."""

    def refused(error: Exception) -> Response:
        if isinstance(error, TooLarge):
            _read_rest(16 * largest_body)
        place = {"row": error.row, "column": error.column} if isinstance(error, CellRefused) else {}
        return _refusal(next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), str(error), **place)

    for kind in STATUS:
        app.register_error_handler(kind, refused)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        _read_rest(16 * largest_body)
        response = _refusal(error.code or 500, error.description or error.name)
        for name, value in error.get_headers():
            if name == "Allow":
                response.headers[name] = value
        return response

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        # The trace belongs to the log; the client's data may be in it and its code is not the client's.
        log.error("the model failed on a request", exc_info=error)
        return _refusal(500, "the model failed on this request; the endpoint's log says why")


def _read_rest(most: int) -> None:
    """Read what the client, or the proxy, still sends, up to a limit: closed earlier, it would see a broken pipe and no reply."""
    stream = request.environ["wsgi.input"]
    try:
        while most > 0 and (chunk := stream.read(min(most, 1 << 16))):
            most -= len(chunk)
    except Exception:  # noqa: BLE001
        return  # what is left cannot be read; the refusal stands


def _refusal(status: int, reason: str, **place: Any) -> Response:
    # The reason shows the client's own value, so the log gets the place only.
    if status < 500:
        log.info("refused", extra={"fields": {"status": status, "path": request.path[:80], **place}})
    response = jsonify(error=reason, **place)
    response.status_code = status
    return response
