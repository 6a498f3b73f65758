"""The functions seed and teardown, which CloudFormation calls and waits for."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

FUNCTIONS = Path(__file__).parents[3] / "custom_resource"
Answers = list[tuple[str, str]]
PREFIX = "mlops-churn-p-abc123def456"


class Project:
    """CloudFormation in memory: a stack that is asked to be deleted is gone at the second look."""

    def __init__(self, stacks: dict[str, str], *, stuck: str = "") -> None:
        self.stacks, self.stuck = stacks, stuck
        self.asked: list[tuple[str, str]] = []

    def get_paginator(self, operation: str) -> Project:
        assert operation == "describe_stacks"
        return self

    def paginate(self) -> list[dict[str, Any]]:
        page = {"Stacks": [{"StackName": name, "StackStatus": status} for name, status in self.stacks.items()]}
        for name, status in list(self.stacks.items()):
            if status == "DELETE_IN_PROGRESS":
                del self.stacks[name]
            elif status == "UPDATE_IN_PROGRESS":
                self.stacks[name] = "UPDATE_COMPLETE"
        return [page]

    def delete_stack(self, StackName: str, RoleARN: str) -> None:  # noqa: N803
        self.asked.append((StackName, RoleARN))
        self.stacks[StackName] = "DELETE_FAILED" if StackName == self.stuck else "DELETE_IN_PROGRESS"

    def describe_stack_events(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        return {"StackEvents": [{"LogicalResourceId": "Endpoint", "ResourceStatus": "DELETE_FAILED", "ResourceStatusReason": "in use"}]}


class StateMachines:
    """Step Functions in memory: the executions under way by the ending of their state machine's name."""

    def __init__(self, **running: list[str]) -> None:
        self.running = {"retirement": []} | running

    def get_paginator(self, operation: str) -> StateMachines:
        assert operation == "list_executions"
        return self

    def paginate(self, stateMachineArn: str, statusFilter: str) -> list[dict[str, Any]]:  # noqa: N803
        name, ending = stateMachineArn.rpartition(":")[2].rsplit("-", 1)
        assert (name, statusFilter) == (PREFIX, "RUNNING")
        if ending not in self.running:
            raise ClientError({"Error": {"Code": "StateMachineDoesNotExist", "Message": ending}}, "ListExecutions")
        return [{"executions": [{"executionArn": execution}]} for execution in self.running[ending]]

    def stop_execution(self, executionArn: str, cause: str) -> None:  # noqa: N803
        [executions] = [each for each in self.running.values() if executionArn in each]
        executions.remove(executionArn)


class Context:
    """An invocation's context with a given time left."""

    invoked_function_arn = f"arn:aws:lambda:us-east-1:123456789012:function:{PREFIX}-teardown"

    def __init__(self, left: int = 900_000) -> None:
        self.left = left

    def get_remaining_time_in_millis(self) -> int:
        return self.left


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[ModuleType], Answers]:
    """Return the list that a function's answers to CloudFormation go to."""

    def listening(handler: ModuleType) -> Answers:
        sent: Answers = []
        monkeypatch.setattr(handler.response, "send", lambda event, status, physical_id, reason="": sent.append((status, reason or physical_id)))
        return sent

    return listening


@pytest.fixture
def torn(load: Any, answers: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Answers, list[dict[str, Any]]]]:
    """Return a function that calls teardown on a project; it returns the answers and the invocations of itself."""

    def call(project: Project, given: dict[str, Any], left: int = 900_000,
             machines: Any = None) -> tuple[Answers, list[dict[str, Any]]]:
        handler = load("teardown")
        invoked: list[dict[str, Any]] = []
        clients = {"cloudformation": project, "lambda": SimpleNamespace(invoke=lambda **request: invoked.append(request)),
                   "stepfunctions": machines or StateMachines()}
        monkeypatch.setattr(handler, "client", clients.__getitem__)
        monkeypatch.setattr(handler.time, "sleep", lambda seconds: None)
        sent: Answers = answers(handler)
        handler.handler(given, Context(left))
        return sent, invoked

    return call


@pytest.fixture
def services(load: Any, stub: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, Stubber, Stubber]:
    """The function seed with stubbed S3 and CodeCommit."""
    handler, s3, codecommit = load("seed"), stub("s3"), stub("codecommit")
    monkeypatch.setattr(handler, "client", {"s3": s3.client, "codecommit": codecommit.client}.__getitem__)
    return handler, s3, codecommit


