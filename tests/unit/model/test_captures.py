"""Reading captured requests and their labels."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from model import captures
from model.captures import Unreadable

COLUMNS = ["minutes", "plan", "churn"]


def capture(data: str, kind: str, encoding: str = "JSON") -> dict[str, Any]:
    return {"captureData": {"endpointInput": {"observedContentType": kind, "mode": "INPUT", "data": data, "encoding": encoding}},
            "eventMetadata": {"eventId": "e", "inferenceId": "i"}, "eventVersion": "0"}


@pytest.mark.parametrize(("data", "kind", "names", "rows"), [
    ("minutes,plan\n10,a\n20,b\n", "text/csv", ["minutes", "plan"], [["10", "a"], ["20", "b"]]),
    ("10,a\n20,b", "text/csv; charset=utf-8", None, [["10", "a"], ["20", "b"]]),
    ('10,"a, or b"', "text/csv", None, [["10", "a, or b"]]),
    ('{"columns": ["plan", "minutes"], "data": [["a", 10]]}', "application/json", ["plan", "minutes"], [["a", 10]]),
    ('{"instances": [[10, "a"]]}', "application/json", None, [[10, "a"]]),
    ('[{"plan": "a", "minutes": null}, {"minutes": 2, "plan": "b"}]', "application/json", ["plan", "minutes"], [["a", None], ["b", 2]]),
    ('{"plan": "a", "minutes": 1}\n{"plan": "b", "minutes": 2}\n', "application/jsonlines", ["plan", "minutes"], [["a", 1], ["b", 2]]),
])
def test_every_form_that_the_image_serves_is_read(data: str, kind: str, names: list[str] | None, rows: list[list[Any]]) -> None:
    assert captures.table(capture(data, kind), COLUMNS) == captures.Table(names, rows)
    packed = base64.b64encode(data.encode()).decode()
    assert captures.table(capture(packed, kind, "BASE64"), COLUMNS) == captures.Table(names, rows)


@pytest.mark.parametrize(("data", "kind", "encoding"), [
    ("{", "application/json", "JSON"), ("10", "application/json", "JSON"), ('{"rows": []}', "application/json", "JSON"),
    ("[1, 2]", "application/json", "JSON"), ('[{"a": 1}, {"b": 1}]', "application/json", "JSON"), ("x", "image/png", "BASE64"),
    ("***", "text/csv", "BASE64"), ('{"columns": ["a"], "data": 5}', "application/json", "JSON"),
    ('{"columns": 5, "data": []}', "application/json", "JSON"),
])
def test_what_is_no_request_is_said_to_be_unreadable(data: str, kind: str, encoding: str) -> None:
    with pytest.raises(Unreadable):
        captures.table(capture(data, kind, encoding), COLUMNS)


@pytest.mark.parametrize("line", ["", "{", "[]", '"text"', '{"eventMetadata": "x"}', '{"captureData": {}}'])
def test_a_line_that_is_no_event_is_unreadable(line: str) -> None:
    with pytest.raises(Unreadable):
        captures.event(line)


@pytest.mark.parametrize("truth", [{}, {"groundTruthData": None}, {"groundTruthData": {"data": "yes"}}, {"groundTruthData": ["yes"]}])
def test_a_truth_without_data_is_unreadable(truth: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        captures.labels(truth)


@pytest.mark.parametrize(("data", "encoding", "found"), [
    ("yes", "CSV", ["yes"]), ("yes\nno\n", "CSV", ["yes", "no"]), ('"a, b"', "CSV", ["a, b"]), ('["yes", 1, 2.5]', "JSON", ["yes", "1", "2.5"]),
    ('"no"', "JSON", ["no"]), (base64.b64encode(b"yes").decode(), "BASE64", ["yes"]),
])
def test_a_label_comes_in_any_encoding(data: str, encoding: str, found: list[str]) -> None:
    assert captures.labels({"groundTruthData": {"data": data, "encoding": encoding}}) == found


@pytest.mark.parametrize(("metadata", "found"), [
    ({"eventId": "e", "inferenceId": "i"}, "i"), ({"eventId": "e"}, "e"), ({"eventId": "e", "inferenceId": ""}, "e")])
def test_a_request_is_known_by_the_id_that_it_was_sent_with(metadata: dict[str, str], found: str) -> None:
    assert captures.request_id({"eventMetadata": metadata}) == found


@pytest.mark.parametrize(("value", "text"), [(None, ""), (" a ", "a"), (10, "10"), (2.5, "2.5"), (True, "true")])
def test_a_value_is_written_as_training_data_has_it(value: Any, text: str) -> None:
    assert captures.cell(value) == text


def test_lines_are_read_as_sagemaker_writes_them() -> None:
    line = json.dumps(capture("10,a", "text/csv", "CSV"))
    assert captures.request_id(captures.event(line)) == "i"
