"""Going back to a former run: to which, in which order, what is refused, and what an interruption leaves."""

from __future__ import annotations

import pytest

import rollback
from tests.unit.scripts.account import BAD, FIRST, NAME, NEW, OLD, PROJECT, Account, refusal
from tests.unit.scripts.going_back import Back, refused

API, SHARED, MONITORING = f"{NAME}-api", f"{NAME}-live-prd", f"{NAME}-monitoring"


def test_it_closes_the_way_moves_requests_brings_the_stack_along_and_opens_the_way(account: Account, back: Back) -> None:
    code, said, _ = back()
    assert (code, account.serves) == (0, OLD)
    assert account.calls == ["disable_stage_transition", "create_deployment", "update_stack", "enable_stage_transition"]
    assert said.startswith(f"run {OLD} serves again")
    assert account.stacks[API]["RunId"] == OLD
    assert account.transition == {"enabled": True}


def test_the_alarm_that_may_be_the_reason_does_not_stop_it_and_hooks_are_not_asked(account: Account, back: Back) -> None:
    back()
    request = account.requests["create_deployment"]
    assert request["overrideAlarmConfiguration"] == {"enabled": False}
    assert request["deploymentConfigName"] == "CodeDeployDefault.LambdaAllAtOnce"
    assert "Hooks" not in request["revision"]["appSpecContent"]["content"]


def test_the_stack_gets_the_runs_own_files_but_the_projects_present_say_on_who_may_call(account: Account, back: Back) -> None:
    back()
    request = account.requests["update_stack"]
    given = {item.pop("ParameterKey"): item for item in request["Parameters"]}
    assert request["TemplateURL"] == f"https://s3.us-east-1.amazonaws.com/bucket/runs/{OLD}/release/deploy-model-prd.yml"
    assert (given["RunId"], given["Shifting"]) == ({"ParameterValue": OLD}, {"ParameterValue": "no"})
    assert given["ApiAuthorization"] == {"UsePreviousValue": True}
    assert "RoleARN" not in request, "it acts in the role that the stack has"


def watching(account: Account, run: str, status: str = "UPDATE_COMPLETE") -> None:
    """Let a run be watched for drift."""
    account.stacks[MONITORING] = {"StackStatus": status, "RunId": run}


def test_the_schedule_goes_back_last(account: Account, back: Back) -> None:
    watching(account, BAD)
    assert back()[0] == 0
    assert account.updated == [API, MONITORING]
    assert account.stacks[MONITORING]["RunId"] == OLD
    assert account.requests["update_stack"]["TemplateURL"].endswith(f"/runs/{OLD}/release/monitoring.yml")


def test_a_schedule_that_stayed_behind_is_brought_along_the_next_time(account: Account, back: Back) -> None:
    watching(account, BAD, "UPDATE_ROLLBACK_FAILED")
    code, _, told = back()
    assert (code, account.serves, account.updated) == (1, OLD, [API])
    assert f"run {OLD} serves, but not all has followed: stack {MONITORING} is UPDATE_ROLLBACK_FAILED" in told
    watching(account, BAD)
    assert back()[0] == 0
    assert account.stacks[MONITORING]["RunId"] == OLD


def test_a_release_that_is_about_to_move_the_schedule_is_waited_for_and_not_stopped(account: Account, back: Back) -> None:
    watching(account, BAD, "UPDATE_IN_PROGRESS")
    account.runs[BAD] = "Succeeded"
    account.stage = {"latestExecution": {"pipelineExecutionId": BAD, "status": "InProgress"}, "actionStates": [
        {"actionName": "Monitoring", "latestExecution": {"status": "InProgress"}}]}
    assert back()[0] == 0
    assert (account.stacks[MONITORING]["RunId"], account.runs[BAD]) == (OLD, "Succeeded")


def test_a_run_of_before_leaves_the_schedule_and_says_so(account: Account, back: Back) -> None:
    watching(account, BAD)
    del account.objects[f"runs/{OLD}/release/monitoring.json"]
    code, _, told = back()
    assert (code, account.stacks[MONITORING]["RunId"]) == (0, BAD)
    assert f"run {OLD} was built before production was watched for drift" in told


