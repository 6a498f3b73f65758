"""A page of the workflow's executions, and one of them."""

import json
from typing import Any

import pytest

from console.account import Project
from console.faults import Refused
from console.reading.executions import PAGE, read
from console.reading.history import FAILED
from tests.console.any_order import Stubs, project, refusal
from tests.console.test_definition import MACHINE
from tests.console.workflow_events import START, failed

ARN = "arn:aws:states:us-east-1:000000000000:{}:demo-{}-p-abc123def456-workflow"


def account(name: str, status: str = "FAILED", count: int = 1) -> tuple[Stubs, Project]:
    """Return an account whose workflow has so many executions, each of which went wrong in training."""
    stubs, ended = Stubs(), {} if status == "RUNNING" else {"stopDate": START}

    def listed(asked: dict[str, Any]) -> dict[str, Any]:
        first, size = int(asked.get("nextToken", "0")), asked["maxResults"]
        lines = [{"executionArn": f"{ARN.format('execution', name)}:{number:08d}-x", "stateMachineArn": ARN.format("stateMachine", name),
                  "name": f"{number:08d}-x", "status": status, "startDate": START, **ended} for number in range(count)]
        more = {"nextToken": str(first + size)} if first + size < count else {}
        return {"executions": lines[first:first + size], **more}

    def described(asked: dict[str, Any]) -> Any:
        if not asked["executionArn"].startswith(f"{ARN.format('execution', name)}:0"):
            return refusal("ExecutionDoesNotExist", f"Execution {asked['executionArn']} not found")
        return {"executionArn": asked["executionArn"], "stateMachineArn": ARN.format("stateMachine", name), "status": status,
                "name": asked["executionArn"].rpartition(":")[2], "startDate": START, "input": '{"RunId": "1"}', **ended}

    def history(asked: dict[str, Any]) -> dict[str, Any]:
        events, first = failed(), int(asked.get("nextToken", "0"))
        return {"events": events[first:first + 4], **({"nextToken": str(first + 4)} if first + 4 < len(events) else {})}

    machine = {"stateMachineArn": ARN.format("stateMachine", name), "name": "x", "roleArn": "arn:aws:iam::000000000000:role/x",
               "definition": json.dumps(MACHINE)}
    stubs.answer("stepfunctions", "ListExecutions", listed)
    stubs.answer("stepfunctions", "DescribeExecution", described)
    stubs.answer("stepfunctions", "GetExecutionHistory", history)
    stubs.answer("stepfunctions", "DescribeStateMachineForExecution", machine | {"updateDate": START})
    stubs.answer("stepfunctions", "DescribeStateMachine", machine | {"creationDate": START, "type": "STANDARD"})
    return stubs, project(stubs, name)


def test_the_newest_execution_is_shown_with_its_whole_history() -> None:
    stubs, churn = account("newest", count=3)
    found = read(churn, "", "")
    assert found.execution is not None and [line.name for line in found.listed.lines] == ["00000000-x", "00000001-x", "00000002-x"]
    assert (found.execution.line.name, found.execution.line.run, found.execution.input) == ("00000000-x", "00000000", '{"RunId": "1"}')
    assert (found.execution.error, found.execution.cause) == ("TrainFailed", "the data has no column churn")
    train = found.execution.of("Train")
    assert train is not None and train.status == FAILED and found.execution.of("Gate") is None
    assert len(stubs.named("GetExecutionHistory")) == 3


def test_an_execution_that_has_ended_is_read_once_and_a_running_one_again() -> None:
    for status, times in (("FAILED", 1), ("RUNNING", 2)):
        stubs, churn = account(f"again-{status.lower()}", status)
        assert read(churn, "", "") == read(churn, "", "")
        assert len(stubs.named("DescribeExecution")) == times
        assert len(stubs.named("DescribeStateMachineForExecution")) == 1


def test_two_hundred_executions_come_page_by_page() -> None:
    stubs, churn = account("many", count=200)
    found = read(churn, "", "")
    assert (len(found.listed.lines), found.listed.older, found.newest) == (PAGE, "20", True)
    further = read(churn, "00000007-x", found.listed.older)
    assert further.execution is not None and further.execution.line.name == "00000007-x"
    assert (further.listed.lines[0].name, further.newest) == ("00000020-x", False)
    assert [call["maxResults"] for call in stubs.named("ListExecutions")] == [PAGE, PAGE]


def test_an_execution_that_has_vanished_is_one_sentence() -> None:
    _, churn = account("vanished")
    with pytest.raises(Refused, match=r"There is no execution nowhere of demo-vanished-p-abc123def456-workflow: AWS keeps one for 90 days"):
        read(churn, "nowhere", "")


def test_before_the_first_run_there_is_a_definition_or_nothing() -> None:
    stubs, churn = account("none", count=0)
    found = read(churn, "", "")
    assert found.execution is None and found.machine is not None and found.machine.start == "Prepare"
    for operation in ("ListExecutions", "DescribeStateMachine"):
        stubs.answer("stepfunctions", operation, refusal("StateMachineDoesNotExist"))
    found = read(churn, "", "")
    assert (found.listed.lines, found.machine) == ((), None)


def test_a_run_of_the_pipeline_leads_to_its_newest_execution_or_waits_for_one() -> None:
    stubs, churn = account("by-run")
    run = "00000000-1111-4222-8333-444444444444"
    train = {"pipelineExecutionId": run, "stageName": "Train", "actionName": "Run"}
    stubs.answer("codepipeline", "ListActionExecutions", {"actionExecutionDetails": [train | {"actionExecutionId": "x"}, train | {"actionExecutionId": "w"}]})
    found = read(churn, run, "")
    assert found.execution is not None and (found.execution.line.name, found.run) == ("00000000-x", "")
    stubs.answer("codepipeline", "ListActionExecutions", {"actionExecutionDetails": [train | {"actionName": "Functions", "actionExecutionId": "f"}]})
    found = read(churn, run, "")
    assert (found.execution, found.run) == (None, run) and found.machine is not None
