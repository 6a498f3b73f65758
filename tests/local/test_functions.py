"""Lambda functions run as real processes of a server of their own."""

import concurrent.futures
import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError

ROOT = Path(__file__).parents[2]
SERVER = Path(__file__).with_name("functions_server.py")
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"},
                                                 "Action": "sts:AssumeRole"}]}
IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/models"
CODE = """
import json, os, subprocess, sys, time
import boto3

def handler(event, context):
    print("handling", event)
    return globals()[event.pop("do")](context, **event)

def echo(context, value): return value
def fail(context): raise ValueError("no such row")
def sleep(context, seconds): time.sleep(seconds); return "slept"
def crash(context, code): os._exit(code)
def environment(context): return dict(os.environ) | {"PATHS": sys.path}
def pid(context, seconds=0): time.sleep(seconds); return os.getpid()
def identity(context): return boto3.client("sts").get_caller_identity()["Arn"]
def read(context, bucket): boto3.client("s3").list_objects_v2(Bucket=bucket)
def about(context): return [context.invoked_function_arn, context.function_version, context.log_stream_name]
def write(context):
    with open(os.environ["STORE"] + "/file", "w") as file: file.write("kept")
    return os.environ["STORE"]
def again(context, name):
    payload = json.dumps({"do": "again", "name": name})
    return boto3.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=payload)["StatusCode"]
"""

# What Lambda asks of the role of a function in a network, and EFS of one that mounts.
NETWORK = ("ec2:*", "elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite")


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("functions")
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen([sys.executable, str(SERVER), str(port), str(folder)], stdout=log, stderr=log,
                                  env=os.environ | {"SECRET_OF_THE_SERVER": "x"})
    try:
        _until(lambda: server.poll() is not None or _listens(port), seconds=30)
        assert server.poll() is None, (folder / "server.log").read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)
        print((folder / "server.log").read_text()[-3000:])
        assert _processes_in(folder) == []


