"""The function retirement: which endpoint stacks stay after a run's end, and how the others go."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.exceptions import ClientError

PREFIX = "mlops-churn-p-abc123def456"
ROLE = f"arn:aws:iam::123456789012:role/{PREFIX}-deploy"
OLD, NEW, OTHER = (f"{letter * 8}-0000-4000-8000-000000000000" for letter in "abc")
ENDED = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)  # the event's time


def stack(run: str, stage: str = "prd") -> str:
    return f"{PREFIX}-{run[:8]}-{stage}"


def refusal(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


class Account:
    """CloudFormation, Lambda and CodePipeline in memory, two stacks or runs a page."""

    def __init__(self) -> None:
        self.stacks: dict[str, dict[str, Any]] = {}
        self.runs: list[dict[str, Any]] = []  # newest first
        self.alias: dict[str, Any] | None = None
        self.versions: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, str]] = []
        self.events: list[dict[str, Any]] = []

    def holds(self, name: str, status: str = "CREATE_COMPLETE", run: str | None = None) -> None:
        self.stacks[name] = {"StackName": name, "StackStatus": status, "Tags": [{"Key": "run", "Value": run}] if run else []}

    def ran(self, run: str, status: str, started: float = 0, updated: float = 0) -> None:
        """Remember a run; the times are minutes from the event's."""
        self.runs.append({"pipelineExecutionId": run, "status": status, "startTime": ENDED + timedelta(minutes=started),
                          "lastUpdateTime": ENDED + timedelta(minutes=updated)})
        self.runs.sort(key=lambda item: item["startTime"], reverse=True)

    def serves(self, **weights: str) -> None:
        """Let the alias point at versions: the first alone, or with the others' weights."""
        self.versions = {version.removeprefix("v"): {"Environment": {"Variables": {"MODEL_RUN": run}}} for version, run in weights.items()}
        first, *rest = self.versions
        self.alias = {"FunctionVersion": first} | ({"RoutingConfig": {"AdditionalVersionWeights": dict.fromkeys(rest, 0.1)}} if rest else {})

    # what the function calls

    def get_paginator(self, operation: str) -> Pages:
        return Pages(self, operation)

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        if StackName not in self.stacks:
            raise refusal("ValidationError", f"Stack with id {StackName} does not exist")
        return {"Stacks": [self.stacks[StackName]]}

    def describe_stack_events(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        return {"StackEvents": self.events}

    def delete_stack(self, StackName: str, RoleARN: str) -> None:  # noqa: N803
        self.asked.append((StackName, RoleARN))
        self.stacks[StackName]["StackStatus"] = "DELETE_IN_PROGRESS"

    def get_alias(self, FunctionName: str, Name: str) -> dict[str, Any]:  # noqa: N803
        assert (FunctionName, Name) == (f"{PREFIX}-api", "live")
        if self.alias is None:
            raise refusal("ResourceNotFoundException", "Cannot find alias")
        return self.alias

    def get_function_configuration(self, FunctionName: str, Qualifier: str) -> dict[str, Any]:  # noqa: N803
        return self.versions[Qualifier]


class Pages:
    """A paginator of the account."""

    def __init__(self, account: Account, operation: str) -> None:
        self.account, self.operation = account, operation

    def paginate(self, pipelineName: str = PREFIX) -> list[dict[str, Any]]:  # noqa: N803
        assert pipelineName == PREFIX
        key, items = {"list_stacks": ("StackSummaries", list(self.account.stacks.values())),
                      "list_pipeline_executions": ("pipelineExecutionSummaries", self.account.runs)}[self.operation]
        return [{key: items[place:place + 2]} for place in range(0, len(items), 2)] or [{key: []}]


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
    made.serves(v2=NEW)
    return made


@pytest.fixture
def retired(load: Any, event: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function that calls retirement until it no longer raises StackInProgress, as the state machine does."""

    def call(account: Account, run: str = NEW, state: str = "SUCCEEDED", once: bool = False) -> Any:
        handler = load("retirement")
        monkeypatch.setattr(handler, "client", lambda service: account)
        monkeypatch.setenv("NAME_PREFIX", PREFIX)
        monkeypatch.setenv("DEPLOY_ROLE_ARN", ROLE)
        given = event("retirement")
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
    assert retired(account) == {"kept": sorted(both(NEW))}
    assert left(account) == both(NEW)
    assert account.asked == [(name, ROLE) for name in sorted(both(OLD))]


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
    assert retired(account) == {"kept": sorted(both(NEW))}
    assert account.asked == []


def test_a_version_that_does_not_say_what_it_serves_stops_everything(account: Account, retired: Any) -> None:
    account.versions["2"] = {"Environment": {"Variables": {}}}
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
        load("retirement").setting(name)
