"""What waits for a person: what would change, the numbers, and the answer."""

from functools import partial

from console.account import Project
from console.acting.answer import NO_COMMENT
from console.live import Page
from console.parts.badges import badge, state_badge
from console.parts.markup import heading, link, paragraph, tag
from console.parts.times import moment
from console.place import Place
from console.reading import candidate
from console.reading.candidate import State
from console.reading.question import Answer, Question, Standing
from console.reading.revision import Revision
from console.views.approval_answer import answering
from console.views.candidate_changes import changed
from console.views.candidate_numbers import confusion, curve, golden, metrics
from console.views.candidate_report import report_button

TITLE = "Approval"
SECONDS = 3.0
CHARTS = True
WORDS = {"approved": ("Approved", "good"), "rejected": ("Rejected", "bad")}


def read(project: Project, place: Place) -> State:
    """Return where the pipeline stands, and what the run of the address would change, else the one that waits."""
    return candidate.read(project, place.run)


def draw(page: Page, state: State) -> None:
    """Draw the numbers, and below them the way to answer; what was not drawn cannot be answered."""
    if state.new is None or state.candidate is None:
        page.part("nothing", (state.project, state.standing), partial(_nothing, page.place))
        return
    found, new, evaluation = state.candidate, state.new, state.candidate.evaluation
    page.part("asked", (new, state.question, state.standing.question, state.standing.answer), partial(_asked, page.place))
    page.part("ways", (state.project, new.run, evaluation is not None), partial(_ways, page))
    if evaluation is None:
        page.part("missing", found.missing, _missing)
    else:
        page.part("metrics", (evaluation, new, state.live), metrics)
        if evaluation.counts:
            page.part("confusion", evaluation, confusion)
        if evaluation.curve:
            page.part("curve", evaluation, curve)
    page.part("golden", found.golden, golden)
    page.part("changed", (new, state.live), changed)
    if state.question:
        page.part("answer", (state.project, state.question, new, state.live, evaluation), partial(answering, page))


def _nothing(place: Place, value: tuple[Project, Standing]) -> None:
    project, standing = value
    with tag("div", classes="empty"):
        heading(2, "Nothing waits for an answer")
        if standing.running:
            run, stage = standing.running
            with tag("p"):
                link(f"Run {run[:8]}", place.link("project", run))
                tag("span", f" is in stage {stage}. ")
                if stage == "DeployPrd":
                    link("Follow its release.", place.link("release", ""))
                elif standing.answer and standing.answer.run == run:
                    tag("span", "It goes on to production next.")
                else:
                    tag("span", "This page shows its numbers once it asks.")
        else:
            paragraph("A push to the project's repository or an upload of data-source.zip starts a run; so does")
            tag("pre", f"aws codepipeline start-pipeline-execution --name {project.pipeline}", "code", tabindex="0")
        if standing.answer:
            _last(place, standing.answer)


def _last(place: Place, answer: Answer) -> None:
    with tag("p", classes="headline"):
        tag("span", "The last one:")
        link(f"run {answer.run[:8]}", place.link("approval", answer.run))
        _word(answer)


def _word(answer: Answer) -> None:
    badge(*WORDS[answer.word]) if answer.word in WORDS else state_badge(answer.word)
    said = " ".join(part for part in (f"by {answer.person}" if answer.person else "", _quoted(answer.comment)) if part)
    tag("span", said, "quiet")
    if answer.when:
        moment(answer.when, "quiet")


def _quoted(comment: str) -> str:
    return comment if comment in ("", NO_COMMENT) else f"“{comment}”"


def _asked(place: Place, value: tuple[Revision, Question | None, Question | None, Answer | None]) -> None:
    new, question, other, answer = value
    with tag("div", classes="headline"):
        heading(2, f"Run {new.run[:8]}")
        if question:
            badge("Asks a person", "asks")
        elif answer and answer.run == new.run:
            _word(answer)
    if question:
        with tag("p"):
            tag("span", f"{new.question or 'It waits for an answer.'} Asked ")
            moment(question.asked)
            tag("span", ". The answer is at the end of this page, below the numbers.")
    else:
        with tag("p", "This run does not wait for an answer. "):
            if other:
                link(f"Run {other.run[:8]} does.", place.link(run=""))


def _ways(page: Page, value: tuple[Project, str, bool]) -> None:
    project, run, measured = value
    with tag("div", classes="buttons"):
        link("Run", page.place.link("project", run), "button")
        link("Training graph", page.place.link("graph", run), "button")
        link("Logs", page.place.link("logs", run), "button")
        if measured:
            report_button(page, project, run)


def _missing(why: str) -> None:
    heading(2, "Metrics")
    paragraph(why, "fault")
