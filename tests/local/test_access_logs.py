"""API Gateway's access logs: a line a request in the stage's format, and none without the account's role for it."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from tests.local.local_aws import LocalAws
from tests.local.rest_api import deployed
from tests.local.sagemaker_machine import wait_for

GROUP = "/aws/apigateway/logged"
ARN = f"arn:aws:logs:us-east-1:000000000000:log-group:{GROUP}"
FORMAT = json.dumps({name.rpartition(".")[2]: f"$context.{name}" for name in (
    "requestId", "requestTime", "httpMethod", "resourcePath", "status", "error.responseType", "responseLatency",
    "responseLength", "identity.userArn", "identity.apiKeyId", "identity.sourceIp")})


@pytest.fixture(scope="module")
def account(aws: LocalAws) -> Iterator[str]:
    """The role that API Gateway writes with, not yet given to the account; in the end what was there is there."""
    iam, gateway = aws.client("iam"), aws.client("apigateway")
    before = gateway.get_account().get("cloudwatchRoleArn")
    trust = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "apigateway.amazonaws.com"}}]}
    role = iam.create_role(RoleName="access-logs", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="access-logs", PolicyName="logs", PolicyDocument=json.dumps({"Statement": [{
        "Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}]}))
    aws.client("logs").create_log_group(logGroupName=GROUP)
    set_role(aws, None)
    yield role
    set_role(aws, before)


def set_role(aws: LocalAws, role: str | None) -> None:
    operation = {"op": "replace", "path": "/cloudwatchRoleArn", "value": role} if role else {"op": "remove", "path": "/cloudwatchRoleArn"}
    aws.client("apigateway").update_account(patchOperations=[operation])


@pytest.fixture(scope="module")
def api(aws: LocalAws) -> str:
    """An API whose root answers, deployed as stage prd."""
    return deployed(aws, "logged")


def log_to(aws: LocalAws, api: str, form: str = FORMAT) -> None:
    aws.client("apigateway").update_stage(restApiId=api, stageName="prd", patchOperations=[
        {"op": "replace", "path": "/accessLogSettings/destinationArn", "value": ARN},
        {"op": "replace", "path": "/accessLogSettings/format", "value": form}])


def ask(aws: LocalAws, api: str, path: str) -> str:
    """Send a request and return its id."""
    try:
        with urllib.request.urlopen(f"{aws.endpoint_url}/_aws/execute-api/{api}/prd{path}") as answer:
            return str(answer.headers["x-amzn-requestid"])
    except urllib.error.HTTPError as error:
        with error:
            return str(error.headers["x-amzn-requestid"])


def test_a_stage_cannot_have_a_log_without_the_accounts_role(aws: LocalAws, account: str, api: str) -> None:
    set_role(aws, None)
    with pytest.raises(ClientError, match="CloudWatch Logs role ARN must be set in account settings"):
        log_to(aws, api)
    deployment = aws.client("apigateway").get_deployments(restApiId=api)["items"][0]["id"]
    template = {"Resources": {"Stage": {"Type": "AWS::ApiGateway::Stage", "Properties": {
        "RestApiId": api, "StageName": "logged", "DeploymentId": deployment,
        "AccessLogSetting": {"DestinationArn": ARN, "Format": FORMAT}}}}}
    stacks = aws.client("cloudformation")
    stacks.create_stack(StackName="no-log-role", TemplateBody=json.dumps(template))
    with pytest.raises(Exception, match="ROLLBACK"):
        stacks.get_waiter("stack_create_complete").wait(StackName="no-log-role", WaiterConfig={"Delay": 1})
    reasons = [event.get("ResourceStatusReason", "") for event in stacks.describe_stack_events(StackName="no-log-role")["StackEvents"]]
    assert any("CloudWatch Logs role ARN" in reason for reason in reasons)
    set_role(aws, account)
    stacks.create_stack(StackName="log-role", TemplateBody=json.dumps(template))
    stacks.get_waiter("stack_create_complete").wait(StackName="log-role", WaiterConfig={"Delay": 1})
    stage = aws.client("apigateway").get_stage(restApiId=api, stageName="logged")
    assert stage["accessLogSettings"] == {"destinationArn": ARN, "format": FORMAT}


@pytest.mark.parametrize(("form", "problem"), [("$context.status", "must contain"), ("$context.requestId $context.wafStatus", "wafStatus")])
def test_a_format_that_could_not_be_written_is_refused(aws: LocalAws, account: str, api: str, form: str, problem: str) -> None:
    set_role(aws, account)
    with pytest.raises(ClientError, match=problem):
        log_to(aws, api, form)


def test_each_request_is_a_line_in_the_stages_format(aws: LocalAws, account: str, api: str) -> None:
    set_role(aws, account)
    log_to(aws, api)
    asked = [ask(aws, api, path) for path in ("/", "/unknown")]

    def lines() -> dict[str, dict]:
        events = aws.client("logs").filter_log_events(logGroupName=GROUP)["events"]
        found = [json.loads(event["message"]) for event in events]
        return {line["requestId"]: line for line in found}

    found = wait_for(lambda: len(lines()) >= 2 and lines())
    good, bad = (found[each] for each in asked)
    assert (good["httpMethod"], good["resourcePath"], good["status"], good["responseType"]) == ("GET", "/", "200", "-")
    assert (bad["status"], bad["responseType"]) == ("403", "MISSING_AUTHENTICATION_TOKEN")
    assert good["sourceIp"] == "127.0.0.1" and good["userArn"] == "-" and int(good["responseLatency"]) >= 0


def test_who_gives_the_account_a_role_must_be_allowed_to_pass_it(aws: LocalAws, account: str) -> None:
    iam = aws.client("iam")
    iam.create_user(UserName="log-setter")
    key = iam.create_access_key(UserName="log-setter")["AccessKey"]
    iam.put_user_policy(UserName="log-setter", PolicyName="p", PolicyDocument=json.dumps({"Statement": [
        {"Effect": "Allow", "Action": "apigateway:*", "Resource": "*"}]}))
    setter = aws.called_by(key["AccessKeyId"], key["SecretAccessKey"]).client("apigateway")
    with pytest.raises(ClientError, match="iam:PassRole"):
        setter.update_account(patchOperations=[{"op": "replace", "path": "/cloudwatchRoleArn", "value": account}])
