"""Retirement: which ends of a run are heard, which waits, and that its roles reach stacks of releases and nothing else."""

from __future__ import annotations

import re

import pytest

from tests.templates.evaluation import Evaluation
from tests.templates.sources import PIPELINE, ROOT, listed, resources, statements, template
from tests.templates.test_names import LONGEST, PREFIX, RUN

PROJECT = Evaluation(template(PIPELINE), LONGEST)
FOUND = PROJECT.resources()
STATES = resources(PIPELINE)["Retirement"]["Properties"]["Definition"]["States"]
STACKS = "arn:aws:cloudformation:us-east-1:123456789012:stack"


def test_every_end_of_this_pipelines_runs_is_heard_and_nothing_else() -> None:
    pattern = FOUND["RetirementRule"]["Properties"]["EventPattern"]
    assert pattern["detail-type"] == ["CodePipeline Pipeline Execution State Change"]
    assert pattern["detail"] == {"pipeline": ["Pipeline"], "state": ["CANCELED", "FAILED", "STOPPED", "SUCCEEDED", "SUPERSEDED"]}


def test_the_whole_event_reaches_the_state_machine_and_the_function() -> None:
    [target] = FOUND["RetirementRule"]["Properties"]["Targets"]
    assert set(target) == {"Id", "Arn", "RoleArn"}, "an input of its own would hide the event"
    assert STATES["Retire"]["Parameters"]["Payload"] == {"Event.$": "$", "Entered.$": "$$.State.EnteredTime"}


def test_only_a_failure_clears_and_waits_and_for_half_an_hour() -> None:
    choice = STATES["HowDidTheRunEnd"]
    present, failed = choice["Choices"][0]["And"]
    assert (present["Variable"], present["IsPresent"], failed["StringEquals"]) == (failed["Variable"], True, "FAILED")
    assert [rule["Next"] for rule in choice["Choices"]] == ["TellWhy"]
    assert choice["Default"] == "Retire"
    assert (STATES["ClearTheWay"]["Parameters"]["Payload"]["OnlyClear"], STATES["ClearTheWay"]["Next"]) == (True, "LeaveTimeForARetry")
    assert (STATES["LeaveTimeForARetry"]["Seconds"], STATES["LeaveTimeForARetry"]["Next"]) == (30 * 60, "Retire")
    assert "RETRY_TIME = timedelta(minutes=30)" in (ROOT / "custom_resource/retirement/verdict.py").read_text()


def test_why_a_run_failed_is_mailed_before_anything_else_and_holds_up_nothing() -> None:
    tell = STATES["TellWhy"]
    assert tell["Parameters"]["Payload"] == {"Run.$": "$.detail['execution-id']"}
    assert (tell["Next"], tell["ResultPath"]) == ("ClearTheWay", None)
    assert tell["Catch"] == [{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "ClearTheWay"}]


def test_every_hour_the_clock_asks_too() -> None:
    clock = FOUND["RetirementClock"]["Properties"]
    assert clock["ScheduleExpression"] == "rate(1 hour)"
    assert clock["Targets"] == FOUND["RetirementRule"]["Properties"]["Targets"]


def test_a_retirement_that_fails_is_mailed_with_its_cause() -> None:
    rule = FOUND["RetirementFailureRule"]["Properties"]
    assert rule["EventPattern"]["detail"] == {"stateMachineArn": ["Retirement"], "status": ["FAILED", "TIMED_OUT"]}
    [target] = rule["Targets"]
    assert target["Arn"] == "Topic" and "<cause>" in target["InputTransformer"]["InputTemplate"]


def test_the_file_system_is_pruned_of_all_but_the_runs_that_stay() -> None:
    prune = STATES["Prune"]
    assert STATES["Retire"]["Next"] == "Prune"
    assert prune["Parameters"]["Payload"] == {"Keep.$": "$.runs"}
    assert [rule["ErrorEquals"] for rule in prune["Catch"]] == [["Lambda.ResourceNotFoundException"]], "any other failure is one"


def test_what_it_cannot_finish_fails_the_execution() -> None:
    assert "Catch" not in STATES["Retire"]
    assert {error for rule in STATES["Retire"]["Retry"] for error in rule["ErrorEquals"]} & {"States.ALL", "States.TaskFailed"} == set()


@pytest.mark.parametrize("role, action, resources_named", [
    ("RetirementEventsRole", "states:StartExecution", ["Retirement"]),
    ("RetirementWorkflowRole", "lambda:InvokeFunction",
     ["RetirementFunction.Arn", *(f"arn:aws:lambda:us-east-1:123456789012:function:{PREFIX}-{name}" for name in ("notice", "prune"))])])
def test_rules_and_state_machine_may_do_one_thing(role: str, action: str, resources_named: list[str]) -> None:
    [statement] = [PROJECT.of(item) for item in statements(resources(PIPELINE)[role])]
    assert (statement["Action"], listed(statement["Resource"])) == (action, resources_named)


@pytest.mark.parametrize("ending, allowed", [
    (f"{RUN}-prd", True), (f"{RUN}-dev", True), ("live-prd", True), ("api", True), ("monitoring", True), ("functions", False), ("workflow", False)])
def test_the_function_may_delete_stacks_of_releases_only(ending: str, allowed: bool) -> None:
    patterns = [pattern for item in statements(resources(PIPELINE)["RetirementRole"]) for pattern in listed(PROJECT.of(item)["Resource"])
                if "cloudformation:DeleteStack" in listed(item["Action"])]
    arn = f"{STACKS}/{PREFIX}-{ending}/01234567-89ab-cdef-0123-456789abcdef"
    assert any(re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), arn) for pattern in patterns) is allowed


def test_the_function_knows_its_project_and_the_deploy_role() -> None:
    variables = FOUND["RetirementFunction"]["Properties"]["Environment"]["Variables"]
    assert variables == {"NAME_PREFIX": PREFIX, "DEPLOY_ROLE_ARN": f"arn:aws:iam::123456789012:role/{PREFIX}-deploy"}
