"""What ministack leaves out of an execution's history.

States inside of branches, which event each event follows, and what a task was asked to do.
"""

import contextvars
import copy
import json
import threading
from collections.abc import Callable
from typing import Any

SEAMS = tuple(("ministack.services.stepfunctions", name) for name in (
    "_ExecutionError", "_add_event", "_apply_input_path", "_apply_output_path", "_execute_choice", "_execute_map", "_execute_parallel",
    "_execute_pass", "_execute_task", "_execute_wait", "_fail_state_error", "_invoke_resource", "_run_sub_machine", "now_iso"))
ALONE = ("Pass", "Choice", "Wait")  # kinds whose ministack function takes no execution
# Each branch runs in a copy of its parent's context, so in each of them the last event is the branch's own.
_last: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar("last_event", default=None)
_numbering = threading.Lock()  # branches write into one history


def install() -> None:
    """Let ministack write the whole history."""
    from ministack.services import stepfunctions

    add, ask = stepfunctions._add_event, stepfunctions._invoke_resource
    stepfunctions._add_event = lambda execution, kind, details=None: _add(add, execution, kind, details)
    stepfunctions._invoke_resource = lambda resource, request: ask(resource, _scheduled(request))
    stepfunctions._run_sub_machine = run_branch


def _add(add: Callable[..., dict[str, Any]], execution: dict[str, Any], kind: str, details: dict[str, Any] | None) -> dict[str, Any]:
    with _numbering:
        event = add(execution, kind, details)
        event["previousEventId"] = (_last.get() or {}).get("id", 0)
    _last.set(event)
    return event


def _scheduled(request: Any) -> Any:
    """Add to the event of a task what it asks for, in the words of AWS: service, operation, parameters; return that."""
    details = (_last.get() or {}).get("taskScheduledEventDetails")
    if details and ":::" in details["resource"]:
        service, operation = details["resource"].rsplit(":::", 1)[1].split(":", 1)
        details.update(resourceType=service, resource=operation, parameters=json.dumps(request))
    return request


def run_branch(states: dict[str, Any], start_at: str, given: Any, execution: dict[str, Any], context: dict[str, Any]) -> Any:
    """Run a branch's states to its end and return what comes out; each state is told of."""
    from ministack.services import stepfunctions as native

    name: str | None = start_at
    value, context = copy.deepcopy(given), dict(context)  # branches beside this one have states of their own
    while name:
        state = states[name]
        kind = state["Type"]
        context["State"] = {"Name": name, "EnteredTime": native.now_iso(), "RetryCount": 0}
        native._add_event(execution, f"{kind}StateEntered", {"stateEnteredEventDetails": {"name": name, "input": json.dumps(value)}})
        left, (value, name) = name, _step(kind, state, value, execution, context)
        native._add_event(execution, f"{kind}StateExited", {"stateExitedEventDetails": {"name": left, "output": json.dumps(value)}})
    return value


def _step(kind: str, state: dict[str, Any], value: Any, execution: dict[str, Any], context: dict[str, Any]) -> tuple[Any, str | None]:
    """Return what one state makes of its input, and the state that follows."""
    from ministack.services import stepfunctions as native

    if kind == "Fail":
        raise native._ExecutionError(*native._fail_state_error(state, value, context))
    if kind == "Succeed":
        return native._apply_output_path(state, native._apply_input_path(state, value, context), context), None
    run = getattr(native, f"_execute_{kind.lower()}")
    result: tuple[Any, str | None] = run(state, value, context) if kind in ALONE else run(state, value, execution, context)
    return result
