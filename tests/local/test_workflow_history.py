"""The history of an execution as Step Functions tells it: what happens inside of branches, what follows what, what a task asked for."""

import json

import pytest

from tests.local.local_aws import LocalAws
from tests.local.test_codepipeline_actions import eventually, role

STATES = {
    "StartAt": "Both", "States": {"Both": {"Type": "Parallel", "End": True, "Branches": [
        {"StartAt": "Ask", "States": {
            "Ask": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Parameters": {"TopicArn.$": "$.topic", "Message": "well?"},
                    "ResultPath": None, "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.caught", "Next": "AskFailed"}], "Next": "Big"},
            "Big": {"Type": "Choice", "Choices": [{"Variable": "$.size", "NumericGreaterThan": 1, "Next": "Enough"}], "Default": "TooSmall"},
            "Enough": {"Type": "Pass", "End": True},
            "TooSmall": {"Type": "Fail", "Error": "TooSmall", "Cause": "size is not over 1"},
            "AskFailed": {"Type": "Fail", "Error": "AskFailed", "CausePath": "$.caught.Cause"}}},
        {"StartAt": "Beside", "States": {"Beside": {"Type": "Pass", "Result": "done", "End": True}}}]}}}


@pytest.fixture(scope="module")
def machine(aws: LocalAws) -> str:
    """The ARN of a state machine that publishes in one branch and does little in another."""
    arn: str = aws.client("stepfunctions").create_state_machine(
        name="told", definition=json.dumps(STATES), roleArn=role(aws, "told", "states", "sns:Publish"))["stateMachineArn"]
    return arn


@pytest.fixture(scope="module")
def topic(aws: LocalAws) -> str:
    """The ARN of a topic."""
    arn: str = aws.client("sns").create_topic(Name="told")["TopicArn"]
    return arn


def history(aws: LocalAws, machine: str, **given) -> dict[int, dict]:
    """Return the events of a new execution by their numbers, once it has ended."""
    states = aws.client("stepfunctions")
    execution = states.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]
    eventually(lambda: states.describe_execution(executionArn=execution)["status"] != "RUNNING")
    return {event["id"]: event for event in states.get_execution_history(executionArn=execution)["events"]}


def names(events: dict[int, dict], kind: str) -> set[str]:
    """Return the names of the states that were entered or exited."""
    key = f"state{kind}EventDetails"
    return {event[key]["name"] for event in events.values() if key in event}


def test_states_inside_of_branches_are_told_with_input_and_output(aws: LocalAws, machine: str, topic: str) -> None:
    events = history(aws, machine, topic=topic, size=2)
    assert names(events, "Entered") == names(events, "Exited") == {"Both", "Ask", "Big", "Enough", "Beside"}
    beside = next(event for event in events.values() if event.get("stateExitedEventDetails", {}).get("name") == "Beside")
    assert (beside["type"], beside["stateExitedEventDetails"]["output"]) == ("PassStateExited", '"done"')
    assert sorted(events) == list(range(1, len(events) + 1))


def test_an_event_names_the_one_that_it_follows_in_its_branch(aws: LocalAws, machine: str, topic: str) -> None:
    events = history(aws, machine, topic=topic, size=2)
    scheduled = next(event for event in events.values() if event["type"] == "TaskScheduled")
    entered = {event["id"]: event["stateEnteredEventDetails"]["name"] for event in events.values() if "stateEnteredEventDetails" in event}
    assert entered[scheduled["previousEventId"]] == "Ask"
    both = next(number for number, name in entered.items() if name == "Both")
    assert {entered[number] for number in entered if events[number]["previousEventId"] == both} == {"Ask", "Beside"}


def test_a_task_tells_what_it_was_asked_to_do(aws: LocalAws, machine: str, topic: str) -> None:
    events = history(aws, machine, topic=topic, size=2)
    asked = next(event for event in events.values() if event["type"] == "TaskScheduled")["taskScheduledEventDetails"]
    assert (asked["resourceType"], asked["resource"]) == ("sns", "publish")
    assert json.loads(asked["parameters"]) == {"TopicArn": topic, "Message": "well?"}


def test_a_branch_that_fails_ends_in_its_fail_state(aws: LocalAws, machine: str, topic: str) -> None:
    events = history(aws, machine, topic=topic, size=1)
    assert "TooSmall" in names(events, "Entered") - names(events, "Exited")
    last = events[max(events)]
    assert (last["type"], last["executionFailedEventDetails"]["error"]) == ("ExecutionFailed", "TooSmall")


def test_an_error_that_is_caught_leads_on(aws: LocalAws, machine: str) -> None:
    events = history(aws, machine, topic="arn:aws:sns:us-east-1:000000000000:nowhere", size=2)
    failed = next(event for event in events.values() if event["type"] == "TaskFailed")
    assert failed["taskFailedEventDetails"]["cause"] == events[max(events)]["executionFailedEventDetails"]["cause"]
    assert "Ask" in names(events, "Exited") and "AskFailed" in names(events, "Entered")
