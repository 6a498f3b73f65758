"""Stack operations that a kill interrupted: the next start ends them as CloudFormation ends an operation that failed.

An operation is kept in its stack as it was called. The next start calls it again with what its resources had become:
those that were complete answer with their record, the one that was under way is undone and fails with the reason, and
from there ministack's own rollback goes on. So an update ends in UPDATE_ROLLBACK_COMPLETE; a stack that was being
created is deleted after the rollback, as with OnFailure=DELETE; an operation whose resources were all complete, and a
deletion, are brought to their end. Why: docs/decisions/interrupted-stacks.md.
"""

import asyncio
import contextvars
import logging
from collections.abc import Callable
from typing import Any

from local import alias_shift
from local.cloudformation import act_for
from local.machine import AccessDeniedError, Machine
from local.stacks import TYPES
from local.store import Table

_CFN = "ministack.services.cloudformation"
SEAMS: tuple[tuple[str, str], ...] = (
    (_CFN, "_change_sets"), (_CFN, "_stack_events"), *((f"{_CFN}.stacks", name) for name in (
        "_create_then_delete_on_failure", "_delete_stack_async", "_roll_back_operation")))
WORDS = "interrupted: the local AWS was stopped during this operation; try it again"
NO_ROLLBACK = 2  # where the call has disable_rollback, after template and parameters
logger = logging.getLogger("local")
Made = dict[str, tuple[str, dict[str, Any]]]
# What the resources of an operation that is called again had become; None in any other.
_made: contextvars.ContextVar[Made | None] = contextvars.ContextVar("made", default=None)


class InterruptedOperationError(Exception):
    """A resource was under way when the machine was killed."""


def install(machine: Machine) -> None:
    """Let stacks keep what they do, and operations be called again."""
    from ministack.services.cloudformation import changesets, handlers, stacks

    begun = machine.store.table("stack-resources")
    deploy, roll_back, add_event = stacks._deploy_stack_async, stacks._roll_back_operation, stacks._add_event

    async def deploy_stack(name: str, stack_id: str, *values: Any, **more: Any) -> None:
        stack = stacks_of()[name]
        stack["_operation"] = {"values": list(values), "more": more}
        if _made.get() is None:
            for key in [key for key in begun if key.startswith(f"{name}/")]:
                del begun[key]
        await deploy(name, stack_id, *values, **more)
        stack.pop("_operation", None)

    async def roll_back_operation(*arguments: Any, **more: Any) -> None:
        _made.set(None)
        await roll_back(*arguments, **more)

    def add_new_event(stack_id: str, name: str, logical_id: str, *rest: Any, **more: Any) -> None:
        if logical_id not in (_made.get() or {}):  # else it is told already
            add_event(stack_id, name, logical_id, *rest, **more)

    for module in (stacks, handlers, changesets):
        module._deploy_stack_async = deploy_stack
    stacks._roll_back_operation, stacks._add_event = roll_back_operation, add_new_event
    stacks._provision_resource = _create(machine, begun, stacks._provision_resource)
    stacks._update_resource = _update(begun, stacks._update_resource)


def stacks_of() -> Any:
    """Return ministack's stacks."""
    from ministack.services.cloudformation import _stacks

    return _stacks


# What is under way. Only what works on a thread can be interrupted: all else is saved with its stack's record.

