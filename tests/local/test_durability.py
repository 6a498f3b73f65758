"""What a kill at once after an answer leaves, and how interrupted work ends."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.durability import READS, operation_of
from local.processes import start_time
from local.store import Store
from tests.local.local_aws import LocalAws, free_port
from tests.local.project_runs import until, zipped
from tests.local.test_commands import local, refusal

TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {
    "Service": ["lambda.amazonaws.com", "states.amazonaws.com", "codepipeline.amazonaws.com"]}}]}
ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
SLOW = """
import json, time, urllib.request

def handler(event, context):
    if event["RequestType"] == event["ResourceProperties"]["SlowOn"]:
        time.sleep(120)
    answer = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {"Status": "SUCCESS", "PhysicalResourceId": "slow"}
    urllib.request.urlopen(urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), method="PUT"))
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """A machine that the tests of this file kill."""
    found = LocalAws(lasting_port(), tmp_path_factory.mktemp("durability") / "data")
    start(found)
    role = found.client("iam").create_role(RoleName="does-all", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    found.client("iam").put_role_policy(RoleName="does-all", PolicyName="all", PolicyDocument=json.dumps(ALL))
    found.client("lambda").create_function(
        FunctionName="slow", Runtime="python3.13", Handler="index.handler", Role=role, Timeout=300,
        Code={"ZipFile": zipped({"index.py": SLOW})})
    yield found
    local("down", "--data", found.data)


def lasting_port() -> int:
    """Return a free port that no outgoing connection is given while its machine is down."""
    for port in range(20_000, 30_000):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no free port")


def start(machine: LocalAws) -> None:
    started = local("up", "--port", machine.port, "--data", machine.data)
    assert started.returncode == 0, started.stderr


def kill(machine: LocalAws) -> None:
    server = json.loads((machine.data / "running.json").read_text())
    os.kill(server["pid"], signal.SIGKILL)
    until(lambda: start_time(server["pid"]) != server["started"], "the end of the server", 10)


def killed(machine: LocalAws) -> None:
    """Kill the machine and start it again."""
    kill(machine)
    start(machine)


def stopped(machine: LocalAws) -> None:
    """Stop the machine as one does and start it again."""
    assert local("down", "--data", machine.data).stdout == "local AWS stopped\n"
    start(machine)


# Acknowledged changes

def change_everything(aws: LocalAws, role: str) -> dict[str, Any]:
    """Change one thing in each service; return what the answers told."""
    s3, states = aws.client("s3"), aws.client("stepfunctions")
    s3.create_bucket(Bucket="kept-bucket")
    s3.put_bucket_versioning(Bucket="kept-bucket", VersioningConfiguration={"Status": "Enabled"})
    told = {"versions": [s3.put_object(Bucket="kept-bucket", Key="key", Body=text)["VersionId"] for text in (b"old", b"new")]}
    told["topic"] = aws.client("sns").create_topic(Name="kept-topic")["TopicArn"]
    told["key"] = aws.client("kms").create_key()["KeyMetadata"]["KeyId"]
    aws.client("logs").create_log_group(logGroupName="/kept")
    aws.client("events").put_rule(Name="kept-rule", ScheduleExpression="rate(1 day)")
    told["workflow"] = states.create_state_machine(name="kept", roleArn=role, definition=json.dumps(
        {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}))["stateMachineArn"]
    told["version"] = aws.client("lambda").publish_version(FunctionName="slow")["Version"]
    aws.client("cloudwatch").put_metric_alarm(AlarmName="kept-alarm", MetricName="m", Namespace="n", Period=60, Threshold=1,
                                              EvaluationPeriods=1, Statistic="Sum", ComparisonOperator="GreaterThanThreshold")
    aws.client("ecr").create_repository(repositoryName="kept-images")
    aws.client("iam").create_user(UserName="kept-user")
    aws.client("ssm").put_parameter(Name="/kept", Value="value", Type="String")
    return told


def test_what_was_answered_survives_a_kill_right_after_the_answer(machine: LocalAws) -> None:
    told = change_everything(machine, machine.client("iam").get_role(RoleName="does-all")["Role"]["Arn"])
    killed(machine)
    s3 = machine.client("s3")
    bodies = [s3.get_object(Bucket="kept-bucket", Key="key", VersionId=version)["Body"].read() for version in told["versions"]]
    assert (bodies, s3.get_object(Bucket="kept-bucket", Key="key")["VersionId"]) == ([b"old", b"new"], told["versions"][1])
    machine.client("sns").get_topic_attributes(TopicArn=told["topic"])
    machine.client("kms").describe_key(KeyId=told["key"])
    machine.client("events").describe_rule(Name="kept-rule")
    machine.client("stepfunctions").describe_state_machine(stateMachineArn=told["workflow"])
    machine.client("lambda").get_function(FunctionName="slow", Qualifier=told["version"])
    machine.client("ecr").describe_repositories(repositoryNames=["kept-images"])
    machine.client("iam").get_user(UserName="kept-user")
    assert machine.client("cloudwatch").describe_alarms(AlarmNames=["kept-alarm"])["MetricAlarms"]
    assert machine.client("logs").describe_log_groups(logGroupNamePrefix="/kept")["logGroups"]
    assert machine.client("ssm").get_parameter(Name="/kept")["Parameter"]["Value"] == "value"


def test_each_of_many_answers_is_kept(machine: LocalAws) -> None:
    """A hundred changes on one name, killed at once after the last answer: the last value is there."""
    ssm = machine.client("ssm")
    for number in range(100):
        ssm.put_parameter(Name="/counter", Value=str(number), Type="String", Overwrite=True)
    killed(machine)
    assert machine.client("ssm").get_parameter(Name="/counter")["Parameter"]["Value"] == "99"


@pytest.mark.parametrize(("request_", "changes"), [
    (("POST", "/", {"x-amz-target": "AmazonSSM.PutParameter"}, b"{}", {}), True),
    (("POST", "/", {"x-amz-target": "AmazonSSM.GetParameter"}, b"{}", {}), False),
    (("POST", "/", {"content-type": "application/x-www-form-urlencoded"}, b"Action=CreateRole&RoleName=r", {}), True),
    (("POST", "/", {"content-type": "application/x-www-form-urlencoded"}, b"Action=ListRoles", {}), False),
    (("PUT", "/bucket/key", {}, b"body", {}), True), (("GET", "/bucket/key", {}, b"", {}), False),
    (("POST", "/endpoints/name/invocations", {}, b"1,2", {}), False),
    (("POST", "/2015-03-31/functions/name/invocations", {}, b"{}", {}), False),
    (("POST", "/service/GraniteServiceVersion20100801/operation/PutMetricAlarm", {}, b"", {}), True)])
def test_an_answer_waits_for_a_save_where_the_request_changes_something(request_: tuple, changes: bool) -> None:
    assert (READS.match(operation_of(*request_)) is None) == changes


# Interrupted work

def template(function: str, days: int = 1, slow_on: str = "", **resources: dict) -> str:
    """Return a template whose last resource does not end on that request."""
    return json.dumps({"Resources": {
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "stack-topic"}},
        "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/stack", "RetentionInDays": days}}, **resources,
        "Slow": {"Type": "Custom::Slow", "DependsOn": ["Topic", "Logs", *resources],
                 "Properties": {"ServiceToken": function, "SlowOn": slow_on, "Days": days}}}})


