"""A state machine's definition as steps and ways between them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Way:
    """A way out of a step: where it leads, and when."""

    to: str
    when: str = ""  # default of a Choice, or the condition
    caught: bool = False  # taken after an error


@dataclass(frozen=True)
class Step:
    """A state, with the branches inside of it."""

    name: str
    kind: str
    ways: tuple[Way, ...] = ()
    branches: tuple["Branch", ...] = ()
    task: str = ""  # what a Task calls: createTrainingJob.sync, invoke
    comment: str = ""


@dataclass(frozen=True)
class Branch:
    """Steps from a first one on; the whole machine is one, too."""

    start: str
    steps: tuple[Step, ...]

    def all(self) -> Iterator[Step]:
        """Yield all steps, those inside of branches after the one that holds them."""
        for step in self.steps:
            yield step
            for branch in step.branches:
                yield from branch.all()


def parse(definition: str) -> Branch:
    """Return a definition in Amazon States Language as steps."""
    return _branch(json.loads(definition))


def _branch(found: dict[str, Any]) -> Branch:
    return Branch(found["StartAt"], tuple(_step(name, state) for name, state in _in_order(found)))


def _in_order(found: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the states as a run comes to them: by what follows, then what is left."""
    states, seen, waiting = found["States"], [], [found["StartAt"]]
    while waiting:
        name = waiting.pop(0)
        if name in states and name not in seen:
            seen.append(name)
            waiting += [way.to for way in _ways(states[name])]
    return [(name, states[name]) for name in [*seen, *(name for name in states if name not in seen)]]


def _step(name: str, state: dict[str, Any]) -> Step:
    inner = [*state.get("Branches", []), *([state.get("ItemProcessor") or state.get("Iterator")] if state["Type"] == "Map" else [])]
    resource = state.get("Resource", "")
    return Step(name, state["Type"], tuple(_ways(state)), tuple(_branch(branch) for branch in inner if branch),
                resource.rpartition(":")[2], state.get("Comment", ""))


def _ways(state: dict[str, Any]) -> Iterator[Way]:
    if "Next" in state:
        yield Way(state["Next"])
    for choice in state.get("Choices", []):
        yield Way(choice["Next"], _condition(choice))
    if "Default" in state:
        yield Way(state["Default"], "otherwise")
    for catch in state.get("Catch", []):
        yield Way(catch["Next"], ", ".join(catch["ErrorEquals"]), caught=True)


def _condition(choice: dict[str, Any]) -> str:
    """Return a short name of a Choice's rule: what it looks at."""
    looked = sorted(set(_variables(choice)))
    return ", ".join(looked) if len(looked) < 3 else "condition holds"


def _variables(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "Variable":
                yield str(inner).rpartition(".")[2]
            else:
                yield from _variables(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _variables(inner)
