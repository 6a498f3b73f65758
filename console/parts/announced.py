"""Changes that a screen reader tells by itself."""

from nicegui import context


def announced() -> None:
    """Let what changes in the part that is being drawn be told, without taking the word from what is just read."""
    parent = context.slot.parent
    if parent.props.get("aria-live") != "polite":
        parent.props["aria-live"] = "polite"
