"""The list of runs, the newest first."""

from functools import partial

from console.parts.badges import state_badge
from console.parts.markup import heading, link, tag
from console.parts.table import Cell, Column, table
from console.parts.times import duration, moment, running
from console.place import Place
from console.reading.runs import Action, Run

SHOWN = 20
COLUMNS = (Column("Run"), Column("State"), Column("Started by"), Column("Commit"), Column("Data version"), Column("Started"), Column("Took", number=True))


def run_list(place: Place, value: tuple[tuple[Run, ...], bool, str]) -> None:
    """Draw the runs, and the way to older ones."""
    found, older, chosen = value
    heading(2, "Runs")
    rows = [_row(place, run) for run in found]
    table("Runs of the pipeline, the newest first", COLUMNS, rows, marked=next((index for index, run in enumerate(found) if run.id == chosen), -1))
    if older:
        link("Older runs", f"{place.same(shown=str(len(found) + SHOWN))}#runs", "button")


def _row(place: Place, run: Run) -> list[Cell]:
    return [
        partial(link, run.short, place.link(run=run.id, shown=place.get("shown")), "code"), partial(state_badge, run.status), run.cause.word,
        partial(_commit, run), partial(tag, "span", run.data[:8] or "none", "code", title=run.data), partial(_started, run), partial(took, run)]


def _commit(run: Run) -> None:
    with tag("span", classes="commit"):
        tag("span", run.commit[:8] or "none", "code", title=run.commit)
        tag("span", run.message, "quiet")


def _started(run: Run) -> None:
    if run.started:
        moment(run.started)


def took(item: Run | Action) -> None:
    """Add how long a run or an action took, or has been running."""
    if not item.started:
        return
    ended = item.ended if isinstance(item, Run) else item.status != "InProgress"
    if ended and item.updated:
        tag("span", duration((item.updated - item.started).total_seconds()), "quiet number")
    else:
        running(item.started, "quiet number")
