"""What every role has asked for: each action once, allowed or not, with the first resource that it was asked for.

IAM's one entry is the seam, so nothing that is authorized escapes: calls over HTTP and what services do for a role.
`python scripts/permissions.py` makes docs/permissions.md of it.
"""

from contextlib import suppress
from typing import Any

from local.journal import Journal
from local.machine import Machine

SEAMS = (("ministack.core.iam_evaluator", "enforce"), ("ministack.services.sts", "_sessions"))
FILE = "calls.jsonl"


def install(machine: Machine) -> None:
    """Put the recording around IAM's decisions."""
    from ministack.core import iam_evaluator

    decide, calls = iam_evaluator.enforce, Calls(machine)

    def decided(access_key: str, action: str, *place: Any, **more: Any) -> Any:
        denied = decide(access_key, action, *place, **more)
        calls.keep(access_key, action, place[2] if len(place) > 2 else more.get("resource_arn", "*"), denied is None)
        return denied

    iam_evaluator.enforce = decided


class Calls:
    """The roles' actions in a file of the machine's state: [role, action, allowed, resource] a line."""

    def __init__(self, machine: Machine) -> None:
        self._journal = Journal(machine.data / FILE)
        self._known = {(role, action, allowed) for role, action, allowed, _ in self._journal.read()}

    def keep(self, access_key: str, action: str, resource: str, allowed: bool) -> None:
        """Keep what a role asks for the first time; a full disk loses the line, not the call."""
        role = _role(access_key)
        if role and (role, action, allowed) not in self._known:
            self._known.add((role, action, allowed))
            with suppress(OSError):
                self._journal.append([[role, action, allowed, resource]])


def _role(access_key: str) -> str:
    """Return the name of the role whose session has the key, empty for users and the account itself."""
    from ministack.services import sts

    arn = (sts._sessions.get(access_key) or {}).get("Arn", "")
    return arn.split("/")[1] if ":assumed-role/" in arn else ""
