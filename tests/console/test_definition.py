"""What the console makes of a state machine's definition."""

import json
from typing import Any

import pytest

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
    assert ways["Gate"] == (Way("Golden", "condition holds"), Way("GateFailed", "otherwise"))


@pytest.mark.parametrize("rule, text", [
    ({"Variable": "$.Value", "NumericGreaterThanEqualsPath": "$.Threshold"}, "Value ≥ Threshold"),
    ({"Variable": "$.job.Status", "StringEquals": "Done"}, 'Status = "Done"'),
    ({"And": [{"Variable": "$.a", "NumericGreaterThan": 1}, {"Variable": "$.a", "NumericLessThanEquals": 5}]}, "a > 1 and a ≤ 5"),
    ({"Not": {"Variable": "$.ready", "BooleanEquals": True}}, "not ready = true"),
    ({"Variable": "$.a", "IsPresent": True}, "a is present"),
    ({"Condition": "{% $n > 3 %}"}, "{% $n > 3 %}"),
])
def test_a_choice_says_its_condition(rule: dict[str, Any], text: str) -> None:
    machine = {"StartAt": "Gate", "States": {"Gate": {"Type": "Choice", "Choices": [{**rule, "Next": "On"}]}, "On": {"Type": "Succeed"}}}
    assert next(parse(json.dumps(machine)).all()).ways == (Way("On", text),)


def test_a_task_says_what_it_calls() -> None:
    assert {step.name: step.task for step in parse(json.dumps(MACHINE)).all() if step.task} == {
        "Prepare": "invoke", "Baseline": "createProcessingJob.sync", "Train": "createTrainingJob.sync"}


def test_the_steps_of_a_map_are_inside_of_it() -> None:
    inner = {"StartAt": "One", "States": {"One": {"Type": "Pass", "End": True}}}
    for name in ("ItemProcessor", "Iterator"):
        machine = {"StartAt": "Each", "States": {"Each": {"Type": "Map", name: inner, "End": True}}}
        assert [step.name for step in parse(json.dumps(machine)).all()] == ["Each", "One"]
