"""Answers the pipeline's question: once, for the run whose numbers were seen, and never over somebody else's answer."""

from botocore.exceptions import ClientError

from console.account import Project
from console.faults import Refused
from console.reading.question import Answer, Question, answered, standing

LONGEST = 512  # characters of a comment
TAKEN = ("ApprovalAlreadyCompletedException", "InvalidApprovalTokenException")
NO_COMMENT = "without a comment"


def put(project: Project, question: Question, approved: bool, comment: str) -> str:
    """Answer a question and return what happens next; raises Refused where it no longer waits for this answer."""
    said = comment.strip()
    if len(said) > LONGEST:
        raise Refused(f"The comment has {len(said)} characters; CodePipeline keeps {LONGEST}. Shorten it, then answer.")
    if not approved and not said:
        raise Refused("Say why it is rejected, in a word or more: whoever made it will read that.")
    now = standing(project).question
    if now is None or now.token != question.token:
        raise Refused(taken(project, question))
    try:
        project.client("codepipeline").put_approval_result(
            pipelineName=project.pipeline, stageName=question.stage, actionName=question.action, token=question.token,
            result={"status": "Approved" if approved else "Rejected", "summary": said or NO_COMMENT})
    except ClientError as error:
        if error.response["Error"]["Code"] not in TAKEN:
            raise
        raise Refused(taken(project, question)) from error
    return f"Run {question.run[:8]} is approved and goes on to production." if approved else f"Run {question.run[:8]} is rejected and ends."


def taken(project: Project, question: Question) -> str:
    """Return who was faster, in one sentence."""
    answer = answered(project, question)
    return f"{_who(question, answer)} Your answer has changed nothing."


def _who(question: Question, answer: Answer | None) -> str:
    run = question.run[:8]
    if answer is None:
        return f"Somebody else has just answered for run {run}, or it is asked anew."
    if answer.word not in ("approved", "rejected"):
        return f"Run {run} no longer asks: the action ended as {answer.word}."
    by = f" by {answer.person}" if answer.person else ""
    return f"Run {run} was {answer.word}{by} before ({answer.comment or NO_COMMENT})."
