"""What each version is asked and how it answers: shares, figures, and both over time."""

from functools import partial

from console.parts.charts import colour, number, over_time
from console.parts.markup import heading, link, paragraph, tag
from console.parts.table import Cell, Column, table
from console.place import Place
from console.reading.release import RELEASE, SPANS, Traffic, shares
from console.reading.series import Span

NAMES = {RELEASE: "The newest release", "15m": "15 minutes", "1h": "1 hour", "3h": "3 hours", "1d": "1 day", "7d": "7 days"}
COLUMNS = (Column("Version"), Column("Run"), Column("Share now", number=True), Column("Requests", number=True), Column("Errors", number=True),
           Column("Highest p95 of the function", number=True), Column("Highest p95 of the model", number=True), Column("Instances", number=True))


def traffic(value: tuple[Place, str, Span | None, tuple[Traffic, ...]]) -> None:
    """Draw shares and figures, then the charts."""
    place, chosen, span, seen = value
    heading(2, "Traffic by version")
    _bar(seen)
    _spans(place, chosen)
    table(f"Requests, errors and latency of each version in the span {NAMES[chosen]}", COLUMNS, [_row(place, each) for each in seen])
    paragraph("Counted are all requests, also those that a release sends itself while it is under way.", "quiet")
    if span and any(each.requests.values for each in seen):
        _charts(seen)
    else:
        paragraph("No request was answered in this span. Ask the API (docs/api.md), or choose a longer span.", "quiet")


def _name(each: Traffic) -> str:
    return f"Version {each.version.number} (run {each.version.run[:8]})"


def _bar(seen: tuple[Traffic, ...]) -> None:
    """Draw how the alias divides the requests now; the texts say it, too."""
    answering = [(place, each) for place, each in enumerate(seen) if each.share]
    with tag("div", classes="shares"):
        with tag("div", classes="strip", aria_hidden="true"):
            for place, each in answering:
                tag("div", style=f"flex: {each.share:g}; background: {colour(place)}")
        with tag("ul", classes="legend"):
            for place, each in answering:
                with tag("li"):
                    tag("span", classes="swatch", style=f"background: {colour(place)}", aria_hidden="true")
                    tag("span", f"{each.share:g} % {_name(each).lower()}")


def _spans(place: Place, chosen: str) -> None:
    with tag("nav", classes="choices", aria_label="Span of the figures"):
        for name in (RELEASE, *SPANS):
            link(NAMES[name], place.same(span=name), aria_current="true" if name == chosen else None)


def _row(place: Place, each: Traffic) -> list[Cell]:
    version, errors, asked = each.version, each.errors.total, each.requests.total
    rate = f" ({100 * errors / asked:.2g} %)" if errors and asked else ""
    variants = each.endpoint.variants
    instances = f"{sum(variant.current for variant in variants)}" if variants else each.endpoint.status
    return [str(version.number), partial(link, version.run[:8], place.link("project", version.run), "code"),
            f"{each.share:g} %" if each.share is not None else "none", f"{asked:,.0f}", f"{errors:,.0f}{rate}", _ms(each.p95.highest),
            _ms(each.model_p95.highest), instances]


def _ms(value: float | None) -> str:
    return "none" if value is None else f"{number(value)} ms"


def _charts(seen: tuple[Traffic, ...]) -> None:
    divided = shares(seen)
    said = "; ".join(f"{line.last:.0f} % of the requests were answered by version {version.number} at last" for version, line in divided if line.values)
    with tag("div", classes="grid"):
        over_time("Share of the answered requests", f"{said}.", [(f"Version {version.number}", line) for version, line in divided], " %", stacked=True, top=100)
        _lines("Requests", seen, "requests", "")
        _lines("Errors", seen, "errors", "")
        _lines("p95 of the function", seen, "p95", " ms")


def _lines(caption: str, seen: tuple[Traffic, ...], what: str, unit: str) -> None:
    named = [(f"Version {each.version.number}", getattr(each, what)) for each in seen]
    said = "; ".join(f"{name.lower()} at most {number(line.highest)}{unit}" for name, line in named if line.values) or "no data"
    over_time(caption, f"{said[0].upper()}{said[1:]}.", named, unit)
