"""The report that the evaluation wrote: a page of its own, with the curves of candidate and live model in one picture."""

from nicegui import run, ui

from console.account import Project
from console.faults import sentence
from console.live import EXPECTED, Page
from console.parts.markup import tag
from console.reading.revision import stored


def report_button(page: Page, project: Project, of: str) -> None:
    """Add a button that downloads a run's report."""
    async def download() -> None:
        try:
            found = await run.io_bound(stored, project, f"{project.runs_key(of)}evaluation/report.html")
        except EXPECTED as error:
            page.say(sentence(error))
            return
        if found is None:
            page.say(f"The evaluation of run {of[:8]} wrote no report.")
        else:
            ui.download.content(found, f"evaluation-{of[:8]}.html", "text/html")

    tag("button", "Download the report", "button", type="button").on("click", download, args=[])
