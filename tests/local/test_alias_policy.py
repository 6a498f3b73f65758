"""A stack that publishes its versions itself, and whose alias has an update policy under a condition."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.local.local_aws import LocalAws
from tests.local.project_runs import until

NAME = "policy-answer"
CODE = "def handler(event, context):\n    return {'label': '%s', 'version': context.function_version}\n"


def trust(service: str) -> dict:
    return {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": f"{service}.amazonaws.com"}}]}


def resources() -> dict[str, dict]:
    """A function, its version by a digest, its alias, and CodeDeploy's application and group with names of their own."""
    lambdas = {"Fn::Sub": "${Answer.Arn}*"}
    return {
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust("lambda")}},
        "Mover": {"Type": "AWS::IAM::Role", "Properties": {
            "AssumeRolePolicyDocument": trust("codedeploy"), "Policies": [{"PolicyName": "p", "PolicyDocument": {
                "Version": "2012-10-17", "Statement": [
                    {"Effect": "Allow", "Action": ["lambda:GetAlias", "lambda:UpdateAlias"], "Resource": lambdas},
                    {"Effect": "Allow", "Action": ["cloudwatch:DescribeAlarms", "sns:Publish"], "Resource": "*"}]}}]}},
        "Answer": {"Type": "AWS::Lambda::Function", "Properties": {
            "FunctionName": NAME, "Runtime": "python3.13", "Handler": "index.handler", "Role": {"Fn::GetAtt": "Role.Arn"},
            "Code": {"ZipFile": {"Ref": "Code"}}}},
        "Version": {"Type": "AWS::Lambda::Version", "DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain",
                    "Properties": {"FunctionName": {"Ref": "Answer"}, "Description": {"Ref": "Digest"}}},
        "Application": {"Type": "AWS::CodeDeploy::Application", "Properties": {
            "ApplicationName": NAME, "ComputePlatform": "Lambda"}},
        "Group": {"Type": "AWS::CodeDeploy::DeploymentGroup", "Properties": {
            "ApplicationName": {"Ref": "Application"}, "DeploymentGroupName": NAME,
            "ServiceRoleArn": {"Fn::GetAtt": "Mover.Arn"}, "DeploymentConfigName": {"Ref": "Config"},
            "DeploymentStyle": {"DeploymentType": "BLUE_GREEN", "DeploymentOption": "WITH_TRAFFIC_CONTROL"},
            "AutoRollbackConfiguration": {"Enabled": True, "Events": ["DEPLOYMENT_FAILURE"]}}},
        # before all it needs, so that only what its policy names can put it after them
        "Alias": {"Type": "AWS::Lambda::Alias", "UpdatePolicy": {"Fn::If": ["Shifts", {"CodeDeployLambdaAliasUpdate": {
            "ApplicationName": {"Ref": "Application"}, "DeploymentGroupName": {"Fn::Sub": "${Group}"},
            "BeforeAllowTrafficHook": {"Fn::If": ["Hooked", "no-such-function", {"Ref": "AWS::NoValue"}]}}},
            {"Ref": "AWS::NoValue"}]}, "Properties": {
                "FunctionName": {"Ref": "Answer"}, "FunctionVersion": {"Fn::GetAtt": "Version.Version"}, "Name": "live"}}}


def template(**group: Any) -> str:
    defaults = {"Shifting": "yes", "Hook": "no", "Digest": "one", "Code": CODE % "one",
                "Config": "CodeDeployDefault.LambdaCanary10Percent5Minutes"}
    made = resources()
    made["Group"]["Properties"] |= group
    return json.dumps({
        "Parameters": {name: {"Type": "String", "Default": value} for name, value in defaults.items()},
        "Conditions": {"Shifts": {"Fn::Equals": [{"Ref": "Shifting"}, "yes"]}, "Hooked": {"Fn::Equals": [{"Ref": "Hook"}, "yes"]}},
        "Resources": made})


class Policy:
    """The stack, made anew with each set of parameters."""

    def __init__(self, aws: LocalAws) -> None:
        self.stacks, self.functions, self.deploy = (aws.client(name) for name in ("cloudformation", "lambda", "codedeploy"))
        self.of_group = {"applicationName": NAME, "deploymentGroupName": NAME}

    def to(self, body: str | None = None, **values: str) -> str:
        """Create or update the stack, and return its status once it has settled."""
        parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]
        known = [each["StackName"] for each in self.stacks.list_stacks()["StackSummaries"] if each["StackStatus"] != "DELETE_COMPLETE"]
        change = self.stacks.update_stack if "policy" in known else self.stacks.create_stack
        change(StackName="policy", TemplateBody=body or template(), Parameters=parameters, Capabilities=["CAPABILITY_IAM"])
        return until(lambda: next((stack["StackStatus"] for stack in self.stacks.describe_stacks(StackName="policy")["Stacks"]
                                   if not stack["StackStatus"].endswith("IN_PROGRESS")), None), "the stack's operation")

    def alias(self) -> str:
        return self.functions.get_alias(FunctionName=NAME, Name="live")["FunctionVersion"]

    def versions(self) -> dict[str, str]:
        """The published versions with their descriptions."""
        found = self.functions.list_versions_by_function(FunctionName=NAME)["Versions"]
        return {each["Version"]: each["Description"] for each in found if each["Version"] != "$LATEST"}

    def deployments(self) -> list[str]:
        return self.deploy.list_deployments(**self.of_group)["deployments"]


