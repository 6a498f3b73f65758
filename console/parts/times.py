"""Moments and durations. The browser shows moments in the reader's zone, and lets the time since one run on (static/console.js)."""

from datetime import UTC, datetime

from nicegui.element import Element

from console.parts.markup import tag

DAY, HOUR, MINUTE = 86_400, 3_600, 60


def moment(when: datetime, classes: str = "") -> Element:
    """Add a moment; without a script it is in UTC."""
    known = when.astimezone(UTC)
    return tag("time", known.strftime("%d %b %H:%M UTC"), classes, datetime=known.isoformat(timespec="seconds"))


def running(since: datetime, classes: str = "") -> Element:
    """Add the time since a moment, which runs on in the browser."""
    known = since.astimezone(UTC)
    return tag("span", duration((datetime.now(UTC) - known).total_seconds()), classes, data_since=known.isoformat(timespec="seconds"))


def duration(seconds: float) -> str:
    """Return a duration with its two largest units: 3.2 s, 45 s, 2 min 5 s, 1 h 3 min, 2 d 4 h."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    for size, unit, part, lower in ((DAY, "d", HOUR, "h"), (HOUR, "h", MINUTE, "min"), (MINUTE, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {unit} {rest} {lower}" if rest else f"{whole // size} {unit}"
    raise AssertionError("unreachable: a minute or more has a unit")