def test_twice_is_once(account: Account, back: Back) -> None:
    account.released(NEW)
    assert (back()[0], account.serves) == (0, BAD)
    calls = list(account.calls)
    code, said, _ = back()
    assert (code, account.serves, account.calls) == (0, BAD, calls)
    assert "serves already" in said and OLD in said, "it names those that one could go back to"


def test_after_release_back_release_it_is_the_run_in_between_and_not_the_one_gone_back_from(account: Account, back: Back) -> None:
    back()
    account.released(NEW)
    assert (back()[0], account.serves) == (0, OLD)


@pytest.mark.parametrize("wanted", [FIRST, FIRST[:8]])
def test_a_run_that_is_named_is_the_one(account: Account, back: Back, wanted: str) -> None:
    account.versions, account.runs = {}, {}
    for run in (FIRST, OLD, BAD):
        account.released(run)
    assert (back(PROJECT, wanted)[0], account.serves) == (0, FIRST)


def test_a_run_that_never_was_released_well_is_passed_over(account: Account, back: Back) -> None:
    account.versions, account.runs = {}, {}
    for run in (FIRST, OLD, BAD):
        account.released(run)
    account.runs[OLD] = "Failed"
    assert (back()[0], account.serves) == (0, FIRST)


@pytest.mark.parametrize("status, why", [(None, "is gone"), ("Deleting", "is Deleting"), ("Failed", "is Failed")])
def test_without_its_endpoint_a_run_cannot_serve_and_an_older_one_does(account: Account, back: Back, status: str | None, why: str) -> None:
    account.endpoints = {name: found for name, found in account.endpoints.items() if BAD[:8] in name}
    if status:
        account.endpoints[f"{NAME}-{OLD[:8]}-p"] = {"EndpointStatus": status}
    code, _, told = back()
    assert (code, account.serves, account.calls) == (1, BAD, [])
    assert f"{NAME}-{OLD[:8]}-p {why}" in told and "docs/runs.md" in told


def test_a_former_endpoint_that_was_scaled_in_is_asked_for_the_live_ones_instances_and_serves_meanwhile(account: Account, back: Back) -> None:
    account.endpoints[f"{NAME}-{BAD[:8]}-p"]["ProductionVariants"][0]["DesiredInstanceCount"] = 5
    code, _, told = back()
    assert (code, account.serves) == (0, OLD)
    assert account.endpoints[f"{NAME}-{OLD[:8]}-p"]["ProductionVariants"][0]["DesiredInstanceCount"] == 5
    assert account.calls.index("update_endpoint_weights_and_capacities") < account.calls.index("create_deployment")
    assert "asked for 5" in told


def test_too_few_instances_do_not_stop_it(account: Account, back: Back) -> None:
    account.endpoints[f"{NAME}-{BAD[:8]}-p"]["ProductionVariants"][0]["DesiredInstanceCount"] = 5
    account.denied = {"update_endpoint_weights_and_capacities"}
    assert (back()[0], account.serves) == (0, OLD)


# what else is under way

def releasing(account: Account, percent_done: bool = False) -> None:
    """Let a release of a further run be under way: a canary, or its watch at full load."""
    former = account.alias
    account.publish(NEW, f"{NAME}-{NEW[:8]}-p")
    account.runs = {NEW: "InProgress"} | account.runs
    account.alias = max(account.versions) if percent_done else former
    before = dict(account.stacks[API])
    account.stacks[API] |= {"StackStatus": "UPDATE_IN_PROGRESS", "RunId": NEW,
                            "then": before | {"StackStatus": "UPDATE_ROLLBACK_COMPLETE"}}
    account.deployments["d-RELEASE00"] = {"status": "InProgress", "creator": "user", "description": None}
    stop = account.stop_deployment

    def stopped(**request: str) -> None:
        stop(**request)
        account.alias = former

    account.stop_deployment = stopped  # type: ignore[method-assign]


@pytest.mark.parametrize("percent_done", [False, True], ids=["canary", "watch"])
def test_a_release_under_way_is_stopped_and_that_is_all(account: Account, back: Back, percent_done: bool) -> None:
    releasing(account, percent_done)
    code, said, _ = back()
    assert (code, account.serves) == (0, BAD)
    assert account.calls == ["disable_stage_transition", "stop_deployment", "enable_stage_transition"]
    assert f"stopped; run {BAD} serves as before" in said