def begun(machine: LocalAws, status: str) -> Callable[[], bool]:
    """Return whether the slow resource has begun."""
    def has_begun() -> bool:
        events = machine.client("cloudformation").describe_stack_events(StackName="stack")["StackEvents"]
        return any((event["LogicalResourceId"], event["ResourceStatus"]) == ("Slow", status) for event in events)

    return has_begun


def settled(machine: LocalAws) -> str:
    """Wait until the stack rests; return its status, gone where there is none."""
    def rests() -> str:
        try:
            status = machine.client("cloudformation").describe_stacks(StackName="stack")["Stacks"][0]["StackStatus"]
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            return "gone"
        return "" if status.endswith("IN_PROGRESS") else status

    return until(rests, "the end of the stack's operation", 60)


def exists(machine: LocalAws) -> tuple[bool, list[int], bool]:
    """Return whether the stack's topic exists, its log group's retention, and whether its bucket exists."""
    topics = [topic["TopicArn"] for topic in machine.client("sns").list_topics()["Topics"]]
    groups = machine.client("logs").describe_log_groups(logGroupNamePrefix="/stack")["logGroups"]
    buckets = [bucket["Name"] for bucket in machine.client("s3").list_buckets()["Buckets"]]
    return (any(topic.endswith("stack-topic") for topic in topics), [group["retentionInDays"] for group in groups],
            "stack-bucket" in buckets)


