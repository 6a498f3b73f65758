"""The public API's function, from API Gateway's event to its answer."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.response import StreamingBody
from botocore.stub import Stubber

from api import handler
from api.errors import EndpointFault

CONTEXT = SimpleNamespace(aws_request_id="11111111-2222-3333-4444-555555555555")
EVENT = json.loads((Path(__file__).parent / "events/csv.json").read_text(encoding="utf-8"))
REQUEST_ID = EVENT["requestContext"]["requestId"]
RUN = "0a1b2c3d-1111-4222-8333-444455556666"
COLUMNS = ["minutes", "plan"]
PREDICTIONS = [{"label": "no", "probability": 0.1}, {"label": "yes", "probability": 0.9}]
SCHEMA = {
    "problem": {"type": "binary", "target": "churn", "positive": "yes"}, "labels": ["no", "yes"], "ignored": ["phone"], "run": RUN,
    "features": [{"name": "minutes", "type": "numeric"}, {"name": "plan", "type": "categorical", "categories": ["no", "yes"]}],
}


class Endpoint:
    """The stubbed SageMaker runtime: says what is expected and what is answered."""

    def __init__(self, stubber: Stubber) -> None:
        self.stubber = stubber

    def answers(self, rows: list[list[Any]], content: bytes, inference_id: str = REQUEST_ID) -> None:
        request = {"EndpointName": "churn-p", "ContentType": "application/json", "Accept": "application/json;answer=both",
                   "InferenceId": inference_id,
                   "Body": json.dumps({"columns": COLUMNS, "data": rows}).encode()}
        self.stubber.add_response("invoke_endpoint", {"Body": StreamingBody(io.BytesIO(content), len(content))}, request)

    def predicts(self, rows: list[list[Any]]) -> None:
        self.answers(rows, json.dumps({"predictions": PREDICTIONS[: len(rows)]}).encode())

    def refuses(self, code: str, status: int, **fields: Any) -> None:
        self.stubber.add_client_error("invoke_endpoint", code, "the container's own words", status, modeled_fields=fields)


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    for name, value in {"ENDPOINT_NAME": "churn-p", "MODEL_RUN": RUN, "ARTIFACTS_URI": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    for cached in (handler.configured, handler.columns):
        cached.cache_clear()
    runtime = boto3.client("sagemaker-runtime", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    monkeypatch.setattr(handler, "client", lambda service: runtime)
    with Stubber(runtime) as stubber:
        yield Endpoint(stubber)
    stubber.assert_no_pending_responses()
    runtime.close()


def call(content: str | bytes, kind: str = "application/json") -> tuple[int, dict[str, Any]]:
    encoded = isinstance(content, bytes)
    body = base64.b64encode(content).decode() if isinstance(content, bytes) else content
    answer = handler.handler(EVENT | {"headers": {"content-type": kind}, "body": body, "isBase64Encoded": encoded}, CONTEXT)
    assert answer["headers"] == {"Content-Type": "application/json", "X-Model-Run": RUN}
    return answer["statusCode"], json.loads(answer["body"])


def test_a_recorded_event_is_answered_with_predictions_and_the_run(endpoint: Endpoint) -> None:
    endpoint.predicts([[265.1, "no"], [161.6, "yes"]])
    answer = handler.handler(EVENT, CONTEXT)
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, False)
    assert json.loads(answer["body"]) == {"predictions": PREDICTIONS}
    assert answer["headers"]["X-Model-Run"] == RUN


@pytest.mark.parametrize(("content", "kind"), [
    ("265.1,no\n", "text/csv"),
    ("plan,minutes,churn,phone\nno,265.1,yes,123\n", "text/csv"),
    (b"\xef\xbb\xbfminutes,plan\r\n265.1,no\r\n", "text/csv"),
    (b"minutes,plan\n265.1,no\n", "application/octet-stream"),
    ('[{"minutes": 265.1, "plan": "no"}]', "application/json"),
    ('[[265.1, "no"]]', "application/json"),
    ('{"instances": [{"minutes": "265.1", "plan": " no ", "phone": "123"}]}', "Application/JSON; charset=utf-8"),
    ('{"features": [265.1, "no"]}', "application/json"),
    ('{"features": {"minutes": 265.1, "plan": "no"}}', "application/json"),
    ('{"features": [[265.1, "no"]]}', "application/json"),
    ('{"columns": ["plan", "minutes"], "data": [["no", 265.1]]}', "application/json"),
    (json.dumps({"file": base64.b64encode(b"minutes,plan\n265.1,no\n").decode()}), "application/json"),
    (b'[{"minutes": 265.1, "plan": "no"}]', "application/json"),
])
def test_every_form_reaches_the_endpoint_as_the_same_table(endpoint: Endpoint, content: str | bytes, kind: str) -> None:
    endpoint.predicts([[265.1, "no"]])
    assert call(content, kind) == (200, {"predictions": PREDICTIONS[:1]})


def test_what_is_blank_or_null_is_missing(endpoint: Endpoint) -> None:
    endpoint.predicts([[None, None], [7, None]])
    assert call('[{"minutes": "", "plan": null}, {"minutes": 7, "plan": " "}]')[0] == 200


@pytest.mark.parametrize(("content", "kind", "status", "reason"), [
    ("", "text/csv", 400, "the body is empty"),
    ("x", "text/plain", 415, "Content-Type is text/plain; allowed: text/csv, application/json"),
    ("x", "", 415, "Content-Type is missing"),
    ("minutes,plan\n", "text/csv", 400, "the request holds no row"),
    ("265.1\n", "text/csv", 400, "row 1 has 1 values; the model takes 2: minutes, plan"),
    ("minutes,plan\n1,no\n2\n", "text/csv", 400, "row 2 has 1 values; the header has 2"),
    ("minutes\n1\n", "text/csv", 400, "the header lacks plan"),
    ("minutes,plan,colour\n1,no,red\n", "text/csv", 400, "the header has the unknown column colour"),
    ("minutes,plan,plan\n1,no,no\n", "text/csv", 400, "the header names a column twice"),
    ("minutes,plan\nmany,no\n", "text/csv", 400, 'row 1: minutes is "many"; allowed: a number'),
    ("minutes,plan\nnan,no\n", "text/csv", 400, 'row 1: minutes is "nan"; allowed: a number'),
    ("minutes,plan\n1_0,no\n", "text/csv", 400, 'row 1: minutes is "1_0"; allowed: a number'),
    (b"minutes,plan\n1,\xff\n", "text/csv", 400, "the CSV is not UTF-8 text: byte 15"),
    ("{", "application/json", 400, "the body is not JSON"),
    ("3", "application/json", 400, "the JSON has no known form"),
    ("{}", "application/json", 400, "the JSON has no known form"),
    ("[]", "application/json", 400, "the request holds no row"),
    ("[3]", "application/json", 400, "row 1 is 3; allowed: an object or a list of values"),
    ('[{"minutes": 1}]', "application/json", 400, "row 1 lacks plan"),
    ('[{"minutes": true, "plan": "no"}]', "application/json", 400, "row 1: minutes is true; allowed: a number"),
    ('[{"minutes": 1, "plan": NaN}]', "application/json", 400, "row 1: plan is NaN; allowed: a text"),
    ('[{"minutes": [1], "plan": "no"}]', "application/json", 400, "row 1: minutes is [1]; allowed: one value"),
    ('{"columns": "minutes", "data": []}', "application/json", 400, "columns is not a list of names"),
    ('{"columns": ["minutes", "plan"], "data": [1]}', "application/json", 400, "data is not a list of rows"),
    ('{"file": "not base64!"}', "application/json", 400, "file is not base64"),
    ('{"file": 3}', "application/json", 400, "file is not base64"),
    ("[" * 100_000, "application/json", 400, "the body is not JSON"),
    (json.dumps([[1, "x" * 3_500_000]] * 2), "application/json", 413, "2 rows are too much for one request"),
])
def test_a_bad_request_gets_a_reason(endpoint: Endpoint, content: str, kind: str, status: int, reason: str) -> None:
    given, answer = call(content, kind)
    assert (given, answer["requestId"]) == (status, REQUEST_ID)
    assert reason in answer["error"]


def test_a_body_that_gateway_calls_base64_and_is_not_is_refused(endpoint: Endpoint) -> None:
    answer = handler.handler(EVENT | {"isBase64Encoded": True, "body": "minutes,plan"}, CONTEXT)
    assert (answer["statusCode"], json.loads(answer["body"])["error"]) == (400, "the body is not base64")


def test_the_containers_reason_reaches_the_caller(endpoint: Endpoint) -> None:
    endpoint.refuses("ModelError", 424, OriginalStatusCode=400, OriginalMessage='{"error": "row 1: plan is unknown"}')
    assert call("1,no\n", "text/csv") == (400, {"error": "row 1: plan is unknown", "requestId": REQUEST_ID})


@pytest.mark.parametrize(("code", "reason", "fields"), [
    ("ModelError", "endpoint failed", {"OriginalStatusCode": 500, "OriginalMessage": "Traceback"}),
    ("InternalFailure", "endpoint failed", {}),
    ("AccessDeniedException", "endpoint failed", {}),
    ("ThrottlingException", "not available", {}),
    ("ServiceUnavailable", "not available", {}),
    ("ModelNotReadyException", "not available", {}),
    ("ValidationError", "not available", {}),
])
def test_a_fault_of_the_endpoint_is_an_error_of_the_function_and_logged_with_the_requests_id(
        endpoint: Endpoint, capsys: pytest.CaptureFixture[str], code: str, reason: str, fields: dict[str, Any]) -> None:
    endpoint.refuses(code, 424, **fields)
    with pytest.raises(EndpointFault, match=reason):
        call("1,no\n", "text/csv")
    logged = json.loads(capsys.readouterr().out)
    assert (logged["requestId"], logged["endpoint"]) == (REQUEST_ID, "churn-p")
    assert "own words" in logged["fault"]


@pytest.mark.parametrize("content", [b"<html>", b"[]", b'{"predictions": []}'])
def test_an_answer_without_the_predictions_is_the_endpoints_fault(endpoint: Endpoint, content: bytes) -> None:
    endpoint.answers([[1.0, "no"]], content)
    with pytest.raises(EndpointFault, match="no 1 predictions in its answer"):
        call("1,no\n", "text/csv")


def test_an_endpoint_that_does_not_answer_is_unavailable(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="https://runtime")

    monkeypatch.setattr(handler, "client", lambda service: SimpleNamespace(invoke_endpoint=late))
    with pytest.raises(EndpointFault, match="did not answer in time"):
        call("1,no\n", "text/csv")


def test_a_schema_that_is_not_there_yet_is_asked_for_again(endpoint: Endpoint, tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    content = schema.read_bytes()
    schema.unlink()
    with pytest.raises(EndpointFault, match="description is not available"):
        call("1,no\n", "text/csv")
    schema.write_bytes(content)
    endpoint.predicts([[1.0, "no"]])
    assert call("1,no\n", "text/csv")[0] == 200


def test_without_a_file_system_the_schema_comes_from_s3(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, str] = {}

    def get_object(**request: str) -> dict[str, Any]:
        asked.update(request)
        return {"Body": io.BytesIO(json.dumps(SCHEMA).encode())}

    monkeypatch.setenv("ARTIFACTS_URI", f"s3://bucket/runs/{RUN}/inference")
    monkeypatch.setattr(handler, "client", lambda service: SimpleNamespace(get_object=get_object))
    assert handler.columns().features == ("minutes", "plan")
    assert asked == {"Bucket": "bucket", "Key": f"runs/{RUN}/inference/schema.json"}


def test_a_missing_variable_is_named_with_who_sets_it(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARTIFACTS_URI")
    with pytest.raises(RuntimeError, match="ARTIFACTS_URI not set; assets/deploy-model-prd.yml sets it"):
        handler.handler(EVENT, CONTEXT)


def test_a_marked_request_keeps_its_id_up_to_the_capture(endpoint: Endpoint) -> None:
    """What is synthetic is known by the InferenceId; the stub refuses any other."""
    marked = {"requestId": "synthetic-11111111-2222-3333-4444-555555555555"}
    endpoint.answers([[265.1, "no"], [161.6, "yes"]], json.dumps({"predictions": PREDICTIONS}).encode(), marked["requestId"])
    assert handler.handler(EVENT | {"requestContext": EVENT["requestContext"] | marked}, CONTEXT)["statusCode"] == 200


def test_all_tries_together_stay_under_the_gateways_29_seconds() -> None:
    tries = handler.CONFIG.retries["total_max_attempts"]
    assert tries * (handler.CONFIG.connect_timeout + handler.CONFIG.read_timeout) + 1 < 29
