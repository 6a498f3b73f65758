"""The two traffic hooks: what they prove, and that they report once whatever happens."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber

from api import golden, lifecycle, post_traffic, pre_traffic

RUN = "0a1b2c3d-1111-4222-8333-444455556666"
EVENT = {"DeploymentId": "d-ABCDEF123", "LifecycleEventHookExecutionId": "token"}
ENDPOINT = "demo-churn-p-1-0a1b2c3d-p"
VERSION = "arn:aws:lambda:us-east-1:123456789012:function:demo-churn-p-1-api:7"
TOPIC = "arn:aws:sns:us-east-1:123456789012:demo-churn-p-1"
ENVIRONMENT = {"NAME_PREFIX": "demo-churn-p-1", "ENDPOINT_NAME": ENDPOINT, "MODEL_RUN": RUN, "CAPTURING": "yes", "BUCKET": "bucket",
               "TOPIC_ARN": TOPIC, "FUNCTION_VERSION_ARN": VERSION}
RECORDS = [{"features": {"minutes": 1.0}, "prediction": {"label": "no", "probability": 0.25}},
           {"features": {"minutes": 9.0}, "prediction": {"label": "yes", "probability": 0.75}}]
BEGAN = datetime(2026, 5, 1, 12, 0, 0, 500_000, tzinfo=UTC)


class Cloud:
    """The hooks' clients: each call has to be expected, and what is expected has to be called."""

    def __init__(self) -> None:
        self.clients, self.stubbers = {}, {}
        for service in ("codedeploy", "lambda", "s3", "sagemaker", "sns"):
            self.clients[service] = boto3.client(service, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
            self.stubbers[service] = Stubber(self.clients[service])
            self.stubbers[service].activate()

    def answers(self, service: str, operation: str, response: dict[str, Any], request: dict[str, Any]) -> None:
        self.stubbers[service].add_response(operation, response, request)

    def describes(self, status: str = "InService", capture: str = "Started", enabled: bool = True) -> None:
        self.answers("sagemaker", "describe_endpoint", {
            "EndpointName": ENDPOINT, "EndpointArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e", "EndpointStatus": status,
            "EndpointConfigName": "c", "CreationTime": BEGAN, "LastModifiedTime": BEGAN,
            "DataCaptureConfig": {"EnableCapture": enabled, "CaptureStatus": capture, "CurrentSamplingPercentage": 100,
                                  "DestinationS3Uri": "s3://bucket/captures", "KmsKeyId": "key"}}, {"EndpointName": ENDPOINT})

    def keeps(self, *records: dict[str, Any]) -> None:
        content = "".join(json.dumps(record) + "\n" for record in records).encode()
        self.answers("s3", "get_object", {"Body": StreamingBody(io.BytesIO(content), len(content))},
                     {"Bucket": "bucket", "Key": f"runs/{RUN}/golden/records.jsonl"})

    def predicts(self, content: dict[str, Any], **members: str) -> None:
        payload = json.dumps(content).encode()
        self.answers("lambda", "invoke", {"Payload": StreamingBody(io.BytesIO(payload), len(payload)), **members},
                     {"FunctionName": VERSION, "Payload": ANY})

    def began(self) -> None:
        self.answers("codedeploy", "get_deployment", {"deploymentInfo": {"createTime": BEGAN}}, {"deploymentId": "d-ABCDEF123"})

    def lists(self, *captures: tuple[str, timedelta]) -> None:
        self.answers("s3", "list_objects_v2", {"Contents": [{"Key": key, "LastModified": BEGAN + age} for key, age in captures]},
                     {"Bucket": "bucket", "Prefix": f"captures/{ENDPOINT}/"})

    def hears(self, status: str) -> None:
        self.answers("codedeploy", "put_lifecycle_event_hook_execution_status", {},
                     {"deploymentId": "d-ABCDEF123", "lifecycleEventHookExecutionId": "token", "status": status})

    def mails(self) -> None:
        self.answers("sns", "publish", {"MessageId": "1"}, {"TopicArn": TOPIC, "Subject": ANY, "Message": ANY})

    def refused(self) -> None:
        self.mails()
        self.hears("Failed")


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    found = Cloud()
    for module in (lifecycle, pre_traffic, post_traffic):
        monkeypatch.setattr(module, "client", found.clients.__getitem__)
    monkeypatch.setattr(post_traffic.time, "sleep", lambda seconds: None)
    yield found
    for stubber in found.stubbers.values():
        stubber.assert_no_pending_responses()


def reply(predictions: list[dict[str, Any]], status: int = 200, run: str = RUN) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"X-Model-Run": run}, "body": json.dumps({"predictions": predictions})}


def predicted(*probabilities: float) -> list[dict[str, Any]]:
    return [{**record["prediction"], "probability": value} for record, value in zip(RECORDS, probabilities, strict=False)]


