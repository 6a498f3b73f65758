"""A state machine's definition as steps and ways between them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

ROOM = 32  # characters of an arrow's text
SIGNS = {"GreaterThanEquals": "≥", "LessThanEquals": "≤", "GreaterThan": ">", "LessThan": "<", "Equals": "=", "Matches": "matches"}  # the longer ends first

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


def _condition(rule: dict[str, Any]) -> str:
    """Return a Choice's rule as a picture's arrow has room for it."""
    text = _told(rule)
    return text if len(text) <= ROOM else "condition holds"


def _told(rule: dict[str, Any]) -> str:
    for name, word in (("And", " and "), ("Or", " or ")):
        if name in rule:
            return word.join(_told(inner) for inner in rule[name])
    if "Not" in rule:
        return f"not {_told(rule['Not'])}"
    looked = str(rule.get("Variable", "")).rpartition(".")[2]
    for key, value in rule.items():
        if key.startswith("Is"):
            return f"{looked} {'is' if value else 'is not'} {key[2:].lower()}"
        sign = next((sign for end, sign in SIGNS.items() if key.removesuffix("Path").endswith(end)), "")
        if sign:
            return f"{looked} {sign} {_against(key, value)}"
    return str(rule.get("Condition", looked))


def _against(key: str, value: Any) -> str:
    return str(value).rpartition(".")[2] if key.endswith("Path") else json.dumps(value)
