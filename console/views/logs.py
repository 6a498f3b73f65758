"""Logs of a run: which there are, and one of them with its search."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from console.account import Project
from console.live import Page
from console.parts import log_panel
from console.parts.badges import badge
from console.parts.markup import heading, link, paragraph, tag
from console.place import Place
from console.reading.log_lines import Lines, Log
from console.reading.log_sources import Source, sources
from console.reading.runs import history, one

TITLE = "Logs"
SECONDS = 2.0
LISTED = 20  # runs, of which one may be named by its first digits
SOURCES_SECONDS = 15  # a run writes a new log now and then, not each moment
KINDS = {"Completed": "good", "Failed": "bad", "Stopped": "warn", "InProgress": "busy", "Stopping": "busy"}


@dataclass(frozen=True)
class State:
    """The logs of a run, and the lines of the chosen one."""

    run: str
    sources: tuple[Source, ...]
    lines: Lines | None
    earlier: Callable[[], None]


class Reader:
    """Reads for one page: it remembers how far it has read."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._log: Log | None = None
        self._run, self._sources, self._read_at = "", (), 0.0  # type: tuple[str, tuple[Source, ...], float]

    def __call__(self, project: Project) -> State:
        """Return the logs that there are, and what has been read of the chosen one."""
        place = self._place
        if not self._run:
            listed = history(project, LISTED).runs
            named = next((run for run in listed if run.id.startswith(place.run)), None)
            run = one(project, place.run) if place.run and not named else named
            self._run = run.id if run else ""
        if time.monotonic() - self._read_at > SOURCES_SECONDS:
            self._sources, self._read_at = sources(project, self._run) if self._run else (), time.monotonic()
        group = place.get("group")
        if group and self._log is None:
            self._log = Log(project, group, place.get("stream"), place.get("search"))
        return State(self._run, self._sources, self._log.read() if self._log else None, self._earlier)

    def _earlier(self) -> None:
        if self._log:
            self._log.wanted_earlier = True


def reader(place: Place) -> Callable[[Project], State]:
    """Return what reads for one page."""
    return Reader(place)


def draw(page: Page, state: State) -> None:
    """Draw the list of logs, the search, and the lines, of which only new ones are drawn."""
    page.part("sources", (state.run, state.sources), partial(_sources, page.place))
    if state.lines is None:
        page.part("choose", bool(state.sources), _choose)
        return
    page.part("search", state.lines.stream, partial(_search, page.place))
    lines = state.lines
    if len(lines.streams) > 1:
        page.part("streams", (lines.stream, lines.streams), partial(_streams, page.place))
    page.part("told", (lines.count, lines.searching, lines.full, lines.missing), partial(_told, page.place))
    page.part("before", lines.earlier and not lines.full, partial(_before, page, state.earlier))
    page.pieces("lines", lines.pieces, log_panel.panel, lambda each: each.number, lambda each: log_panel.piece(each, page.place.get("search")))


def _sources(place: Place, value: tuple[str, tuple[Source, ...]]) -> None:
    run, found = value
    with tag("nav", classes="sources", aria_label="Logs"):
        if run:
            with tag("p", "Logs of run "):
                link(run[:8], place.link("project", run))
        for kind in dict.fromkeys(each.kind for each in found):
            heading(2, kind)
            with tag("ul"):
                for source in (each for each in found if each.kind == kind):
                    _source(place, run, source)


def _source(place: Place, run: str, source: Source) -> None:
    chosen = (source.group, source.stream) == (place.get("group"), place.get("stream"))
    with tag("li"):
        link(source.title, place.link("logs", run, group=source.group, stream=source.stream), aria_current="page" if chosen else None)
        if source.status and source.status != "Completed":
            badge(source.status, KINDS.get(source.status, "idle"))


def _choose(any_source: bool) -> None:
    with tag("div", classes="empty"):
        paragraph("Choose a log." if any_source else "There is no log yet. A push to the repository or an upload of data-source.zip starts a run.")


def _search(place: Place, stream: str) -> None:
    heading(2, f"{place.get('group')} {stream}".strip(), "path")
    log_panel.search_form(place.get("search"), {"group": place.get("group"), "stream": place.get("stream")})


def _streams(place: Place, value: tuple[str, tuple[str, ...]]) -> None:
    """Draw links to the group's other streams: what is new may be written to one of them."""
    chosen, others = value
    with tag("details", data_key="streams"):
        tag("summary", f"{len(others)} streams, the newest first" + ("" if chosen == others[0] else "; this is not the newest"))
        with tag("ul"):
            for name in others:
                with tag("li"):
                    link(name, place.same(stream=name), "code", aria_current="page" if name == chosen else None)


def _told(place: Place, value: tuple[int, bool, bool, bool]) -> None:
    count, searching, full, missing = value
    search = place.get("search")
    lines = f"{count:,} {'line' if count == 1 else 'lines'}"
    with tag("p", classes="quiet told", role="status" if search else None):
        if missing:
            tag("span", "Nothing has been written to this log yet; this page shows it when it comes.")
        elif search:
            more = ", the first ones, as many as a page shows: search for something rarer. " if full else ". "
            tag("span", f"{lines} with “{search}”" + (", and it searches on ..." if searching else more))
            link("Show the whole log", place.same(search=""))
        else:
            tag("span", f"{lines}, as many as a page shows: search for what you need." if full
                else f"{lines} read; new ones of this stream are added as they come.")


def _before(page: Page, earlier: Callable[[], None], there_are: bool) -> None:
    if there_are:
        button = tag("button", "Earlier lines", "button", type="button")
        button.on("click", earlier, args=[])
        button.on("click", page.refresh, args=[])