def before() -> dict[str, str]:
    return pre_traffic.handler(EVENT, None)


def after(*remaining: int) -> dict[str, str]:
    left = iter(remaining)
    return post_traffic.handler(EVENT, SimpleNamespace(get_remaining_time_in_millis=lambda: next(left)))


def test_a_version_that_predicts_as_in_training_takes_traffic(cloud: Cloud) -> None:
    cloud.describes()
    cloud.keeps(*RECORDS)
    cloud.predicts(reply(predicted(0.2500004, 0.75)))
    cloud.hears("Succeeded")
    assert before()["status"] == "Succeeded"


@pytest.mark.parametrize("answer, members, reason", [
    (reply(predicted(0.25, 0.9)), {}, "golden record 2"),
    (reply(predicted(0.25)), {}, "1 predictions for 2"),
    (reply([], status=502), {}, "with 502"),
    (reply(predicted(0.25, 0.75), run="another"), {}, "for run another"),
    ({"errorMessage": "no module named model"}, {"FunctionError": "Unhandled"}, "no module named model"),
])
def test_a_version_that_predicts_otherwise_is_refused(cloud: Cloud, answer: dict[str, Any], members: dict[str, str], reason: str) -> None:
    cloud.describes()
    cloud.keeps(*RECORDS)
    cloud.predicts(answer, **members)
    cloud.refused()
    assert reason in before()["reason"]


def test_a_version_that_cannot_be_proven_is_refused(cloud: Cloud) -> None:
    cloud.describes()
    cloud.keeps()
    cloud.refused()
    assert "no golden records" in before()["reason"]


@pytest.mark.parametrize("state, reason", [
    ({"status": "Failed"}, "is Failed"), ({"capture": "Stopped"}, "does not keep"), ({"enabled": False}, "does not keep")])
@pytest.mark.parametrize("hook", [before, after])
def test_an_endpoint_that_does_not_serve_or_keep_is_refused(cloud: Cloud, hook: Any, state: dict[str, Any], reason: str) -> None:
    cloud.describes(**state)
    cloud.refused()
    assert reason in hook()["reason"]


def test_a_missing_endpoint_is_refused_with_the_way_on(cloud: Cloud) -> None:
    cloud.stubbers["sagemaker"].add_client_error("describe_endpoint", "ValidationException", "Could not find endpoint")
    cloud.refused()
    assert "ALL_ACTIONS" in before()["reason"]


def test_an_error_of_the_check_is_reported_as_a_refusal(cloud: Cloud) -> None:
    cloud.stubbers["sagemaker"].add_client_error("describe_endpoint", "AccessDeniedException", "not authorized")
    cloud.refused()
    assert "AccessDenied" in before()["reason"]


def test_a_refusal_is_reported_even_when_the_mail_cannot_be_sent(cloud: Cloud) -> None:
    cloud.describes(status="Failed")
    cloud.stubbers["sns"].add_client_error("publish", "KMSAccessDenied", "no key")
    cloud.hears("Failed")
    assert before()["status"] == "Failed"


def test_a_missing_variable_is_named(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BUCKET")
    cloud.refused()
    assert "BUCKET" in before()["reason"]


def test_a_capture_since_the_deployment_began_is_proof(cloud: Cloud) -> None:
    cloud.describes()
    cloud.began()
    cloud.lists(("old", timedelta(minutes=-1)))
    cloud.lists(("old", timedelta(minutes=-1)), ("same-second", timedelta(milliseconds=-500)))
    cloud.hears("Succeeded")
    assert after(60_000)["reason"].endswith("same-second")


def test_no_capture_until_time_is_up_is_refused(cloud: Cloud) -> None:
    cloud.describes()
    cloud.began()
    cloud.lists()
    cloud.lists()
    cloud.refused()
    assert "no capture" in after(60_000, 20_000)["reason"]


def test_without_capturing_the_endpoint_alone_counts(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTURING", "no")
    cloud.describes(enabled=False)
    cloud.hears("Succeeded")
    assert after()["status"] == "Succeeded"


def test_the_golden_request_is_marked_and_holds_the_features() -> None:
    event = golden.request(RECORDS, "synthetic-d-ABCDEF123")
    assert event["requestContext"]["requestId"].startswith("synthetic-")
    assert json.loads(event["body"]) == [{"minutes": 1.0}, {"minutes": 9.0}]


@pytest.mark.parametrize("expected, found, agree", [
    ({"label": "a"}, {"label": "a"}, True), ({"label": "a"}, {"label": "b"}, False), ({"value": 100.0}, {"value": 100.05}, True),
    ({"value": 100.0}, {"value": 101.0}, False), ({"label": "a"}, {"label": "a", "probability": 1.0}, False), ("1", 1, False)])
def test_numbers_may_differ_a_little_and_nothing_else(expected: Any, found: Any, agree: bool) -> None:
    assert golden.same(expected, found) is agree
