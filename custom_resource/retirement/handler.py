"""Deletes the endpoint stacks of runs that serve nobody any more.

The state machine calls it when a run of the pipeline has ended, and every hour. It looks, decides, asks for deletions
and never sleeps: while a stack that matters is being changed it raises StackInProgress, and the state machine calls
again. Each call judges anew, so events may come twice and in any order. It costs a short call for every look.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import project
from verdict import BUSY, NEVER_MADE, Ended, Stack, is_endpoint, is_release, needed, stays

START = datetime.min.replace(tzinfo=UTC)


class StackInProgress(Exception):
    """A stack that matters is being changed; the state machine calls again (Retry in pipeline.yml)."""


class DeletionFailed(Exception):
    """CloudFormation could not delete a stack."""


def handler(event: dict[str, Any], context: Any) -> dict[str, list[str]]:
    """Delete what may go; return the names of the stacks that stay, and the runs whose files have to."""
    prefix, ended = project.setting("NAME_PREFIX"), Ended.of(event["Event"], event["Entered"])
    statuses = project.statuses(prefix)
    cleared = clear(prefix, statuses)
    if event.get("OnlyClear"):
        return {"cleared": cleared}
    stacks = project.stacks([name for name in sorted(statuses) if is_release(prefix, name)])
    outcomes: dict[str, list[str]] = {"kept": [], "waiting": [f"{name} (it was never made)" for name in cleared], "failed": []}
    kept: set[str] = set()
    for stack in (stack for stack in stacks if is_endpoint(prefix, stack.name) and stack.name not in cleared):
        decision, why = decide(prefix, stack, stacks, statuses.get(f"{prefix}-api", ""), ended)
        tell(stack.name, decision, why, stack.run)
        if decision == "deleted":
            project.delete(stack.name)
        kept |= {stack.run} if decision == "kept" else set()
        outcomes["waiting" if decision == "deleted" else decision].append(
            stack.name if decision == "kept" else f"{stack.name} ({why})")
    finish(outcomes)
    return {"kept": outcomes["kept"], "runs": needed(project.records(prefix, stacks), kept, ended)}


def clear(prefix: str, statuses: dict[str, str]) -> list[str]:
    """Ask for the deletion of stacks whose first creation failed: what retries it can neither update nor create them."""
    never_made = [name for name, status in statuses.items() if status in NEVER_MADE and is_release(prefix, name)]
    for name in never_made:
        tell(name, "deleted", f"it is {statuses[name]}: {project.failure(name, 'CREATE_FAILED', START)}")
        project.delete(name)
    return never_made


def decide(prefix: str, stack: Stack, stacks: list[Stack], api_status: str, ended: Ended) -> tuple[str, str]:
    """Return what becomes of a stack and why; alias and history are read anew for each."""
    if reason := stays(stack, project.records(prefix, stacks), ended):
        return "kept", reason
    if BUSY.fullmatch(api_status):  # it may go back to the former run
        return "waiting", f"{prefix}-api is {api_status}, so what serves is not settled"
    if BUSY.fullmatch(stack.status):
        return "waiting", f"it is {stack.status}"
    if stack.status == "DELETE_FAILED" and (reason := project.failure(stack.name, "DELETE_FAILED", ended.judged)):
        return "failed", reason
    return "deleted", f"its run does not serve; {ended.words}"


def finish(outcomes: dict[str, list[str]]) -> None:
    """Raise what keeps the state machine waiting, or what a person has to mend."""
    if outcomes["waiting"]:
        raise StackInProgress(f"not gone yet: {'; '.join(outcomes['waiting'])}. The state machine looks again.")
    if outcomes["failed"]:
        raise DeletionFailed(f"not deleted: {'; '.join(outcomes['failed'])}. Remove the cause; "
                             f"within an hour it is tried again, or delete it by hand.")


def tell(stack: str, decision: str, why: str, run: str = "") -> None:
    """Log a decision as one line."""
    print(json.dumps({"stack": stack, "run": run, "decision": decision, "why": why}))
