"""Plain HTML elements, so that landmarks, headings, tables and labels are what they are."""

from typing import Any

from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

ATTRIBUTE = {"value": "^value"}  # as an attribute, for the property would be set again, over what was typed, with each redraw


def tag(name: str, /, text: str = "", classes: str = "", **attributes: Any) -> Element:
    """Add an element; ``_`` in an attribute's name stands for ``-``, None and False leave it out."""
    element = TextElement(tag=name, text=text) if text else Element(name)
    if classes:
        element.classes(classes)
    for key, value in attributes.items():
        if value is not None and value is not False:
            element.props[ATTRIBUTE.get(key, key.strip("_").replace("_", "-"))] = value
    return element


def heading(level: int, text: str, classes: str = "") -> Element:
    """Add a heading."""
    return tag(f"h{level}", text, classes)


def link(text: str, address: str, classes: str = "", **attributes: Any) -> Element:
    """Add a link."""
    return tag("a", text, classes, href=address, **attributes)


def paragraph(text: str, classes: str = "") -> Element:
    """Add a paragraph."""
    return tag("p", text, classes)
