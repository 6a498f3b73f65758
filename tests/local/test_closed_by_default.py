"""What the templates close is closed on the local AWS: a function's settings to who may not decrypt, an API behind its firewall."""

import io
import json
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.local_aws import LocalAws
from tests.local.rest_api import deployed

ACCOUNT = "000000000000"
TOLD = {"Variables": {"WHERE": "here"}}


@pytest.fixture(scope="module")
def key(aws: LocalAws) -> str:
    """A key of the account's."""
    return str(aws.client("kms").create_key()["KeyMetadata"]["Arn"])


@pytest.fixture(scope="module")
def sealed(aws: LocalAws, key: str) -> str:
    """A function that is told something under the key."""
    trust = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]}
    role = aws.client("iam").create_role(RoleName="sealed", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("handler.py", "def handler(event, context):\n    return event\n")
    aws.client("lambda").create_function(FunctionName="sealed", Runtime="python3.13", Role=role, Handler="handler.handler",
                                         Code={"ZipFile": packed.getvalue()}, Environment=TOLD, KMSKeyArn=key)
    return "sealed"


def reader(aws: LocalAws, name: str, *statements: dict[str, Any]) -> Any:
    """Return Lambda's client of a user with these rights."""
    iam = aws.client("iam")
    iam.create_user(UserName=name)
    credentials = iam.create_access_key(UserName=name)["AccessKey"]
    iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
    return aws.called_by(credentials["AccessKeyId"], credentials["SecretAccessKey"]).client("lambda")


def test_what_a_function_is_told_is_read_with_its_key_only(aws: LocalAws, key: str, sealed: str) -> None:
    looks = {"Effect": "Allow", "Action": "lambda:GetFunctionConfiguration", "Resource": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{sealed}"}
    without = reader(aws, "without-the-key", looks).get_function_configuration(FunctionName=sealed)["Environment"]
    assert "Variables" not in without and without["Error"]["ErrorCode"] == "AccessDeniedException"
    opens = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": key}
    assert reader(aws, "with-the-key", looks, opens).get_function_configuration(FunctionName=sealed)["Environment"] == TOLD


@pytest.fixture(scope="module")
def stage(aws: LocalAws) -> str:
    """The ARN of an API's stage."""
    return f"arn:aws:apigateway:us-east-1::/restapis/{deployed(aws, 'guarded')}/stages/prd"


def firewall(aws: LocalAws, name: str) -> str:
    """Return the ARN of a new web ACL."""
    visible = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": name}
    return str(aws.client("wafv2").create_web_acl(Name=name, Scope="REGIONAL", DefaultAction={"Allow": {}}, VisibilityConfig=visible)["Summary"]["ARN"])


def template(stage: str, acl: str) -> str:
    """Return a stack's template that puts a firewall before a stage."""
    return json.dumps({"Resources": {"Firewall": {
        "Type": "AWS::WAFv2::WebACLAssociation", "Properties": {"ResourceArn": stage, "WebACLArn": acl}}}})


def test_a_firewall_stands_before_the_stage_until_its_stack_goes(aws: LocalAws, stage: str) -> None:
    stacks, waf, once = aws.client("cloudformation"), aws.client("wafv2"), {"Delay": 1}
    first, second = firewall(aws, "first"), firewall(aws, "second")
    stacks.create_stack(StackName="guarded", TemplateBody=template(stage, first))
    stacks.get_waiter("stack_create_complete").wait(StackName="guarded", WaiterConfig=once)
    assert waf.get_web_acl_for_resource(ResourceArn=stage)["WebACL"]["ARN"] == first
    stacks.update_stack(StackName="guarded", TemplateBody=template(stage, second))
    stacks.get_waiter("stack_update_complete").wait(StackName="guarded", WaiterConfig=once)
    assert waf.get_web_acl_for_resource(ResourceArn=stage)["WebACL"]["ARN"] == second
    stacks.delete_stack(StackName="guarded")
    stacks.get_waiter("stack_delete_complete").wait(StackName="guarded", WaiterConfig=once)
    with pytest.raises(ClientError, match="WAFNonexistentItemException"):
        waf.get_web_acl_for_resource(ResourceArn=stage)