def _processes_in(folder: Path) -> list[str]:
    """Return the processes that work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str((process / "cwd").readlink()).startswith(str(folder)):
                found.append((process / "cmdline").read_text())
    return found


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _until(condition: Callable[[], Any], seconds: float = 10) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
    return value


@pytest.fixture(scope="module")
def client(endpoint: str) -> Callable[[str], BaseClient]:
    session = boto3.Session("test", "test", region_name="us-east-1")
    once = Config(retries={"total_max_attempts": 1})
    return lambda service: session.client(service, endpoint_url=endpoint, config=once)


@pytest.fixture(scope="module")
def role(client: Callable[[str], BaseClient]) -> Callable[..., str]:
    def make(name: str, *actions: str) -> str:
        arn = client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        if actions:
            client("iam").put_role_policy(RoleName=name, PolicyName="rights", PolicyDocument=json.dumps({
                "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}))
        return arn

    return make


@pytest.fixture(scope="module")
def function(client: Callable[[str], BaseClient], role: Callable[..., str]) -> Callable[..., Callable]:
    """Make a function and return how to invoke it: what it answers, and its error if it ended in one."""
    rights = role("function", "logs:*", "lambda:InvokeFunction", *NETWORK)
    functions = client("lambda")

    def make(name: str, code: str = CODE, **settings: Any) -> Callable[..., tuple[Any, str | None]]:
        defaults = {"Role": rights, "Runtime": "python3.13", "Handler": "app.handler",
                    "Code": {"ZipFile": zipped(code)}}
        functions.create_function(FunctionName=name, **defaults | settings)

        def invoke(do: str, qualifier: str = "$LATEST", **arguments: Any) -> tuple[Any, str | None]:
            payload = json.dumps({"do": do} | arguments)
            answer = functions.invoke(FunctionName=name, Qualifier=qualifier, Payload=payload)
            return json.loads(answer["Payload"].read()), answer.get("FunctionError")

        return invoke

    return make


def zipped(code: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", code)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def plain(function: Callable[..., Callable]) -> Callable[..., tuple[Any, str | None]]:
    return function("plain", Environment={"Variables": {"COLOUR": "green"}}, Timeout=30)


@pytest.mark.parametrize("value", [1, "text", None, [1, {"a": "ü"}], "x" * 3_000_000],
                         ids=["number", "text", "null", "list", "long"])
def test_function_answers_what_its_handler_returns(plain: Callable, value: Any) -> None:
    assert plain("echo", value=value) == (value, None)


def test_error_has_type_message_and_trace(plain: Callable) -> None:
    error, kind = plain("fail")
    assert (kind, error["errorType"], error["errorMessage"]) == ("Unhandled", "ValueError", "no such row")
    assert any('raise ValueError("no such row")' in line for line in error["stackTrace"])


def test_timeout_ends_the_function_and_the_next_call_gets_a_new_process(function: Callable) -> None:
    brief = function("brief", Timeout=1)
    before, _ = brief("pid")
    error, kind = brief("sleep", seconds=60)
    assert (kind, error["errorType"]) == ("Unhandled", "Sandbox.Timedout")
    assert error["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert brief("pid")[0] != before
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)


@pytest.mark.parametrize(("code", "reason"), [(3, "exit status 3"), (0, "Runtime exited without providing a reason")])
def test_crash_is_a_runtime_exit_error(plain: Callable, code: int, reason: str) -> None:
    error, kind = plain("crash", code=code)
    assert (kind, error["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert error["errorMessage"].endswith(reason)


def test_init_error_names_what_cannot_be_imported(function: Callable) -> None:
    error, kind = function("broken", code="import nowhere_to_be_found")("echo")
    assert (kind, error["errorType"]) == ("Unhandled", "Runtime.ImportModuleError")
    assert "nowhere_to_be_found" in error["errorMessage"]


def test_process_is_used_again_and_concurrent_calls_get_their_own(plain: Callable) -> None:
    assert plain("pid") == plain("pid")
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: plain("pid", seconds=0.5), range(4)))
    assert len({pid for pid, _ in answers}) == 4


def test_environment_is_a_lambdas_own(plain: Callable, endpoint: str) -> None:
    found, _ = plain("environment")
    assert found["COLOUR"] == "green"
    assert (found["AWS_ENDPOINT_URL"], found["AWS_REGION"], found["TZ"]) == (endpoint, "us-east-1", ":UTC")
    assert (found["AWS_LAMBDA_FUNCTION_NAME"], found["AWS_LAMBDA_FUNCTION_VERSION"]) == ("plain", "$LATEST")
    assert found["AWS_LAMBDA_LOG_GROUP_NAME"] == "/aws/lambda/plain"
    assert found["_HANDLER"] == "app.handler"
    assert not {"SECRET_OF_THE_SERVER", "STATE_DIR", "SERVICES", "PWD"} & found.keys()
    assert str(ROOT) not in found["PATHS"]


def test_function_acts_with_its_role_only(plain: Callable, client: Callable[[str], BaseClient]) -> None:
    client("s3").create_bucket(Bucket="closed-to-functions")
    assert plain("identity") == ("arn:aws:sts::000000000000:assumed-role/function/plain", None)
    error, kind = plain("read", bucket="closed-to-functions")
    assert kind == "Unhandled" and "AccessDenied" in error["errorMessage"]


def test_changed_variables_reach_the_next_call(function: Callable, client: Callable[[str], BaseClient]) -> None:
    changing, red = function("changing"), {"Variables": {"COLOUR": "red"}}
    assert "COLOUR" not in changing("environment")[0]
    client("lambda").update_function_configuration(FunctionName="changing", Environment=red)
    assert changing("environment")[0]["COLOUR"] == "red"


def test_mount_path_is_a_folder_that_functions_share(function: Callable, client: Callable[[str], BaseClient]) -> None:
    vpc = client("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    network = {"SubnetIds": [client("ec2").create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]],
               "SecurityGroupIds": []}
    efs = client("efs")
    system = efs.create_file_system(CreationToken="a")["FileSystemId"]
    point = efs.create_access_point(FileSystemId=system, ClientToken="b", RootDirectory={"Path": "/models"})
    mounts = [{"Arn": point["AccessPointArn"], "LocalMountPath": "/mnt/store"}]
    settings = {"VpcConfig": network, "FileSystemConfigs": mounts}
    first = function("first", **settings, Environment={"Variables": {"STORE": "/mnt/store", "OTHER": "/mnt/storey"}})
    second = function("second", **settings, Environment={"Variables": {"STORE": "/mnt/store/file"}})
    assert Path(first("write")[0], "file").read_text() == "kept"
    assert Path(second("environment")[0]["STORE"]).read_text() == "kept"
    assert first("environment")[0]["OTHER"] == "/mnt/storey"
    shown = client("lambda").get_function_configuration(FunctionName="first")
    assert (shown["FileSystemConfigs"], shown["VpcConfig"]["VpcId"]) == (mounts, vpc)
    assert shown["Environment"]["Variables"]["STORE"] == "/mnt/store"
    with pytest.raises(ClientError, match="must be configured to execute in a VPC"):
        function("third", FileSystemConfigs=mounts)


def test_output_goes_to_the_log_group(plain: Callable, client: Callable[[str], BaseClient]) -> None:
    plain("echo", value="to be logged")
    stream, logs = plain("about")[0][2], client("logs")

    def messages() -> list[str]:
        found = logs.filter_log_events(logGroupName="/aws/lambda/plain", logStreamNames=[stream])["events"]
        return [event["message"] for event in found]

    _until(lambda: _is_there(messages) and any("to be logged" in message for message in messages()))
    assert {message.split()[0] for message in messages()} >= {"START", "END", "REPORT"}


def _is_there(call: Callable[[], Any]) -> bool:
    try:
        call()
    except ClientError:
        return False
    return True


def test_role_without_the_right_to_log_has_no_logs(function: Callable, plain: Callable, role: Callable[..., str],
                                                   client: Callable[[str], BaseClient]) -> None:
    assert function("silent", Role=role("silent"))("echo", value=1) == (1, None)
    # what is printed later is written later: when the second function's output is there, the first one's does not come
    stream, logs = plain("about")[0][2], client("logs")
    _until(lambda: _is_there(lambda: logs.get_log_events(logGroupName="/aws/lambda/plain", logStreamName=stream)))
    groups = logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/silent")["logGroups"]
    assert groups == []


def test_alias_is_kept_in_context_and_metrics(function: Callable, client: Callable[[str], BaseClient]) -> None:
    aliased, functions = function("aliased", Publish=True), client("lambda")
    functions.create_alias(FunctionName="aliased", Name="live", FunctionVersion="1")
    arn, version, _ = aliased("about", qualifier="live")[0]
    assert (arn.rpartition(":")[2], version) == ("live", "1")
    aliased("fail", qualifier="live")
    dimensions = {"FunctionName": "aliased", "Resource": "aliased:live", "ExecutedVersion": "1"}
    for count in range(1, 4):
        chosen = [{"Name": name, "Value": value} for name, value in list(dimensions.items())[:count]]
        assert metric(client, "Invocations", chosen) == 2
        assert metric(client, "Errors", chosen) == 1


def metric(client: Callable[[str], BaseClient], name: str, dimensions: list[dict]) -> float:
    points = client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda", MetricName=name, Dimensions=dimensions, Period=3600, Statistics=["Sum"],
        StartTime=time.time() - 3600, EndTime=time.time() + 3600)["Datapoints"]
    return sum(point["Sum"] for point in points)


def test_reserved_concurrency_throttles_versions(function: Callable, client: Callable[[str], BaseClient]) -> None:
    reserved, functions = function("reserved", Publish=True), client("lambda")
    functions.put_function_concurrency(FunctionName="reserved", ReservedConcurrentExecutions=0)
    with pytest.raises(functions.exceptions.TooManyRequestsException):
        reserved("echo", qualifier="1", value=1)
    assert metric(client, "Throttles", [{"Name": "FunctionName", "Value": "reserved"}]) == 1


def test_function_that_calls_itself_is_stopped(function: Callable, client: Callable[[str], BaseClient]) -> None:
    function("endless")("again", name="endless")
    dimensions = [{"Name": "FunctionName", "Value": "endless"}]
    _until(lambda: metric(client, "RecursiveInvocationsDropped", dimensions), seconds=30)
    assert metric(client, "Invocations", dimensions) <= 18


def test_image_function_runs_what_its_digest_names(function: Callable, client: Callable[[str], BaseClient]) -> None:
    ecr, functions = client("ecr"), client("lambda")
    ecr.create_repository(repositoryName="models")
    manifest = json.dumps({"schemaVersion": 2})
    pushed = ecr.put_image(repositoryName="models", imageTag="v1", imageManifest=manifest)
    digest = pushed["image"]["imageId"]["imageDigest"]
    image = {"PackageType": "Image", "Role": functions.get_function_configuration(FunctionName="plain")["Role"]}
    functions.create_function(FunctionName="image", Code={"ImageUri": f"{IMAGE}:v1"}, **image)
    answer = json.loads(functions.invoke(FunctionName="image", Payload=b'{"a": 1}')["Payload"].read())
    assert answer == ["app.handler", "slim", {"a": 1}]
    shown = functions.get_function(FunctionName="image")
    assert shown["Code"] == {"RepositoryType": "ECR", "ImageUri": f"{IMAGE}:v1",
                             "ResolvedImageUri": f"{IMAGE}@{digest}"}
    assert shown["Configuration"]["CodeSha256"] == digest.removeprefix("sha256:")
    functions.create_function(FunctionName="commanded", Code={"ImageUri": f"{IMAGE}@{digest}"}, **image,
                              ImageConfig={"Command": ["app.other"]})
    assert json.loads(functions.invoke(FunctionName="commanded", Payload=b"2")["Payload"].read())[0] == "app.other"
    unknown = f"{IMAGE}@sha256:{'0' * 64}"
    with pytest.raises(functions.exceptions.InvalidParameterValueException, match="does not exist"):
        functions.create_function(FunctionName="other", Code={"ImageUri": unknown}, **image)
    with pytest.raises(functions.exceptions.InvalidParameterValueException, match="Source image"):
        functions.update_function_code(FunctionName="image", ImageUri=unknown)
    assert functions.get_function(FunctionName="image")["Code"] == shown["Code"]


def test_what_cannot_run_is_refused_by_name(function: Callable) -> None:
    with pytest.raises(ClientError, match="nodejs22.x does not run on this machine"):
        function("script", Runtime="nodejs22.x")
    with pytest.raises(ClientError, match="NoSuchKey"):
        function("absent", Code={"S3Bucket": "closed-to-functions", "S3Key": "absent.zip"})


def test_stack_sets_network_mount_and_image(client: Callable[[str], BaseClient], role: Callable[..., str]) -> None:
    arn = role("stacked", *NETWORK)
    properties = {"FunctionName": "stacked", "Role": arn, "Runtime": "python3.13", "Handler": "index.handler",
                  "Code": {"ZipFile": "def handler(event, context): return 1"}, "ReservedConcurrentExecutions": 3,
                  "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}, "FileSystemConfigs": [
                      {"Arn": "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-1",
                       "LocalMountPath": "/mnt/x"}]}
    assert deploy(client, "stacked", properties) == "CREATE_COMPLETE"
    shown = client("lambda").get_function(FunctionName="stacked")
    assert shown["Configuration"]["FileSystemConfigs"] == properties["FileSystemConfigs"]
    assert shown["Configuration"]["VpcConfig"]["SubnetIds"] == ["subnet-1"]
    assert shown["Concurrency"]["ReservedConcurrentExecutions"] == 3
    kept = {key: value for key, value in properties.items() if key != "FileSystemConfigs"}
    assert deploy(client, "stacked", kept | {"Timeout": 9}, operation="update_stack") == "UPDATE_COMPLETE"
    changed = client("lambda").get_function_configuration(FunctionName="stacked")
    assert changed["Timeout"] == 9 and "FileSystemConfigs" not in changed and changed["VpcConfig"]["SubnetIds"]
    image = {"PackageType": "Image", "Role": arn, "Code": {"ImageUri": f"{IMAGE}:nowhere"}}
    assert deploy(client, "imaged", image) == "ROLLBACK_COMPLETE"
    events = client("cloudformation").describe_stack_events(StackName="imaged")["StackEvents"]
    assert any("Source image" in event.get("ResourceStatusReason", "") for event in events)


def deploy(client: Callable[[str], BaseClient], stack: str, properties: dict, operation: str = "create_stack") -> str:
    template = {"Resources": {"Function": {"Type": "AWS::Lambda::Function", "Properties": properties}}}
    formation = client("cloudformation")
    getattr(formation, operation)(StackName=stack, TemplateBody=json.dumps(template))

    def ended() -> str | None:
        status = formation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
        return None if status.endswith("IN_PROGRESS") else status

    return _until(ended)


@pytest.mark.parametrize(("answer", "status"), [
    ({"statusCode": 201, "body": "made"}, 201), ({"statusCode": "404"}, 404), ("text", 502), (None, 502),
    ({"body": "no status"}, 502), ({"statusCode": 200, "body": {"not": "text"}}, 502)], ids=str)
def test_api_answers_502_to_what_is_no_proxy_answer(api: str, answer: Any, status: int) -> None:
    assert post(api, {"answer": answer}) == status


def test_api_answers_502_when_the_function_fails(api: str) -> None:
    assert post(api, {}) == 502


def post(url: str, body: dict) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode())) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.fixture(scope="module")
def api(function: Callable, client: Callable[[str], BaseClient], endpoint: str) -> str:
    function("proxy", code="import json\ndef handler(event, context): return json.loads(event['body'])['answer']")
    gateway = client("apigateway")
    name = gateway.create_rest_api(name="proxy")["id"]
    root = gateway.get_resources(restApiId=name)["items"][0]["id"]
    gateway.put_method(restApiId=name, resourceId=root, httpMethod="POST", authorizationType="NONE")
    gateway.put_integration(
        restApiId=name, resourceId=root, httpMethod="POST", type="AWS_PROXY", integrationHttpMethod="POST",
        uri="arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
            "arn:aws:lambda:us-east-1:000000000000:function:proxy/invocations")
    client("lambda").add_permission(FunctionName="proxy", StatementId="api", Action="lambda:InvokeFunction",
                                    Principal="apigateway.amazonaws.com")
    gateway.create_deployment(restApiId=name, stageName="prd")
    return f"{endpoint}/_aws/execute-api/{name}/prd/"
