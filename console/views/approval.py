"""The view Approval."""

from dataclasses import dataclass

from console.account import Project
from console.live import Page
from console.parts.markup import paragraph
from console.place import Place

TITLE = "Approval"
SECONDS = 3.0


@dataclass(frozen=True)
class State:
    """What the view shows."""

    prefix: str


def read(project: Project, place: Place) -> State:
    """Return what the view shows."""
    return State(project.prefix)


def draw(page: Page, state: State) -> None:
    """Draw the view."""
    page.part("all", state, lambda value: (paragraph(value.prefix), None)[1])
