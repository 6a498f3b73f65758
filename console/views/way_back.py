"""The way back: the former releases, the question before one is gone back to, and what the script says meanwhile."""

from functools import partial

from console.account import Project
from console.acting.going_back import GoingBack, go_back
from console.live import Page
from console.parts.badges import badge
from console.parts.dialog import Question, asking_button
from console.parts.markup import heading, link, paragraph, tag
from console.parts.table import Cell, Column, table
from console.parts.times import moment
from console.reading.former import Former
from console.reading.versions import Version

COLUMNS = (Column("Run"), Column("Change"), Column("Released"), Column("Endpoint"), Column("Way back"))
CODES = {0: ("Done", "good"), 1: ("Not done", "bad"), 2: ("Called wrongly", "bad")}
Releases = tuple[Project, Version, Version | None, tuple[Former, ...], bool]


def going_back(way: GoingBack) -> None:
    """Draw what the script has said; its last line says what serves, or what to do."""
    with tag("div", classes="headline"):
        heading(2, f"Going back to run {way.run[:8]}")
        badge(*(CODES.get(way.code, ("Interrupted", "bad")) if way.code is not None else ("Under way", "busy")))
    with tag("div", classes="log short", role="log", tabindex="0", aria_label="What scripts/rollback.sh says", aria_live="polite"):
        for line in way.said or ("It begins ...",):
            tag("p", line)


def former_releases(page: Page, value: Releases) -> None:
    """Draw the releases that do not answer now, with the button where one may go back to them."""
    project, live, coming, former, is_under_way = value
    heading(2, "Go back")
    if coming:
        paragraph(f"The release of run {coming.run[:8]} is under way. Stopped, it gives all requests back to run {live.run[:8]} within seconds.")
        with tag("div", classes="buttons"):
            _button(page, project, live.run, _stopping(live, coming), f"Stop it, back to run {live.run[:8]}", is_under_way)
    if not former:
        paragraph("There is no other release to go back to: this is the first one." if not coming else "There is no other release to go back to.", "quiet")
        return
    paragraph("Requests are answered by the chosen run within seconds; nothing is deleted. Then mend what was bad and push: the next run is released "
              "as ever.", "quiet")
    table("Releases that do not answer now, the newest first", COLUMNS, [_row(page, project, live, each, is_under_way) for each in former])


def _row(page: Page, project: Project, live: Version, each: Former, is_under_way: bool) -> list[Cell]:
    asked = f"{each.endpoint.removeprefix(f'{project.prefix}-')}, {each.instances} instance{'' if each.instances == 1 else 's'}" if each.instances else "gone"
    way = partial(paragraph, f"No: {each.why_not}", "quiet") if each.why_not else partial(
        _button, page, project, each.run, _question(live, each), f"Go back to {each.run[:8]}", is_under_way)
    change = f"{each.change}{' (gone back from)' if each.later and not each.why_not else ''}"
    return [partial(link, each.run[:8], page.place.link("project", each.run), "code"), change, partial(moment, each.published), asked, way]


def _button(page: Page, project: Project, run: str, question: Question, label: str, is_under_way: bool) -> None:
    button = asking_button(page, label, question, lambda _: _begin(project, run), "danger-quiet")
    if is_under_way:
        button.props["disabled"] = True


def _begin(project: Project, run: str) -> str:
    go_back(project, run)
    return f"Going back to run {run[:8]} has begun."


def _question(live: Version, each: Former) -> Question:
    return Question(
        f"Go back from run {live.run[:8]} to run {each.run[:8]}?",
        f"Run {live.run} answers now; afterwards run {each.run} answers all requests. A release that is under way is stopped. "
        "The endpoint of the former stays for its bake time.", f"Go back to {each.run[:8]}", danger=True)


def _stopping(live: Version, coming: Version) -> Question:
    return Question(
        f"Stop the release of run {coming.run[:8]} and stay with run {live.run[:8]}?",
        f"Run {coming.run} takes a share of the requests now; afterwards run {live.run} answers all of them. The stopped run has failed then; "
        "it can be retried.", f"Back to {live.run[:8]}", danger=True)
