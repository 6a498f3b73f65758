"""States, told by a sign and a word; colour only repeats them."""

from nicegui.element import Element

from console.parts.markup import tag

SIGNS = {"good": "✓", "bad": "✕", "busy": "◐", "asks": "?", "warn": "!", "idle": "·"}
STATES = {  # as CodePipeline, Step Functions, SageMaker and CloudFormation name them -> what is shown, and its kind
    "": ("Not reached", "idle"), "InProgress": ("In progress", "busy"), "Succeeded": ("Succeeded", "good"), "Failed": ("Failed", "bad"),
    "Stopped": ("Stopped", "warn"), "Stopping": ("Stopping", "warn"), "Superseded": ("Superseded", "idle"), "Cancelled": ("Cancelled", "idle"),
    "Abandoned": ("Abandoned", "warn"), "Skipped": ("Skipped", "idle"), "Completed": ("Succeeded", "good"),
}


def badge(word: str, kind: str) -> Element:
    """Add a state: a word of one of the kinds good, bad, busy, asks, warn, idle."""
    with tag("span", classes=f"badge {kind}") as element:
        tag("span", SIGNS[kind], "sign", aria_hidden="true")
        tag("span", word)
    return element


def state_badge(status: str) -> Element:
    """Add a state by AWS's name for it."""
    return badge(*STATES.get(status, (status, "idle")))
