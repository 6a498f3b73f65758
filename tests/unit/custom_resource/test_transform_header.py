"""The function transform_header."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any

import pytest

ROWS = 'minutes,plan,zip,note\n265.1,no,00501,"a, b"\n7,yes,90210,\n'
LINES = '{"label": "no", "probability": 0.1}\n{"label": "yes", "probability": 0.9}\n'


def made(load: Any, monkeypatch: pytest.MonkeyPatch, answers: str) -> tuple[dict[str, Any], list[Any]]:
    handler = load("transform_header")
    objects = {"in.csv": ROWS.encode(), "out": answers.encode()}
    s3 = SimpleNamespace(get_object=lambda Bucket, Key: {"Body": io.BytesIO(objects[Key])},  # noqa: N803
                         put_object=lambda Bucket, Key, Body, ContentType: objects.update({Key: Body}))  # noqa: N803
    monkeypatch.setattr(handler, "s3", lambda: s3)
    result = handler.handler({"InputUri": "s3://b/in.csv", "OutputUri": "s3://b/out", "RecordsUri": "s3://b/records.jsonl"}, None)
    return result, [json.loads(line) for line in objects["records.jsonl"].splitlines()]


@pytest.mark.parametrize("answers", [LINES, json.dumps({"predictions": [json.loads(line) for line in LINES.splitlines()]})])
def test_each_row_gets_its_prediction_and_keeps_its_values(load: Any, monkeypatch: pytest.MonkeyPatch, answers: str) -> None:
    result, records = made(load, monkeypatch, answers)
    assert result == {"Records": 2}
    assert records == [
        {"features": {"minutes": 265.1, "plan": "no", "zip": "00501", "note": "a, b"}, "prediction": {"label": "no", "probability": 0.1}},
        {"features": {"minutes": 7, "plan": "yes", "zip": 90210, "note": None}, "prediction": {"label": "yes", "probability": 0.9}},
    ]


@pytest.mark.parametrize(("answers", "message"), [
    (LINES.splitlines()[0], "2 golden rows and 1 predictions; each row needs one"),
    ("no,0.1\n", "the transform's answer is not JSON lines"),
])
def test_answers_that_do_not_belong_to_the_rows_fail(load: Any, monkeypatch: pytest.MonkeyPatch, answers: str, message: str) -> None:
    with pytest.raises(Exception, match=message):
        made(load, monkeypatch, answers)
