"""A question before anything is changed. It stays open while what is behind it is drawn again, and acts once."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nicegui.element import Element

from console.faults import sentence
from console.live import EXPECTED, Page, in_thread
from console.parts.markup import heading, paragraph, tag

NOT_AGAIN = "Nothing tries it again: look at what has happened, then press once more."
log = logging.getLogger("console")


@dataclass(frozen=True)
class Field:
    """One thing to fill in."""

    name: str
    label: str
    kind: str = "text"  # text, area or choice
    choices: tuple[tuple[str, str], ...] = ()  # value and text; the first is chosen
    required: bool = False


@dataclass(frozen=True)
class Question:
    """What is asked, and the word on the button that does it."""

    title: str
    text: str
    yes: str
    fields: tuple[Field, ...] = ()
    danger: bool = False


def asking_button(page: Page, label: str, question: Question, act: Callable[[dict[str, str]], str], classes: str = "") -> Element:
    """Add a button that asks; ``act`` takes what was filled in, runs in a thread and returns what to say."""
    button = tag("button", label, f"button {classes}", type="button", aria_haspopup="dialog")
    button.on("click", lambda: Dialog(page, question, act) if not page.dialogs.default_slot.children else None, args=[])  # one, whoever clicks twice
    return button


class Dialog:
    """One open question."""

    def __init__(self, page: Page, question: Question, act: Callable[[dict[str, str]], str]) -> None:
        self._page, self._act, self._busy = page, act, False
        with page.dialogs:
            self._element = tag("dialog", classes="dialog", data_modal="yes", aria_label=question.title)
        self._element.on("close", self._element.delete, args=[])
        with self._element, tag("form") as form:
            heading(2, question.title)
            paragraph(question.text)
            for field in question.fields:
                _field(field)
            self._fault = tag("p", classes="fault", role="alert")
            with tag("div", classes="buttons"):
                tag("button", "Back", "button", type="button", data_closes="yes")
                self._yes = tag("button", question.yes, f"button {'danger' if question.danger else 'primary'}", type="submit")
        form.on("submit.prevent", self._submit, js_handler="(event) => emit(Object.fromEntries(new FormData(event.target)))")

    async def _submit(self, event: Any) -> None:
        if self._busy:
            return
        self._show(busy=True)
        try:
            said = await in_thread(self._act, dict(event.args))
        except EXPECTED as error:
            self._show(busy=False, fault=sentence(error, NOT_AGAIN))
        except Exception as error:
            log.exception("an answer could not be given")
            self._show(busy=False, fault=sentence(error, NOT_AGAIN))
        else:
            self._element.run_method("close")
            self._page.say(said or "")
        self._page.refresh()

    def _show(self, *, busy: bool, fault: str = "") -> None:
        self._busy = busy
        self._yes.props["disabled"] = busy
        self._yes.props["aria-busy"] = "true" if busy else "false"
        self._fault.clear()
        if fault:
            with self._fault:
                tag("span", fault)


def _field(field: Field) -> None:
    if field.kind == "choice":
        with tag("fieldset"):
            tag("legend", field.label)
            for index, (value, text) in enumerate(field.choices):
                with tag("label", classes="choice"):
                    tag("input", type="radio", name=field.name, value=value, checked=index == 0)
                    tag("span", text)
        return
    with tag("label", classes="field"):
        tag("span", field.label)
        element = {"text": "input", "area": "textarea"}[field.kind]
        tag(element, name=field.name, required=field.required, rows=3 if field.kind == "area" else None, maxlength=500, autocomplete="off")
