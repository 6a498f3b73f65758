"""How far an execution is, from its history; and the pictures that show it."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from defusedxml.ElementTree import fromstring

import state_machine_picture
import timeline_picture
from workflow_runs import StateRun, progress

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
PREPARE = {"Type": "Task", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "PrepareFailed"}], "Next": "Both"}
DEFINITION = {"StartAt": "Prepare", "States": {
    "Prepare": PREPARE, "PrepareFailed": {"Type": "Fail"},
    "Both": {"Type": "Parallel", "End": True, "Branches": [
        {"StartAt": "Baseline", "States": {"Baseline": {"Type": "Task", "End": True}}},
        {"StartAt": "Train", "States": {
            "Train": {"Type": "Task", "Next": "Gate"},
            "Gate": {"Type": "Choice", "Choices": [{"Next": "Promote"}], "Default": "GateFailed"},
            "Promote": {"Type": "Task", "End": True}, "GateFailed": {"Type": "Fail"}}}]}}}


def at(seconds: int) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def history(*told: tuple[int, str, str]) -> list[dict]:
    """Return events of (the number of the event before it, its type, the name of its state), a second apart."""
    events: list[dict] = []
    for number, (before, kind, name) in enumerate(told, start=1):
        event: dict = {"id": number, "previousEventId": before, "type": kind, "timestamp": at(number)}
        for part in ("Entered", "Exited"):
            if kind.endswith(f"State{part}"):
                event[f"state{part}EventDetails"] = {"name": name}
        events.append(event)
    return events


BEFORE_THE_BRANCHES = (
    (0, "ExecutionStarted", ""), (1, "TaskStateEntered", "Prepare"), (2, "TaskScheduled", ""), (3, "TaskSucceeded", ""),
    (4, "TaskStateExited", "Prepare"), (5, "ParallelStateEntered", "Both"), (6, "TaskStateEntered", "Baseline"), (6, "TaskStateEntered", "Train"))


def test_a_state_runs_from_its_entry_to_its_exit_and_beside_others() -> None:
    found = progress(history(*BEFORE_THE_BRANCHES, (7, "TaskScheduled", ""), (8, "TaskStateExited", "Train")))
    assert found == {"Prepare": StateRun("succeeded", at(2), at(5)), "Both": StateRun("running", at(6)), "Baseline": StateRun("running", at(7)),
                     "Train": StateRun("succeeded", at(8), at(10))}


def test_a_failure_that_is_tried_again_with_success_is_none() -> None:
    tried = ((0, "ExecutionStarted", ""), (1, "TaskStateEntered", "Prepare"), (2, "TaskScheduled", ""), (3, "TaskFailed", ""))
    assert progress(history(*tried))["Prepare"].status == "failed"
    again = (*tried, (4, "TaskScheduled", ""))
    assert progress(history(*again))["Prepare"] == StateRun("running", at(2))
    assert progress(history(*again, (5, "TaskSucceeded", ""), (6, "TaskStateExited", "Prepare")))["Prepare"].status == "succeeded"


def test_a_failure_that_is_caught_stays_one_and_leads_to_its_fail_state() -> None:
    found = progress(history((0, "ExecutionStarted", ""), (1, "TaskStateEntered", "Prepare"), (2, "TaskScheduled", ""), (3, "TaskFailed", ""),
                             (4, "TaskStateExited", "Prepare"), (5, "FailStateEntered", "PrepareFailed"), (6, "ExecutionFailed", "")))
    assert {name: state.status for name, state in found.items()} == {"Prepare": "failed", "PrepareFailed": "failed"}


def test_what_still_ran_when_the_execution_failed_is_stopped() -> None:
    found = progress(history(*BEFORE_THE_BRANCHES, (8, "TaskStateExited", "Train"), (9, "ChoiceStateEntered", "Gate"), (10, "ChoiceStateExited", "Gate"),
                             (11, "FailStateEntered", "GateFailed"), (12, "ExecutionFailed", "")))
    assert {name: state.status for name, state in found.items()} == {
        "Prepare": "succeeded", "Both": "stopped", "Baseline": "stopped", "Train": "succeeded", "Gate": "succeeded", "GateFailed": "failed"}
    assert found["Baseline"].ended == at(13)


# Pictures

def words(drawing: str) -> list[str]:
    """Return the texts of a picture, which is a document that can be read."""
    return [element.text or "" for element in fromstring(drawing).iter() if element.tag.endswith("}text")]


def test_every_state_is_drawn_but_the_ends_of_failures_that_did_not_happen() -> None:
    assert set(words(state_machine_picture.picture(DEFINITION))) - {"task", "choice", "fail"} == {
        "Prepare", "Both", "Baseline", "Train", "Gate", "Promote", "GateFailed"}
    failed = {"Prepare": StateRun("failed", at(0), at(3)), "PrepareFailed": StateRun("failed", at(3), at(3))}
    assert {"✗ Prepare", "task, 3.0 s", "✗ PrepareFailed"} <= set(words(state_machine_picture.picture(DEFINITION, failed)))


def test_a_way_back_does_not_push_states_down_without_end() -> None:
    look = {"Type": "Choice", "Choices": [{"Next": "Done"}], "Default": "Wait"}
    loop = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Next": "Look"}, "Look": look, "Done": {"Type": "Succeed"}}}
    assert [words(state_machine_picture.picture(loop)).count(name) for name in loop["States"]] == [1, 1, 1]


def places(drawing: str) -> list[tuple[float, float, float, float]]:
    """Return left, top, width and height of each box, below all groups that move it."""
    found = []

    def visit(element: Any, x: float, y: float) -> None:
        moved = re.match(r"translate\(([-\d.]+),([-\d.]+)\)", element.get("transform", ""))
        x, y = (x + float(moved[1]), y + float(moved[2])) if moved else (x, y)
        if element.tag.endswith("}rect"):
            found.append((x + float(element.get("x", 0)), y + float(element.get("y", 0)), float(element.get("width", 0)), float(element.get("height", 0))))
        for child in element:
            visit(child, x, y)

    visit(fromstring(drawing), 0, 0)
    return found


def test_states_lie_beside_or_below_each_other_and_within_the_picture() -> None:
    drawing = state_machine_picture.picture(DEFINITION)
    boxes = sorted(places(drawing), key=lambda box: box[2] * box[3])[:-1]  # the largest is the frame around the branches
    assert len(boxes) == 6
    for number, (x, y, width, height) in enumerate(boxes):
        for other_x, other_y, other_width, other_height in boxes[number + 1:]:
            assert x + width <= other_x or other_x + other_width <= x or y + height <= other_y or other_y + other_height <= y
    whole = [float(part) for part in fromstring(drawing).get("viewBox", "").split()]
    assert all(x >= 0 and y >= 0 and x + width <= whole[2] and y + height <= whole[3] for x, y, width, height in boxes)


def test_bars_begin_and_end_as_what_they_stand_for() -> None:
    runs = {"Prepare": StateRun("succeeded", at(0), at(30)), "Train": StateRun("failed", at(30), at(40)), "Gate": StateRun("running", at(40))}
    drawing = timeline_picture.picture(timeline_picture.of_states(runs))
    [prepare, train] = places(drawing)
    assert train[0] == pytest.approx(prepare[0] + prepare[2], abs=0.2)  # one begins where the other ends
    assert prepare[2] == pytest.approx(3 * train[2], abs=0.2)
    assert words(drawing) == ["Prepare", "30.0 s ✓", "Train", "10.0 s ✗"]


def test_actions_have_bars_but_the_one_that_waits_for_a_person() -> None:
    def action(stage: str, name: str, status: str) -> dict:
        return {"stageName": stage, "actionName": name, "status": status, "startTime": at(0), "lastUpdateTime": at(200)}

    bars = timeline_picture.of_actions([action("Build", "Build", "Succeeded"), action("DeployDev", "Approval", "InProgress")])
    assert [(bar.name, bar.status) for bar in bars] == [("Build/Build", "succeeded")]
    assert "3 min ✓" in words(timeline_picture.picture(bars))
