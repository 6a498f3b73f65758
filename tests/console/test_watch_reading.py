"""What Watch chooses to show, and what it asks again."""

import pytest

from console.place import Place
from console.reading import findings
from console.views import watch
from tests.console.any_order import refusal
from tests.console.watched_account import MINUTES, PLAN, Watched


def place(account: Watched, **query: str) -> Place:
    return Place(account.name, "watch", query=query)


def test_the_newest_look_with_drift_and_its_drifted_feature_are_shown() -> None:
    account = Watched("shown", verdicts=["too few rows", "no drift", "drift", "drift"])
    state = watch.read(account.project, place(account))
    assert state.findings and state.findings.look == state.looks.page[2]
    assert state.findings.chosen and state.findings.chosen.name == MINUTES
    assert state.drift and state.drift.features[0][0] == MINUTES
    assert state.report.startswith("https://") and "X-Amz-Signature" in state.report and "report.html" in state.report


def test_the_address_names_look_and_feature() -> None:
    account = Watched("named", verdicts=["drift", "no drift"])
    other = watch.read(account.project, place(account)).looks.page[1]
    state = watch.read(account.project, place(account, look=other.name, feature=PLAN))
    assert state.findings and (state.findings.look.name, state.findings.chosen and state.findings.chosen.name) == (other.name, PLAN)


def test_distances_are_asked_again_when_a_look_has_ended_and_else_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    account, clock = Watched("asked", verdicts=["no drift"]), [1200.0]
    monkeypatch.setattr(watch.time, "monotonic", lambda: clock[0])
    for _ in range(3):
        watch.read(account.project, place(account))
    assert len(account.stubs.named("ListMetrics")) == 2
    account.verdicts = ["drift", "no drift"]
    watch.read(account.project, place(account))
    assert len(account.stubs.named("ListMetrics")) == 4
    clock[0] += watch.LATE_SECONDS
    watch.read(account.project, place(account))
    assert len(account.stubs.named("ListMetrics")) == 6


def test_two_reads_of_the_same_are_equal_so_that_nothing_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    account, clock = Watched("equal"), [7200.0]
    monkeypatch.setattr(findings.time, "time", lambda: clock[0])
    first = watch.read(account.project, place(account))
    clock[0] += 1799
    assert watch.read(account.project, place(account)) == first


def test_without_captures_there_is_nothing_to_find_and_the_rest_is_told() -> None:
    account = Watched("uncaptured", verdicts=[], capturing="no")
    state = watch.read(account.project, place(account))
    assert state.rules and not state.rules.capturing
    assert state.findings is None and state.alarms and state.capacity and state.retraining


def test_before_the_first_release_nothing_else_is_asked() -> None:
    account = Watched("unreleased", released=False)
    assert watch.read(account.project, place(account)).rules is None
    assert {name for name, _ in account.stubs.calls} == {"DescribeStacks"}


@pytest.mark.parametrize("token", ["", "older"])
def test_older_looks_are_asked_for_by_their_token(token: str) -> None:
    account = Watched(f"older{token}")
    watch.read(account.project, place(account, older=token))
    assert [call.get("nextToken", "") for call in account.stubs.named("ListExecutions")].count("older") == bool(token)


def test_what_the_caller_may_not_see_is_told_and_the_rest_is_shown() -> None:
    account = Watched("denied")
    for service, operation in (("application-autoscaling", "DescribeScalableTargets"), ("cloudwatch", "DescribeAlarms")):
        account.stubs.answer(service, operation, refusal("AccessDeniedException", "not allowed", operation))
    state = watch.read(account.project, place(account))
    assert state.capacity is None and state.alarms == () and state.findings and state.drift
    assert len(state.faults) == 2 and any("the right to DescribeScalableTargets" in fault for fault in state.faults)
