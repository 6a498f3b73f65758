"""Requests: every form that is read, and every fault with its status, row and column."""

import gzip
import json

import pytest
from image_jobs import Job, run_all

from container.app import create_app
from container.errors import NotAcceptable

LARGEST = 100_000


@pytest.fixture(scope="module")
def client(churn: Job):
    return create_app(churn.base / "model", "run-1", LARGEST).test_client()


@pytest.fixture(scope="module")
def customer(churn: Job) -> dict[str, str]:
    header, row, *_ = (churn.outputs / "golden" / "golden.csv").read_text().splitlines()
    return dict(zip(header.split(","), row.split(","), strict=True))


def post(client, body, kind="application/json", **headers):
    data = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return client.post("/invocations", data=data, content_type=kind, headers=headers)


def forms(customer: dict[str, str]) -> dict[str, tuple[str, object]]:
    names, cells = list(customer), list(customer.values())
    backwards = names[::-1]
    header, line = ",".join(names), ",".join(cells)
    return {
        "csv": ("text/csv", line),
        "csv with charset": ("text/csv; charset=utf-8", line + "\r\n"),
        "csv with header": ("text/csv", f"{header}\n{line}\n"),
        "csv with byte order mark": ("text/csv", f"\ufeff{header}\n{line}\n"),
        "csv in another order": ("text/csv", ",".join(backwards) + "\n" + ",".join(cells[::-1])),
        "csv with the target": ("text/csv", f"{header},churn\n{line},no"),
        "instances of lists": ("application/json", {"instances": [cells]}),
        "instances of records": ("application/json", {"instances": [customer]}),
        "records": ("application/json", [customer]),
        "records with the target": ("application/json", [customer | {"churn": "no"}]),
        "columns and data": ("application/json", {"columns": backwards, "data": [cells[::-1]]}),
        "lines of records": ("application/jsonlines", json.dumps(customer) + "\n"),
        "lines of lists": ("application/jsonlines", json.dumps(cells)),
    }


FORMS = list(forms({"a": "1"}))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_answer(client, customer, form):
    kind, body = forms(customer)[form]
    reply = post(client, body, kind)
    assert reply.status_code == 200, reply.text
    expected = post(client, [customer]).json["predictions"]
    assert reply.json["predictions"] == expected
    assert set(expected[0]) == {"label", "probability"} and 0 < expected[0]["probability"] < 1


def test_missing_values_and_unseen_categories_are_answered(client, customer):
    odd = customer | {"state": "ZZ", "account_length": None, "international_plan": ""}
    assert post(client, [odd]).status_code == 200


def test_the_reply_takes_the_form_asked_for(client, customer):
    rows = [customer, customer]
    plain = post(client, rows).json["predictions"][0]
    text = post(client, rows, Accept="text/csv")
    assert text.content_type == "text/csv" or text.content_type.startswith("text/csv;")
    assert text.text == f"{plain['label']},{plain['probability']}\n" * 2
    lines = post(client, rows, Accept="application/jsonlines")
    assert [json.loads(line) for line in lines.text.splitlines()] == [plain, plain]
    assert post(client, rows, Accept="image/png").status_code == 406


def test_the_request_chooses_what_is_told_of_a_row(client, customer):
    both = post(client, [customer]).json["predictions"][0]
    assert post(client, [customer], Accept="application/json; answer=label").json["predictions"] == [{"label": both["label"]}]
    assert post(client, [customer], Accept="text/csv;answer=probability").text == f"{both['probability']}\n"
    told = post(client, [customer], Accept="application/json;answer=probabilities").json["predictions"][0]
    assert told["probabilities"]["yes"] == both["probability"] and abs(sum(told["probabilities"].values()) - 1) < 1e-6
    assert len(post(client, [customer], Accept="text/csv;answer=probabilities").text.split(",")) == 4
    assert post(client, [customer], Accept="text/csv;answer=everything").status_code == 406


def test_the_best_liked_type_is_taken(client, customer):
    reply = post(client, [customer], Accept="application/json;q=0.1, text/csv;q=0.9, image/png, application/jsonlines;q=0")
    assert reply.content_type.startswith("text/csv")


def test_configuration_chooses_what_is_told_unless_the_request_does(churn: Job, customer):
    app = create_app(churn.base / "model", "run-1", LARGEST, answer="probability").test_client()
    assert set(post(app, [customer]).json["predictions"][0]) == {"probability"}
    assert set(post(app, [customer], Accept="*/*;answer=label").json["predictions"][0]) == {"label"}
    # As api/endpoint.py asks: the API promises both.
    assert set(post(app, [customer], Accept="application/json;answer=both").json["predictions"][0]) == {"label", "probability"}


def test_a_model_that_cannot_tell_what_is_configured_is_not_served(job: Job, in_process):
    job.data([["size", "price"], *([size, 2 * size] for size in range(100))])
    job.config({"problem": {"type": "regression", "target": "price"}})
    run_all(job, lambda *arguments: in_process(job, *arguments))
    assert create_app(job.base / "model", "run-1", LARGEST, answer="label")
    with pytest.raises(NotAcceptable, match="a regression has no probabilities; ask for answer=label"):
        create_app(job.base / "model", "run-1", LARGEST, answer="probability")


def test_the_run_is_named_in_every_reply(client, customer):
    assert post(client, [customer]).headers["X-Model-Run"] == "run-1"
    assert post(client, "{").headers["X-Model-Run"] == "run-1"


