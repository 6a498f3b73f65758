"""The function retirement: which endpoint stacks stay after a run's end, and how the others go."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.custom_resource.retiring_account import ENDED, NEW, OLD, OTHER, PREFIX, ROLE, Account, stack


@pytest.fixture
def account() -> Account:
    """After a second release: both runs have their stacks, and the alias points at the second."""
    made = Account()
    for run in (OLD, NEW):
        for stage in ("prd", "dev"):
            made.holds(stack(run, stage), run=run)
    for name in ("api", "functions", "workflow"):
        made.holds(f"{PREFIX}-{name}")
    made.ran(OLD, "Succeeded", -120, -60)
    made.ran(NEW, "Succeeded", -50)
    made.published(1, OLD, -65)
    made.published(2, NEW, -10)
    made.serves(v2=NEW)
    return made


@pytest.fixture
def retired(load: Any, event: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function that calls retirement until it no longer raises StackInProgress, as the state machine does."""

    def call(account: Account, run: str = NEW, state: str = "SUCCEEDED", once: bool = False, **changes: Any) -> Any:
        handler = load("retirement")
        monkeypatch.setattr(handler.project, "client", lambda service: account)
        monkeypatch.setenv("NAME_PREFIX", PREFIX)
        monkeypatch.setenv("DEPLOY_ROLE_ARN", ROLE)
        given = event("retirement", **changes)
        if not changes.get("Event"):
            given["Event"]["detail"] |= {"execution-id": run, "state": state}
        while True:
            try:
                return handler.handler(given, None)
            except handler.StackInProgress:
                if once:
                    raise
                gone = [name for name, item in account.stacks.items() if item["StackStatus"] == "DELETE_IN_PROGRESS"]
                assert gone, "it waits for what nobody changes"
                for name in gone:
                    del account.stacks[name]

    return call


def left(account: Account) -> set[str]:
    """Return the endpoint stacks that are left."""
    return {name for name in account.stacks if name.endswith(("-prd", "-dev"))}


def both(run: str) -> set[str]:
    return {stack(run, "prd"), stack(run, "dev")}


def test_after_a_success_the_former_runs_stacks_go_with_the_deploy_role(account: Account, retired: Any) -> None:
    assert retired(account) == {"kept": sorted(both(NEW)), "runs": [OLD, NEW]}
    assert left(account) == both(NEW)
    assert account.asked == [(name, ROLE) for name in sorted(both(OLD))]


def test_the_endpoint_that_is_watched_for_drift_stays_until_the_schedule_moves(account: Account, retired: Any) -> None:
    account.holds(f"{PREFIX}-monitoring")
    account.stacks[f"{PREFIX}-monitoring"]["Parameters"] = [{"ParameterKey": "RunId", "ParameterValue": OLD}]
    retired(account)
    assert left(account) == both(NEW) | {stack(OLD)}
    account.stacks[f"{PREFIX}-monitoring"]["Parameters"] = [{"ParameterKey": "RunId", "ParameterValue": NEW}]
    retired(account)
    assert left(account) == both(NEW)


def test_a_watch_that_was_never_made_is_cleared_away(account: Account, retired: Any) -> None:
    account.holds(f"{PREFIX}-monitoring", "ROLLBACK_COMPLETE")
    retired(account)
    assert (f"{PREFIX}-monitoring", ROLE) in account.asked
    assert f"{PREFIX}-api" in account.stacks


def test_what_has_a_share_of_the_traffic_stays(account: Account, retired: Any) -> None:
    account.serves(v1=OLD, v2=NEW)
    retired(account)
    assert account.asked == []


def test_a_run_under_way_keeps_its_stacks(account: Account, retired: Any) -> None:
    for run, status in ((OLD, "InProgress"), (OTHER, "Stopping")):
        account.ran(run, status, -10)
    account.holds(stack(OTHER), run=OTHER)
    account.runs = [item for item in account.runs if item["status"] != "Succeeded" or item["pipelineExecutionId"] == NEW]
    retired(account)
    assert account.asked == []


@pytest.mark.parametrize("state", ["FAILED", "STOPPED", "SUPERSEDED", "CANCELED"])
def test_a_run_that_came_to_nothing_loses_its_own_stacks_and_the_live_one_stays(account: Account, retired: Any, state: str) -> None:
    account.serves(v1=OLD)
    account.runs[0]["status"] = state.capitalize()
    retired(account, NEW, state)
    assert left(account) == both(OLD)


def test_a_failed_run_that_is_under_way_again_stays(account: Account, retired: Any) -> None:
    account.serves(v1=OLD)
    account.runs[0]["status"] = "InProgress"
    retired(account, NEW, "FAILED")
    assert account.asked == []


