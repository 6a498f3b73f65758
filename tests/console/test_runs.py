"""What is read of runs: causes in words, stages with those that are not reached, and what can be retried."""

from typing import Any

import pytest

from console.acting import runs as acting
from console.faults import Refused
from console.reading import runs
from console.reading.runs import Cause, Run
from tests.console.recorded_project import RETRAINING, RULE, STAGES, RecordedProject, run, run_id
from tests.console.stubs import PREFIX, StubbedSession, project


def stubbed(*answers: tuple[str, dict[str, Any], dict[str, Any]]) -> Any:
    """Return a project whose pipeline is asked just this: operation, answer, request."""
    session = StubbedSession()
    for operation, answer, request in answers:
        session.stubber("codepipeline").add_response(operation, answer, request)
    return project(session)


def page(*numbers: int, token: str = "") -> dict[str, Any]:
    """Return a page of the list of runs."""
    return {"pipelineExecutionSummaries": [run(number) for number in numbers], **({"nextToken": token} if token else {})}


@pytest.mark.parametrize("kind, detail, word, text", [
    ("CloudWatchEvent", f"{RULE}push", "Push", "a push to the repository"),
    ("CloudWatchEvent", f"{RULE}upload", "Upload", "an upload of data-source.zip"),
    ("CloudWatchEvent", f"{RULE}schedule", "Schedule", "the retraining schedule"),
    ("CloudWatchEvent", f"{RULE}of-mine", "Event", "the event rule of-mine"),
    ("StartPipelineExecution", RETRAINING, "Drift", "drift of production's requests"),
    ("StartPipelineExecution", "arn:aws:iam::000000000000:user/anna", "By hand", "anna, by hand"),
    ("CreatePipeline", "", "Creation", "the project's creation"),
    ("WebhookV2", "", "WebhookV2", "WebhookV2"),
    ("", "", "Unknown", "something that AWS does not name"),
])
def test_what_started_a_run_is_said_in_words(kind: str, detail: str, word: str, text: str) -> None:
    assert runs.cause({"triggerType": kind, "triggerDetail": detail}, PREFIX) == Cause(word, text)


def test_no_more_runs_are_read_than_are_asked_for() -> None:
    found = runs.history(stubbed(("list_pipeline_executions", page(9, 8, token="2"), {"pipelineName": PREFIX, "maxResults": 2})), 2)
    assert ([each.id for each in found.runs], found.older) == ([run_id(9), run_id(8)], True)


def test_more_runs_than_a_page_holds_are_read_page_by_page() -> None:
    asked = {"pipelineName": PREFIX, "maxResults": 100}
    first = page(*range(150, 50, -1), token="100")
    found = runs.history(stubbed(("list_pipeline_executions", first, asked),
                                 ("list_pipeline_executions", page(50, 49), asked | {"maxResults": 20, "nextToken": "100"})), 120)
    assert (len(found.runs), found.older) == (102, False)


def test_a_run_has_the_first_line_of_its_commit_and_its_data_version() -> None:
    found = runs.history(stubbed(("list_pipeline_executions", page(1), {"pipelineName": PREFIX, "maxResults": 1})), 1).runs[0]
    assert (found.message, found.commit[:8], found.data) == ("Change 1 of the model", "00000001", "00000001-version")


def test_a_run_that_is_gone_is_said_to_be() -> None:
    session = StubbedSession()
    session.stubber("codepipeline").add_client_error("get_pipeline_execution", "PipelineExecutionNotFoundException", "no execution", 400)
    with pytest.raises(Refused, match="There is no run abc of this project, or it is older than the history that AWS keeps"):
        runs.one(project(session), "abc")


def test_the_actions_of_a_run_that_vanished_are_none() -> None:
    session = StubbedSession()
    session.stubber("codepipeline").add_client_error("list_action_executions", "PipelineExecutionNotFoundException", "no execution", 400)
    assert runs.actions(project(session), "abc") == []


def read(recorded: RecordedProject) -> tuple[Run, tuple[runs.Stage, ...]]:
    """Return the newest run of a recorded pipeline and its stages, as the console makes them of AWS's answers."""
    newest = recorded.runs[0]
    found = Run(newest["pipelineExecutionId"], newest["status"], Cause("", ""), None, None)
    request = {"pipelineExecutionId": found.id, "filter": {"pipelineExecutionId": found.id}}
    executions = sorted(recorded.answer("ListActionExecutions", request)["actionExecutionDetails"], key=lambda each: each["startTime"])
    return found, runs.stages(found, recorded.answer("GetPipelineState", {})["stageStates"], executions)


