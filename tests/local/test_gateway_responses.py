"""What API Gateway answers where a function fails, or itself refuses: through the gateway responses of the API."""

import asyncio
import functools
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from local import gateway_responses
from tests.local.local_aws import LocalAws
from tests.local.project_runs import until

FUNCTION = """
import time
def handler(event, context):
    do = event["headers"].get("x-do", "")
    if do == "raise":
        raise RuntimeError("broken by a test")
    if do == "malformed":
        return ["no", "proxy", "answer"]
    if do == "own":
        return {"statusCode": 503, "body": "the function's own"}
    return {"statusCode": 200, "body": event["requestContext"]["requestId"]}
"""
ERROR = '{"error": $context.error.messageString, "type": "$context.error.responseType", "requestId": "$context.requestId"}'
FALLBACK = {"responseTemplates": {"application/json": ERROR},
            "responseParameters": {"gatewayresponse.header.X-Request-Id": "context.requestId",
                                   "gatewayresponse.header.X-Says": "'sorry'"}}


def template(responses: dict, **extra: Any) -> str:
    """Return a SAM template of an API with three methods: open, with a key, signed."""
    uri = {"Fn::Sub": "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Answer.Alias}/invocations"}
    integration = {"x-amazon-apigateway-integration": {"type": "aws_proxy", "httpMethod": "POST", "uri": uri}}
    body = {"openapi": "3.0.1", "info": {"title": "responses", "version": "1"},
            "x-amazon-apigateway-gateway-responses": responses,
            "components": {"securitySchemes": {
                "key": {"type": "apiKey", "name": "x-api-key", "in": "header"},
                "signature": {"type": "apiKey", "name": "Authorization", "in": "header",
                              "x-amazon-apigateway-authtype": "awsSigv4"}}},
            "paths": {"/open": {"post": integration}, "/key": {"post": integration | {"security": [{"key": []}]}},
                      "/signed": {"post": integration | {"security": [{"signature": []}]}},
                      "/closed": {"post": integration}}}
    none = {"ResourcePath": "/closed", "HttpMethod": "POST", "ThrottlingBurstLimit": 0, "ThrottlingRateLimit": 0}
    return json.dumps({"Transform": "AWS::Serverless-2016-10-31", "Resources": {
        "Answer": {"Type": "AWS::Serverless::Function", "Properties": {
            "Runtime": "python3.13", "Handler": "index.handler", "InlineCode": FUNCTION, "AutoPublishAlias": "live"}},
        "Api": {"Type": "AWS::Serverless::Api", "Properties": {
            "Name": "responses", "StageName": "prd", "OpenApiVersion": "3.0.1",
            "DefinitionBody": body, "MethodSettings": [none]}}, **extra},
        "Outputs": {"Api": {"Value": {"Ref": "Api"}}, "Function": {"Value": {"Ref": "Answer"}}}})


class Answer(NamedTuple):
    status: int
    headers: Any
    body: str

    @property
    def told(self) -> dict:
        return json.loads(self.body)


