"""The Approval view as a person uses it, on an AWS that was recorded."""

import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.console.pictures import screenshots
from tests.console.recorded_aws import Fault, serving
from tests.console.recorded_project import NAME
from tests.console.recorded_training import BUCKET, RecordedTraining

pytestmark = pytest.mark.browser


@pytest.fixture
def project() -> Iterator[RecordedTraining]:
    """A project whose newest run waits for an answer."""
    with serving(RecordedTraining()) as recorded:
        yield recorded


def row(page: Page, name: str):
    """Return the row of a table by its heading."""
    return page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name, exact=True)).first


def test_what_would_change_is_shown_with_intervals_and_verdicts(page: Page, project: RecordedTraining, address: str) -> None:
    page.goto(f"{address}/{NAME}/approval")
    expect(page.get_by_text("Shall this model be put into production?")).to_be_visible()
    expect(page.get_by_text("auc is 0.8999, model/config.yml asks for at least 0.85.")).to_be_visible()
    for text in ("0.8999", "0.842 to 0.958", "0.8904", "+0.0095", "-0.019 to 0.038", "no certain difference"):
        expect(row(page, "auc")).to_contain_text(text)
    expect(row(page, "log loss")).to_contain_text("better")
    expect(row(page, "Actual yes")).to_contain_text("55 (76.4%)")
    expect(page.locator('.roc svg path[stroke="var(--accent)"]')).to_be_visible()
    expect(page.get_by_text("predicts 20 golden records as training did")).to_be_visible()
    expect(row(page, "Data")).to_contain_text("new")
    expect(row(page, "Model image")).to_contain_text("the same")
    expect(row(page, "training.hyperparameters.max_leaf_nodes")).to_contain_text("8")
    screenshots(page, "approval")


def test_the_report_is_downloaded_as_it_was_written(page: Page, project: RecordedTraining, address: str) -> None:
    page.goto(f"{address}/{NAME}/approval")
    page.get_by_role("button", name="Download the report").click()
    expect(page.get_by_text("The evaluation of run 00000003 wrote no report.")).to_be_visible()
    project.file(project.new, "evaluation/report.html", "<h1>Evaluation</h1>")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the report").click()
    assert download.value.suggested_filename == "evaluation-00000003.html"
    assert download.value.path().read_text() == "<h1>Evaluation</h1>"


def test_nobody_answers_before_the_numbers_are_there_and_the_answer_is_given_once(page: Page, project: RecordedTraining, address: str) -> None:
    hold, read = threading.Event(), project.content

    def slow(path: str) -> bytes:
        assert hold.wait(30)
        return read(path)

    project.content = slow  # type: ignore[method-assign]
    page.goto(f"{address}/{NAME}/approval")
    expect(page.get_by_text("Reading from AWS ...").first).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    hold.set()
    page.get_by_role("button", name="Approve").click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("Its auc is 0.8999 (0.842 to 0.958); the live model's is 0.8904 on the same rows: no certain difference.")
    expect(page.get_by_text("Not the same for both")).to_be_visible()  # the data of the two differs
    expect(question).to_contain_text("The live model was trained on other data and may know some of these rows")
    screenshots(page, "approval-question")
    question.get_by_label("Comment, kept with the run").fill("as good, with smaller trees")
    question.get_by_role("button", name="Approve").dblclick()
    expect(page.get_by_role("status").filter(has_text="Run 00000003 is approved and goes on to production.")).to_be_visible()
    expect(page.get_by_role("heading", name="Nothing waits for an answer")).to_be_visible()
    expect(page.get_by_text("“as good, with smaller trees”")).to_be_visible()
    expect(page.get_by_role("link", name="Follow its release.")).to_have_attribute("href", f"/{NAME}/release")
    assert [(each["token"], each["result"]) for each in project.requests("PutApprovalResult")] == [
        ("token-1", {"status": "Approved", "summary": "as good, with smaller trees"})]
    screenshots(page, "approval-answered")


def test_the_second_of_two_people_is_told_and_changes_nothing(context: BrowserContext, project: RecordedTraining, address: str) -> None:
    first, second = context.new_page(), context.new_page()
    for person in (first, second):
        person.goto(f"{address}/{NAME}/approval")
        person.get_by_role("button", name="Approve").click()
    first.get_by_role("dialog").get_by_role("button", name="Approve").click()
    expect(first.get_by_text("Run 00000003 is approved and goes on to production.")).to_be_visible()
    second.get_by_role("dialog").get_by_role("button", name="Approve").click()
    expect(second.get_by_role("dialog").get_by_role("alert")).to_have_text(
        "Run 00000003 was approved by anna before (without a comment). Your answer has changed nothing.")
    assert len(project.requests("PutApprovalResult")) == 1


def test_a_run_without_metrics_can_only_be_rejected_and_not_without_a_reason(page: Page, project: RecordedTraining, address: str) -> None:
    run = project.new["pipelineExecutionId"]
    del project.contents[f"/{BUCKET}/runs/{run}/evaluation/evaluation.json"]
    page.goto(f"{address}/{NAME}/approval")
    expect(page.get_by_text("The job evaluate of this run has written no metrics: "
                            f"s3://{BUCKET}/runs/{run}/evaluation/evaluation.json does not exist.")).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    screenshots(page, "approval-without-metrics")
    page.get_by_role("button", name="Reject").click()
    question = page.get_by_role("dialog")
    question.get_by_role("button", name="Reject").click()
    assert project.requests("PutApprovalResult") == []
    question.get_by_label("Why, kept with the run").fill("it measured nothing")
    question.get_by_role("button", name="Reject").click()
    expect(page.get_by_text("Run 00000003 is rejected and ends.")).to_be_visible()
    assert project.given["status"] == "Rejected"


def test_a_missing_right_is_said_where_it_is_missed(page: Page, project: RecordedTraining, address: str) -> None:
    def denied(request: dict) -> None:
        raise Fault("AccessDeniedException", "User: reader is not authorized to perform: codepipeline:PutApprovalResult")

    project.answers["PutApprovalResult"] = denied
    page.goto(f"{address}/{NAME}/approval")
    page.get_by_role("button", name="Approve").click()
    page.get_by_role("dialog").get_by_role("button", name="Approve").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text(
        "Access denied: User: reader is not authorized to perform: codepipeline:PutApprovalResult")


def test_an_empty_pipeline_says_how_to_start_a_run(page: Page, project: RecordedTraining, address: str) -> None:
    project.answer_as("anna", {"status": "Rejected", "summary": "too slow"})
    page.goto(f"{address}/{NAME}/approval")
    expect(page.get_by_text("aws codepipeline start-pipeline-execution --name demo-churn-p-0123456789ab")).to_be_visible()
    expect(page.get_by_text("“too slow”")).to_be_visible()
    screenshots(page, "approval-nothing")
    page.get_by_role("link", name="run 00000003").click()
    expect(page.get_by_text("This run does not wait for an answer.")).to_be_visible()
    expect(row(page, "auc")).to_contain_text("0.8999")
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
