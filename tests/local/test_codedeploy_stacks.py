"""A stack's alias shifts through CodeDeploy, with real functions, roles and stacks."""

import json
import time
import urllib.request

import pytest
from botocore.exceptions import ClientError

CODE = """
import json
def handler(event, context):
    return {{"statusCode": 200, "body": json.dumps({{"version": context.function_version, "label": "{label}"}})}}
"""
HOOK = """
import boto3, os
def handler(event, context):
    boto3.client("codedeploy").put_lifecycle_event_hook_execution_status(
        deploymentId=event["DeploymentId"], status=os.environ["STATUS"],
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"])
"""
ACCOUNT = "000000000000"
STACK_RIGHTS = ["cloudformation:*", "iam:*", "lambda:*", "cloudwatch:*"]
DEPLOY_RIGHTS = [f"codedeploy:{action}" for action in (
    "CreateApplication", "CreateDeploymentConfig", "CreateDeploymentGroup", "DeleteApplication", "DeleteDeploymentConfig",
    "DeleteDeploymentGroup", "GetApplication", "GetDeploymentGroup", "UpdateDeploymentGroup", "TagResource",
    "CreateDeployment", "GetDeployment", "GetDeploymentConfig", "GetApplicationRevision", "RegisterApplicationRevision")]


def template(label, hook="Succeeded"):
    """Return a SAM template: a function whose alias moves by a custom canary of 20 % with a hook and an alarm."""
    function = {"Runtime": "python3.13", "Handler": "index.handler"}
    return json.dumps({"Transform": "AWS::Serverless-2016-10-31", "Resources": {
        "Quick": {"Type": "AWS::CodeDeploy::DeploymentConfig", "Properties": {
            "ComputePlatform": "Lambda", "TrafficRoutingConfig": {
                "Type": "TimeBasedCanary", "TimeBasedCanary": {"CanaryPercentage": 20, "CanaryInterval": 1}}}},
        "Answer": {"Type": "AWS::Serverless::Function", "Properties": function | {
            "FunctionName": "shift-answer", "InlineCode": CODE.format(label=label), "AutoPublishAlias": "live",
            "DeploymentPreference": {"Type": {"Ref": "Quick"}, "Alarms": ["shift-errors"],
                                     "Hooks": {"PreTraffic": {"Ref": "Check"}}}}},
        "Check": {"Type": "AWS::Serverless::Function", "Properties": function | {
            "FunctionName": "CodeDeployHook_shift", "InlineCode": HOOK, "Environment": {"Variables": {"STATUS": hook}},
            "DeploymentPreference": {"Enabled": False}, "Policies": [{"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Action": "codedeploy:PutLifecycleEventHookExecutionStatus", "Resource": {"Fn::Sub":
                "arn:aws:codedeploy:${AWS::Region}:${AWS::AccountId}:deploymentgroup:${ServerlessDeploymentApplication}/*"}}]}]}},
    }})


class Stack:
    """The stack of the template, made and changed with a role's rights."""

    def __init__(self, aws):
        self.aws, self.client, self.functions = aws, aws.client("cloudformation"), aws.client("lambda")
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {
            "Service": "cloudformation.amazonaws.com"}}]}
        self.role = aws.client("iam").create_role(RoleName="shift-stack", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        aws.client("cloudwatch").put_metric_alarm(
            AlarmName="shift-errors", Namespace="Test", MetricName="Errors", ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1, Period=60, Statistic="Sum", Threshold=0)
        self.permit(DEPLOY_RIGHTS)
        self.client.create_stack(**self._request("one"))
        assert self.settled() == "CREATE_COMPLETE", self.failures()

    def _request(self, label, **changes):
        return {"StackName": "shift", "TemplateBody": template(label, **changes), "RoleARN": self.role,
                "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"], "Tags": [{"Key": "run", "Value": label}]}

    def permit(self, rights):
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", "Action": STACK_RIGHTS + rights}]}
        self.aws.client("iam").put_role_policy(RoleName="shift-stack", PolicyName="p", PolicyDocument=json.dumps(policy))

    def update(self, label, **changes):
        self.client.update_stack(**self._request(label, **changes))

    def settled(self):
        return until(lambda: next((stack["StackStatus"] for stack in self.client.describe_stacks(StackName="shift")["Stacks"]
                                   if not stack["StackStatus"].endswith("IN_PROGRESS")), None))

    def failures(self):
        events = self.client.describe_stack_events(StackName="shift")["StackEvents"]
        return [event["ResourceStatusReason"] for event in events if event["ResourceStatus"].endswith("_FAILED")]

    def alias(self):
        found = self.functions.get_alias(FunctionName="shift-answer", Name="live")
        return found["FunctionVersion"], found.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})

    def label(self):
        answer = self.functions.invoke(FunctionName="shift-answer", Qualifier="live", Payload=b"{}")
        return json.loads(json.loads(answer["Payload"].read())["body"])["label"]


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
    return value


@pytest.fixture(scope="module")
def stack(aws):
    return Stack(aws)


def test_stack_moves_its_alias_through_a_canary(stack):
    assert stack.alias() == ("1", {})
    stack.update("two")
    until(lambda: stack.alias() == ("1", {"2": 0.2}))
    assert stack.settled() == "UPDATE_COMPLETE", stack.failures()
    assert (stack.alias(), stack.label()) == (("2", {}), "two")


def test_stack_fails_with_the_reason_of_a_hook_and_keeps_its_version(stack):
    before = stack.alias()
    stack.update("three", hook="Failed")
    assert stack.settled() == "UPDATE_ROLLBACK_COMPLETE"
    assert "lifecycle event validation functions failed. BeforeAllowTraffic: CodeDeployHook_shift" in stack.failures()[0]
    assert stack.alias() == before


