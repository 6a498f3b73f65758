"""The Step Functions SDK's states, with the fields of the language that it lacks.

The SDK stopped before Fail.CausePath and ResultSelector. Importing it warns (pkg_resources, the
deprecation of sagemaker 2, a comparison with `is`) and logs; none of that is news to who builds, so
it is silenced here and nowhere else.
"""

from __future__ import annotations

import logging
import os
import warnings
from typing import Any

os.environ.setdefault("SAGEMAKER_SUPPRESS_V2_WARNING", "1")
logging.getLogger("sagemaker.config").setLevel(logging.WARNING)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from sagemaker import image_uris
    from stepfunctions.steps.choice_rule import ChoiceRule
    from stepfunctions.steps.states import Catch, Chain, Choice, Fail, Graph, Parallel, Retry, State, Task

__all__ = ["Catch", "Chain", "Choice", "ChoiceRule", "CausedFail", "Graph", "Retry", "SelectingParallel", "SelectingTask", "State",
           "image_uris"]


class CausedFail(Fail):  # type: ignore[misc] # stepfunctions has no types
    """A Fail state whose cause comes from its input."""

    def __init__(self, state_id: str, cause_path: str) -> None:
        super().__init__(state_id, error=state_id)
        self.cause_path = cause_path

    def to_dict(self) -> dict[str, Any]:
        """Return the state with CausePath."""
        state: dict[str, Any] = super().to_dict() | {"CausePath": self.cause_path}
        return state


class SelectingTask(Task):  # type: ignore[misc] # stepfunctions has no types
    """A Task that keeps only the named parts of its result; without any it drops the result."""

    def __init__(self, state_id: str, kept: dict[str, str], **fields: Any) -> None:
        super().__init__(state_id, result_path=f"$.{state_id}" if kept else None, **fields)
        self.kept = kept

    def to_dict(self) -> dict[str, Any]:
        """Return the state with ResultSelector."""
        state: dict[str, Any] = super().to_dict() | ({"ResultSelector": self.kept} if self.kept else {})
        return state


class SelectingParallel(Parallel):  # type: ignore[misc] # stepfunctions has no types
    """A Parallel whose output is made of named parts of its branches' outputs."""

    def __init__(self, state_id: str, kept: dict[str, str]) -> None:
        super().__init__(state_id)
        self.kept = kept

    def to_dict(self) -> dict[str, Any]:
        """Return the state with ResultSelector."""
        state: dict[str, Any] = super().to_dict() | {"ResultSelector": self.kept}
        return state