def test_a_run_that_failed_again_waits_for_its_second_event(account: Account, retired: Any) -> None:
    account.serves(v1=OLD)
    account.runs[0] |= {"status": "Failed", "lastUpdateTime": ENDED + timedelta(minutes=20)}
    retired(account, NEW, "FAILED")
    assert account.asked == []


@pytest.mark.parametrize("state", ["STOPPED", "SUPERSEDED", "FAILED"])
def test_the_end_of_another_run_does_not_shorten_the_time_for_a_retry(account: Account, retired: Any, state: str) -> None:
    account.serves(v1=OLD)
    account.runs[0]["status"] = "Failed"
    account.ran(OTHER, state.capitalize(), -5)
    retired(account, OTHER, state)
    assert account.asked == []


def test_what_the_event_of_a_failure_has_left_behind_goes_with_any_later_end(account: Account, retired: Any) -> None:
    account.serves(v1=OLD)
    account.runs[0] |= {"status": "Failed", "lastUpdateTime": ENDED - timedelta(minutes=31)}
    account.ran(OTHER, "Stopped", -5)
    retired(account, OTHER, "STOPPED")
    assert left(account) == both(OLD)


@pytest.mark.parametrize("started, stays", [(-200, False), (-5, True)], ids=["older", "newer"])
def test_a_success_ends_the_time_for_a_retry_of_older_runs_only(account: Account, retired: Any, started: int, stays: bool) -> None:
    account.holds(stack(OTHER, "dev"), run=OTHER)
    account.ran(OTHER, "Failed", started, -1)
    retired(account)
    assert (stack(OTHER, "dev") in left(account)) is stays


def test_before_the_first_release_nothing_serves(account: Account, retired: Any) -> None:
    account.alias = None
    account.runs[0]["status"] = "Failed"
    retired(account, NEW, "FAILED")
    assert left(account) == set()


def test_a_run_that_the_history_has_forgotten_goes(account: Account, retired: Any) -> None:
    account.runs = account.runs[:1]
    retired(account)
    assert left(account) == both(NEW)


def test_nothing_goes_while_the_api_is_being_changed(account: Account, retired: Any) -> None:
    account.holds(f"{PREFIX}-api", "UPDATE_IN_PROGRESS")
    with pytest.raises(Exception, match=f"{PREFIX}-api is UPDATE_IN_PROGRESS") as caught:
        retired(account, once=True)
    assert type(caught.value).__name__ == "StackInProgress"
    assert account.asked == []


def test_a_stack_that_is_being_changed_is_waited_for(account: Account, retired: Any) -> None:
    account.holds(stack(OLD), "CREATE_IN_PROGRESS", OLD)
    with pytest.raises(Exception, match=f"{stack(OLD)} .it is CREATE_IN_PROGRESS") as caught:
        retired(account, once=True)
    assert type(caught.value).__name__ == "StackInProgress"
    assert [name for name, _ in account.asked] == [stack(OLD, "dev")]


def test_the_name_of_the_error_is_the_one_that_the_state_machine_retries(load: Any) -> None:
    from tests.templates.sources import resources

    task = resources("pipeline.yml")["Retirement"]["Properties"]["Definition"]["States"]["Retire"]
    assert task["Retry"][1]["ErrorEquals"] == [load("retirement").StackInProgress.__name__]


