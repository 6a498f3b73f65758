"""An answer is given once, to the question whose numbers were seen; whoever is second hears who was first."""

import pytest

from console.acting.answer import put
from console.faults import Refused
from console.reading.question import standing
from tests.console.any_order import refusal
from tests.console.approval_account import AT, NEW, actions, approval_state, waiting

ADA = "arn:aws:sts::000000000000:assumed-role/reviewer/ada"


@pytest.mark.parametrize("approved, status, told", [
    (True, "Approved", "Run 605b6ebc is approved and goes on to production."), (False, "Rejected", "Run 605b6ebc is rejected and ends.")])
def test_an_answer_names_the_question_and_keeps_the_comment(approved: bool, status: str, told: str) -> None:
    stubs, project = waiting("answered")
    question = standing(project).question
    assert question is not None
    assert put(project, question, approved, "  AUC is better \n") == told
    assert stubs.named("PutApprovalResult") == [{
        "pipelineName": "demo-answered-p-abc123def456", "stageName": "DeployDev", "actionName": "Approval", "token": "token-1",
        "result": {"status": status, "summary": "AUC is better"}}]


def test_blanks_are_no_reason_to_reject() -> None:
    stubs, project = waiting("blank")
    question = standing(project).question
    assert question is not None
    with pytest.raises(Refused, match="Say why it is rejected"):
        put(project, question, False, "  \n ")
    assert stubs.named("PutApprovalResult") == []


def second(name: str, **ended: object) -> str:
    """Answer a question that somebody else has answered since it was shown; return what is told, having changed nothing."""
    stubs, project = waiting(name)
    question = standing(project).question
    assert question is not None
    stubs.answer("codepipeline", "GetPipelineState", approval_state("Succeeded", None))
    stubs.answer("codepipeline", "ListActionExecutions", actions(NEW, "Grow", "data-2", **ended))
    with pytest.raises(Refused) as told:
        put(project, question, True, "me too")
    assert stubs.named("PutApprovalResult") == []
    return str(told.value)


def test_the_second_of_two_people_hears_who_was_first() -> None:
    ended = {"status": "Succeeded", "updatedBy": ADA, "output": {"executionResult": {"externalExecutionSummary": "AUC is better"}}}
    assert second("second", **ended) == "Run 605b6ebc was approved by ada before (AUC is better). Your answer has changed nothing."


def test_the_second_hears_of_a_rejection_a_stop_and_an_answer_on_its_way() -> None:
    rejected = {"status": "Failed", "updatedBy": ADA, "output": {"executionResult": {"externalExecutionSummary": "too slow"}}}
    assert "was rejected by ada before (too slow)" in second("rejected", **rejected)
    assert "no longer asks: the action ended as Abandoned" in second("stopped", status="Abandoned")
    assert "Somebody else has just answered for run 605b6ebc" in second("busy", status="InProgress")


@pytest.mark.parametrize("code", ["ApprovalAlreadyCompletedException", "InvalidApprovalTokenException"])
def test_an_answer_that_comes_between_look_and_call_is_told_alike(code: str) -> None:
    stubs, project = waiting(f"between-{code[:7].lower()}")
    question = standing(project).question
    assert question is not None
    stubs.answer("codepipeline", "PutApprovalResult", refusal(code))
    stubs.answer("codepipeline", "ListActionExecutions", actions(
        NEW, "Grow", "data-2", status="Succeeded", updatedBy=ADA, lastUpdateTime=AT, output={"executionResult": {"externalExecutionSummary": "yes"}}))
    with pytest.raises(Refused, match=r"was approved by ada before \(yes\)\. Your answer has changed nothing"):
        put(project, question, True, "")


def test_a_question_of_another_run_is_not_answered_with_these_numbers() -> None:
    stubs, project = waiting("other")
    question = standing(project).question
    assert question is not None
    stubs.answer("codepipeline", "GetPipelineState", approval_state(token="token-of-another-run"))
    with pytest.raises(Refused, match="asked anew"):
        put(project, question, True, "")
    assert stubs.named("PutApprovalResult") == []


def test_missing_rights_stay_what_they_are() -> None:
    stubs, project = waiting("rights")
    question = standing(project).question
    assert question is not None
    stubs.answer("codepipeline", "PutApprovalResult", refusal("AccessDeniedException", "not authorized to perform codepipeline:PutApprovalResult"))
    with pytest.raises(Exception, match="not authorized to perform codepipeline:PutApprovalResult"):
        put(project, question, True, "")


def test_a_comment_that_codepipeline_would_cut_is_not_sent() -> None:
    stubs, project = waiting("long")
    question = standing(project).question
    assert question is not None
    with pytest.raises(Refused, match="has 513 characters; CodePipeline keeps 512"):
        put(project, question, False, "x" * 513)
    assert stubs.calls == [("GetPipelineState", {"name": project.pipeline})]
