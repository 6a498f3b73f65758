"""A view is read again and again; what has not changed is not drawn again, and a fault takes nothing away."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from nicegui import ui
from nicegui.testing import User, user_simulation

from console import live as following
from console.faults import Refused
from console.live import Live, Page
from console.parts.markup import paragraph
from console.place import Place


class Shown:
    """A view of two words that a test sets, which counts what is drawn."""

    def __init__(self) -> None:
        self.first, self.second, self.fault = "one", "two", ""
        self.drawn: list[str] = []
        self.answers = threading.Event()  # whether AWS does
        self.answers.set()
        self.page: Page | None = None

    def read(self) -> tuple[str, str]:
        """Return the words."""
        assert self.answers.wait(60)
        if self.fault:
            raise Refused(self.fault)
        return self.first, self.second

    def draw(self, page: Page, state: tuple[str, str]) -> None:
        """Draw each word in a part of its own; an empty one has none."""
        self.page = page
        for name, word in zip(("first", "second"), state, strict=True):
            if word:
                page.part(name, word, self._word)

    def _word(self, word: str) -> None:
        self.drawn.append(word)
        paragraph(f"the word {word}")


def live(test: Callable[[User, Shown], Any]) -> None:
    """Open a page with the view, which reads only when it is told to, and let a test change what it shows."""

    async def run() -> None:
        shown = Shown()
        async with user_simulation() as user:
            @ui.page("/")
            def page() -> None:
                Live(Place("churn", "any"), shown.read, shown.draw, 3600)

            await user.open("/")
            await user.should_see("the word two", retries=50)
            await test(user, shown)

    with ThreadPoolExecutor(1) as own:  # a thread of its own, for a browser that is open has its loop in the tests' one
        own.submit(lambda: asyncio.run(run())).result()


def refresh(shown: Shown) -> None:
    """Have the view read again."""
    assert shown.page
    shown.page.refresh()


def test_only_the_part_that_has_changed_is_drawn_again() -> None:
    async def test(user: User, shown: Shown) -> None:
        shown.second = "other"
        refresh(shown)
        await user.should_see("the word other", retries=50)
        assert shown.drawn == ["one", "two", "other"]

    live(test)


def test_a_part_that_is_not_there_any_more_is_taken_away_and_comes_back_in_its_place() -> None:
    async def test(user: User, shown: Shown) -> None:
        shown.first = ""
        refresh(shown)
        await user.should_not_see("the word one", retries=50)
        shown.first = "again"
        refresh(shown)
        await user.should_see("the word again", retries=50)
        assert shown.drawn == ["one", "two", "again"]

    live(test)


def test_a_fault_is_told_above_what_was_read_and_goes_when_it_is_over() -> None:
    async def test(user: User, shown: Shown) -> None:
        shown.fault = "The project is being deleted."
        refresh(shown)
        await user.should_see("The project is being deleted.", retries=50)
        await user.should_see("What is below was read at", retries=50)
        await user.should_see("the word one")
        shown.fault = ""
        refresh(shown)
        await user.should_not_see("The project is being deleted.", retries=50)
        assert shown.drawn == ["one", "two"]

    live(test)


def test_what_is_shown_is_said_to_be_old_while_aws_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PATIENCE", 0.1)

    async def test(user: User, shown: Shown) -> None:
        shown.answers.clear()
        refresh(shown)
        await user.should_see("AWS has not answered for 0.1 seconds.", retries=50)
        await user.should_see("What is below was read at", retries=50)
        shown.second = "late"
        shown.answers.set()
        await user.should_see("the word late", retries=50)
        await user.should_not_see("AWS has not answered", retries=50)

    live(test)


def test_a_fault_is_looked_after_soon_however_seldom_the_view_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "SOON", 0.1)

    async def test(user: User, shown: Shown) -> None:
        shown.fault = "The network is down."
        refresh(shown)
        await user.should_see("The network is down.", retries=50)
        shown.fault = ""
        await user.should_not_see("The network is down.", retries=50)

    live(test)


def test_a_part_that_could_not_be_drawn_says_so_again_and_is_drawn_when_it_can_be() -> None:
    async def test(user: User, shown: Shown) -> None:
        drawing, shown.page.part = shown.page.part, lambda name, value, draw: drawing(name, value, draw if value != "bad" else None)
        for _ in range(2):
            shown.first = "bad"
            refresh(shown)
            await user.should_see("'NoneType' object is not callable", retries=50)
        shown.first = "good"
        refresh(shown)
        await user.should_see("the word good", retries=50)

    live(test)
