"""The custom resource that proves an endpoint or a version: what it says, that it asks twice, and that it answers once."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber

from api import custom_resource, proof

RUN = "0a1b2c3d-1111-4222-8333-444455556666"
ENDPOINT = "demo-churn-p-1-0a1b2c3d-p"
VERSION = "arn:aws:lambda:us-east-1:123456789012:function:demo-churn-p-1-api:7"
URI = f"s3://bucket/runs/{RUN}/golden/records.jsonl"
RECORDS = [{"features": {"minutes": 1.0, "state": "OH"}, "prediction": {"label": "no", "probability": 0.25}},
           {"features": {"state": "KS", "minutes": 9.0}, "prediction": {"label": "yes", "probability": 0.75}}]
PREDICTIONS = [record["prediction"] for record in RECORDS]
OTHERS = [PREDICTIONS[0], {"label": "no", "probability": 0.4}]
STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/demo-churn-p-1-0a1b2c3d-prd/11111111-2222-3333-4444-555555555555"


def event(kind: str = "Create", **properties: str) -> dict[str, Any]:
    return {"RequestType": kind, "StackId": STACK, "RequestId": "66666666-7777-8888-9999-000000000000", "LogicalResourceId": "Proof",
            "ResponseURL": "https://cloudformation-custom-resource-response-useast1.s3.amazonaws.com/answer?signature=1",
            "ResourceProperties": {"GoldenUri": URI, "RunId": RUN, **properties}}


OF_ENDPOINT, OF_VERSION = event(EndpointName=ENDPOINT), event(FunctionVersionArn=VERSION)


class Context:
    """An invocation's context with a given time left."""

    def __init__(self, left: int = 300_000) -> None:
        self.left = left

    def get_remaining_time_in_millis(self) -> int:
        return self.left


def body(content: bytes) -> StreamingBody:
    return StreamingBody(io.BytesIO(content), len(content))


