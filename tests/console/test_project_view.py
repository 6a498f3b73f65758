"""The Project view as a person uses it, on an AWS that was recorded."""

import re
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.console.console_server import console
from tests.console.pictures import screenshots
from tests.console.recorded_aws import Fault, serving
from tests.console.recorded_project import NAME, STAGES, RecordedProject, run_id

pytestmark = pytest.mark.browser
TO_TRAIN = {name: STAGES[name] for name in ("Source", "Build", "Train")}


def stage(page: Page, name: str) -> Locator:
    """Return a stage's card."""
    return page.locator(".stage", has=page.get_by_role("heading", name=name))


def test_a_run_under_way_is_followed_without_reloading(page: Page, project: RecordedProject, address: str) -> None:
    project.under_way("InProgress", {"Source": STAGES["Source"], "Build": STAGES["Build"]}, "InProgress")
    page.goto(f"{address}/{NAME}/project")
    expect(stage(page, "Build")).to_contain_text("In progress")
    expect(stage(page, "Train").get_by_text("Not reached").first).to_be_visible()
    expect(page.locator(".facts")).to_contain_text("drift of production's requests")
    project.under_way("Failed", TO_TRAIN, "Failed", "GateFailed: auc 0.71 is below 0.85")
    expect(stage(page, "Train")).to_contain_text("GateFailed: auc 0.71 is below 0.85")
    expect(page.get_by_role("button", name="Retry Train")).to_be_visible()
    screenshots(page, "project-failed")


def test_a_failed_stage_is_retried_once_and_only_after_a_question(page: Page, project: RecordedProject, address: str) -> None:
    project.under_way("Failed", TO_TRAIN, "Failed", "the instance type has no quota")
    page.goto(f"{address}/{NAME}/project")
    page.get_by_role("button", name="Retry Train").click()
    question = page.get_by_role("dialog")
    screenshots(page, "project-retry")
    question.get_by_role("button", name="Back").click()
    expect(question).to_have_count(0)
    assert project.requests("RetryStageExecution") == []
    page.get_by_role("button", name="Retry Train").dblclick()
    expect(question).to_have_count(1)
    question.get_by_text("The whole stage").click()
    question.get_by_role("button", name="Retry").dblclick()
    expect(page.get_by_role("status").filter(has_text="Train of run 00000003 is tried again.")).to_be_visible()
    expect(stage(page, "Train")).to_contain_text("In progress")
    assert [each["retryMode"] for each in project.requests("RetryStageExecution")] == ["ALL_ACTIONS"]


