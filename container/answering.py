"""From a request's body to the reply's, in four steps that a user's file may replace."""

from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from container.hooks import NO_HOOKS, Hooks
from container.media import JSON, media_types, read_accept
from container.payload import read_payload
from container.predictor import SCHEMA_FILE, load_predictor, score
from container.reply import write_reply
from container.row_encoding import encode_rows
from container.schema import Schema, read_schema


class Answering:
    """A loaded model with the steps around it; proven able to answer before it takes a request."""

    def __init__(self, folder: Path, hooks: Hooks, answer: str = "both") -> None:
        self._hooks, self._answer = hooks, answer
        self._schema = _schema(folder, hooks)
        self._model = hooks.model_fn(str(folder)) if hooks.model_fn else load_predictor(folder)
        # Without a proxy requests come on several threads, and a user's step need not be made for that.
        self._turn = Lock()
        if hooks == NO_HOOKS:
            self._write(self._predict(encode_rows([[None]] * len(self._schema.features), self._schema)), None)

    def reply(self, body: bytes, content_type: str | None, accept: str | None) -> tuple[bytes, str]:
        """Return the reply's body and its content type; what cannot be answered raises, see errors.py."""
        with self._turn:
            return self._write(self._predict(self._read(body, content_type)), accept)

    def _read(self, body: bytes, content_type: str | None) -> Any:
        if self._hooks.input_fn:
            return self._hooks.input_fn(body, content_type)
        return encode_rows(read_payload(body, content_type, self._schema), self._schema)

    def _predict(self, rows: Any) -> Any:
        if self._hooks.predict_fn:
            return _as_many(self._hooks.predict_fn(rows, self._model), rows)
        return self._model.scores(rows) if hasattr(self._model, "scores") else score(self._model, rows)

    def _write(self, scores: Any, accept: str | None) -> tuple[bytes, str]:
        if self._hooks.output_fn:
            # A user's file compares it with a type, and need not know what ours says beside it.
            kind = media_types(accept)
            return _as_bytes(self._hooks.output_fn(scores, kind), kind)
        wish = read_accept(accept, self._answer)
        return write_reply(np.asarray(scores), self._schema, wish), wish.kind


def _schema(folder: Path, hooks: Hooks) -> Schema:
    """Return the schema; only steps of the user's own on both sides can do without."""
    if hooks.model_fn and hooks.input_fn and hooks.output_fn and not (folder / SCHEMA_FILE).is_file():
        return None  # type: ignore[return-value]  # none of the steps that read it is the default
    return read_schema(folder / SCHEMA_FILE)


def _as_many(scores: Any, rows: Any) -> Any:
    """Return the scores; refuse others than one for each row, which would be answers to other rows."""
    if isinstance(rows, np.ndarray) and len(scores) != len(rows):
        raise ValueError(f"predict_fn returned {len(scores)} scores for {len(rows)} rows")
    return scores


def _as_bytes(written: Any, accept: str | None) -> tuple[bytes, str]:
    asked = accept if accept and not {"*", ","} & set(accept) else JSON
    body, kind = written if isinstance(written, tuple) else (written, asked)
    if isinstance(body, str):
        body = body.encode()
    if not isinstance(body, bytes):
        raise TypeError(f"output_fn returned {type(body).__name__}; it must return text, bytes, or those with a content type")
    return body, kind