def test_seed_packs_the_first_rows_of_the_repositorys_file(services: Any, answers: Any, event: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    handler, s3, codecommit = services
    given = event("seed")
    properties = given["ResourceProperties"]
    s3.add_client_error("head_object", "404", "Not Found", 404)
    codecommit.add_response("get_file", {"commitId": "c", "blobId": "b", "filePath": "data/churn.csv", "fileMode": "NORMAL", "fileSize": 1,
                                         "fileContent": b"a,churn\n1,no\n2,yes\n3,no\n"},
                            {"repositoryName": PREFIX, "commitSpecifier": "main", "filePath": "data/churn.csv"})
    s3.add_response("put_object", {}, {"Bucket": properties["BucketName"], "Key": "data-source.zip", "Body": ANY, "ContentType": "application/zip",
                                       "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": properties["KmsKeyArn"]})
    sent = answers(handler)
    handler.handler(given, None)
    assert sent == [("SUCCESS", f"s3://{properties['BucketName']}/data-source.zip")]


def test_the_sample_is_the_header_and_the_rows_and_the_same_bytes_each_time(load: Any) -> None:
    packed = load("seed").packed
    content = packed("data/churn.csv", b"a,churn\n1,no\n2,yes\n3,no\n", 2)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"churn.csv": b"a,churn\n1,no\n2,yes\n"}
    assert packed("data/churn.csv", b"a,churn\n1,no\n2,yes\n3,no\n", 2) == content


def test_seed_leaves_an_upload_that_is_there(services: Any, answers: Any, event: Any) -> None:
    handler, s3, _ = services
    s3.add_response("head_object", {})
    sent = answers(handler)
    handler.handler(event("seed", RequestType="Update"), None)
    assert [status for status, _ in sent] == ["SUCCESS"]


def test_seed_deletes_nothing(services: Any, answers: Any, event: Any) -> None:
    sent = answers(services[0])
    services[0].handler(event("seed", RequestType="Delete"), None)
    assert [status for status, _ in sent] == ["SUCCESS"]


def test_seed_answers_failed_with_the_reason(services: Any, answers: Any, event: Any) -> None:
    handler, s3, codecommit = services
    s3.add_client_error("head_object", "404", "Not Found", 404)
    codecommit.add_client_error("get_file", "FileDoesNotExistException", "data/churn.csv does not exist")
    sent = answers(handler)
    handler.handler(event("seed"), None)
    assert [status for status, _ in sent] == ["FAILED"]
    assert "data/churn.csv does not exist" in sent[0][1]


def test_teardown_deletes_the_projects_stacks_in_order_and_no_others(torn: Any, event: Any) -> None:
    endings = ["functions", "workflow", "0a1b2c3d-dev", "ffff0000-dev", "live-prd", "0a1b2c3d-prd", "api", "monitoring"]
    others = [f"{PREFIX}9-api", f"{PREFIX}-api-more", "another-api", f"{PREFIX}-0a1b2c3d-other"]
    project = Project({f"{PREFIX}-{ending}": "CREATE_COMPLETE" for ending in endings} | dict.fromkeys(others, "CREATE_COMPLETE"))
    sent, invoked = torn(project, event("teardown"))
    assert sent == [("SUCCESS", f"{PREFIX}-teardown")]
    assert [name.removeprefix(f"{PREFIX}-") for name, _ in project.asked] == [
        "monitoring", "api", "live-prd", "0a1b2c3d-prd", "0a1b2c3d-dev", "ffff0000-dev", "workflow", "functions"]
    assert {role for _, role in project.asked} == {f"arn:aws:iam::123456789012:role/{PREFIX}-deploy"}
    assert sorted(project.stacks) == sorted(others)
    assert invoked == []


def test_teardown_waits_for_a_stack_that_is_changing(torn: Any, event: Any) -> None:
    project = Project({f"{PREFIX}-api": "UPDATE_IN_PROGRESS", f"{PREFIX}-workflow": "REVIEW_IN_PROGRESS"})
    sent, _ = torn(project, event("teardown"))
    assert [status for status, _ in sent] == ["SUCCESS"]
    assert [name for name, _ in project.asked] == [f"{PREFIX}-api", f"{PREFIX}-workflow"]


def test_teardown_first_ends_retirements_that_wait(torn: Any, event: Any) -> None:
    machines = StateMachines(retirement=["one"])
    assert [status for status, _ in torn(Project({}), event("teardown"), machines=machines)[0]] == ["SUCCESS"]
    assert machines.running == {"retirement": []}


