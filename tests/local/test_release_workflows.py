"""What a release's hooks and workflows lean on: asynchronous retries, a workflow that a function starts, long loops, parameters."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.local.local_aws import LocalAws
from tests.local.project_runs import until

NAME = "workflows"
CODE = '''
import json, os
import boto3
def handler(event, context):
    return globals()[event["do"]](event)
def start(event):
    return boto3.client("stepfunctions").start_execution(stateMachineArn=event["machine"], input="{}")["executionArn"]
def fail(event):
    raise RuntimeError("told to")
def flaky(event):
    """Fail as often as told, counted in the parameter."""
    ssm = boto3.client("ssm")
    left = int(ssm.get_parameter(Name=os.environ["PARAMETER"])["Parameter"]["Value"])
    ssm.put_parameter(Name=os.environ["PARAMETER"], Value=str(left - 1), Overwrite=True)
    if left > 0:
        raise RuntimeError(f"{left} left")
    return left
def count(event):
    return event["n"] + 1
'''


def role(service: str, *actions: str) -> dict:
    return {"Type": "AWS::IAM::Role", "Properties": {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": f"{service}.amazonaws.com"}}]},
        "Policies": [{"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}}]}}


def task(**payload: Any) -> dict:
    return {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {
        "FunctionName": NAME, "Payload": payload}, "ResultSelector": {"n.$": "$.Payload"}}


MACHINES: dict[str, dict] = {
    "loop": {"StartAt": "Count", "States": {
        "Count": task(**{"do": "count", "n.$": "$.n"}) | {"Next": "Wait"},
        "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Enough"},
        "Enough": {"Type": "Choice", "Default": "Count", "Choices": [
            {"Variable": "$.n", "NumericGreaterThanEquals": 300, "Next": "Done"}]},
        "Done": {"Type": "Succeed"}}},
    "wait": {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}},
    "retry": {"StartAt": "Try", "States": {"Try": task(do="flaky") | {"End": True, "Retry": [
        {"ErrorEquals": ["RuntimeError"], "IntervalSeconds": 30, "MaxAttempts": 3, "BackoffRate": 2}]}}},
    "catch": {"StartAt": "Try", "States": {
        "Try": task(do="fail") | {"End": True, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Told", "ResultPath": "$.why"}]},
        "Told": {"Type": "Pass", "End": True}}}}


def template() -> str:
    machines = {f"{name.title()}Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": {
        "StateMachineName": f"{NAME}-{name}", "RoleArn": {"Fn::GetAtt": "States.Arn"}, "DefinitionString": json.dumps(machine)}}
        for name, machine in MACHINES.items()}
    return json.dumps({"Parameters": {"Value": {"Type": "String", "Default": "0"}}, "Resources": {
        "Left": {"Type": "AWS::SSM::Parameter", "Properties": {
            "Name": f"/{NAME}/left", "Type": "String", "Value": {"Ref": "Value"}, "Tags": {"for": "tests"}}},
        "States": role("states", "lambda:InvokeFunction"),
        "Runs": role("lambda", "ssm:GetParameter", "ssm:PutParameter", "states:StartExecution", "logs:*"),
        "Function": {"Type": "AWS::Lambda::Function", "Properties": {
            "FunctionName": NAME, "Runtime": "python3.13", "Handler": "index.handler", "Role": {"Fn::GetAtt": "Runs.Arn"},
            "Code": {"ZipFile": CODE}, "Environment": {"Variables": {"PARAMETER": {"Ref": "Left"}}}}},
        **machines}})


class Workflows:
    """The stack of functions, parameter and state machines."""

    def __init__(self, aws: LocalAws) -> None:
        self.stacks, self.functions, self.states, self.parameters, self.metrics = (
            aws.client(name) for name in ("cloudformation", "lambda", "stepfunctions", "ssm", "cloudwatch"))

    def deploy(self, operation: str, **values: str) -> str:
        getattr(self.stacks, f"{operation}_stack")(
            StackName=NAME, TemplateBody=template(), Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()])
        return until(lambda: next((each["StackStatus"] for each in self.stacks.describe_stacks(StackName=NAME)["Stacks"]
                                   if not each["StackStatus"].endswith("IN_PROGRESS")), None), "the stack")

    def left(self, value: str | None = None) -> str:
        """Set, or read, how often the flaky function still fails."""
        if value is not None:
            self.parameters.put_parameter(Name=f"/{NAME}/left", Value=value, Overwrite=True)
        return self.parameters.get_parameter(Name=f"/{NAME}/left")["Parameter"]["Value"]

    def invoke(self, **event: Any) -> Any:
        answer = self.functions.invoke(FunctionName=NAME, Payload=json.dumps(event))
        return json.loads(answer["Payload"].read())

    def machine(self, name: str) -> str:
        return f"arn:aws:states:us-east-1:000000000000:stateMachine:{NAME}-{name}"

    def run(self, name: str, **given: Any) -> dict:
        execution = self.states.start_execution(stateMachineArn=self.machine(name), input=json.dumps(given))["executionArn"]
        return self.ended(execution)

    def ended(self, execution: str) -> dict:
        return until(lambda: (found := self.states.describe_execution(executionArn=execution))["status"] != "RUNNING" and found,
                     execution)


@pytest.fixture(scope="module")
def flows(aws: LocalAws) -> Iterator[Workflows]:
    made = Workflows(aws)
    assert made.deploy("create") == "CREATE_COMPLETE"
    yield made
    made.stacks.delete_stack(StackName=NAME)


def test_parameter_of_a_stack_is_made_and_changed(flows: Workflows) -> None:
    assert flows.left() == "0"
    assert flows.deploy("update", Value="7") == "UPDATE_COMPLETE"
    assert flows.left() == "7"


def test_release_function_starts_a_workflow_with_its_own_rights(flows: Workflows) -> None:
    execution = flows.invoke(do="start", machine=flows.machine("wait"))
    ended = flows.ended(execution)
    waited = (ended["stopDate"] - ended["startDate"]).total_seconds()
    assert (ended["status"], 1 <= waited < 30) == ("SUCCEEDED", True)  # a minute at speed 60


def test_release_workflow_may_loop_for_hours(flows: Workflows) -> None:
    ended = flows.run("loop", n=0)
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", {"n": 300})


@pytest.mark.parametrize(("failures", "status"), [("2", "SUCCEEDED"), ("9", "FAILED")])
def test_release_task_is_tried_again_as_often_as_it_says(flows: Workflows, failures: str, status: str) -> None:
    flows.left(failures)
    ended = flows.run("retry")
    assert (ended["status"], flows.left()) == (status, str(int(failures) - (3 if status == "SUCCEEDED" else 4)))


def test_release_task_that_fails_is_caught_with_its_reason(flows: Workflows) -> None:
    why = json.loads(flows.run("catch", deployment="d-1")["output"])
    assert (why["deployment"], why["why"]["Error"]) == ("d-1", "RuntimeError")
    assert "told to" in why["why"]["Cause"]


@pytest.mark.parametrize(("failures", "left"), [("9", "6"), ("1", "-1")])
def test_release_asynchronous_invocation_that_raises_is_tried_twice_more(flows: Workflows, failures: str, left: str) -> None:
    flows.left(failures)
    answer = flows.functions.invoke(FunctionName=NAME, InvocationType="Event", Payload=json.dumps({"do": "flaky"}))
    assert answer["StatusCode"] == 202
    until(lambda: flows.left() == left, f"{failures} failures end at {left}")
    flows.run("wait")
    flows.run("wait")
    flows.run("wait")  # longer than another attempt would take
    assert flows.left() == left
