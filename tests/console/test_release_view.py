"""Release as a person uses it: a canary is watched to its end, and gone back from."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.console.pictures import screenshots
from tests.console.released_account import HOOK_SAID, NEW, OLD, event
from tests.console.released_console import ReleasedConsole, released_console

pytestmark = pytest.mark.browser
REASON = "Threshold Crossed: 1 datapoint [1.0] was greater than the threshold (0.0)."
SCRIPT = """
echo "rollback:    0.1 s  going back to run $2" >&2
echo "$2" >> {calls}
while [ ! -e {gate} ]; do sleep 0.05; done
echo "run $2 serves again; mend the other and push (0.9 s)"
"""
DONE = {"status": "Succeeded"}
ALL = [event(name, "Succeeded") for name in ("BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic")]


@pytest.fixture
def console(tmp_path: Path) -> Iterator[ReleasedConsole]:
    """A console, in which going back writes down to which run, and ends when there is a file gate."""
    script = tmp_path / "back.sh"
    script.write_text(SCRIPT.format(calls=tmp_path / "calls", gate=tmp_path / "gate"))
    with released_console(tmp_path, script) as started:
        yield started


def row(page: Page, text: str) -> Locator:
    """Return the row that begins with a text."""
    return page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=text, exact=True))


def test_a_canary_is_watched_to_its_end_without_reloading(page: Page, console: ReleasedConsole) -> None:
    page.goto(console.view("release"))
    expect(page.get_by_role("heading", name=f"Run {OLD[:8]} serves")).to_be_visible()
    expect(page.locator(".shares")).to_contain_text("90 % version 1")
    expect(page.locator(".shares")).to_contain_text("10 % version 2")
    expect(row(page, "2")).to_contain_text("10 %")
    expect(row(page, "2")).to_contain_text("14 ms")
    expect(page.locator(".stage").filter(has_text="The new version is proven")).to_contain_text(HOOK_SAID)
    expect(page.get_by_role("img", name="Share of the answered requests")).to_be_visible()
    page.get_by_text("As a table").first.click()
    expect(page.get_by_role("table", name="Share of the answered requests")).to_contain_text("90")
    page.get_by_text("As a table").first.click()
    screenshots(page, "release-canary")
    console.change(live=2, weights={}, deployment=DONE, events=ALL, ended=0)
    expect(page.get_by_role("heading", name=f"Run {NEW[:8]} serves")).to_be_visible()
    expect(page.get_by_text("No release is under way", exact=True)).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="serves")).to_have_text(f"Run {NEW[:8]} serves. No release is under way.")
    expect(page.get_by_role("button", name=f"Go back to {OLD[:8]}")).to_be_enabled()
    screenshots(page, "release")


def test_a_release_that_an_alarm_stopped_says_which_and_why(page: Page, console: ReleasedConsole) -> None:
    console.change(live=1, weights={}, alarm="ALARM", ended=1, events=[event("BeforeAllowTraffic", "Succeeded"), event(
        "AllowTraffic", "Failed", diagnostics={"message": "Activated alarms: <demo-latency>"}), event("AfterAllowTraffic", "Skipped")],
        deployment={"status": "Stopped", "errorInformation": {"code": "ALARM_ACTIVE", "message": "One or more alarms have been activated"}})
    page.goto(console.view("release"))
    expect(page.get_by_text("One or more alarms have been activated")).to_be_visible()
    expect(page.locator(".stage").filter(has_text="The traffic moves")).to_contain_text("Activated alarms: <demo-latency>")
    table = page.get_by_role("table", name="Alarms that CodeDeploy watches")
    expect(table.get_by_role("row").nth(1)).to_contain_text("latency")
    expect(table.get_by_role("row").nth(1)).to_contain_text("On")
    screenshots(page, "release-stopped")


def test_going_back_asks_first_runs_once_and_tells_what_the_script_says(page: Page, console: ReleasedConsole) -> None:
    console.change(live=2, weights={}, deployment=DONE, events=ALL, ended=1)
    page.goto(console.view("release"))
    page.get_by_role("button", name=f"Go back to {OLD[:8]}").click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text(f"Run {NEW} answers now")
    expect(question).to_contain_text(f"run {OLD} answers all requests")
    screenshots(page, "release-question")
    question.get_by_role("button", name="Back", exact=True).click()
    calls = console.file.parent / "calls"
    assert not calls.exists()
    page.get_by_role("button", name=f"Go back to {OLD[:8]}").click()
    question.get_by_role("button", name=f"Go back to {OLD[:8]}").dblclick()
    said = page.get_by_role("log", name="What scripts/rollback.sh says")
    expect(said).to_contain_text(f"going back to run {OLD}")
    expect(page.get_by_role("button", name=f"Go back to {OLD[:8]}")).to_be_disabled()
    (console.file.parent / "gate").touch()
    console.change(live=1)
    expect(said).to_contain_text(f"run {OLD} serves again")
    expect(page.get_by_role("heading", name=f"Run {OLD[:8]} serves")).to_be_visible()
    expect(page.locator("[data-part=way] .badge")).to_contain_text("Done")
    assert calls.read_text().split() == [OLD]
    screenshots(page, "release-back")


def test_an_endpoint_that_is_gone_leaves_no_button(page: Page, console: ReleasedConsole) -> None:
    console.change(live=2, weights={}, deployment=DONE, events=ALL, ended=1, status={OLD[:8]: "Gone"})
    page.goto(console.view("release"))
    expect(page.get_by_text("No: its endpoint is gone")).to_be_visible()
    expect(page.get_by_role("button", name="Go back")).to_have_count(0)


def test_a_span_is_chosen_by_a_link_that_can_be_sent(page: Page, console: ReleasedConsole) -> None:
    page.goto(console.view("release"))
    page.get_by_role("link", name="15 minutes").click()
    page.wait_for_url("**/release?span=15m")
    expect(page.get_by_role("link", name="15 minutes")).to_have_attribute("aria-current", "true")


def test_before_the_first_release_it_says_what_to_do(page: Page, console: ReleasedConsole) -> None:
    console.change(released=False)
    page.goto(console.view("release"))
    expect(page.get_by_text("Nothing was released yet")).to_be_visible()
    expect(page.get_by_role("link", name="Look whether a run asks")).to_be_visible()
    screenshots(page, "release-none")
    console.change(released=True)
    expect(page.get_by_role("heading", name=f"Run {OLD[:8]} serves")).to_be_visible()