def test_teardown_ends_what_a_release_has_under_way_once_the_apis_stack_is_at_rest(torn: Any, event: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    machines, project = StateMachines(watch=["a watch"], synthetic=["traffic"]), Project({f"{PREFIX}-api": "UPDATE_IN_PROGRESS"})
    stop = machines.stop_execution

    def stopped(**request: str) -> None:
        assert project.stacks[f"{PREFIX}-api"] == "UPDATE_COMPLETE", "a hook whose watch is gone never reports"
        stop(**request)

    monkeypatch.setattr(machines, "stop_execution", stopped)
    assert [status for status, _ in torn(project, event("teardown"), machines=machines)[0]] == ["SUCCESS"]
    assert machines.running == {"retirement": [], "watch": [], "synthetic": []}


def test_teardown_ends_looks_at_production_before_their_stack_goes(torn: Any, event: Any) -> None:
    machines, project = StateMachines(monitoring=["a look"], watch=["a watch"]), Project({f"{PREFIX}-monitoring": "CREATE_COMPLETE"})
    assert [status for status, _ in torn(project, event("teardown"), machines=machines)[0]] == ["SUCCESS"]
    assert machines.running == {"retirement": [], "monitoring": [], "watch": ["a watch"]}


def test_teardown_of_nothing_succeeds(torn: Any, event: Any) -> None:
    assert torn(Project({}), event("teardown"))[0] == [("SUCCESS", f"{PREFIX}-teardown")]


@pytest.mark.parametrize("request_type", ["Create", "Update"])
def test_teardown_touches_nothing_until_the_project_goes(torn: Any, event: Any, request_type: str) -> None:
    project = Project({f"{PREFIX}-api": "CREATE_COMPLETE"})
    assert torn(project, event("teardown", RequestType=request_type))[0] == [("SUCCESS", f"{PREFIX}-teardown")]
    assert project.asked == []


def test_teardown_tries_a_formerly_failed_stack_and_says_why_it_cannot_go(torn: Any, event: Any) -> None:
    project = Project({f"{PREFIX}-api": "DELETE_FAILED"}, stuck=f"{PREFIX}-api")
    sent, _ = torn(project, event("teardown"))
    assert [status for status, _ in sent] == ["FAILED"]
    assert f"{PREFIX}-api is DELETE_FAILED: Endpoint: in use" in sent[0][1]
    assert len(project.asked) == 1


def test_teardown_goes_on_in_a_new_invocation_when_its_time_is_up(torn: Any, event: Any) -> None:
    project = Project({f"{PREFIX}-api": "CREATE_COMPLETE", f"{PREFIX}-functions": "CREATE_COMPLETE"})
    sent, invoked = torn(project, event("teardown"), left=30_000)
    assert sent == []
    assert (invoked[0]["FunctionName"], invoked[0]["InvocationType"]) == (Context.invoked_function_arn, "Event")
    sent, _ = torn(project, json.loads(invoked[0]["Payload"]))
    assert [status for status, _ in sent] == ["SUCCESS"]
    assert [name for name, _ in project.asked] == [f"{PREFIX}-api", f"{PREFIX}-functions"]


@pytest.fixture
def listener() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """CloudFormation's side of an answer: the first PUT fails, the second is kept."""
    received: list[dict[str, Any]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            received.append({"body": json.loads(content), "type": self.headers["Content-Type"]})
            self.send_response(503 if len(received) == 1 else 200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", received
        server.shutdown()
        thread.join()


def test_an_answer_that_does_not_arrive_is_sent_again(load: Any, event: Any, listener: Any) -> None:
    address, received = listener
    load("seed").response.send(event("seed", ResponseURL=address), "FAILED", "id", "x" * 5000)
    assert len(received) == 2
    assert received[1]["type"] == ""
    assert received[1]["body"] == {
        "Status": "FAILED", "Reason": "x" * 1000, "PhysicalResourceId": "id", "StackId": event("seed")["StackId"],
        "RequestId": event("seed")["RequestId"], "LogicalResourceId": "SampleData",
        "Data": {}}


def test_custom_resources_answer_with_the_same_code() -> None:
    """A function is packaged with its own folder alone, so each has a copy."""
    copies = {path.parent.name: path.read_text(encoding="utf-8") for path in FUNCTIONS.glob("*/response.py")}
    assert set(copies) == {"account", "capacity", "seed", "teardown"}
    assert len(set(copies.values())) == 1