class Api:
    """The stack's API, and its stack."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws, self.stacks = aws, aws.client("cloudformation")

    def deploy(self, body: str, operation: str) -> dict[str, str]:
        getattr(self.stacks, f"{operation}_stack")(StackName="responses", TemplateBody=body, Capabilities=[
            "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])
        stack = until(lambda: next((each for each in self.stacks.describe_stacks(StackName="responses")["Stacks"]
                                    if not each["StackStatus"].endswith("IN_PROGRESS")), None), "the stack")
        assert stack["StackStatus"] == f"{operation.upper()}_COMPLETE"
        self.outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
        return self.outputs

    def ask(self, path: str = "open", **headers: str) -> Answer:
        address = f"{self.aws.endpoint_url}/_aws/execute-api/{self.outputs['Api']}/prd/{path}"
        request = urllib.request.Request(address, b"{}", {name.replace("_", "-"): value for name, value in headers.items()})
        try:
            with urllib.request.urlopen(request) as answer:
                return Answer(answer.status, answer.headers, answer.read().decode())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read().decode())


@pytest.fixture(scope="module")
def api(aws: LocalAws) -> Iterator[Api]:
    made = Api(aws)
    made.deploy(template({"DEFAULT_4XX": FALLBACK, "DEFAULT_5XX": FALLBACK}), "create")
    yield made
    made.stacks.delete_stack(StackName="responses")


def test_release_request_id_is_one_in_header_and_event(api: Api) -> None:
    answer = api.ask()
    assert (answer.status, answer.body) == (200, answer.headers["x-amzn-RequestId"])


@pytest.mark.parametrize("fault", ["raise", "malformed"])
def test_release_function_that_fails_is_a_502_of_the_apis_own_words(api: Api, fault: str) -> None:
    answer = api.ask(x_do=fault)
    assert answer.status == 502
    assert answer.told == {"error": "Internal server error", "type": "DEFAULT_5XX",
                           "requestId": answer.headers["x-amzn-RequestId"]}
    assert (answer.headers["X-Request-Id"], answer.headers["X-Says"]) == (answer.told["requestId"], "sorry")
    assert answer.headers["x-amzn-ErrorType"] == "InternalServerErrorException"


def test_release_answers_of_the_function_are_left_alone(api: Api) -> None:
    answer = api.ask(x_do="own")
    assert (answer.status, answer.body, answer.headers["X-Says"]) == (503, "the function's own", None)


@pytest.mark.parametrize(("path", "status", "kind", "error"), [
    ("nowhere", 403, "MISSING_AUTHENTICATION_TOKEN", "MissingAuthenticationTokenException"),
    ("signed", 403, "MISSING_AUTHENTICATION_TOKEN", "MissingAuthenticationTokenException"),
    ("key", 403, "INVALID_API_KEY", "ForbiddenException"), ("closed", 429, "THROTTLED", "TooManyRequestsException")])
def test_what_the_api_refuses_is_told_by_the_fallback_with_its_own_status(
        api: Api, path: str, status: int, kind: str, error: str) -> None:
    answer = api.ask(path)
    assert (answer.status, answer.told["type"], answer.headers["x-amzn-ErrorType"]) == (status, kind, error)
    assert answer.told["requestId"] == answer.headers["x-amzn-RequestId"]


def test_release_faults_count_as_errors_of_alias_version_and_api(api: Api) -> None:
    metrics, name = api.aws.client("cloudwatch"), api.outputs["Function"]

    def total(namespace: str, metric: str, **dimensions: str) -> float:
        found = metrics.get_metric_statistics(
            Namespace=namespace, MetricName=metric, StartTime=0, EndTime=4_000_000_000, Period=60, Statistics=["Sum"],
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()])["Datapoints"]
        return sum(each["Sum"] for each in found)

    def counts() -> tuple[float, ...]:
        alias = {"FunctionName": name, "Resource": f"{name}:live"}
        return (total("AWS/Lambda", "Errors", **alias), total("AWS/Lambda", "Errors", **alias, ExecutedVersion="1"),
                total("AWS/ApiGateway", "5XXError", ApiName="responses", Stage="prd"),
                total("AWS/ApiGateway", "4XXError", ApiName="responses", Stage="prd"))

    before = counts()
    for headers in ({"x_do": "raise"}, {"x_do": "own"}, {}):
        api.ask(**headers)
    api.ask("key")
    assert tuple(after - known for after, known in zip(counts(), before, strict=True)) == (1, 1, 2, 1)


def test_another_body_changes_the_answers_and_keeps_the_address(api: Api) -> None:
    before = api.outputs["Api"]
    own = {"ResponseType": "THROTTLED", "RestApiId": {"Ref": "Api"}, "StatusCode": "503",
           "ResponseTemplates": {"application/json": '{"later": "$context.error.message"}'}}
    responses = {"DEFAULT_5XX": {"statusCode": "599"}, "INVALID_API_KEY": {"statusCode": 401}}
    extra = {"Throttled": {"Type": "AWS::ApiGateway::GatewayResponse", "Properties": own}}
    assert api.deploy(template(responses, **extra), "update")["Api"] == before
    assert (api.ask(x_do="raise").status, api.ask("key").status, api.ask("nowhere").status) == (599, 401, 403)
    assert api.ask("nowhere").told == {"message": "Missing Authentication Token"}
    # a gateway response of its own counts from the next deployment on
    api.aws.client("apigateway").create_deployment(restApiId=before, stageName="prd")
    refused = api.ask("closed")
    assert (refused.status, refused.told) == (503, {"later": "Too Many Requests"})


def test_a_gateway_response_that_cannot_be_is_refused(api: Api) -> None:
    client = api.aws.client("apigateway")
    with pytest.raises(client.exceptions.BadRequestException, match="Invalid status code"):
        client.put_gateway_response(restApiId=api.outputs["Api"], responseType="DEFAULT_5XX", statusCode="99")


def test_release_function_that_takes_too_long_is_a_504(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_responses, "LONGEST_SECONDS", 0.01)

    async def silent() -> None:
        await asyncio.Event().wait()

    answer = asyncio.run(gateway_responses._invoke(functools.partial(gateway_responses._call, silent)))
    assert (answer.response_type, answer.message) == ("INTEGRATION_TIMEOUT", "Endpoint request timed out")