def test_a_named_run_is_gone_back_to_once_the_release_is_stopped(account: Account, back: Back) -> None:
    releasing(account)
    assert (back(PROJECT, OLD)[0], account.serves) == (0, OLD)
    assert account.stacks[API]["RunId"] == OLD


def test_interrupted_while_a_stopped_release_goes_back_it_goes_no_further_the_next_time(account: Account, back: Back) -> None:
    releasing(account)
    account.before["describe_stacks"] = lambda: None

    def interrupted() -> None:
        raise KeyboardInterrupt

    stop = account.stop_deployment

    def stopped(**request: str) -> None:
        stop(**request)
        account.before["describe_stacks"] = interrupted

    account.stop_deployment = stopped  # type: ignore[method-assign]
    assert back()[0] == 1
    assert account.transition == {"enabled": True}
    assert (back()[0], account.serves) == (0, BAD)


def test_a_release_that_an_alarm_rolled_back_is_not_gone_back_from_once_more(account: Account, back: Back) -> None:
    account.stacks[API]["StackStatus"] = "UPDATE_ROLLBACK_COMPLETE"
    code, said, _ = back()
    assert (code, account.calls, account.serves) == (0, [], BAD)
    assert f"run {BAD} serves already" in said


def test_another_persons_going_back_is_waited_for_and_not_repeated(account: Account, back: Back) -> None:
    account.released(NEW)
    account.transition = {"enabled": False, "disabledReason": rollback.transition.REASON}
    other: dict = {"status": "InProgress", "description": "scripts/rollback.sh goes back to a former run"}

    def moved() -> None:
        other["status"], account.alias = "Succeeded", 2
        account.update_stack(API, "", [{"ParameterKey": key, "ParameterValue": value} for key, value in {
            "RunId": BAD, "EndpointName": f"{NAME}-{BAD[:8]}-p", "Shifting": "no"}.items()])

    account.deployments["d-OTHER0000"] = other | {"then": moved}
    other = account.deployments["d-OTHER0000"]
    account.stacks[API]["StackStatus"] = "UPDATE_IN_PROGRESS"
    account.stacks[API]["then"] = {"StackStatus": "UPDATE_COMPLETE"}
    assert (back()[0], account.serves) == (0, BAD)
    assert account.stacks[API]["RunId"] == BAD
    assert "stop_deployment" not in account.calls


def test_a_stack_that_another_going_back_still_changes_is_waited_for(account: Account, back: Back) -> None:
    account.before["create_deployment"] = lambda: account.stacks[API].update(
        {"StackStatus": "UPDATE_IN_PROGRESS", "then": {"StackStatus": "UPDATE_COMPLETE"}})
    assert (back()[0], account.serves, account.stacks[API]["RunId"]) == (0, OLD, OLD)


def test_who_was_faster_by_a_moment_is_not_overrun(account: Account, back: Back) -> None:
    def other() -> None:
        account.deployments["d-OTHER0000"] = {"status": "InProgress", "description": None, "creator": "user"}

    account.before["create_deployment"] = other
    code, _, told = back()
    assert code == 0
    assert "somebody else was faster" in told and account.deployments["d-OTHER0000"]["status"] == "Stopped"


def test_a_run_on_its_way_into_production_is_stopped_before_it_reaches_the_api(account: Account, back: Back) -> None:
    account.runs = {NEW: "InProgress"} | account.runs
    account.stage = {"latestExecution": {"pipelineExecutionId": NEW, "status": "InProgress"},
                     "actionStates": [{"actionName": "Endpoint", "latestExecution": {"status": "InProgress"}}]}
    code, _, told = back()
    assert (code, account.serves, account.runs[NEW]) == (0, OLD, "Stopping")
    assert f"run {NEW} was on its way" in told


@pytest.mark.parametrize("code", ["PipelineExecutionNotStoppableException", "DuplicatedStopRequestException"])
def test_a_run_that_ends_as_it_is_to_be_stopped_is_no_fault(account: Account, back: Back, code: str) -> None:
    def over() -> None:
        account.runs[NEW] = "Failed"
        raise refusal(code)

    account.runs = {NEW: "InProgress"} | account.runs
    account.stage = {"latestExecution": {"pipelineExecutionId": NEW, "status": "InProgress"},
                     "actionStates": [{"actionName": "Endpoint", "latestExecution": {"status": "InProgress"}}]}
    account.before["stop_pipeline_execution"] = over
    status, _, told = back()
    assert (status, account.serves, account.runs[NEW]) == (0, OLD, "Failed")
    assert "on its way" not in told