def _create(machine: Machine, begun: Table, inner: Callable[..., Any]) -> Callable[..., Any]:
    def create(kind: str, logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        from ministack.services.cloudformation import stacks

        key, made = f"{stack}/{logical_id}", _made.get()
        if made is not None:
            if logical_id in made:
                return made[logical_id]
            if under_way := begun.pop(key, None):
                _undo(stacks._delete_resource, kind, under_way["physical"], properties, stack, logical_id)
            raise InterruptedOperationError(WORDS)
        if stacks._runs_on_worker_thread(kind):
            begun[key] = {"physical": _expected(machine, kind, logical_id, properties, stack)}
        physical_id, attributes = inner(kind, logical_id, properties, stack)
        if key in begun:
            begun[key] = {"physical": physical_id}
        return physical_id, attributes

    return create


def _update(begun: Table, inner: Callable[..., Any]) -> Callable[..., Any]:
    def update(kind: str, physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str, logical_id: str, *rest: Any) -> Any:
        from ministack.services.cloudformation import stacks

        key, made = f"{stack}/{logical_id}", _made.get()
        if made is not None:
            if logical_id in made:
                return made[logical_id]
            if begun.pop(key, None):
                alias_shift.turn_back()
                _undo(inner, kind, physical_id, new, old, stack, logical_id, *rest)
            raise InterruptedOperationError(WORDS)
        if stacks._runs_on_worker_thread(kind) and old != new:
            begun[key] = {"physical": physical_id}
        return inner(kind, physical_id, old, new, stack, logical_id, *rest)

    return update


def _expected(machine: Machine, kind: str, logical_id: str, properties: dict[str, Any], stack: str) -> str:
    """Return what a resource will be known by, as far as that is known before it is made."""
    from ministack.services.cloudformation.provisioners import _physical_name

    if kind in TYPES:
        if TYPES[kind].named_by_members:
            return TYPES[kind].joined(properties)
        bucket: str = properties.get(TYPES[kind].name) or _physical_name(stack, logical_id, max_len=63).lower()
        return bucket
    topic = machine.arn("sns", properties["TopicName"]) if "TopicName" in properties else None
    return topic or properties.get("BucketName") or f"{stack}-{logical_id}"


def _undo(change: Callable[..., Any], *arguments: Any) -> None:
    try:
        change(*arguments)
    except Exception:
        logger.exception("%s was interrupted and could not be undone", arguments[0])


# The next start

async def settle(machine: Machine) -> None:
    """End what a former machine left under way; returns when all but deletions have ended."""
    from ministack.services.cloudformation import _change_sets

    for change_set in _change_sets.all_values():
        if change_set.get("ExecutionStatus") == "EXECUTE_IN_PROGRESS":
            change_set["ExecutionStatus"] = "EXECUTE_FAILED"
    tasks = {asyncio.create_task(_finish(machine, stack)): stack["StackStatus"] for stack in stacks_of().all_values()
             if stack["StackStatus"].endswith("_IN_PROGRESS") and stack["StackStatus"] != "REVIEW_IN_PROGRESS"}
    awaited = [task for task, status in tasks.items() if status != "DELETE_IN_PROGRESS"]
    if awaited:
        await asyncio.wait(awaited)


async def _finish(machine: Machine, stack: dict[str, Any]) -> None:
    """Bring the operation of one stack to its end."""
    from ministack.services.cloudformation import stacks

    name, stack_id, operation = stack["StackName"], stack["StackId"], stack.get("_operation")
    try:
        act_for(machine, name)
        if stack["StackStatus"] == "DELETE_IN_PROGRESS":
            await stacks._delete_stack_async(name, stack_id)
            return
        if operation is None:
            raise InterruptedOperationError(WORDS)
        values, more = operation["values"], operation["more"]
        _made.set(_completed(stack, "UPDATE" if more.get("is_update") else "CREATE"))
        stack["_disable_validation"] = True  # it would take the stack's own new bucket for another's
        again = stacks._deploy_stack_async(name, stack_id, *values, **more)
        if more.get("is_update") or values[NO_ROLLBACK]:
            await again
            return
        await stacks._create_then_delete_on_failure(name, stack_id, again)
    except (AccessDeniedError, InterruptedOperationError) as error:
        _fail(stack, str(error))
    except Exception as error:
        logger.exception("stack %s", name)
        _fail(stack, f"{type(error).__name__}: {error}")


def _fail(stack: dict[str, Any], reason: str) -> None:
    """Leave a stack as one whose rollback failed."""
    from ministack.services.cloudformation import stacks

    verb = stack["StackStatus"].partition("_")[0]
    stack["StackStatus"] = {"DELETE": "DELETE_FAILED", "UPDATE": "UPDATE_ROLLBACK_FAILED"}.get(verb, "ROLLBACK_FAILED")
    stack["StackStatusReason"] = reason
    stacks._add_event(stack["StackId"], stack["StackName"], stack["StackName"], "AWS::CloudFormation::Stack",
                      stack["StackStatus"], reason, stack["StackId"])


def _completed(stack: dict[str, Any], verb: str) -> Made:
    """Return what an operation had completed before it was interrupted, or before its rollback began."""
    from ministack.services.cloudformation import _stack_events

    made: Made = {}
    for event in _stack_events.get(stack["StackId"], []):
        logical_id, status = event["LogicalResourceId"], event["ResourceStatus"]
        own = event["PhysicalResourceId"] == stack["StackId"]
        if own and status == f"{verb}_IN_PROGRESS":
            made = {}  # the last operation counts
        if own and "ROLLBACK_IN_PROGRESS" in status:
            verb = "NOTHING MORE"
        record = stack["_resources"].get(logical_id)
        if not own and status == f"{verb}_COMPLETE" and record:
            made[logical_id] = record["PhysicalResourceId"], record["Attributes"]
    return made