def bad_bodies(customer: dict[str, str]) -> dict[str, tuple[str, object, str]]:
    names, cells = list(customer), list(customer.values())
    kind, csv = "application/json", "text/csv"
    lacking = {name: value for name, value in customer.items() if name != "state"}
    return {
        "empty json": (kind, "", "no JSON"),
        "empty csv": (csv, "", "no rows"),
        "blank csv": (csv, "\n\n", "no rows"),
        "header only": (csv, ",".join(names), "no rows"),
        "no json": (kind, "{", "no JSON"),
        "nan": (kind, '[{"state": NaN}]', "NaN is not allowed"),
        "a number": (kind, "5", "the body must be"),
        "no instances": (kind, {"rows": []}, "the body must be"),
        "no rows": (kind, [], "no rows"),
        "deep": (kind, "[" * 50_000, "nested too deeply"),
        "list too short": (kind, [cells[1:]], "row 1 has 18 cells; it must have 19"),
        "row of text": (kind, [cells, "x"], "row 2 is not a list"),
        "mixed rows": (kind, [customer, cells], "row 2 is not a record"),
        "column missing": (kind, [lacking], "row 1, column state: is missing"),
        "column unknown": (kind, [customer | {"age": 1}], "row 1: column 'age' is not known"),
        "object as cell": (kind, [customer | {"state": {}}], "row 1, column state: is a list or an object"),
        "text for a number": (kind, [customer, customer | {"account_length": "long"}], "row 2, column account_length: 'long'"),
        "too large a number": (kind, [customer | {"account_length": 10**400}], "not finite"),
        "boolean of neither kind": (kind, [customer | {"voice_mail_plan": "perhaps"}], "column voice_mail_plan"),
        "columns not names": (kind, {"columns": [1], "data": []}, "columns must be"),
        "data no list": (kind, {"columns": names, "data": 5}, "data must be"),
        "column twice": (kind, {"columns": [*names, "state"], "data": [[*cells, "NY"]]}, "state is named twice"),
        "csv column missing": (csv, ",".join(names[1:]) + "\n" + ",".join(cells[1:]), "column state is missing"),
        "csv column unknown": (csv, ",".join([*names, "age"]) + "\n" + ",".join([*cells, "1"]), "'age' is not known"),
        "csv quote open": (csv, '"' + ",".join(cells), "no CSV"),
        "not utf-8": (csv, b"\xff\xfe", "not UTF-8"),
        "line no json": ("application/jsonlines", json.dumps(customer) + "\n{", "row 2 is no JSON"),
    }


BAD = list(bad_bodies({"a": "1"}))


@pytest.mark.parametrize("case", BAD)
def test_a_bad_body_is_answered_400_with_its_reason(client, customer, case):
    kind, body, words = bad_bodies(customer)[case]
    reply = post(client, body, kind)
    assert reply.status_code == 400 and words in reply.json["error"]


def test_a_bad_cell_is_named_by_row_and_column(client, customer):
    reply = post(client, [customer, customer | {"account_length": "long"}])
    assert (reply.json["row"], reply.json["column"]) == (2, "account_length")


@pytest.mark.parametrize(("charset", "encoding"), [("utf-16", "utf-16"), ("ISO-8859-1", "latin-1"), ('"UTF-8"', "utf-8")])
def test_the_body_is_read_in_its_charset(client, customer, charset, encoding):
    named = [customer | {"state": "\xe4"}]
    body = json.dumps(named, ensure_ascii=False).encode(encoding)
    assert post(client, body, f"application/json; charset={charset}").json == post(client, named).json


@pytest.mark.parametrize("charset", ["idna", "zip", "x", "utf-7", "\0"])
def test_another_charset_is_answered_415(client, charset):
    assert post(client, b"x", f"text/csv; charset={charset}").status_code == 415


def test_gzip_is_unpacked_up_to_the_limit(client, customer):
    body, packed = json.dumps([customer]).encode(), {"Content-Encoding": "gzip"}
    expected = post(client, [customer]).json
    assert post(client, gzip.compress(body), **packed).json == expected
    assert post(client, gzip.compress(body[:50]) + gzip.compress(body[50:]), **packed).json == expected
    assert post(client, gzip.compress(b" " * (LARGEST + 1)), **packed).status_code == 413
    for lie, words in ((body, "no gzip"), (gzip.compress(body)[:-9], "ends too early"), (gzip.compress(body) + b"x", "gzip")):
        reply = post(client, lie, **packed)
        assert reply.status_code == 400 and words in reply.json["error"]
    assert post(client, body, **{"Content-Encoding": "br"}).status_code == 415


def test_a_header_that_repeats_a_name_costs_no_more_than_its_length(client, customer):
    names = ["state"] * 10_000
    reply = post(client, {"columns": names, "data": []})
    assert reply.status_code == 400 and "state is named twice" in reply.json["error"]


@pytest.mark.parametrize("kind", ["application/xml", "image/png", None])
def test_another_content_type_is_answered_415(client, kind):
    reply = post(client, "x", kind)
    assert reply.status_code == 415 and "text/csv" in reply.json["error"]


def test_other_paths_and_methods_are_answered_404_and_405(client):
    assert client.get("/other").status_code == 404
    reply = client.get("/invocations")
    assert reply.status_code == 405 and "POST" in reply.headers["Allow"] and reply.json["error"]


def test_a_body_too_large_is_answered_413(client):
    reply = post(client, "x" * (LARGEST + 1), "text/csv")
    assert reply.status_code == 413 and str(LARGEST) in reply.json["error"]


def test_an_unexpected_fault_is_answered_500_without_a_trace(churn: Job, customer, monkeypatch):
    app = create_app(churn.base / "model", "run-1", LARGEST)
    monkeypatch.setattr("container.answering.write_reply", lambda *given: 1 / 0)
    reply = post(app.test_client(), [customer])
    assert reply.status_code == 500
    assert "ZeroDivision" not in reply.text and "Traceback" not in reply.text