def test_a_run_that_waits_for_approval_goes_on_waiting(account: Account, back: Back) -> None:
    account.runs = {NEW: "InProgress"} | account.runs
    assert (back()[0], account.serves, account.runs[NEW]) == (0, OLD, "InProgress")
    assert "stop_pipeline_execution" not in account.calls


def test_a_way_that_a_person_has_closed_stays_closed(account: Account, back: Back) -> None:
    account.transition = {"enabled": False, "disabledReason": "frozen for the holidays"}
    code, _, told = back()
    assert (code, account.serves) == (0, OLD)
    assert account.transition == {"enabled": False, "disabledReason": "frozen for the holidays"}
    assert "stays closed, as it was: frozen for the holidays" in told


# what goes wrong on the way

@pytest.mark.parametrize("place, serves", [("create_deployment", BAD), ("update_stack", OLD)])
def test_interrupted_anywhere_it_leaves_the_way_open_and_goes_on_the_next_time(account: Account, back: Back, place: str, serves: str) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    account.before[place] = interrupted
    code, _, told = back()
    assert (code, account.serves, account.transition) == (1, serves, {"enabled": True})
    assert "run it again" in told
    assert (back()[0], account.serves, account.stacks[API]["RunId"]) == (0, OLD, OLD)


def test_killed_in_the_middle_it_opens_the_way_the_next_time(account: Account, back: Back) -> None:
    account.transition = {"enabled": False, "disabledReason": rollback.transition.REASON}
    account.alias = 1
    assert (back()[0], account.serves, account.transition) == (0, OLD, {"enabled": True})
    assert account.calls == ["update_stack", "enable_stage_transition"], "the alias was moved already"


@pytest.mark.parametrize("operation", ["disable_stage_transition", "create_deployment", "update_stack"])
def test_a_missing_right_is_named_and_the_way_is_as_it_was(account: Account, back: Back, operation: str) -> None:
    account.denied = {operation}
    code, _, told = back()
    assert (code, account.transition) == (1, {"enabled": True})
    assert f"not authorized to perform: {operation}" in told and "docs/roll-back.md" in told


def test_a_way_that_cannot_be_opened_is_said_with_the_command(account: Account, back: Back) -> None:
    account.denied = {"enable_stage_transition"}
    code, _, told = back()
    assert (code, account.serves) == (1, OLD)
    assert f"STILL CLOSED. Open it: aws codepipeline enable-stage-transition --pipeline-name {NAME}" in told


@pytest.mark.parametrize("status, mend", [("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"), ("UPDATE_FAILED", "describe-stack-events")])
def test_a_stack_that_cannot_be_updated_does_not_keep_requests_from_going_back(account: Account, back: Back, status: str, mend: str) -> None:
    account.stacks[API]["StackStatus"] = status
    code, said, told = back()
    assert (code, said, account.serves) == (1, "", OLD)
    assert f"run {OLD} serves, but not all has followed: stack {API} is {status}" in told and mend in told
    assert account.transition == {"enabled": True}
    account.stacks[API]["StackStatus"] = "UPDATE_ROLLBACK_COMPLETE"
    assert (back()[0], account.stacks[API]["RunId"]) == (0, OLD)


def test_a_stack_that_does_not_follow_says_why_and_is_brought_along_the_next_time(account: Account, back: Back) -> None:
    account.update_ends = "UPDATE_ROLLBACK_COMPLETE"
    code, _, told = back()
    assert (code, account.serves) == (1, OLD)
    assert "UPDATE_ROLLBACK_COMPLETE: ApiRole: no right" in told
    account.update_ends = "UPDATE_COMPLETE"
    assert (back()[0], account.stacks[API]["RunId"]) == (0, OLD)


