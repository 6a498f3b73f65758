"""The one way in which all views stay up to date: read in a thread, compare, draw again what has changed.

Whole values are compared, so a state is a frozen dataclass of what is shown and nothing else: no "now", which would always be new.
Reading goes on while nobody looks at the tab; a view says how often with its seconds.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from nicegui import background_tasks, context
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

from console.faults import Refused, sentence
from console.parts.markup import tag
from console.parts.times import moment
from console.place import Place

EXPECTED = (Refused, BotoCoreError, ClientError)
NOTHING = object()
PATIENCE = 8  # seconds after which somebody is told that AWS does not answer
SOON = 5.0  # seconds until a view that could not be read is tried again, whatever its own are
THREADS = ThreadPoolExecutor(16, thread_name_prefix="views")
log = logging.getLogger("console")


async def in_thread(do: Callable[..., Any], *arguments: Any) -> Any:
    """Do something that waits for AWS in a thread; other than nicegui's own way it is cancelled with the task that awaits it."""
    return await asyncio.get_running_loop().run_in_executor(THREADS, partial(do, *arguments))


class Page:
    """What a view draws on: its place, and parts that are drawn again only when their value is new."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._notice = tag("div", classes="notice", role="status")
        self._heard = TextElement(tag="p", text="").classes("unseen").props("role=status")
        self._body = tag("div", classes="view")
        self.dialogs = tag("div")  # beside what is drawn again, so that an open question stays
        self._boxes: dict[str, Element] = {}
        self._values: dict[str, Any] = {}
        self._drawn: list[str] = []
        self._drawn_pieces: dict[str, tuple[Element, dict[int, tuple[Any, Element]]]] = {}
        self.refresh: Callable[[], None] = lambda: None  # reads at once; Live sets it

    def say(self, text: str) -> None:
        """Tell what has been done; it stays until the next is told."""
        self._notice.clear()
        with self._notice:
            tag("p", text)

    def announce(self, text: str) -> None:
        """Let a screen reader say how far things are when that is new; nobody sees it, for the view shows it."""
        self._heard.set_text(text)

    def part(self, name: str, value: Any, draw: Callable[[Any], None]) -> None:
        """Draw a part of the view, in the order of the calls; ``draw`` is called with the value where it is a new one."""
        place = len(self._drawn)
        self._drawn.append(name)
        if name not in self._boxes:
            with self._body:
                self._boxes[name] = tag("div", classes="part", data_part=name)
            self._boxes[name].move(target_index=place)
        elif self._values.get(name, NOTHING) == value:
            return
        box = self._boxes[name]
        box.clear()
        with box:
            draw(value)
        self._values[name] = value  # after it: what could not be drawn is tried again

    def pieces(self, name: str, values: Sequence[Any], box: Callable[[], Element], key: Callable[[Any], int], draw: Callable[[Any], None]) -> None:
        """Draw a sequence that grows at both ends into one box: each piece once, and again where it is another than before."""
        self.part(name, name, lambda _: self._drawn_pieces.update({name: (box(), {})}))
        inside, known = self._drawn_pieces[name]
        for index, value in enumerate(values):
            drawn = known.get(key(value))
            if drawn and drawn[0] is value:
                continue
            if not drawn:
                with inside:
                    known[key(value)] = drawn = (value, tag("div"))
                drawn[1].move(target_index=index)
            drawn[1].clear()
            with drawn[1]:
                draw(value)
            known[key(value)] = value, drawn[1]

    def draw_all(self, draw: Callable[["Page", Any], None], state: Any) -> None:
        """Draw a state, and take away the parts that it no longer has."""
        self._drawn = []
        draw(self, state)
        for name in [name for name in self._boxes if name not in self._drawn]:
            self._boxes.pop(name).delete()
            self._values.pop(name, None)


class Live:
    """One view that follows what it shows, for as long as its page is open."""

    def __init__(self, place: Place, read: Callable[[], Any], draw: Callable[[Page, Any], None], seconds: float) -> None:
        self._read, self._draw, self._seconds = read, draw, seconds
        self._state: Any = NOTHING
        self._told, self._read_at = "", datetime.now(UTC)
        self._wake = asyncio.Event()
        self._banner = tag("div", classes="banner", role="alert", hidden=True)
        self._progress = _skeleton()
        self.page = Page(place)
        self.page.refresh = self._wake.set
        client = context.client
        task = background_tasks.create(self._run(), name=f"live {place.view}")
        client.on_delete(task.cancel)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            await self._turn()
            try:
                await asyncio.wait_for(self._wake.wait(), min(self._seconds, SOON) if self._told else self._seconds)
            except TimeoutError:
                continue

    async def _turn(self) -> None:
        """Read once and show it; a fault is told, and what was read before stays."""
        try:
            state = await self._answer()
            self._read_at = datetime.now(UTC)
            if self._state is NOTHING or state != self._state:
                self.page.draw_all(self._draw, state)
                self._state = state
            self._tell("")
        except EXPECTED as error:
            self._tell(sentence(error))
        except Exception as error:
            log.exception("a view cannot be read or drawn")
            self._tell(sentence(error))
        self._progress.set_visibility(False)

    async def _answer(self) -> Any:
        """Read; where that lasts, tell it, for what is shown may be old meanwhile."""
        reading = asyncio.ensure_future(in_thread(self._read))
        try:
            if not (await asyncio.wait({reading}, timeout=PATIENCE))[0]:
                self._tell(f"AWS has not answered for {PATIENCE} seconds. It is waited for.")
            return await reading
        finally:
            reading.cancel()

    def _tell(self, text: str) -> None:
        if text == self._told:
            return
        self._told = text
        self._banner.clear()
        self._banner.props["hidden"] = not text
        self._banner.update()
        if text:
            with self._banner:
                tag("p", text)
                if self._state is not NOTHING:
                    with tag("p", "What is below was read at ", "quiet"):
                        moment(self._read_at)


def _skeleton() -> Element:
    with tag("div", classes="skeleton", role="status") as element:
        tag("span", "Reading from AWS ...", "quiet")
        for _ in range(3):
            tag("div", classes="bone", aria_hidden="true")
    return element
