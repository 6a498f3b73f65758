"""What would change: sources and configuration of the candidate beside those of what serves."""

from collections.abc import Callable
from functools import partial

from console.parts.markup import heading, paragraph, tag
from console.parts.table import Cell, Column, table
from console.parts.times import moment
from console.reading.revision import Revision, changes

COLUMNS = (Column("Source"), Column("Candidate"), Column("Live now"), Column("Change"))
FIELDS = (Column("Field of model/config.yml"), Column("Candidate"), Column("Live now"))


def changed(value: tuple[Revision, Revision | None]) -> None:
    """Draw both runs side by side, and the fields of the configuration that differ."""
    new, live = value
    heading(2, "What would change")
    if live is None:
        paragraph("Nothing serves yet: this would be the project's first release.")
    elif live.run == new.run:
        paragraph("Nothing: this run serves already.")
        live = None
    table("Sources of the candidate and of what serves" if live else "Sources of the candidate",
          COLUMNS if live else COLUMNS[:2], [_row(name, new, live) for name in DRAWN])
    if live:
        _fields(changes(live, new))


def _row(name: str, new: Revision, live: Revision | None) -> list[Cell]:
    key, draw = DRAWN[name]
    shown: list[Cell] = [name, partial(draw, new)]
    if live:
        differs = key(new) != key(live)
        shown += [partial(draw, live), partial(tag, "span", "new" if differs else "the same", "strong" if differs else "quiet")]
    return shown


def _fields(found: tuple[tuple[str, str, str], ...]) -> None:
    if not found:
        paragraph("The configuration is the same.", "quiet")
        return
    table("Fields of the configuration that differ", FIELDS, [
        [partial(tag, "span", name, "code"), after or "not set", before or "not set"] for name, before, after in found])


def _run(one: Revision) -> None:
    tag("span", one.run[:8], "code", title=one.run)


def _code(one: Revision) -> None:
    with tag("span", classes="stack"):
        tag("span", one.message.strip().partition("\n")[0] or "unknown")
        tag("span", one.commit[:8], "code quiet", title=one.commit)


def _data(one: Revision) -> None:
    with tag("span", classes="stack"):
        tag("span", one.data[:16] or "unknown", "code", title=one.data)
        if one.uploaded:
            with tag("span", "uploaded ", "quiet"):
                moment(one.uploaded)


def _image(one: Revision) -> None:
    digest = one.image.rpartition("@sha256:")[2]
    tag("span", digest[:12] or "unknown", "code", title=one.image)


DRAWN: dict[str, tuple[Callable[[Revision], str], Callable[[Revision], None]]] = {  # source -> what tells two apart, how it is drawn
    "Run": (lambda one: one.run, _run), "Code": (lambda one: one.commit, _code), "Data": (lambda one: one.data, _data),
    "Model image": (lambda one: one.image, _image),
}
