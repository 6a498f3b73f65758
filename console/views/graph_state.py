"""One state of an execution: why it failed, what went in and out, and the logs of what it started."""

import json
from contextlib import suppress

from console.parts.badges import badge
from console.parts.markup import heading, link, paragraph, tag
from console.place import Place
from console.reading.executions import Execution
from console.reading.history import Told
from console.views.graph_picture import kind, word

LONGEST = 40_000  # characters of an input or output that are shown; Step Functions allows 256 KB


def state_detail(place: Place, value: tuple[Execution, str]) -> None:
    """Draw a state that was entered, or say that it was not."""
    found, name = value
    told, over = found.of(name), found.line.status != "RUNNING"
    with tag("div", classes="headline"):
        heading(2, f"State {name}")
        badge(word(told, over), kind(told))
        if told and told.tries > 1:
            tag("span", f"{told.tries} tries", "quiet")
    if told is None:
        paragraph("This execution has not entered the state." if any(step.name == name for step in found.machine.all())
                  else "The workflow of this execution has no such state.")
        return
    if told.error:
        paragraph(f"{told.error}: {shown(told.cause)}" if told.cause else told.error, "fault")
    _logs(place, found.run, told)
    with tag("div", classes="exchange"):
        for title, text in (("Input", told.input), ("Output", told.output)):
            with tag("section", aria_label=title):
                heading(3, title)
                if text:
                    tag("pre", shown(text), "json", tabindex="0")
                else:
                    paragraph("none" if told.left else "none yet", "quiet")


def _logs(place: Place, run: str, told: Told) -> None:
    if not told.jobs or not run:
        return
    with tag("div", classes="buttons"):
        for job in told.jobs:
            short = job.name.rpartition(f"-{run[:8]}-")[2]
            link(f"Log of {short}", place.link("logs", run, group=job.group, stream=job.streams), "button", title=job.name)


def shown(text: str) -> str:
    """Return JSON on several lines, anything else as it is; what is very long is cut."""
    with suppress(ValueError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}\n... {len(text) - LONGEST:,} more characters"