class Cloud:
    """The function's clients: each call has to be expected, and what is expected has to be called."""

    def __init__(self) -> None:
        self.clients = {service: boto3.client(service, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
                        for service in ("s3", "lambda", "sagemaker-runtime")}
        self.stubbers = {service: Stubber(client) for service, client in self.clients.items()}
        for stubber in self.stubbers.values():
            stubber.activate()

    def keeps(self, records: list[dict[str, Any]]) -> None:
        self.stubbers["s3"].add_response(
            "get_object", {"Body": body("".join(json.dumps(record) + "\n" for record in records).encode())},
            {"Bucket": "bucket", "Key": f"runs/{RUN}/golden/records.jsonl"})

    def endpoint_predicts(self, predictions: list[dict[str, Any]]) -> None:
        self.stubbers["sagemaker-runtime"].add_response(
            "invoke_endpoint", {"Body": body(json.dumps({"predictions": predictions}).encode())},
            {"EndpointName": ENDPOINT, "ContentType": "application/json", "Accept": "application/json;answer=both",
             "InferenceId": "synthetic-66666666-7777-8888-9999-000000000000",
             "Body": json.dumps({"columns": ["minutes", "state"], "data": [[1.0, "OH"], [9.0, "KS"]]}).encode()})

    def endpoint_fails(self, code: str, status: int = 500) -> None:
        self.stubbers["sagemaker-runtime"].add_client_error(
            "invoke_endpoint", code, "the container answered no", modeled_fields={"OriginalStatusCode": status} if code == "ModelError" else None)

    def version_answers(self, content: dict[str, Any], **members: str) -> None:
        self.stubbers["lambda"].add_response("invoke", {"Payload": body(json.dumps(content).encode()), **members},
                                             {"FunctionName": VERSION, "Payload": ANY})


@pytest.fixture
def prove(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the clouds that the function asks and a function that calls it: (status, reason) of its answers."""
    cloud, slept = Cloud(), []
    monkeypatch.setattr(proof, "client", cloud.clients.__getitem__)
    monkeypatch.setattr(proof.time, "sleep", slept.append)

    def call(given: dict[str, Any], left: int = 300_000) -> tuple[str, str]:
        sent: list[tuple[str, str]] = []
        monkeypatch.setattr(custom_resource, "send", lambda event, status, reason: sent.append((status, reason)))
        proof.handler(given, Context(left))
        for stubber in cloud.stubbers.values():
            stubber.assert_no_pending_responses()
        [answer] = sent
        return answer

    call.cloud, call.slept = cloud, slept  # type: ignore[attr-defined]
    yield call
    for client in cloud.clients.values():
        client.close()


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_an_endpoint_that_predicts_as_training_did_is_proven(prove: Any, kind: str) -> None:
    prove.cloud.keeps(RECORDS)
    prove.cloud.endpoint_predicts(PREDICTIONS)
    assert prove(OF_ENDPOINT | {"RequestType": kind}) == ("SUCCESS", f"endpoint {ENDPOINT} predicts 2 golden records as training did")
    assert prove.slept == []


def test_an_endpoint_that_predicts_otherwise_fails_with_the_first_difference(prove: Any) -> None:
    prove.cloud.keeps(RECORDS)
    prove.cloud.endpoint_predicts(OTHERS)
    assert prove(OF_ENDPOINT) == ("FAILED", (f"endpoint {ENDPOINT} predicts otherwise than training did: golden record 2: "
                                  '{"label": "no", "probability": 0.4} instead of {"label": "yes", "probability": 0.75}'))


@pytest.mark.parametrize("code", ["ModelError", "ThrottlingException", "ServiceUnavailable", "ModelNotReadyException", "InternalFailure"])
def test_a_fault_is_asked_about_once_more(prove: Any, code: str) -> None:
    prove.cloud.keeps(RECORDS)
    prove.cloud.endpoint_fails(code)
    prove.cloud.endpoint_predicts(PREDICTIONS)
    assert prove(OF_ENDPOINT)[0] == "SUCCESS"
    assert prove.slept == [proof.PAUSE_SECONDS]


def test_two_faults_fail_with_what_the_second_says(prove: Any) -> None:
    prove.cloud.keeps(RECORDS)
    prove.cloud.endpoint_fails("ThrottlingException")
    prove.cloud.endpoint_fails("ModelError")
    assert prove(OF_ENDPOINT) == ("FAILED", f"endpoint {ENDPOINT} fails on golden records: the model's endpoint failed: ModelError: the container answered no")


def test_there_is_no_second_try_without_time_to_report_its_end(prove: Any) -> None:
    prove.cloud.keeps(RECORDS)
    prove.cloud.endpoint_fails("ModelError")
    assert prove(OF_ENDPOINT, left=60_000)[0] == "FAILED"
    assert prove.slept == []


def test_a_refusal_is_not_asked_about_again(prove: Any) -> None:
    prove.cloud.keeps(RECORDS)
    prove.cloud.endpoint_fails("ModelError", 400)
    assert prove(OF_ENDPOINT) == ("FAILED", f"endpoint {ENDPOINT} refuses golden records: the container answered no")


def test_a_run_without_golden_records_is_not_proven(prove: Any) -> None:
    prove.cloud.keeps([])
    assert prove(OF_ENDPOINT) == ("FAILED", f"{URI} holds no golden records to ask for")


def test_golden_records_that_cannot_be_read_fail_with_the_reason(prove: Any) -> None:
    prove.cloud.stubbers["s3"].add_client_error("get_object", "AccessDenied", "no")
    status, reason = prove(OF_ENDPOINT)
    assert status == "FAILED" and "AccessDenied" in reason


def answered(predictions: list[dict[str, Any]] | None = None, status: int = 200, run: str = RUN) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"X-Model-Run": run},
            "body": json.dumps({"predictions": predictions} if predictions else {"error": "broken"})}


def test_a_first_version_is_proven_by_an_event_of_the_api(prove: Any) -> None:
    prove.cloud.keeps(RECORDS)
    prove.cloud.version_answers(answered(PREDICTIONS))
    assert prove(OF_VERSION) == ("SUCCESS", "version 7 predicts 2 golden records as training did")


@pytest.mark.parametrize("answers, reason", [
    ([answered(OTHERS)], "version 7 predicts otherwise than training did: golden record 2: "),
    ([answered(PREDICTIONS, run="another")], f"version 7 answers for run another instead of {RUN}"),
    ([answered(status=400)], 'version 7 refuses golden records: {"error": "broken"}'),
    ([answered(status=502), answered(status=503)], 'version 7 fails on golden records: it answers with 503: {"error": "broken"}'),
])
def test_a_first_version_that_is_not_right_fails(prove: Any, answers: list[dict[str, Any]], reason: str) -> None:
    prove.cloud.keeps(RECORDS)
    for content in answers:
        prove.cloud.version_answers(content)
    status, said = prove(OF_VERSION)
    assert status == "FAILED" and said.startswith(reason)


def test_a_version_that_raises_is_called_again(prove: Any) -> None:
    prove.cloud.keeps(RECORDS)
    prove.cloud.version_answers({"errorMessage": "EndpointFault"}, FunctionError="Unhandled")
    prove.cloud.stubbers["lambda"].add_client_error("invoke", "TooManyRequestsException")
    status, reason = prove(OF_VERSION)
    assert status == "FAILED" and "TooManyRequestsException" in reason


def test_a_later_version_is_left_to_the_hooks(prove: Any) -> None:
    assert prove(OF_VERSION | {"RequestType": "Update"}) == ("SUCCESS", "the deployment's hooks prove this version")


@pytest.mark.parametrize("given", [OF_ENDPOINT, OF_VERSION])
def test_deleting_asks_nothing(prove: Any, given: dict[str, Any]) -> None:
    assert prove(given | {"RequestType": "Delete", "PhysicalResourceId": "id"}) == ("SUCCESS", "")


def test_the_physical_id_stays() -> None:
    assert custom_resource.physical_id(OF_ENDPOINT) == "demo-churn-p-1-0a1b2c3d-prd-Proof"
    assert custom_resource.physical_id(OF_ENDPOINT | {"PhysicalResourceId": "former"}) == "former"


def test_an_error_without_words_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(custom_resource, "send", lambda event, status, reason: sent.append(f"{status} {reason}"))

    def failing() -> str:
        raise KeyError

    custom_resource.answer(OF_ENDPOINT, failing)
    assert sent == ["FAILED KeyError()"]


class Address:
    """CloudFormation's side of an answer: the first tries fail."""

    def __init__(self, failures: int) -> None:
        self.failures, self.received = failures, []

    def __call__(self, request: Any, timeout: float) -> Any:
        self.received.append((request.get_method(), request.headers["Content-type"], json.loads(request.data)))
        if len(self.received) <= self.failures:
            raise OSError("no way")
        return io.BytesIO()


def test_an_answer_that_does_not_arrive_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    address: Callable[..., Any] = Address(2)
    monkeypatch.setattr(custom_resource.urllib.request, "urlopen", address)
    custom_resource.send(OF_ENDPOINT, "FAILED", "x" * 5000)
    assert len(address.received) == 3
    assert address.received[-1] == ("PUT", "", {
        "Status": "FAILED", "Reason": "x" * 1000, "PhysicalResourceId": "demo-churn-p-1-0a1b2c3d-prd-Proof", "StackId": STACK,
        "RequestId": OF_ENDPOINT["RequestId"], "LogicalResourceId": "Proof"})


def test_an_answer_that_never_arrives_fails_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custom_resource.urllib.request, "urlopen", Address(3))
    with pytest.raises(OSError, match="no way"):
        custom_resource.send(OF_ENDPOINT, "SUCCESS", "")
