"""A project as it was recorded, a browser, and pages that may ask nothing but 127.0.0.1."""

import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.console.console_server import console
from tests.console.recorded_aws import serving
from tests.console.recorded_project import RecordedProject

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
CONSOLES = {"address", "console"}  # fixtures that start one
SECONDS = 60  # the longest that a page may take to show what is waited for, on a busy machine
expect.set_options(timeout=SECONDS * 1000)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    assert program, "Chromium is missing (on Debian: apt-get install chromium; scripts/setup-ci.sh does it)"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])  # in a container it could not make one
        yield started
        started.close()


@pytest.fixture
def context(browser: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """A browser of a person in Berlin; afterwards it must have asked nobody but this machine, and met no fault in the page."""
    for name in CONSOLES & set(request.fixturenames):  # started before the page, so ended after it: a page tells of a server that has gone
        request.getfixturevalue(name)
    asked: list[str] = []
    faults: list[str] = []
    made = browser.new_context(viewport={"width": 1440, "height": 900}, timezone_id="Europe/Berlin", locale="en-GB")
    made.set_default_timeout(SECONDS * 1000)
    made.on("request", lambda request: asked.append(request.url))
    made.on("weberror", lambda fault: faults.append(str(fault.error)))
    made.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    yield made
    made.close()
    assert asked
    assert {urlsplit(url).hostname for url in asked if not url.startswith(("data:", "blob:"))} == {"127.0.0.1"}
    assert faults == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A tab."""
    return context.new_page()


@pytest.fixture
def project() -> Iterator[RecordedProject]:
    """A project that a test brings into the state that it is about."""
    with serving(RecordedProject()) as recorded:
        yield recorded


@pytest.fixture
def address(project: RecordedProject) -> Iterator[str]:
    """A console that shows the recorded project."""
    with console(project.url) as started:
        yield started