def test_a_run_is_stopped_with_a_reason_by_keyboard_alone(page: Page, project: RecordedProject, address: str) -> None:
    project.under_way("InProgress", TO_TRAIN, "InProgress")
    page.goto(f"{address}/{NAME}/project")
    expect(page.get_by_role("button", name="Stop ...")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    for _ in range(30):
        if page.evaluate("document.activeElement.textContent") == "Stop ...":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_label("Reason, kept with the run").fill("not this one")
    project.runs[0]["lastUpdateTime"] += 1  # what is behind the question is drawn again
    expect(page.get_by_label("Reason, kept with the run")).to_have_value("not this one")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Run 00000003 stops after the actions that are under way.")).to_be_visible()
    assert [(each["reason"], each["abandon"]) for each in project.requests("StopPipelineExecution")] == [("not this one", False)]
    expect(page.locator(".facts")).to_contain_text("not this one")


def test_what_somebody_else_did_meanwhile_is_said_in_the_question(page: Page, project: RecordedProject, address: str) -> None:
    project.under_way("InProgress", TO_TRAIN, "InProgress")
    page.goto(f"{address}/{NAME}/project")
    page.get_by_role("button", name="Stop ...").click()
    project.runs[0]["status"] = "Succeeded"
    page.get_by_role("button", name="Stop the run").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("has ended meanwhile")
    assert project.requests("StopPipelineExecution") == []


def test_a_missing_right_is_shown_as_what_it_is(page: Page, project: RecordedProject, address: str) -> None:
    project.under_way("InProgress", TO_TRAIN, "InProgress")
    del project.answers["StopPipelineExecution"]
    page.goto(f"{address}/{NAME}/project")
    page.get_by_role("button", name="Stop ...").click()
    page.get_by_role("button", name="Stop the run").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text(
        "Access denied: User: reader is not authorized to perform: StopPipelineExecution")


def test_the_focus_stays_where_a_person_is_while_the_list_is_drawn_again(page: Page, project: RecordedProject, address: str) -> None:
    page.goto(f"{address}/{NAME}/project")
    link = page.get_by_role("row").get_by_role("link", name="00000002")
    link.focus()
    project.runs[1]["status"] = "Superseded"
    expect(page.get_by_role("row").filter(has_text="00000002")).to_contain_text("Superseded")
    expect(link).to_be_focused()


def test_times_are_in_the_readers_zone(page: Page, project: RecordedProject, address: str) -> None:
    page.goto(f"{address}/{NAME}/project")
    moment = page.locator("table time").first
    expect(moment).to_have_attribute("title", re.compile(r"18 November 2026 at 15:06:40 CET"))
    expect(moment).to_have_text(re.compile(r"^18 Nov, 15:06$"))


def test_the_theme_follows_the_system_and_a_persons_choice(page: Page, project: RecordedProject, address: str) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    page.goto(f"{address}/{NAME}/project")
    light = page.evaluate(ground)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(ground) != light
    page.get_by_label("Theme").select_option("Light")
    assert page.evaluate(ground) == light
    page.reload()
    assert page.evaluate(ground) == light
    expect(page.get_by_label("Theme")).to_have_value("light")


@pytest.fixture
def long_project() -> Iterator[RecordedProject]:
    """A project with 200 runs."""
    with serving(RecordedProject(200)) as recorded:
        yield recorded


def test_two_hundred_runs_are_shown_page_by_page(page: Page, long_project: RecordedProject) -> None:
    with console(long_project.url) as started, closing(page):
        page.goto(f"{started}/{NAME}/project")
        expect(page.get_by_role("row")).to_have_count(21)
        screenshots(page, "project")
        page.get_by_role("link", name="Older runs").click()
        expect(page.get_by_role("row")).to_have_count(41)
        page.goto(f"{started}/{NAME}/project/{run_id(199)[:8]}")
        expect(page.get_by_role("heading", name="Run 000000c7")).to_be_visible()
        page.goto(f"{started}/{NAME}/project/{run_id(3)}")
        expect(page.get_by_role("heading", name="Run 00000003")).to_be_visible()
        expect(page.locator(".facts")).to_contain_text("drift of production's requests")
        asked = [each["maxResults"] for each in long_project.requests("ListPipelineExecutions")]
        assert set(asked) == {20, 40}


def test_a_run_that_is_gone_is_said_to_be(page: Page, project: RecordedProject, address: str) -> None:
    page.goto(f"{address}/{NAME}/project/{run_id(77)}")
    expect(page.get_by_role("alert")).to_contain_text("There is no run 0000004d-1111-4222-8333-444444444444 of this project")
    screenshots(page, "project-vanished")


@pytest.mark.parametrize("status, said", [
    ("CreateInProgress", "Project churn-demo is being created."), ("DeleteInProgress", "Project churn-demo is being deleted."),
])
def test_a_project_that_is_not_there_yet_or_any_more_is_waited_for(
        page: Page, project: RecordedProject, address: str, status: str, said: str) -> None:
    project.status = status
    page.goto(f"{address}/{NAME}/project")
    expect(page.get_by_role("alert")).to_contain_text(said)
    project.status = "CreateCompleted"
    expect(page.get_by_role("heading", name="Run 00000003")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_project_without_a_run_says_what_starts_one(page: Page, project: RecordedProject, address: str) -> None:
    project.runs.clear()
    page.goto(f"{address}/{NAME}/project")
    expect(page.get_by_text("Push a commit to its repository, or upload data-source.zip")).to_be_visible()
    screenshots(page, "project-empty")


def test_a_project_that_does_not_exist_leads_to_those_that_do(page: Page, project: RecordedProject, address: str) -> None:
    page.goto(f"{address}/nobody/project")
    expect(page.get_by_role("alert")).to_contain_text("There is no project nobody in us-east-1.")
    page.get_by_role("link", name="All projects").click()
    expect(page.get_by_role("link", name=NAME)).to_be_visible()
    screenshots(page, "projects")
    page.get_by_role("link", name=NAME).click()
    expect(page.get_by_role("heading", name="Run 00000003")).to_be_visible()


def test_what_was_read_stays_while_aws_cannot_be_asked(page: Page, project: RecordedProject, address: str) -> None:
    page.goto(f"{address}/{NAME}/project")
    expect(page.get_by_role("heading", name="Run 00000003")).to_be_visible()
    kept, project.answers["GetPipelineState"] = project.answers["GetPipelineState"], refused
    expect(page.get_by_role("alert")).to_contain_text("The session's credentials have expired.")
    expect(page.get_by_role("alert")).to_contain_text("What is below was read at")
    expect(page.get_by_role("heading", name="Run 00000003")).to_be_visible()
    screenshots(page, "project-expired")
    project.answers["GetPipelineState"] = kept
    expect(page.get_by_role("alert")).to_be_hidden()


def refused(request: dict) -> None:
    """Answer as AWS does when a session is over."""
    raise Fault("ExpiredTokenException", "The security token included in the request is expired")


def test_an_endpoint_that_is_down_is_said_to_be(page: Page) -> None:
    with console("http://127.0.0.1:9") as started, closing(page):
        page.goto(f"{started}/{NAME}/project")
        expect(page.get_by_role("alert")).to_contain_text("http://127.0.0.1:9/ cannot be reached. Check the network and AWS_ENDPOINT_URL")


def test_missing_credentials_are_said_to_be(page: Page, project: RecordedProject) -> None:
    with console(project.url, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", HOME="/nonexistent") as started, closing(page):
        page.goto(f"{started}/{NAME}/project")
        expect(page.get_by_role("alert")).to_contain_text("There are no AWS credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")


def test_thousands_of_log_lines_are_read_from_their_end_searched_and_followed(page: Page, project: RecordedProject, address: str) -> None:
    project.lines = [f"epoch {number} loss {1 / (number + 1):.6f}" for number in range(8000)]
    page.goto(f"{address}/{NAME}/project")
    page.get_by_role("link", name="Log", exact=True).click()
    lines = page.locator(".line")
    expect(lines).to_have_count(500)
    expect(lines.last).to_contain_text("epoch 7999")
    project.lines.append("done <b>well</b>")
    expect(lines.last).to_contain_text("done <b>well</b>")
    expect(lines.last).to_be_in_viewport()
    screenshots(page, "logs")
    page.get_by_role("button", name="Earlier lines").click()
    expect(lines).to_have_count(1001)
    page.get_by_label("Search in the whole log").fill("epoch 77")
    page.keyboard.press("Enter")
    expect(page.get_by_text("111 lines with “epoch 77”")).to_be_visible()
    expect(lines).to_have_count(111)
    expect(page.locator("mark").first).to_have_text("epoch 77")


def test_the_streams_of_a_function_are_listed_and_another_one_is_chosen(page: Page, project: RecordedProject, address: str) -> None:
    project.lines = ["one", "two"]
    page.goto(f"{address}/{NAME}/logs/{run_id(3)}")
    page.get_by_role("link", name="api", exact=True).click()
    page.get_by_text("2 streams, the newest first", exact=True).click()
    screenshots(page, "logs-streams")
    page.get_by_role("link", name="2026/11/21/[4]abc").click()
    expect(page.get_by_role("heading", level=2).filter(has_text="[4]abc")).to_be_visible()
    expect(page.locator(".line")).to_have_count(2)


def test_a_search_that_finds_more_than_a_page_shows_says_so(page: Page, project: RecordedProject, address: str) -> None:
    project.lines = [f"epoch {number}" for number in range(12_000)]
    page.goto(f"{address}/{NAME}/project")
    page.get_by_role("link", name="Log", exact=True).click()
    page.get_by_label("Search in the whole log").fill("epoch")
    page.keyboard.press("Enter")
    expect(page.get_by_text("lines with “epoch”, the first ones, as many as a page shows: search for something rarer.")).to_be_visible()


def test_odd_addresses_are_answered_in_a_sentence(page: Page, project: RecordedProject, address: str) -> None:
    page.goto(f"{address}/{NAME}/logs/zzz")
    expect(page.get_by_role("alert")).to_contain_text("There is no run zzz of this project")
    page.goto(f"{address}/{NAME}/project?shown={'9' * 5000}")
    expect(page.get_by_role("row").nth(1)).to_be_visible()


def test_a_log_that_nothing_was_written_to_says_so(page: Page, project: RecordedProject, address: str) -> None:
    page.goto(f"{address}/{NAME}/logs/{run_id(3)}")
    page.get_by_role("link", name="train", exact=True).click()
    expect(page.get_by_text("Nothing has been written to this log yet")).to_be_visible()
