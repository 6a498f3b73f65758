"""The picture of a state machine, as mermaid takes it: each step with its state as a sign and a word."""

from collections.abc import Iterator

from console.parts.badges import SIGNS
from console.parts.times import duration
from console.reading.definition import Branch, Step, Way
from console.reading.history import Told

KINDS = {"running": "busy", "succeeded": "good", "failed": "bad", "stopped": "warn"}
TO_COME, NOT_REACHED = "to come", "not reached"
SHAPES = {"Choice": ("{{", "}}"), "Fail": ("([", "])"), "Succeed": ("([", "])")}
CONFIG = {"theme": "base", "securityLevel": "strict", "fontFamily": "inherit",
          "flowchart": {"nodeSpacing": 24, "rankSpacing": 32, "padding": 12, "subGraphTitleMargin": {"top": 4, "bottom": 12}}}


def word(told: Told | None, over: bool) -> str:
    """Return how far a state is, in a word."""
    return told.status if told else NOT_REACHED if over else TO_COME


def kind(told: Told | None) -> str:
    """Return the kind of a state, which is its colour."""
    return KINDS[told.status] if told else "idle"


def picture(machine: Branch, told: dict[str, Told], over: bool) -> str:
    """Return a flowchart; Fail states are drawn where they were reached or are a choice, for each step has one."""
    ids = {step.name: f"s{number}" for number, step in enumerate(machine.all())}
    shown = set(_shown(machine, told))
    return "\n".join(["flowchart TB", *_branch(machine, ids, shown, told, over)])


def step_of(machine: Branch, node: str) -> str:
    """Return the name of the step that a node of the picture stands for, such as flowchart-s3; blank for none."""
    return next((step.name for number, step in enumerate(machine.all()) if f"s{number}" == node.rpartition("-")[2]), "")


def _shown(machine: Branch, told: dict[str, Told]) -> Iterator[str]:
    chosen = {way.to for step in machine.all() if step.kind == "Choice" for way in step.ways}
    for step in machine.all():
        if step.kind != "Fail" or step.name in told or step.name in chosen:
            yield step.name


def _branch(branch: Branch, ids: dict[str, str], shown: set[str], told: dict[str, Told], over: bool) -> Iterator[str]:
    for step in branch.steps:
        if step.name in shown:
            yield from _step(step, ids, shown, told, over)
    for step in branch.steps:
        for way in step.ways:
            if step.name in shown and way.to in shown:
                yield f"{ids[step.name]} {_arrow(way)} {ids[way.to]}"


def _step(step: Step, ids: dict[str, str], shown: set[str], told: dict[str, Told], over: bool) -> Iterator[str]:
    node, state = ids[step.name], told.get(step.name)
    text = _label(step.name, state, over)
    if step.branches:
        yield from (f'subgraph {node}["{text}"]', "direction TB", f'{node}f@{{shape: fork, label: " "}}', f"class {node}f fork")
        for branch in step.branches:  # with no frame of its own each: mermaid would put one below the other
            yield from _branch(branch, ids, shown, told, over)
            yield f"{node}f --> {ids[branch.start]}"
        yield "end"
    else:
        opening, closing = SHAPES.get(step.kind, ("[", "]"))
        yield f'{node}{opening}"{text}"{closing}'
    yield f"class {node} {kind(state)}"


def _label(name: str, state: Told | None, over: bool) -> str:
    took = f", {duration((state.left - state.entered).total_seconds())}" if state and state.left else ""
    gap = " · " if state and state.kind in ("Parallel", "Map") else "<br>"
    return f"{_plain(name)}{gap}{SIGNS[kind(state)]} {word(state, over)}{took}"


def _arrow(way: Way) -> str:
    text = "" if way.when in ("", "States.ALL") else f'|"{_plain(way.when)}"|'
    return f"-.->{text}" if way.caught else f"-->{text}"


def _plain(text: str) -> str:
    """Return a name without what mermaid would read as its own; states may be called anything."""
    return "".join(letter if letter.isalnum() or letter in " _-.,:" else f"#{ord(letter)};" for letter in text)