@pytest.fixture(scope="module")
def policy(aws: LocalAws) -> Iterator[Policy]:
    stack = Policy(aws)
    assert stack.to() == "CREATE_COMPLETE"
    yield stack
    stack.stacks.delete_stack(StackName="policy")


def values(label: str, **more: str) -> dict[str, str]:
    return {"Code": CODE % label, "Digest": label} | more


def test_release_alias_is_made_without_a_deployment(policy: Policy) -> None:
    assert (policy.alias(), policy.versions(), policy.deployments()) == ("1", {"1": "one"}, [])


def test_release_a_new_digest_replaces_the_version_and_keeps_the_old_one(policy: Policy) -> None:
    assert policy.to(**values("two")) == "UPDATE_COMPLETE"
    assert (policy.alias(), policy.versions()) == ("2", {"1": "one", "2": "two"})
    assert len(policy.deployments()) == 1


def test_release_the_same_digest_publishes_nothing(policy: Policy) -> None:
    before = policy.versions(), policy.alias(), policy.deployments()
    config = "CodeDeployDefault.LambdaAllAtOnce"
    assert policy.to(**values("two", Config=config)) == "UPDATE_COMPLETE"
    assert (policy.versions(), policy.alias(), policy.deployments()) == before
    assert policy.deploy.get_deployment_group(**policy.of_group)["deploymentGroupInfo"]["deploymentConfigName"] == config


def test_release_group_is_changed_in_place(policy: Policy) -> None:
    before = policy.deploy.get_deployment_group(**policy.of_group)["deploymentGroupInfo"]["deploymentGroupId"]
    topic = "arn:aws:sns:us-east-1:000000000000:policy"
    body = template(AlarmConfiguration={"Enabled": True, "Alarms": [{"Name": "errors"}]}, TriggerConfigurations=[
        {"TriggerName": "t", "TriggerTargetArn": topic, "TriggerEvents": ["DeploymentFailure"]}])
    assert policy.to(body, **values("two")) == "UPDATE_COMPLETE"
    group = policy.deploy.get_deployment_group(**policy.of_group)["deploymentGroupInfo"]
    assert group["deploymentGroupId"] == before
    assert group["alarmConfiguration"]["alarms"] == [{"name": "errors"}]
    assert group["triggerConfigurations"][0]["triggerTargetArn"] == topic
    assert policy.to(**values("two")) == "UPDATE_COMPLETE"
    group = policy.deploy.get_deployment_group(**policy.of_group)["deploymentGroupInfo"]
    assert (group["alarmConfiguration"].get("alarms", []), group["triggerConfigurations"]) == ([], [])


def test_release_without_the_policy_the_alias_moves_at_once(policy: Policy) -> None:
    before = policy.deployments()
    assert policy.to(**values("one", Shifting="no")) == "UPDATE_COMPLETE"
    assert (policy.alias(), policy.versions(), policy.deployments()) == (
        "3", {"1": "one", "2": "two", "3": "one"}, before)


def test_release_a_hook_under_a_condition_counts_when_it_holds(policy: Policy) -> None:
    before = policy.alias()
    assert policy.to(**values("four", Hook="yes")) == "UPDATE_ROLLBACK_COMPLETE"
    assert policy.alias() == before
    [failure] = [event["ResourceStatusReason"] for event in policy.stacks.describe_stack_events(StackName="policy")["StackEvents"]
                 if event["ResourceStatus"] == "UPDATE_FAILED" and event["LogicalResourceId"] == "Alias"]
    assert "lambda:InvokeFunction" in failure


def test_release_that_was_rolled_back_can_be_tried_again(policy: Policy) -> None:
    assert "four" not in policy.versions().values()  # RetainExceptOnCreate: or Lambda would find nothing new to publish
    assert policy.to(**values("four")) == "UPDATE_COMPLETE"
    assert policy.versions()[policy.alias()] == "four"


def test_a_function_as_it_was_published_gives_no_new_version(policy: Policy) -> None:
    functions = policy.functions
    functions.update_function_configuration(FunctionName=NAME, Timeout=9)
    version = functions.publish_version(FunctionName=NAME)["Version"]
    functions.update_function_configuration(FunctionName=NAME, Timeout=10)
    functions.update_function_configuration(FunctionName=NAME, Timeout=9)
    assert functions.publish_version(FunctionName=NAME, Description="again")["Version"] == version
    functions.update_function_configuration(FunctionName=NAME, Timeout=11)
    assert int(functions.publish_version(FunctionName=NAME)["Version"]) == int(version) + 1
