"""A parameter of a stack: its value follows the template, its reference is its name, and who reads it needs the right."""

import json

import pytest
from botocore.exceptions import ClientError

from tests.local.local_aws import LocalAws

NAME = "/watched/live-run"


def template(value: str) -> str:
    properties = {"Name": NAME, "Type": "String", "Value": value, "Tags": {"run": value}}
    outputs = {"Name": {"Value": {"Ref": "LiveRun"}}, "Value": {"Value": {"Fn::GetAtt": ["LiveRun", "Value"]}}}
    return json.dumps({"Resources": {"LiveRun": {"Type": "AWS::SSM::Parameter", "Properties": properties}}, "Outputs": outputs})


def told(aws: LocalAws) -> tuple[dict[str, str], str, int, str]:
    """Return the stack's outputs, and the parameter's value, version and tag."""
    [stack] = aws.client("cloudformation").describe_stacks(StackName="watched")["Stacks"]
    found = aws.client("ssm").get_parameter(Name=NAME)["Parameter"]
    tags = aws.client("ssm").list_tags_for_resource(ResourceType="Parameter", ResourceId=NAME)["TagList"]
    return ({output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}, found["Value"], found["Version"],
            next(tag["Value"] for tag in tags if tag["Key"] == "run"))


def test_a_parameter_follows_its_template(aws: LocalAws) -> None:
    stacks, once = aws.client("cloudformation"), {"Delay": 1}
    stacks.create_stack(StackName="watched", TemplateBody=template("one"))
    stacks.get_waiter("stack_create_complete").wait(StackName="watched", WaiterConfig=once)
    assert told(aws) == ({"Name": NAME, "Value": "one"}, "one", 1, "one")
    stacks.update_stack(StackName="watched", TemplateBody=template("two"))
    stacks.get_waiter("stack_update_complete").wait(StackName="watched", WaiterConfig=once)
    assert told(aws) == ({"Name": NAME, "Value": "two"}, "two", 2, "two")
    stacks.delete_stack(StackName="watched")
    stacks.get_waiter("stack_delete_complete").wait(StackName="watched", WaiterConfig=once)
    with pytest.raises(ClientError, match="ParameterNotFound"):
        aws.client("ssm").get_parameter(Name=NAME)


def test_who_reads_a_parameter_needs_the_right_on_it(aws: LocalAws) -> None:
    iam = aws.client("iam")
    aws.client("ssm").put_parameter(Name="/watched/other", Type="String", Value="1")
    iam.create_user(UserName="reader")
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    iam.put_user_policy(UserName="reader", PolicyName="one", PolicyDocument=json.dumps({"Statement": [{
        "Effect": "Allow", "Action": "ssm:GetParameter", "Resource": f"arn:aws:ssm:us-east-1:000000000000:parameter{NAME}"}]}))
    reader = aws.called_by(key["AccessKeyId"], key["SecretAccessKey"]).client("ssm")
    with pytest.raises(ClientError, match=r"not authorized to perform: ssm:GetParameter on resource: .*/watched/other"):
        reader.get_parameter(Name="/watched/other")
    with pytest.raises(ClientError, match="ParameterNotFound"):
        reader.get_parameter(Name=NAME)
