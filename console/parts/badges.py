"""States, told by a sign and a word; colour only repeats them."""

from nicegui.element import Element

from console.parts.markup import tag

KINDS = {  # state -> kind and sign
    "good": "✓", "bad": "✕", "busy": "◐", "asks": "?", "warn": "!", "idle": "·",
}


def badge(word: str, kind: str) -> Element:
    """Add a state: a word of one of the kinds good, bad, busy, asks, warn, idle."""
    with tag("span", classes=f"badge {kind}") as element:
        tag("span", KINDS[kind], "sign", aria_hidden="true")
        tag("span", word)
    return element