def test_the_alias_is_read_anew_before_each_deletion(account: Account, retired: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    delete = account.delete_stack

    def first_deletion_then_going_back(**request: str) -> None:
        delete(**request)
        account.serves(v1=OLD)

    monkeypatch.setattr(account, "delete_stack", first_deletion_then_going_back)
    with pytest.raises(Exception, match="not gone yet"):
        retired(account, once=True)
    assert stack(OLD, "dev") in {name for name, _ in account.asked}, "the alias had not moved yet"
    assert stack(OLD) in left(account) and stack(OLD) not in {name for name, _ in account.asked}


def test_a_deletion_that_failed_earlier_is_tried_again(account: Account, retired: Any) -> None:
    account.holds(stack(OLD), "DELETE_FAILED", OLD)
    account.events = [failed_at(-30)]
    retired(account)
    assert left(account) == both(NEW)


def test_a_deletion_that_fails_now_names_stack_and_reason(account: Account, retired: Any) -> None:
    account.holds(stack(OLD), "DELETE_FAILED", OLD)
    account.events = [failed_at(1), failed_at(-30, "another reason")]
    with pytest.raises(Exception, match=rf"{stack(OLD)} \(Endpoint: in use\)") as caught:
        retired(account)
    assert type(caught.value).__name__ == "DeletionFailed"
    assert left(account) == both(NEW) | {stack(OLD)}, "the others go all the same"


def failed_at(minutes: float, reason: str = "in use") -> dict[str, Any]:
    return {"LogicalResourceId": "Endpoint", "ResourceStatus": "DELETE_FAILED", "ResourceStatusReason": reason,
            "Timestamp": ENDED + timedelta(minutes=minutes)}


def test_the_same_event_twice_changes_nothing_more(account: Account, retired: Any) -> None:
    retired(account)
    asked = list(account.asked)
    retired(account)
    assert account.asked == asked


def test_events_out_of_order_end_in_the_same(account: Account, retired: Any) -> None:
    retired(account, OLD, "SUCCEEDED")
    assert left(account) == both(NEW)


def test_stacks_of_others_and_those_without_the_tag_are_never_touched(account: Account, retired: Any) -> None:
    others = {f"{PREFIX}9-{OLD[:8]}-prd", f"{PREFIX}-more-prd", f"{PREFIX}-{OTHER[:8]}-other", f"x-{stack(OLD)}"}
    for name in others:
        account.holds(name, run=OLD)
    account.holds(stack(OTHER))  # without the tag
    retired(account)
    assert others | {stack(OTHER)} <= set(account.stacks)


def test_a_stack_deleted_long_ago_or_just_now_is_left_out(account: Account, retired: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    account.holds(stack(OTHER), "DELETE_COMPLETE", OTHER)
    describe = account.describe_stacks
    monkeypatch.setattr(account, "describe_stacks", lambda StackName: describe("gone" if StackName in both(OLD) else StackName))  # noqa: N803
    assert retired(account)["kept"] == sorted(both(NEW))
    assert account.asked == []


def test_a_version_that_does_not_say_what_it_serves_stops_everything(account: Account, retired: Any) -> None:
    account.versions["2"]["Environment"] = {"Variables": {}}
    with pytest.raises(RuntimeError, match=rf"{PREFIX}-api:2 serves, but its environment has no MODEL_RUN"):
        retired(account)
    assert account.asked == []


def test_each_decision_is_one_line_of_json(account: Account, retired: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exception, match="not gone yet"):
        retired(account, once=True)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["stack"], line["run"], line["decision"]) for line in lines] == [
        (stack(run, stage), run, decision) for run, decision in ((OLD, "deleted"), (NEW, "kept")) for stage in ("dev", "prd")]
    assert all(line["why"] for line in lines)


@pytest.mark.parametrize("name", ["NAME_PREFIX", "DEPLOY_ROLE_ARN"])
def test_a_missing_setting_is_named(load: Any, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name, raising=False)
    with pytest.raises(RuntimeError, match=f"{name} is not set"):
        load("retirement").project.setting(name)


CLOCK = {"detail-type": "Scheduled Event", "detail": {}, "time": "2026-11-20T12:00:00Z"}


def baking(account: Account, hours: float, minutes_ago: float) -> None:
    """Let the live run's release have ended some minutes ago, with that bake time."""
    account.runs[0]["lastUpdateTime"] = ENDED - timedelta(minutes=minutes_ago)
    account.published(2, NEW, -minutes_ago - 20)
    account.holds(stack(NEW), run=NEW, bake=hours)


@pytest.mark.parametrize("minutes, stays", [(59, True), (61, False)])
def test_the_former_endpoint_bakes_from_the_end_of_its_successor(account: Account, retired: Any, minutes: int, stays: bool) -> None:
    baking(account, 1, minutes)
    retired(account, Event=CLOCK)
    assert (stack(OLD) in left(account)) is stays
    assert stack(OLD, "dev") not in left(account), "what is in dev has nobody to go back to it"


def test_the_end_of_the_successor_starts_the_time(account: Account, retired: Any) -> None:
    baking(account, 0.5, 0)
    assert stack(OLD) in retired(account)["kept"]


def test_the_bake_time_is_that_of_the_run_that_took_over(account: Account, retired: Any) -> None:
    baking(account, 1, 30)
    account.holds(stack(OLD), run=OLD, bake=0.1)
    retired(account, Event=CLOCK)
    assert stack(OLD) in left(account)


def test_nothing_bakes_for_a_successor_whose_endpoint_is_gone(account: Account, retired: Any) -> None:
    account.holds(stack(OLD), run=OLD, bake=24)
    del account.stacks[stack(NEW)]
    retired(account, Event=CLOCK)
    assert stack(OLD) not in left(account)


