"""A real local run, watched from its start to approval, canary and drift through the page alone."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.console.console_server import CREDENTIALS, ROOT, console
from tests.console.pictures import screen, screenshots
from tests.local.local_aws import free_port

pytestmark = pytest.mark.browser
PYTHON = ROOT / ".venv/bin/python"
PROJECT = "churn-demo"
SPEED = 40  # a canary of five minutes lasts 7.5 s: long enough to be seen by a page that looks each second or two
STAGE = 300_000  # milliseconds that a stage may take on a busy machine
RELEASE = 600_000


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[str]:
    """A local AWS of this test alone."""
    address = ["--data", str(tmp_path / "aws"), "--port", str(port := free_port())]
    subprocess.run([PYTHON, "-m", "local", "up", *address, "--speed", str(SPEED)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    yield f"http://127.0.0.1:{port}"
    subprocess.run([PYTHON, "-m", "local", "down", *address[:2]], cwd=ROOT, check=True)


@pytest.fixture
def address(endpoint: str) -> Iterator[str]:
    """A console of the project that is to come; it ends after the page that shows it."""
    with console(endpoint, "--project", PROJECT) as started:
        yield started


@contextmanager
def person(endpoint: str, *doing: str) -> Iterator[subprocess.Popen[bytes]]:
    """Let a person do something beside the page; what is still going on is ended."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    given = kept | CREDENTIALS | {"AWS_ENDPOINT_URL": endpoint, "PYTHONPATH": str(ROOT / "scripts"), "PATH": f"{PYTHON.parent}:{kept['PATH']}"}
    with subprocess.Popen([PYTHON, ROOT / "tests/console/person.py", *doing], cwd=ROOT, env=given, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()


def done(endpoint: str, *doing: str) -> None:
    """Let a person do something to its end."""
    with person(endpoint, *doing) as process:
        assert process.wait(RELEASE / 1000) == 0


def stage(page: Page, name: str) -> Locator:
    """Return a stage's card."""
    return page.locator(".stage", has=page.get_by_role("heading", name=name))


def go_to(page: Page, view: str) -> None:
    """Choose a view in the navigation."""
    page.get_by_role("navigation", name="Views").get_by_role("link", name=view).click()


def follow_to_the_question(page: Page) -> None:
    """Watch a run on the Project view until it asks, then look at what it would change."""
    for name in ("Build", "Train"):
        expect(stage(page, name)).to_contain_text("In progress", timeout=STAGE)
        screenshots(page, f"life-{name.lower()}")
        expect(stage(page, name).locator(".headline")).to_contain_text("Succeeded", timeout=STAGE)
    expect(stage(page, "DeployDev").locator(".headline")).to_contain_text("Asks a person", timeout=STAGE)
    page.get_by_role("link", name="Look and answer").click()
    expect(page.get_by_role("table").first).to_be_visible()


def approve(page: Page, comment: str) -> None:
    """Say yes, with a comment."""
    page.get_by_role("button", name="Approve").click()
    page.get_by_role("dialog").get_by_label("Comment").fill(comment)
    page.get_by_role("dialog").get_by_role("button", name="Approve").click()
    expect(page.get_by_role("status").filter(has_text="is approved and goes on to production.")).to_be_visible()


def test_a_project_is_followed_from_nothing_to_drift_on_the_page(address: str, page: Page, endpoint: str, tmp_path: Path) -> None:
    page.goto(address)
    expect(page.get_by_role("alert")).to_contain_text(f"There is no project {PROJECT}")
    with person(endpoint, "create"):
        expect(page.locator(".facts")).to_contain_text("an upload of data-source.zip", timeout=STAGE)
        follow_to_the_question(page)
    screenshots(page, "life-approval-first")
    approve(page, "good enough to begin with")
    go_to(page, "Project")
    expect(stage(page, "DeployPrd").locator(".headline")).to_contain_text("Succeeded", timeout=RELEASE)

    go_to(page, "Release")
    expect(page.get_by_text("No release is under way", exact=True)).to_be_visible()
    screenshots(page, "life-release-first")
    go_to(page, "Project")

    done(endpoint, "push", str(tmp_path / "clone"))
    expect(page.locator(".facts")).to_contain_text("a push to the repository")
    follow_to_the_question(page)
    screen(page, "approval")
    with person(endpoint, "ask"):
        approve(page, "no worse, with smaller trees")
        go_to(page, "Release")
        expect(page.get_by_text("Two versions answer", exact=True)).to_be_visible(timeout=RELEASE)
        expect(page.locator(".shares")).to_contain_text("10 % version 2")
        screen(page, "release")
        expect(page.locator(".shares")).to_contain_text("100 % version 2", timeout=RELEASE)
    go_to(page, "Project")
    expect(stage(page, "DeployPrd").locator(".headline")).to_contain_text("Succeeded", timeout=RELEASE)

    with person(endpoint, "ask-otherwise") as asking:
        expect(page.locator(".facts")).to_contain_text("an upload of data-source.zip", timeout=STAGE)
        page.get_by_role("button", name="Stop ...").click()
        page.get_by_role("dialog").get_by_text("At once").click()
        page.get_by_role("dialog").get_by_role("button", name="Stop the run").click()
        expect(page.get_by_role("status").filter(has_text="stops now")).to_be_visible()
        assert asking.wait(STAGE / 1000) == 0
    go_to(page, "Watch")
    expect(page.locator(".said")).to_contain_text("have drifted", timeout=RELEASE)
    screen(page, "watch")
    go_to(page, "Mail")
    expect(page.get_by_text("drift in").first).to_be_visible(timeout=STAGE)
    screenshots(page, "life-mail")
    go_to(page, "Project")
    expect(page.locator(".facts")).to_contain_text("drift of production's requests", timeout=STAGE)
    screen(page, "project")