@pytest.mark.parametrize("interrupted", [killed, stopped])
def test_interrupted_stack_operations_end_as_failed_ones_and_can_be_tried_again(
        machine: LocalAws, interrupted: Callable[[LocalAws], None]) -> None:
    stacks = machine.client("cloudformation")
    function = machine.client("lambda").get_function(FunctionName="slow")["Configuration"]["FunctionArn"]
    created = stacks.create_stack(StackName="stack", TemplateBody=template(function, slow_on="Create"))["StackId"]
    until(begun(machine, "CREATE_IN_PROGRESS"), "the slow resource")
    interrupted(machine)
    assert (settled(machine), exists(machine)) == ("gone", (False, [], False))
    reasons = [event.get("ResourceStatusReason", "") for event in stacks.describe_stack_events(StackName=created)["StackEvents"]]
    assert any("interrupted" in reason for reason in reasons)

    stacks.create_stack(StackName="stack", TemplateBody=template(function))
    assert (settled(machine), exists(machine)) == ("CREATE_COMPLETE", (True, [1], False))

    more = {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "stack-bucket"}}}
    stacks.update_stack(StackName="stack", TemplateBody=template(function, days=3, slow_on="Update", **more))
    until(begun(machine, "UPDATE_IN_PROGRESS"), "the slow resource")
    interrupted(machine)
    assert (settled(machine), exists(machine)) == ("UPDATE_ROLLBACK_COMPLETE", (True, [1], False))

    stacks.update_stack(StackName="stack", TemplateBody=template(function, days=3, **more))
    assert (settled(machine), exists(machine)) == ("UPDATE_COMPLETE", (True, [3], True))

    stacks.delete_stack(StackName="stack")
    interrupted(machine)
    assert (settled(machine), exists(machine)) == ("gone", (False, [], False))


WAITING = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 7200, "End": True}}}
ENDED = {"source": ["aws.codepipeline", "aws.states"], "detail-type": [
    "CodePipeline Pipeline Execution State Change", "Step Functions Execution Status Change"],
    "detail": {"$or": [{"state": ["FAILED"]}, {"status": ["FAILED"]}]}}


def pipeline(bucket: str, role: str, workflow: str) -> dict:
    """Return a pipeline that runs the workflow for each upload."""
    source = {"name": "Data", "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"},
              "configuration": {"S3Bucket": bucket, "S3ObjectKey": "data.zip", "PollForSourceChanges": "false"},
              "outputArtifacts": [{"name": "Data"}]}
    run = {"name": "Run", "actionTypeId": {"category": "Invoke", "owner": "AWS", "provider": "StepFunctions", "version": "1"},
           "configuration": {"StateMachineArn": workflow}, "inputArtifacts": [{"name": "Data"}]}
    return {"name": "interrupted", "roleArn": role, "pipelineType": "V2", "artifactStore": {"type": "S3", "location": bucket},
            "stages": [{"name": "Source", "actions": [source]}, {"name": "Work", "actions": [run]}]}