@pytest.mark.parametrize("minutes, stays", [(59, True), (61, False)])
def test_a_run_gone_back_from_bakes_from_that_moment(account: Account, retired: Any, minutes: int, stays: bool) -> None:
    baking(account, 1, 300)
    account.holds(stack(OLD), run=OLD, bake=1)
    account.published(3, OLD, -minutes)
    account.serves(v3=OLD)
    retired(account, Event=CLOCK)
    assert left(account) == both(OLD) | ({stack(NEW)} if stays else set())


def test_after_release_back_release_the_run_in_between_times_is_the_one_to_go_back_to(account: Account, retired: Any) -> None:
    baking(account, 1, 300)  # the run that was gone back from took over long ago
    account.published(3, OLD, -200)
    account.ran(OTHER, "Succeeded", -60, -5)
    account.published(4, OTHER, -30)
    account.holds(stack(OTHER), run=OTHER, bake=1)
    account.holds(stack(OLD), run=OLD, bake=1)
    account.serves(v4=OTHER)
    retired(account, OTHER)
    assert left(account) == {stack(OTHER), stack(OLD)}


def test_a_release_that_failed_took_nothing_over(account: Account, retired: Any) -> None:
    account.ran(OTHER, "Failed", -20, -10)
    account.published(3, OTHER, -15)
    account.holds(stack(NEW), run=NEW, bake=1)
    account.holds(stack(OTHER), run=OTHER)
    retired(account, OTHER, "FAILED")
    assert left(account) == {stack(NEW), stack(OLD), stack(NEW, "dev")}


def test_the_endpoint_that_all_runs_share_is_never_retired(account: Account, retired: Any) -> None:
    shared = f"{PREFIX}-live-prd"
    account.holds(shared, run=OLD, bake=0)
    retired(account)
    assert shared in account.stacks


@pytest.mark.parametrize("name", ["api", "live-prd", f"{OTHER[:8]}-prd", f"{OTHER[:8]}-dev"])
@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED"])
def test_what_was_never_made_goes_at_once_so_that_a_retry_can_make_it(account: Account, retired: Any, name: str, status: str,
                                                                    capsys: pytest.CaptureFixture[str]) -> None:
    account.ran(OTHER, "Failed", -20)
    account.holds(f"{PREFIX}-{name}", status, OTHER)
    account.events = [{"LogicalResourceId": "Endpoint", "ResourceStatus": "CREATE_FAILED", "Timestamp": ENDED, "ResourceStatusReason": "no room"}]
    assert retired(account, OTHER, "FAILED", OnlyClear=True) == {"cleared": [f"{PREFIX}-{name}"]}
    assert account.asked == [(f"{PREFIX}-{name}", ROLE)]
    assert "Endpoint: no room" in json.loads(capsys.readouterr().out)["why"]


def test_only_a_stack_that_was_never_made_is_cleared(account: Account, retired: Any) -> None:
    for status in ("UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "DELETE_FAILED"):
        account.holds(f"{PREFIX}-api", status)
        assert retired(account, NEW, "FAILED", OnlyClear=True) == {"cleared": []}
    assert account.asked == []


def test_the_clock_clears_too_and_waits_until_it_is_gone(account: Account, retired: Any) -> None:
    account.holds(stack(OTHER), "ROLLBACK_COMPLETE", OTHER)
    retired(account, Event=CLOCK)
    assert stack(OTHER) not in account.stacks


def test_the_clock_leaves_a_failed_run_its_half_hour(account: Account, retired: Any) -> None:
    account.ran(OTHER, "Failed", -40, -29)
    account.holds(stack(OTHER), run=OTHER)
    retired(account, Event=CLOCK)
    assert stack(OTHER) in account.stacks
    account.runs[0]["lastUpdateTime"] = ENDED - timedelta(minutes=31)
    retired(account, Event=CLOCK)
    assert stack(OTHER) not in account.stacks


def test_the_files_stay_of_runs_that_serve_are_former_under_way_or_may_be_retried(account: Account, retired: Any) -> None:
    waiting, failed, long_ago = (f"{letter * 8}-0000-4000-8000-000000000000" for letter in "def")
    account.ran(waiting, "InProgress", -30)
    account.ran(failed, "Failed", -30, -10)
    account.ran(long_ago, "Succeeded", -400, -300)
    account.versions = {"1": account.versions["1"] | {"Environment": {"Variables": {"MODEL_RUN": long_ago}}}}
    account.published(2, OLD, -65)
    account.serves(v3=NEW)
    assert retired(account, Event=CLOCK)["runs"] == sorted([waiting, failed, OLD, NEW])
