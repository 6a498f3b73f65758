"""The web application of an endpoint: GET /ping and POST /invocations."""

from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from container.encoding import encode
from container.errors import CellRefused, Refused
from container.payload import UnsupportedType, read_payload
from container.predictor import SCHEMA_FILE, answers, load_predictor
from container.reply import WRITERS, accepted, write_reply
from container.schema import read_schema


def create_app(folder: Path, run: str, largest_body: int) -> Flask:
    """Return the application with its model loaded and proven able to answer.

    There is no application without a model, so /ping can only answer when there is one.
    """
    schema = read_schema(folder / SCHEMA_FILE)
    predictor = load_predictor(folder)
    predictor.scores(encode([[None]] * len(schema.features), schema))
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = largest_body

    @app.post("/invocations")
    def invocations() -> Response:
        kind = accepted(request.headers.get("Accept"))
        if kind is None:
            return _refusal(406, f"the reply can be {', '.join(WRITERS)}")
        columns = read_payload(request.get_data(), request.content_type, schema)
        labels, probabilities = answers(predictor.scores(encode(columns, schema)), schema)
        return Response(write_reply(labels, probabilities, kind), content_type=kind)

    _answer_ping(app, run)
    _answer_errors(app, largest_body)
    return app


def _answer_ping(app: Flask, run: str) -> None:
    @app.get("/ping")
    def ping() -> Response:
        return Response(status=200)

    @app.after_request
    def name_run(response: Response) -> Response:
        response.headers["X-Model-Run"] = run
        return response


def _answer_errors(app: Flask, largest_body: int) -> None:
    """Have every error answered as JSON with a reason that the client can act on."""

    @app.errorhandler(Refused)
    def refused(error: Refused) -> Response:
        place: dict[str, Any] = {"row": error.row, "column": error.column} if isinstance(error, CellRefused) else {}
        return _refusal(400, str(error), **place)

    @app.errorhandler(UnsupportedType)
    def unsupported(error: UnsupportedType) -> Response:
        return _refusal(415, str(error))

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        if error.code == 413:
            _read_rest(16 * largest_body)
            return _refusal(413, f"the body is larger than {largest_body} bytes; send fewer rows a request")
        response = _refusal(error.code or 500, error.description or error.name)
        for name, value in error.get_headers():
            if name == "Allow":
                response.headers[name] = value
        return response

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        # The trace belongs to the log; the client's data may be in it and its code is not the client's.
        app.logger.exception("a request failed")
        return _refusal(500, "the model failed on this request; the endpoint's log says why")


def _read_rest(most: int) -> None:
    """Read what the client still sends, up to a limit: closed earlier, it would see a broken pipe and no reply."""
    stream = request.environ["wsgi.input"]
    while most > 0 and (chunk := stream.read(min(most, 1 << 16))):
        most -= len(chunk)


def _refusal(status: int, reason: str, **place: Any) -> Response:
    response = jsonify(error=reason, **place)
    response.status_code = status
    return response
