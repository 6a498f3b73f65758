"""Watch and Mail as a person uses them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.console.pictures import screenshots
from tests.console.released_account import NEW, OLD
from tests.console.released_console import ReleasedConsole, released_console
from tests.console.watched_account import MINUTES, PLAN

pytestmark = pytest.mark.browser


@pytest.fixture
def console(tmp_path: Path) -> Iterator[ReleasedConsole]:
    """A console."""
    with released_console(tmp_path, tmp_path / "nothing.sh") as started:
        yield started


def test_drift_is_told_with_its_feature_its_values_and_what_follows(page: Page, console: ReleasedConsole) -> None:
    page.goto(console.view("watch"))
    expect(page.locator(".said")).to_contain_text(f"1 feature has drifted: {MINUTES}. The training data is that of the live model")
    expect(page.get_by_role("img", name=f"Values of {MINUTES}")).to_be_visible()
    expect(page.get_by_role("img", name="Distance from the training data")).to_be_visible()
    expect(page.locator(".reasons")).to_contain_text("Its values lie higher than the training data's.")
    expect(page.locator("[data-part=retraining]")).to_contain_text("Nothing new to learn")
    expect(page.locator("[data-part=retraining]")).to_contain_text("the cooldown keeps drift from starting another one")
    expect(page.locator("[data-part=capacity]")).to_contain_text("2, on the way to 3")
    expect(page.locator("[data-part=capacity]")).to_contain_text("not while the release is watched")
    looks = page.get_by_role("table", name="Looks at production")
    for text in ("Drift", "No drift", "Too few rows", "it has captured nothing since noon", "endpoint demo-p is gone"):
        expect(looks).to_contain_text(text)
    screenshots(page, "watch")


def test_another_feature_is_chosen_and_its_address_can_be_sent(page: Page, console: ReleasedConsole) -> None:
    page.goto(console.view("watch"))
    page.get_by_text("All 19 features").click()
    page.get_by_role("link", name=PLAN).click()
    expect(page.get_by_role("img", name=f"Values of {PLAN}")).to_be_visible()
    assert f"feature={PLAN}" in page.url and "look=" in page.url
    page.reload()
    expect(page.get_by_role("img", name=f"Values of {PLAN}")).to_be_visible()
    screenshots(page, "watch-texts")


def test_a_new_look_is_shown_without_reloading(page: Page, console: ReleasedConsole) -> None:
    console.change(verdicts=["too few rows"])
    page.goto(console.view("watch"))
    expect(page.locator(".said")).to_contain_text("The newest look had 5 of 501 rows")
    console.change(verdicts=["drift", "too few rows"], decision="started")
    expect(page.locator(".said")).to_contain_text("1 feature has drifted")
    expect(page.get_by_role("link", name=f"The retraining: run {NEW[:8]}")).to_be_visible()


def test_states_without_drift_say_what_to_do(page: Page, console: ReleasedConsole) -> None:
    console.change(verdicts=["nothing to look at"])
    page.goto(console.view("watch"))
    expect(page.locator(".said")).to_contain_text("it has captured nothing since noon. Ask the API, then the next look has something.")
    screenshots(page, "watch-nothing")
    console.change(verdicts=["no drift"])
    expect(page.locator(".said")).to_contain_text("There is nothing to do.")
    console.change(verdicts=["FAILED"])
    expect(page.locator(".said")).to_contain_text("The newest look is FAILED, so drift would go unseen: endpoint demo-p is gone.")
    console.change(verdicts=[], capturing="no")
    expect(page.locator(".said")).to_contain_text("serving.capture.percentage is 0")
    console.change(released=False)
    expect(page.get_by_text("Nothing is watched yet")).to_be_visible()


def test_a_chart_that_was_not_yet_narrowed_does_not_widen_the_page(page: Page, console: ReleasedConsole) -> None:
    page.goto(console.view("watch"))
    expect(page.locator(".plot svg").first).to_be_visible()
    page.evaluate("document.querySelectorAll('.plot .nicegui-echart > div').forEach(drawing => drawing.style.width = '3000px')")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440


def test_the_live_endpoint_that_is_gone_is_told(page: Page, console: ReleasedConsole) -> None:
    console.change(status={OLD[:8]: "Gone"})
    page.goto(console.view("watch"))
    expect(page.get_by_text("is gone, so requests to it fail.")).to_be_visible()


def test_mails_are_listed_the_newest_first_paged_and_read(page: Page, console: ReleasedConsole) -> None:
    page.goto(console.view("mail"))
    mails = page.locator(".mails li")
    expect(mails).to_have_count(25)
    expect(mails.first).to_contain_text("(0)")
    page.get_by_role("link", name="Older mails").click()
    expect(mails).to_have_count(5)
    expect(mails.first).to_contain_text("(25)")
    mails.first.get_by_role("link").click()
    letter = page.get_by_role("article")
    expect(letter).to_contain_text("<b>centre</b>; distance 0.181")
    expect(letter.get_by_role("link", name="http://127.0.0.1:4566/bucket/runs/x/monitoring/y/report.html")).to_be_visible()
    screenshots(page, "mail")
    letter.get_by_role("link", name="Close").click()
    expect(letter).to_have_count(0)
    expect(mails.first).to_contain_text("(25)")


def test_without_an_outbox_it_says_where_mail_goes(page: Page, console: ReleasedConsole) -> None:
    console.change(mails=0)
    page.goto(console.view("mail"))
    expect(page.get_by_text("No mail was sent yet, so there is no bucket local-outbox.")).to_be_visible()
    screenshots(page, "mail-none")