@pytest.fixture
def run(machine: LocalAws) -> Iterator[str]:
    """A pipeline's run that waits in a workflow; the ends of both go to the queue ``ends``."""
    role = machine.client("iam").get_role(RoleName="does-all")["Role"]["Arn"]
    s3, states, events, sqs = (machine.client(name) for name in ("s3", "stepfunctions", "events", "sqs"))
    s3.create_bucket(Bucket="interrupted")
    s3.put_bucket_versioning(Bucket="interrupted", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="interrupted", Key="data.zip", Body=zipped({"a": "b"}))
    workflow = states.create_state_machine(name="waiting", roleArn=role, definition=json.dumps(WAITING))["stateMachineArn"]
    queue = sqs.get_queue_attributes(QueueUrl=sqs.create_queue(QueueName="ends")["QueueUrl"], AttributeNames=["QueueArn"])
    events.put_rule(Name="ends", EventPattern=json.dumps(ENDED))
    events.put_targets(Rule="ends", Targets=[{"Id": "queue", "Arn": queue["Attributes"]["QueueArn"]}])
    codepipeline = machine.client("codepipeline")
    codepipeline.create_pipeline(pipeline=pipeline("interrupted", role, workflow))
    [found] = codepipeline.list_pipeline_executions(pipelineName="interrupted")["pipelineExecutionSummaries"]
    until(lambda: states.list_executions(stateMachineArn=workflow, statusFilter="RUNNING")["executions"], "the workflow")
    yield found["pipelineExecutionId"]
    codepipeline.delete_pipeline(name="interrupted")


def ends(machine: LocalAws) -> set[str]:
    """Return the kinds of events that have come to the queue by now, and leave them there."""
    sqs = machine.client("sqs")
    address = sqs.get_queue_url(QueueName="ends")["QueueUrl"]
    found = sqs.receive_message(QueueUrl=address, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages", [])
    return {json.loads(message["Body"])["detail-type"] for message in found}


def test_a_killed_run_ends_as_failed_says_so_in_events_and_is_retried(machine: LocalAws, run: str) -> None:
    codepipeline, states = machine.client("codepipeline"), machine.client("stepfunctions")
    killed(machine)

    def status() -> str:
        return codepipeline.get_pipeline_execution(
            pipelineName="interrupted", pipelineExecutionId=run)["pipelineExecution"]["status"]

    until(lambda: status() == "Failed", "the end of the run", 30)
    [action] = [detail for detail in codepipeline.list_action_executions(pipelineName="interrupted")["actionExecutionDetails"]
                if detail["actionName"] == "Run"]
    assert "interrupted" in action["output"]["executionResult"]["errorDetails"]["message"]
    execution = action["output"]["executionResult"]["externalExecutionId"]
    history = states.get_execution_history(executionArn=execution)["events"]
    assert (states.describe_execution(executionArn=execution)["status"], history[-1]["type"]) == ("FAILED", "ExecutionFailed")
    until(lambda: ends(machine) == set(ENDED["detail-type"]), "the events of both ends", 30)

    states.update_state_machine(stateMachineArn=execution.replace(":execution:", ":stateMachine:").rpartition(":")[0],
                                definition=json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}))
    codepipeline.retry_stage_execution(pipelineName="interrupted", stageName="Work", pipelineExecutionId=run,
                                       retryMode="FAILED_ACTIONS")
    until(lambda: status() == "Succeeded", "the retried run", 30)


# Commands on a machine that was killed

def test_down_and_reset_end_what_a_killed_machine_left(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    store = Store(data / "state.sqlite")
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as orphan:
        store.table("processes")[str(orphan.pid)] = {"name": "endpoint", "started": start_time(orphan.pid)}
        store.close()
        assert "1 processes that it left were ended" in local("down", "--data", data).stdout
        assert orphan.wait(10) == -signal.SIGKILL
    assert local("reset", "--data", data).returncode == 0
    assert not data.exists()


def test_a_folder_that_another_command_works_on_is_refused(tmp_path: Path) -> None:
    Store(tmp_path / "state.sqlite").close()
    code = (f"import fcntl, os; fcntl.flock(os.open({str(tmp_path)!r}, os.O_RDONLY), fcntl.LOCK_EX); "
            "print(flush=True); input()")
    with subprocess.Popen(["python3", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout and other.stdout.readline()
        assert "starting or stopping" in refusal(local("reset", "--data", tmp_path))
        assert "starting or stopping" in refusal(local("up", "--data", tmp_path, "--port", free_port()))
        other.communicate(b"\n")
    assert (tmp_path / "state.sqlite").exists()


def test_rows_are_written_all_or_none(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.sqlite")
    with pytest.raises(sqlite3.Error):
        store.replace([("table", {"a": "{}"}, ()), ("table", {"b": object()}, ())])  # type: ignore[dict-item]
    assert store.rows("table") == []