def test_a_deployment_that_fails_says_why(account: Account, back: Back, monkeypatch: pytest.MonkeyPatch) -> None:
    def failed(**_: object) -> dict[str, str]:
        account.deployments["d-FAILED000"] = {"status": "Failed", "errorInformation": {"message": "the role may not move it."}}
        return {"deploymentId": "d-FAILED000"}

    monkeypatch.setattr(account, "create_deployment", failed)
    code, _, told = back()
    assert (code, account.serves) == (1, BAD)
    assert "d-FAILED000" in told and "the role may not move it." in told


# runs that share one endpoint (strategy endpoint)

@pytest.fixture
def shared(account: Account) -> Account:
    """The same project, whose runs replace each other in one endpoint."""
    account.versions, account.runs, account.endpoints = {}, {}, {}
    for run in (OLD, BAD):
        account.released(run, f"{NAME}-live-p")
    account.stacks[SHARED] = {"StackStatus": "UPDATE_COMPLETE", "RunId": BAD, "Guarded": "yes"}
    return account


def test_the_endpoint_that_runs_share_gets_the_former_model_unguarded(shared: Account, back: Back) -> None:
    assert (back()[0], shared.serves) == (0, OLD)
    assert (shared.stacks[SHARED]["RunId"], shared.stacks[SHARED]["Guarded"]) == (OLD, "no"), "its alarms may be why"
    assert shared.calls == ["disable_stage_transition", "create_deployment", "update_stack", "update_stack", "enable_stage_transition"]


def test_the_update_of_a_shared_endpoint_under_way_is_cancelled_and_that_is_all(shared: Account, back: Back) -> None:
    before = dict(shared.stacks[SHARED])
    shared.stacks[SHARED] = before | {"StackStatus": "UPDATE_IN_PROGRESS", "RunId": NEW, "before": before}  # type: ignore[dict-item]
    shared.stacks[SHARED]["then"] = {"StackStatus": "UPDATE_IN_PROGRESS"}
    code, said, _ = back()
    assert (code, shared.serves, shared.stacks[SHARED]["RunId"]) == (0, BAD, BAD)
    assert "cancel_update_stack" in shared.calls and "create_deployment" not in shared.calls
    assert "stopped" in said


def test_the_endpoint_that_runs_share_gets_its_model_before_the_requests(shared: Account, back: Back) -> None:
    shared.released(NEW)  # with an endpoint of its own
    assert (back(PROJECT, OLD[:8])[0], shared.serves, shared.stacks[SHARED]["RunId"]) == (0, OLD, OLD)
    assert shared.calls == ["disable_stage_transition", "update_stack", "create_deployment", "update_stack", "enable_stage_transition"]


def test_a_run_that_shared_the_endpoint_and_whose_files_are_gone_is_refused(shared: Account, back: Back) -> None:
    shared.broken = {1}
    refused(shared, back, f"Run {OLD}: version 1 of {API} fails: no schema.json.", arguments=(PROJECT, OLD))


def test_a_version_too_busy_to_be_asked_is_gone_back_to(shared: Account, back: Back) -> None:
    def throttled() -> None:
        raise refusal("TooManyRequestsException", "Rate Exceeded.")

    shared.before["invoke"] = throttled
    assert (back()[0], shared.serves) == (0, OLD)


def test_the_endpoint_that_runs_share_is_left_alone_where_it_has_the_model(shared: Account, back: Back) -> None:
    shared.released(NEW)
    assert (back()[0], shared.serves, shared.stacks[SHARED]["Guarded"]) == (0, BAD, "yes")


def test_an_endpoint_that_stayed_behind_is_brought_to_the_run_that_serves(shared: Account, back: Back) -> None:
    shared.stacks[SHARED]["RunId"] = NEW
    assert (back()[0], shared.serves, shared.stacks[SHARED]["RunId"]) == (0, BAD, BAD)


def test_refusals_of_aws_are_told_apart_from_going_back(account: Account, back: Back) -> None:
    account.denied = {"get_alias"}
    code, _, told = back()
    assert (code, account.calls) == (1, [])
    assert "get_alias" in told and "docs/roll-back.md" in told


@pytest.mark.parametrize("operation", ["describe_project", "describe_endpoint"])
def test_a_call_that_failed_is_not_taken_for_something_that_is_gone(account: Account, back: Back, operation: str) -> None:
    def throttled() -> None:
        raise refusal("ThrottlingException", "Rate exceeded")

    account.before[operation] = throttled
    refused(account, back, "Rate exceeded")
