"""The lines of a log, in a box that scrolls and stays at its end while lines come."""

from html import escape

from nicegui import ui
from nicegui.element import Element

from console.parts.markup import tag
from console.reading.log_lines import Piece


def search_form(search: str, kept: dict[str, str]) -> None:
    """Add the search; it is a link with a query, so what it needs besides goes along."""
    with tag("form", classes="search", role="search", method="get"):
        for name, value in kept.items():
            tag("input", type="hidden", name=name, value=value)
        with tag("label", classes="field"):
            tag("span", "Search in the whole log, as it is written")
            tag("input", type="search", name="search", value=search, autocomplete="off", spellcheck="false")
        tag("button", "Search", "button", type="submit")


def panel() -> Element:
    """Add the box for pieces of a log."""
    return tag("div", classes="log", role="log", tabindex="0", aria_label="Lines of the log", aria_live="off", data_follow="yes")


def piece(value: Piece, search: str) -> None:
    """Draw lines; one element for all of them, for there may be thousands."""
    ui.html("".join(_line(line.at.isoformat(timespec="milliseconds"), line.text, search) for line in value.lines))


def _line(at: str, text: str, search: str) -> str:
    return f'<div class="line"><time datetime="{at}" data-precise="yes">{at[11:19]}</time><span>{marked(text, search)}</span></div>'


def marked(text: str, search: str) -> str:
    """Return a line as HTML with what was searched for marked; a log may hold anything, so all of it is escaped."""
    if not search:
        return escape(text)
    parts, low, wanted, start = [], text.lower(), search.lower(), 0
    while (found := low.find(wanted, start)) >= 0 and len(low) == len(text):  # a letter may grow when it is made small
        parts += [escape(text[start:found]), f"<mark>{escape(text[found:found + len(wanted)])}</mark>"]
        start = found + len(wanted)
    return "".join([*parts, escape(text[start:])])
