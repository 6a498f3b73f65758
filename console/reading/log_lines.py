"""The lines of one log: its end, what is added to it, what came before, and a search over all of it.

A log may hold thousands of lines, so it is read in pages; a page that was read is never read again.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from console.account import Project
from console.faults import gone

PAGE = 500  # lines
SEALED = 200  # a piece with so many lines is not added to any more
MOST = 10_000  # lines on one page
TURNS = 8  # calls in one look
STREAMS_SECONDS = 15  # a new stream comes now and then, not each moment
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class Line:
    """One line and its moment."""

    at: datetime
    text: str


@dataclass(frozen=True)
class Piece:
    """Lines that are drawn together."""

    number: int
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Lines:
    """What has been read of a log."""

    pieces: tuple[Piece, ...] = ()
    stream: str = ""
    streams: tuple[str, ...] = ()  # the newest of its kind, where there are several
    earlier: bool = False  # whether lines came before the first
    searching: bool = False  # whether the search has not seen all of the log yet
    full: bool = False  # whether it is more than a page shows
    missing: bool = False  # whether nothing has been written yet

    @property
    def count(self) -> int:
        return sum(len(piece.lines) for piece in self.pieces)


def streams(project: Project, group: str, begin: str) -> list[str]:
    """Return the streams of a group whose names begin so, the newest first; none where the group is not there."""
    order = {"logStreamNamePrefix": begin} if begin else {"orderBy": "LastEventTime", "descending": True}
    try:
        found = project.client("logs").describe_log_streams(logGroupName=group, limit=20, **order)["logStreams"]
    except ClientError as error:
        if not gone(error):
            raise
        return []
    return [str(each["logStreamName"]) for each in sorted(found, key=lambda each: each.get("lastEventTimestamp", 0), reverse=True)]


class Log:
    """One log as one page reads it."""

    def __init__(self, project: Project, group: str, begin: str, search: str = "") -> None:
        self._project, self._group, self._begin, self._search = project, group, begin, search
        self._lines: dict[int, Piece] = {}
        self._stream, self._streams, self._listed_at = "", (), 0.0  # type: tuple[str, tuple[str, ...], float]
        self._forward = self._backward = self._token = ""
        self._since, self._seen = 0, set()  # type: tuple[int, set[str]]
        self.wanted_earlier = False

    def read(self) -> Lines:
        """Read on, and return all that has been read."""
        self._list()
        if not self._stream:
            return Lines(missing=True)
        if self._full():
            self._token = ""
        elif self._search:
            self._find()
        else:
            self._follow()
        return Lines(tuple(self._lines[number] for number in sorted(self._lines)), self._stream, self._streams,
                     bool(self._backward), bool(self._token), self._full())

    def _list(self) -> None:
        """Look which streams there are; the newest of the first time is the one that is read."""
        if self._stream and time.monotonic() - self._listed_at < STREAMS_SECONDS:
            return
        self._streams, self._listed_at = tuple(streams(self._project, self._group, self._begin)), time.monotonic()
        self._stream = self._stream or next(iter(self._streams), "")

    def _full(self) -> bool:
        return sum(len(piece.lines) for piece in self._lines.values()) >= MOST

    def _follow(self) -> None:
        if not self._forward:
            answer = self._events(startFromHead=False)
            self._forward, self._backward = answer["nextForwardToken"], answer["nextBackwardToken"]
            self._add(list(_lines(answer["events"])))
            self.wanted_earlier |= len(answer["events"]) < PAGE  # most likely all of it; then nothing earlier is offered
        if self.wanted_earlier:
            self.wanted_earlier = False
            self._before()
        for _ in range(TURNS):
            answer = self._events(nextToken=self._forward, startFromHead=True)
            self._add(list(_lines(answer["events"])))
            if answer["nextForwardToken"] == self._forward or self._full():
                break
            self._forward = answer["nextForwardToken"]

    def _before(self) -> None:
        """Read the page before the first line."""
        for _ in range(TURNS):
            answer = self._events(nextToken=self._backward)
            if answer["nextBackwardToken"] == self._backward:
                self._backward = ""
                return
            self._backward = answer["nextBackwardToken"]
            if answer["events"]:
                number = min(self._lines, default=0) - 1
                self._lines[number] = Piece(number, tuple(_lines(answer["events"])))
                return

    def _find(self) -> None:
        """Search on from where the last look ended."""
        for _ in range(TURNS):
            token = {"nextToken": self._token} if self._token else {}
            answer = self._project.client("logs").filter_log_events(
                logGroupName=self._group, logStreamNames=[self._stream], startTime=self._since, limit=MOST,
                filterPattern=pattern(self._search), **token)
            new = [each for each in answer["events"] if each["eventId"] not in self._seen]
            self._seen.update(each["eventId"] for each in new)
            self._add([line for line in _lines(new) if self._search.lower() in line.text.lower()])
            self._token = answer.get("nextToken", "")
            if not self._token:
                self._since = max([self._since, *(each["timestamp"] for each in new)])
                return

    def _events(self, **which: Any) -> dict[str, Any]:
        found: dict[str, Any] = self._project.client("logs").get_log_events(
            logGroupName=self._group, logStreamName=self._stream, limit=PAGE, **which)
        return found

    def _add(self, lines: list[Line]) -> None:
        """Add lines at the end: to the last piece while it is small, so that only that is drawn again."""
        if not lines:
            return
        last = max(self._lines, default=-1)
        kept = self._lines[last].lines if last in self._lines else ()
        if last < 0 or len(kept) + len(lines) > SEALED:
            last, kept = max(last + 1, 0), ()
        self._lines[last] = Piece(last, (*kept, *lines))


def pattern(search: str) -> str:
    """Return the filter that finds a text as it is written."""
    escaped = search.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _lines(events: list[dict[str, Any]]) -> Iterator[Line]:
    for event in events:
        yield Line(datetime.fromtimestamp(event["timestamp"] / 1000, UTC), CONTROL.sub("", event["message"].rstrip()))
