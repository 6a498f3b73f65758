"""Which stacks belong to a project, and which of them are due for deletion."""

from __future__ import annotations

import re
from dataclasses import dataclass

# What calls goes before what is called.
ORDER = (r"monitoring", r"api", r"([0-9a-f]{8}|live)-prd", r"[0-9a-f]{8}-dev", r"workflow", r"functions")
BUSY = re.compile(r"(?!REVIEW_).*_IN_PROGRESS")  # CloudFormation refuses to delete what it is changing


@dataclass(frozen=True)
class Stack:
    """A stack of the project, and its place in the order of deletion."""

    name: str
    status: str
    place: int

    @classmethod
    def of(cls, prefix: str, name: str, status: str) -> Stack | None:
        """Return the stack; None when it is another project's, or gone."""
        if status == "DELETE_COMPLETE" or not name.startswith(f"{prefix}-"):
            return None
        ending = name[len(prefix) + 1:]
        places = [place for place, pattern in enumerate(ORDER) if re.fullmatch(pattern, ending)]
        return cls(name, status, places[0]) if places else None


def due(stacks: list[Stack], asked: list[str]) -> list[Stack]:
    """Return the stacks to delete now: the first in order that are idle and not asked for yet."""
    front = min((stack.place for stack in stacks), default=0)
    return [stack for stack in stacks if stack.place == front and not BUSY.fullmatch(stack.status) and stack.name not in asked]


def failed(stacks: list[Stack], asked: list[str]) -> list[Stack]:
    """Return the stacks that we asked to be deleted and that could not be."""
    return [stack for stack in stacks if stack.status == "DELETE_FAILED" and stack.name in asked]
