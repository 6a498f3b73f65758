"""The user's own steps of serving."""

import json
from pathlib import Path

import pytest
from image_jobs import Job

from container.app import create_app
from container.errors import Refused
from container.hooks import Hooks, hooks_file, load_hooks

ALL_FOUR = """
import json
from container.errors import Refused

def model_fn(folder):
    return 10

def input_fn(body, content_type):
    if not body.isdigit():
        raise Refused("send a number")
    return int(body)

def predict_fn(rows, model):
    return rows * model

def output_fn(scores, accept):
    return json.dumps({"ten times": scores}), "application/x-ten"
"""


def hooks(tmp_path: Path, text: str) -> Hooks:
    file = tmp_path / "inference.py"
    file.write_text(text)
    return load_hooks(file)


def test_four_hooks_need_nothing_of_ours(tmp_path):
    client = create_app(tmp_path, "run", 1000, hooks(tmp_path, ALL_FOUR)).test_client()
    reply = client.post("/invocations", data="7", content_type="x/y")
    assert (reply.status_code, reply.content_type, reply.text) == (200, "application/x-ten", '{"ten times": 70}')
    refused = client.post("/invocations", data="x")
    assert refused.status_code == 400 and refused.json["error"] == "send a number"


@pytest.mark.parametrize(("text", "expected"), [
    ("def predict_fn(rows, model):\n    return 1 - model.scores(rows)\n", "yes"),
    ("def output_fn(scores, accept):\n    return str(len(scores))\n", "1"),
    (("import numpy as np\nclass Model:\n    def predict_proba(self, rows):\n        return np.array([[0.2, 0.8]] * len(rows))\n"
     "def model_fn(folder):\n    return Model()\n"), "0.8"),
])
def test_one_hook_works_with_the_other_defaults(churn: Job, tmp_path, text, expected):
    golden = (churn.outputs / "golden" / "golden.csv").read_text().splitlines()[1]
    client = create_app(churn.base / "model", "run", 1000, hooks(tmp_path, text)).test_client()
    reply = client.post("/invocations", data=golden, content_type="text/csv", headers={"Accept": "text/csv"})
    assert reply.status_code == 200 and expected in reply.text


@pytest.mark.parametrize(("accept", "seen", "kind"), [
    (None, "None", "application/json"),
    ("application/json;answer=both", "application/json", "application/json"),
    ("x/y; q=0.5", "x/y", "x/y"),
    ("*/*", "*/*", "application/json"),
    ("text/csv;q=0.5, x/y", "text/csv, x/y", "application/json"),
])
def test_output_fn_gets_the_types_asked_for_and_nothing_beside_them(tmp_path, accept, seen, kind):
    text = ALL_FOUR.replace('json.dumps({"ten times": scores}), "application/x-ten"', "str(accept)")
    client = create_app(tmp_path, "run", 1000, hooks(tmp_path, text)).test_client()
    reply = client.post("/invocations", data="7", headers={"Accept": accept} if accept else {})
    assert (reply.text, reply.headers["Content-Type"]) == (seen, kind)


def test_an_output_that_is_no_body_is_a_fault_without_a_trace(churn: Job, tmp_path):
    golden = (churn.outputs / "golden" / "golden.csv").read_text().splitlines()[1]
    client = create_app(churn.base / "model", "run", 1000, hooks(tmp_path, "def output_fn(scores, accept):\n    return 5\n")).test_client()
    reply = client.post("/invocations", data=golden, content_type="text/csv")
    assert reply.status_code == 500 and json.loads(reply.text).keys() == {"error"}


def test_fewer_scores_than_rows_are_a_fault(churn: Job, tmp_path):
    golden = (churn.outputs / "golden" / "golden.csv").read_text()
    text = "def predict_fn(rows, model):\n    return model.scores(rows)[:-1]\n"
    client = create_app(churn.base / "model", "run", 10_000, hooks(tmp_path, text)).test_client()
    assert client.post("/invocations", data=golden, content_type="text/csv").status_code == 500


@pytest.mark.parametrize(("text", "words"), [
    ("def inputs_fn(): pass", "defines none of model_fn"),
    ("predict_fn = 5", "defines none of model_fn"),
    ("import nothing_at_all", "cannot be imported: ModuleNotFoundError"),
    ("def predict_fn(rows, model)", "cannot be imported: SyntaxError"),
    ("import sys\nsys.exit(3)", "cannot be imported: SystemExit: 3"),
    ("def predict_fn(rows): pass", r"inference.py: predict_fn takes \(rows\); it must take \(rows, model\)"),
    ("def model_fn(): pass", r"model_fn takes \(\); it must take \(folder\)"),
    ("def output_fn(scores, accept, more): pass", r"it must take \(scores, accept\)"),
    ("def input_fn(body, *, content_type): pass", r"it must take \(body, content_type\)"),
])
def test_a_file_that_cannot_serve_is_refused(tmp_path, text, words):
    with pytest.raises(Refused, match=words):
        hooks(tmp_path, text)


def test_further_parameters_with_defaults_are_fine(tmp_path):
    assert hooks(tmp_path, "def predict_fn(rows, model, context=None): pass\ndef input_fn(*given): pass").predict_fn


def test_the_file_is_named_by_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("MODEL_SERVER_HOOKS", raising=False)
    assert hooks_file() is None and load_hooks(None) == Hooks()
    monkeypatch.setenv("MODEL_SERVER_HOOKS", str(tmp_path / "absent.py"))
    with pytest.raises(Refused, match="MODEL_SERVER_HOOKS is .*absent.py'"):
        hooks_file()