def test_stages_that_a_run_has_not_reached_are_shown_without_a_state() -> None:
    recorded = RecordedProject()
    recorded.under_way("InProgress", {name: STAGES[name] for name in ("Source", "Build")}, "InProgress")
    _, found = read(recorded)
    assert [(stage.name, stage.status) for stage in found] == [
        ("Source", "Succeeded"), ("Build", "InProgress"), ("Train", ""), ("DeployDev", ""), ("DeployPrd", "")]
    assert [action.name for action in found[2].actions] == STAGES["Train"]


def test_an_approval_that_is_under_way_asks_a_person() -> None:
    recorded = RecordedProject()
    recorded.under_way("InProgress", {name: STAGES[name] for name in ("Source", "Build", "Train", "DeployDev")}, "InProgress")
    _, found = read(recorded)
    assert [action.name for stage in found for action in stage.actions if action.asks] == ["Approval"]


def test_a_failed_stage_says_why_and_can_be_retried() -> None:
    recorded = RecordedProject()
    recorded.under_way("Failed", {name: STAGES[name] for name in ("Source", "Build", "Train")}, "Failed", "GateFailed: auc 0.71 is below 0.85")
    _, found = read(recorded)
    assert [(stage.name, stage.retry) for stage in found if stage.retry] == [("Train", True)]
    assert found[2].actions[-1].error == "GateFailed: auc 0.71 is below 0.85"


def test_a_stage_that_a_newer_run_has_entered_cannot_be_retried() -> None:
    recorded = RecordedProject()
    recorded.under_way("Failed", {"Source": STAGES["Source"], "Build": STAGES["Build"]}, "Failed", "no")
    states = recorded.answer("GetPipelineState", {})["stageStates"]
    for state in states:
        state["latestExecution"] = {"pipelineExecutionId": run_id(99), "status": "Succeeded"}
    older = Run(recorded.runs[0]["pipelineExecutionId"], "Failed", Cause("", ""), None, None)
    found = runs.stages(older, states, recorded.actions[older.id])
    assert [(stage.name, stage.status) for stage in found][:3] == [("Source", "Succeeded"), ("Build", "Failed"), ("Train", "")]
    assert not any(stage.retry for stage in found)


def test_only_the_last_attempt_of_an_action_is_shown_with_its_number() -> None:
    recorded = RecordedProject()
    found, _ = read(recorded)
    again = [{**recorded.actions[found.id][-1], "status": "Failed"}, recorded.actions[found.id][-1]]
    monitoring = runs.stages(found, recorded.answer("GetPipelineState", {})["stageStates"], again)[-1].actions[-1]
    assert (monitoring.name, monitoring.status, monitoring.attempts) == ("Monitoring", "Succeeded", 2)


def test_a_run_that_has_ended_is_not_stopped() -> None:
    session = StubbedSession()
    session.stubber("codepipeline").add_response("get_pipeline_execution", {"pipelineExecution": {
        "pipelineExecutionId": run_id(1), "status": "Succeeded"}})
    with pytest.raises(Refused, match="has ended meanwhile"):
        acting.stop(project(session), run_id(1), abandon=True, reason="")


def test_a_run_that_somebody_else_has_stopped_is_said_to_stop() -> None:
    session = StubbedSession()
    session.stubber("codepipeline").add_response("get_pipeline_execution", {"pipelineExecution": {
        "pipelineExecutionId": run_id(1), "status": "Stopping"}})
    session.stubber("codepipeline").add_client_error("stop_pipeline_execution", "DuplicatedStopRequestException", "again", 400)
    assert acting.stop(project(session), run_id(1), abandon=False, reason="") == "Run 00000001 is stopping already."


def test_a_stage_is_retried_in_the_way_that_is_asked_for() -> None:
    asked = {"pipelineName": PREFIX, "stageName": "Train", "pipelineExecutionId": run_id(1), "retryMode": "ALL_ACTIONS"}
    retried = stubbed(("retry_stage_execution", {"pipelineExecutionId": run_id(1)}, asked))
    assert acting.retry(retried, run_id(1), "Train", "ALL_ACTIONS") == "Train of run 00000001 is tried again."
    with pytest.raises(Refused, match="no way to retry"):
        acting.retry(retried, run_id(1), "Train", "ALL")
