"""The answer: approve or reject with a comment. Each button asks once more, with the numbers that decide."""

from functools import partial

from console.account import Project
from console.acting.answer import put
from console.live import Page
from console.parts import dialog
from console.parts.dialog import Field, asking_button
from console.parts.figures import figure, interval, plain
from console.parts.markup import heading, paragraph, tag
from console.reading.evaluation import Evaluation
from console.reading.question import Question
from console.reading.revision import Revision
from console.views.candidate_numbers import KNOWS, may_know


def answering(page: Page, value: tuple[Project, Question, Revision, Revision | None, Evaluation | None]) -> None:
    """Draw the two buttons; a run without numbers can only be rejected."""
    project, question, new, live, evaluation = value
    heading(2, "Your answer")
    run = question.run[:8]
    if evaluation is None:
        paragraph("Without metrics this run cannot be approved here. Rejecting it lets the next run pass.")
    with tag("div", classes="buttons"):
        if evaluation is not None:
            asking_button(page, "Approve", dialog.Question(
                f"Put run {run} into production?", f"{said(evaluation, new, live)} The release begins at once.", "Approve", COMMENT),
                partial(_put, project, question, True), "primary")
        asking_button(page, "Reject", dialog.Question(
            f"Reject run {run}?", f"{said(evaluation, new, live)} The run ends as failed; what serves goes on serving.", "Reject", REASON, danger=True),
            partial(_put, project, question, False))
    paragraph(f"Answering takes the right codepipeline:PutApprovalResult on {project.pipeline}/{question.stage}/{question.action}.", "quiet")


COMMENT = (Field("comment", "Comment, kept with the run", "area"),)
REASON = (Field("comment", "Why, kept with the run", "area", required=True),)


def _put(project: Project, question: Question, approved: bool, given: dict[str, str]) -> str:
    return put(project, question, approved, given.get("comment", ""))


def said(evaluation: Evaluation | None, new: Revision, live: Revision | None) -> str:
    """Return the number that decides, in a sentence."""
    metric = evaluation and (evaluation.metric(new.input("MetricName")) or evaluation.metrics[0])
    if not metric:
        return "There are no metrics of it."
    text = f"Its {plain(metric.name)} is {figure(metric.own.value)} ({interval(metric.own.interval(metric.bounds))})"
    if metric.live is None:
        return f"{text}."
    caution = f" {KNOWS} so that its number may be too good." if may_know(new, live) else ""
    return f"{text}; the live model's is {figure(metric.live.value)} on the same rows: {metric.verdict or 'not comparable'}.{caution}"
