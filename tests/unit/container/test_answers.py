"""Captured answers: label and probability of each row, whatever the endpoint was asked to tell."""

import json
from pathlib import Path

import numpy as np
import pytest
from captured_requests import SCHEMA, line, read

from container.answers import Answer
from container.media import read_accept
from container.reply import write_reply
from container.schema import Problem, Schema

SCORES = np.array([[0.9, 0.1], [0.25, 0.75]])
TOLD = {"both": [("no", 0.1), ("yes", 0.75)], "label": [("no", None), ("yes", None)], "probability": [("no", 0.1), ("yes", 0.75)],
        "probabilities": [("no", 0.1), ("yes", 0.75)]}


@pytest.mark.parametrize("kind", ["application/json", "text/csv", "application/jsonlines"])
@pytest.mark.parametrize(("answer", "told"), TOLD.items(), ids=TOLD)
def test_what_the_endpoint_answers_is_read(tmp_path: Path, kind: str, answer: str, told: list):
    body = write_reply(SCORES, SCHEMA, read_accept(f"{kind};answer={answer}", "both")).decode()
    _, seen = read(tmp_path, [line("KS,1,no\nOH,2,no", event="one", answer=(kind, body)), line("KS,1,no", event="other", answer=(kind, body))],
                   answered=frozenset({"one"}))
    assert seen.answers == [Answer("one", place, *each) for place, each in enumerate(told)]


@pytest.mark.parametrize("kind", ["application/json", "text/csv"])
def test_a_regression_answers_numbers(tmp_path: Path, kind: str):
    schema = Schema(Problem("regression", "price"), (), SCHEMA.features)
    body = write_reply(np.array([1.5, 2.0]), schema, read_accept(kind, "both")).decode()
    _, seen = read(tmp_path, [line("KS,1,no\nOH,2,no", event="one", answer=(kind, body))], schema, answered=frozenset({"one"}))
    assert [(float(answer.label), answer.probability) for answer in seen.answers] == [(1.5, None), (2.0, None)]


@pytest.mark.parametrize("body", ["", "garbage", json.dumps({"error": "no"}), json.dumps({"predictions": [{}]}), json.dumps({"predictions": 3})])
def test_an_answer_that_cannot_be_read_is_none(tmp_path: Path, body: str):
    columns, seen = read(tmp_path, [line("KS,1,no", event="one", answer=("application/json", body)), line("KS,1,no", event="two")],
                         answered=frozenset({"one", "two"}))
    assert seen.answers == [] and sum(each.rows for each in columns) == 2


def test_ground_truth_names_a_request_by_its_inference_id_where_it_has_one(tmp_path: Path):
    _, seen = read(tmp_path, [line("KS,1,no", event="event", inference="mine", answer=("text/csv", "yes,0.8\n"))], answered=frozenset({"event", "mine"}))
    assert seen.answers == [Answer("mine", 0, "yes", 0.8)]
