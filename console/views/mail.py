"""The mails that the local AWS leaves in a bucket; on AWS they go to inboxes."""

import re
from dataclasses import dataclass

from console.account import Project
from console.live import Page
from console.parts.empty import empty
from console.parts.markup import heading, link, tag
from console.parts.times import moment
from console.place import Place
from console.reading.mails import OUTBOX, Mail, Outbox, mail, outbox

TITLE = "Mail"
SECONDS = 5.0
BEGINNING = 200  # letters of a mail that the list shows
ADDRESS = re.compile(r"(https?://[^\s<>\"]+[^\s<>\".,;:!?)])")


@dataclass(frozen=True)
class State:
    """A page of mails, and the one that is read."""

    is_local: bool
    outbox: Outbox
    chosen: Mail | None


def read(project: Project, place: Place) -> State:
    """Return the project's mails before the one that the address names as the last of a page, and the one that it opens."""
    found = outbox(project, place.get("before"))
    chosen = mail(project, place.run) if place.run and found.exists else None
    return State(bool(project.account.endpoint), found, chosen)


def draw(page: Page, state: State) -> None:
    """Draw the list, and the mail that is read above it."""
    if not state.outbox.exists:
        page.part("none", state.is_local, _none)
        return
    if state.chosen:
        page.part("mail", (page.place, state.chosen), _mail)
    if not state.outbox.page:
        page.part("empty", page.place, _empty)
        return
    page.part("list", (page.place, state.outbox, state.chosen and state.chosen.key), _list)


def _none(is_local: bool) -> None:
    if is_local:
        empty(f"No mail was sent yet, so there is no bucket {OUTBOX}.",
              "A pipeline that asks for approval sends the first one; on AWS it goes to the address that the project was created with.")
    else:
        empty("On AWS mail goes to the inboxes of those who have confirmed the subscription of the project's topic.",
              "Only the local AWS keeps it in a bucket, where it can be read here.")


def _empty(place: Place) -> None:
    empty("There is no mail of this project here.", **{"The newest mails": place.link(run="")})


def _mail(value: tuple[Place, Mail]) -> None:
    place, found = value
    with tag("article", classes="sheet mail"):
        heading(2, found.subject)
        with tag("p", f"To {found.to}, ", "quiet"):
            moment(found.sent)
        with tag("div", classes="letter"):
            for part in ADDRESS.split(found.text):
                if ADDRESS.fullmatch(part):
                    link(part, part, target="_blank", rel="noopener")
                elif part:
                    tag("span", part)
        link("Close", place.link(run="", **place.query), "button")


def _list(value: tuple[Place, Outbox, str | None]) -> None:
    place, found, chosen = value
    heading(2, "Mails of this project")
    with tag("ul", classes="mails"):
        for each in found.page:
            with tag("li"), link("", place.link(run=each.key, **place.query), aria_current="true" if each.key == chosen else None):
                tag("span", each.subject or "(no subject)", "strong")
                moment(each.sent, "quiet")
                tag("span", " ".join(each.text.split())[:BEGINNING], "beginning quiet")
    with tag("div", classes="buttons"):
        if place.get("before"):
            link("Newest mails", place.link(run=""), "button")
        if found.older:
            link("Older mails", place.link(run="", before=found.older), "button")
