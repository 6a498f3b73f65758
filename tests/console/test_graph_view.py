"""The Training graph as a person uses it, on an AWS that was recorded."""

import re
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Page, expect

from tests.console.console_server import console
from tests.console.pictures import screenshots
from tests.console.recorded_aws import serving
from tests.console.recorded_project import NAME, PREFIX
from tests.console.recorded_training import RecordedTraining

pytestmark = pytest.mark.browser


@pytest.fixture
def project() -> Iterator[RecordedTraining]:
    """A project whose workflow has three executions."""
    with serving(RecordedTraining()) as recorded:
        yield recorded


def node(page: Page, name: str):
    """Return a step of the picture."""
    return page.locator(".graph .node").filter(has_text=re.compile(rf"^\s*{name}\s*[✓✕◐!·]"))


def state(page: Page, name: str):
    """Return a step's row in the table of states."""
    return page.locator("[data-part=states]").get_by_role("row").filter(has=page.get_by_role("rowheader", name=re.compile(rf"^{name}\b")))


def test_a_running_execution_is_followed_in_picture_and_words(page: Page, project: RecordedTraining, address: str) -> None:
    project.at = "Train"
    page.goto(f"{address}/{NAME}/graph")
    expect(node(page, "PrepareData")).to_contain_text("✓ succeeded, 2.0 s")
    expect(node(page, "Train")).to_contain_text("◐ running")
    expect(node(page, "Evaluate")).to_contain_text("· to come")
    expect(page.locator(".graph .cluster", has_text="BaselineAndTrain").first).to_contain_text("running")
    expect(state(page, "Train")).to_contain_text("running")
    screenshots(page, "graph-running")
    project.at = "Evaluate"
    expect(node(page, "Train")).to_contain_text("✓ succeeded")
    expect(state(page, "Evaluate")).to_contain_text("running")


def test_a_failed_state_shows_why_its_input_and_its_log(page: Page, project: RecordedTraining, address: str) -> None:
    project.failed_at = "Train"
    project.lines = ["Traceback", "ValueError: no number"]
    page.goto(f"{address}/{NAME}/graph/{project.new['pipelineExecutionId']}")
    expect(page.get_by_text("TrainFailed: AlgorithmError: the column total_day_minutes has no number in 3 of 3333 rows")).to_be_visible()
    expect(node(page, "TrainFailed")).to_contain_text("✕ failed")
    expect(node(page, "Evaluate")).to_contain_text("· not reached")
    node(page, "Train").click()
    expect(page.get_by_role("heading", name="State Train")).to_be_visible()
    expect(page.get_by_role("region", name="Input")).to_contain_text(f'"RunId": "{project.new["pipelineExecutionId"]}"')
    screenshots(page, "graph-failed")
    page.get_by_role("link", name="Log of train-0a1b").click()
    expect(page.get_by_role("log")).to_contain_text("ValueError: no number")


def test_a_state_is_reached_by_keyboard(page: Page, project: RecordedTraining, address: str) -> None:
    page.goto(f"{address}/{NAME}/graph")
    page.get_by_role("link", name="GoldenRecords").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="State GoldenRecords")).to_be_visible()
    expect(page.get_by_role("region", name="Output")).to_contain_text('"Done": true')
    screenshots(page, "graph-state")


def test_two_hundred_executions_are_paged(page: Page) -> None:
    with serving(RecordedTraining(runs=200)) as recorded, console(recorded.url) as address, closing(page):
        page.goto(f"{address}/{NAME}/graph")
        expect(page.get_by_role("link", name="Older executions")).to_be_visible()
        expect(page.locator(".graph svg")).to_be_visible()
        page.get_by_role("link", name="Older executions").click()
        expect(page.get_by_role("link", name="000000b4", exact=True)).to_be_visible()
        page.get_by_role("link", name="000000b4", exact=True).click()
        expect(page.get_by_role("heading", name="Execution 000000b4")).to_be_visible()
        expect(page.get_by_role("link", name="Newest executions")).to_be_visible()
        assert {request["maxResults"] for request in recorded.requests("ListExecutions")} == {20}


def test_an_execution_that_has_vanished_is_one_sentence(page: Page, project: RecordedTraining, address: str) -> None:
    page.goto(f"{address}/{NAME}/graph/00000009-gone")
    expect(page.get_by_role("alert")).to_contain_text(f"There is no execution 00000009-gone of {PREFIX}-workflow: AWS keeps one for 90 days")


def test_a_project_without_a_training_says_how_to_come_to_one(page: Page) -> None:
    with serving(RecordedTraining()) as recorded, console(recorded.url) as address, closing(page):
        recorded.answers["ListExecutions"] = {"executions": []}
        page.goto(f"{address}/{NAME}/graph")
        expect(page.get_by_text("Nothing was trained yet. A push to the project's repository")).to_be_visible()
        expect(node(page, "CreateExperiment")).to_contain_text("to come")
        screenshots(page, "graph-nothing")
