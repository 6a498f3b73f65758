"""What the console makes of a state machine's definition."""

import json

from console.reading.definition import Way, parse

MACHINE = {"StartAt": "Prepare", "States": {
    "PrepareFailed": {"Type": "Fail", "Error": "PrepareFailed"},
    "Both": {"Type": "Parallel", "End": True, "Branches": [
        {"StartAt": "Baseline", "States": {"Baseline": {"Type": "Task", "Resource": "arn:aws:states:::sagemaker:createProcessingJob.sync", "End": True}}},
        {"StartAt": "Train", "States": {
            "Gate": {"Type": "Choice", "Default": "GateFailed", "Choices": [{"Or": [{"And": [
                {"Variable": "$.Comparison", "StringEquals": "at least"},
                {"Variable": "$.QueryEvaluation.Value", "NumericGreaterThanEqualsPath": "$.Threshold"}]}], "Next": "Golden"}]},
            "Golden": {"Type": "Pass", "End": True},
            "GateFailed": {"Type": "Fail", "Error": "GateFailed"},
            "Train": {"Type": "Task", "Resource": "arn:aws:states:::sagemaker:createTrainingJob.sync", "Next": "Gate"}}}]},
    "Prepare": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": "Both",
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "PrepareFailed"}]}}}


def test_steps_come_in_the_order_of_a_run_with_those_of_branches_inside() -> None:
    assert [step.name for step in parse(json.dumps(MACHINE)).all()] == [
        "Prepare", "Both", "Baseline", "Train", "Gate", "Golden", "GateFailed", "PrepareFailed"]


def test_ways_say_when_they_are_taken() -> None:
    ways = {step.name: step.ways for step in parse(json.dumps(MACHINE)).all()}
    assert ways["Prepare"] == (Way("Both"), Way("PrepareFailed", "States.ALL", caught=True))
    assert ways["Gate"] == (Way("Golden", "Comparison, Value"), Way("GateFailed", "otherwise"))


def test_a_task_says_what_it_calls() -> None:
    assert {step.name: step.task for step in parse(json.dumps(MACHINE)).all() if step.task} == {
        "Prepare": "invoke", "Baseline": "createProcessingJob.sync", "Train": "createTrainingJob.sync"}


def test_the_steps_of_a_map_are_inside_of_it() -> None:
    inner = {"StartAt": "One", "States": {"One": {"Type": "Pass", "End": True}}}
    for name in ("ItemProcessor", "Iterator"):
        machine = {"StartAt": "Each", "States": {"Each": {"Type": "Map", name: inner, "End": True}}}
        assert [step.name for step in parse(json.dumps(machine)).all()] == ["Each", "One"]