def test_stack_fails_with_the_reason_of_an_alarm_and_keeps_its_version(stack):
    before, alarms = stack.alias(), stack.aws.client("cloudwatch")
    stack.update("four")
    until(lambda: stack.alias()[1])

    def rolled_back() -> bool:  # a state that was set holds until the alarm's next evaluation only
        alarms.set_alarm_state(AlarmName="shift-errors", StateValue="ALARM", StateReason="test")
        return stack.alias()[1] == {}

    until(rolled_back)
    assert stack.settled() == "UPDATE_ROLLBACK_COMPLETE"
    alarms.set_alarm_state(AlarmName="shift-errors", StateValue="OK", StateReason="test")
    assert "Activated alarms: <shift-errors>" in stack.failures()[0]
    assert stack.alias() == before


def test_stack_needs_the_rights_of_a_deployment(stack):
    before = stack.alias()
    stack.permit([right for right in DEPLOY_RIGHTS if right != "codedeploy:RegisterApplicationRevision"])
    stack.update("five")
    assert stack.settled() == "UPDATE_ROLLBACK_COMPLETE"
    stack.permit(DEPLOY_RIGHTS)
    assert "codedeploy:RegisterApplicationRevision" in stack.failures()[0]
    assert stack.alias() == before


def test_weights_hold_at_every_way_in_and_metrics_tell_the_version(aws, stack):
    functions, (old, _) = aws.client("lambda"), stack.alias()
    new = next(version for version in ("1", "2") if version != old)
    functions.update_alias(FunctionName="shift-answer", Name="live", RoutingConfig={"AdditionalVersionWeights": {new: 0.5}})
    try:
        for way in (by_invocation(aws), by_api(aws), by_workflow(aws)):
            assert {way() for _ in range(20)} == {old, new}
    finally:
        functions.update_alias(FunctionName="shift-answer", Name="live", RoutingConfig={"AdditionalVersionWeights": {}})
    metrics = aws.client("cloudwatch").list_metrics(Namespace="AWS/Lambda", MetricName="Invocations")["Metrics"]
    assert {dimension["Value"] for metric in metrics for dimension in metric["Dimensions"]
            if dimension["Name"] == "ExecutedVersion"} >= {old, new}


def by_invocation(aws):
    client = aws.client("lambda")

    def ask():
        answer = client.invoke(FunctionName="shift-answer", Qualifier="live", Payload=b"{}")
        version = json.loads(json.loads(answer["Payload"].read())["body"])["version"]
        assert answer["ExecutedVersion"] == version
        return version

    return ask


def by_api(aws):
    client, function = aws.client("apigateway"), f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:shift-answer:live"
    api = client.create_rest_api(name="shift")["id"]
    method = {"restApiId": api, "resourceId": client.get_resources(restApiId=api)["items"][0]["id"], "httpMethod": "POST"}
    client.put_method(**method, authorizationType="NONE")
    client.put_integration(**method, type="AWS_PROXY", integrationHttpMethod="POST", uri="arn:aws:apigateway:us-east-1:"
                           f"lambda:path/2015-03-31/functions/{function}/invocations")
    client.create_deployment(restApiId=api, stageName="prd")
    aws.client("lambda").add_permission(FunctionName=function, StatementId="api", Action="lambda:InvokeFunction",
                                        Principal="apigateway.amazonaws.com")

    def ask():
        with urllib.request.urlopen(f"{aws.endpoint_url}/_aws/execute-api/{api}/prd/", data=b"{}") as answer:
            return json.load(answer)["version"]

    return ask


def by_workflow(aws):
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {
        "Service": "states.amazonaws.com"}}]}
    rights = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}]}
    role = aws.client("iam").create_role(RoleName="shift-states", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    aws.client("iam").put_role_policy(RoleName="shift-states", PolicyName="p", PolicyDocument=json.dumps(rights))
    client = aws.client("stepfunctions")
    machine = client.create_state_machine(name="shift", roleArn=role, definition=json.dumps({"StartAt": "Ask", "States": {
        "Ask": {"Type": "Task", "End": True,
                "Resource": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:shift-answer:live"}}}))["stateMachineArn"]

    def ask():
        name = client.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
        ended = until(lambda: (found := client.describe_execution(executionArn=name))["status"] != "RUNNING" and found)
        return json.loads(json.loads(ended["output"])["body"])["version"]

    return ask


def test_alias_refuses_versions_and_weights_that_cannot_be(aws, stack):
    functions = aws.client("lambda")
    for change, code in (({"FunctionVersion": "99"}, "ResourceNotFoundException"),
                         ({"RoutingConfig": {"AdditionalVersionWeights": {"99": 0.1}}}, "ResourceNotFoundException"),
                         ({"RoutingConfig": {"AdditionalVersionWeights": {"$LATEST": 0.1}}}, "InvalidParameterValueException"),
                         ({"RoutingConfig": {"AdditionalVersionWeights": {"1": 1.5}}}, "InvalidParameterValueException")):
        with pytest.raises(ClientError) as refusal:
            functions.update_alias(FunctionName="shift-answer", Name="live", **change)
        assert refusal.value.response["Error"]["Code"] == code


def test_stack_takes_its_applications_and_groups_with_it(stack):
    stack.client.delete_stack(StackName="shift", RoleARN=stack.role)
    until(lambda: "shift" not in {each["StackName"] for each in stack.client.list_stacks(
        StackStatusFilter=["DELETE_IN_PROGRESS", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "DELETE_FAILED"])["StackSummaries"]})
    client = stack.aws.client("codedeploy")
    assert not [name for name in client.list_applications()["applications"] if name.startswith("shift-")]
    assert not [name for name in client.list_deployment_configs()["deploymentConfigsList"] if name.startswith("shift-")]
