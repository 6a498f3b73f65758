"""The projects of the account."""

from console.account import UNREADY, Account, ProjectLine
from console.live import Page
from console.parts.markup import link, paragraph, tag
from console.parts.times import moment
from console.place import Place

SECONDS = 10.0


def read(account: Account) -> list[ProjectLine]:
    """Return the projects."""
    return account.projects()


def draw(page: Page, state: list[ProjectLine]) -> None:
    """Draw the list, or how to come to a first project."""
    page.part("projects", state, _listed if state else _empty)


def _listed(lines: list[ProjectLine]) -> None:
    with tag("ul", classes="cards"):
        for line in lines:
            with tag("li", classes="card"):
                link(line.name, Place(line.name, "project").link(), "strong")
                paragraph(line.description, "quiet")
                if line.status in UNREADY:
                    paragraph(f"It {UNREADY[line.status]}.")
                with tag("p", "Created ", "quiet"):
                    moment(line.created)


def _empty(lines: list[ProjectLine]) -> None:
    with tag("div", classes="empty"):
        paragraph("There is no project in this account and region yet.")
        paragraph("Publish the organization template (bash scripts/build.sh), then create a project in Studio or with aws sagemaker create-project.")
