"""State machines as Step Functions will see them: their graph, and each Task's request against the service's model.

`python -m tests.templates.state_machines TEMPLATE...` prints what is wrong, a finding a line, and exits 1 if anything is.
What a path or a function fills in at run time is unknown here; such a member must exist, its value is not judged.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from statelint.linter import Linter

from tests.templates.deployment import Deployment
from tests.templates.service_requests import faults, mistyped, operation
from tests.templates.sources import template

ONCE, AWAITED, ANSWERED = "", "sync", "waitForTaskToken"
INTEGRATIONS = {  # what Step Functions calls in a way of its own: botocore's service, how it may be called, which members take JSON
    "lambda:invoke": ("lambda", {ONCE, ANSWERED}, {"Payload"}),
    "sns:publish": ("sns", {ONCE, ANSWERED}, {"Message"}),
    **{f"sagemaker:create{job}Job": ("sagemaker", {ONCE, AWAITED}, set()) for job in ("HyperParameterTuning", "Processing", "Training", "Transform")},
    **{f"sagemaker:{call}": ("sagemaker", {ONCE}, set()) for call in ("createModel", "createEndpoint", "createEndpointConfig", "updateEndpoint")},
}
STEP = r"""\.{1,2}\w+|\.{1,2}\*|\[(?:\d+|\*|-?\d*:-?\d*|'[^']+'|"[^"]+"|\?\(.+\))\]"""
PATH = re.compile(rf"\$\$?(?:{STEP})*")


class Unknown(str):
    """A text that is known at run time only."""

    __slots__ = ()


def definitions(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the state machines of a template by logical id."""
    deployment = Deployment(template(path))
    for key, resource in deployment.template["Resources"].items():
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            properties = deployment.of(resource["Properties"])
            yield key, properties["Definition"] if "Definition" in properties else json.loads(properties["DefinitionString"])


def findings(definition: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong in a state machine, each with the name of its kind."""
    # statelint knows no hyphen in a path, not even in brackets, which are there for it.
    text = re.sub(r"\['([\w-]+)'\]", lambda name: name[0].replace("-", "_"), json.dumps(definition))
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(text)
        file.flush()
        yield from (f"Graph: {problem}" for problem in Linter().validate(file.name))
    yield from (f"Path: {name} is {path}" for name, path in paths(definition) if not PATH.fullmatch(path))
    for name, task in tasks(definition):
        yield from of_task(name, task)


def paths(node: Any) -> Iterator[tuple[str, str]]:
    """Yield (member, path) of all that a state machine reads and writes; statelint looks at their first letter only."""
    for key, item in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if isinstance(item, str) and item.startswith("$") and re.search(r"Path$|^Variable$|\.\$$", str(key)):
            yield str(key), item
        yield from paths(item)


def tasks(definition: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the Tasks, those of branches and iterators included."""
    for name, state in definition.get("States", {}).items():
        if state.get("Type") == "Task":
            yield name, state
        for inner in (*state.get("Branches", []), state.get("Iterator", {}), state.get("ItemProcessor", {})):
            yield from tasks(inner)


def of_task(name: str, task: dict[str, Any]) -> Iterator[str]:
    """Yield what the service would refuse of a Task."""
    resource = str(task.get("Resource", ""))
    if ":::" not in resource:  # a function or an activity by its ARN: its input is its own affair
        return
    try:
        service, call, as_json = integration(resource.split(":::")[1])
        model = operation(service, call)
    except ValueError as error:
        yield f"Integration: {name}: {resource}: {error}"
        return
    shape = model.input_shape
    sent = {key: json.dumps(value) if key in as_json and not isinstance(value, str) else value for key, value in task.get("Parameters", {}).items()}
    asked = request(shape, sent)
    if wrong := mistyped(shape, asked):
        yield f"Request: {name}: {wrong}"
    else:
        yield from (f"Value: {fault}" for fault in faults(shape, known(asked), name))


def integration(text: str) -> tuple[str, str, set[str]]:
    """Return service, operation and the members that take JSON, of what stands behind `states:::`; raises ValueError."""
    text, _, pattern = text.partition(".")
    if text.startswith("aws-sdk:"):
        service, call = text.removeprefix("aws-sdk:").split(":")
        allowed, as_json = {ONCE, ANSWERED}, set[str]()
    elif text in INTEGRATIONS:
        call = text.split(":")[1]
        service, allowed, as_json = INTEGRATIONS[text]
    else:
        raise ValueError("there is no such integration; a new one is added to INTEGRATIONS")
    if pattern not in allowed:
        raise ValueError(f"cannot be called with .{pattern}" if pattern else "has to be awaited")
    return service, call[0].upper() + call[1:], as_json


def request(shape: Any, parameters: Any) -> Any:
    """Return the request that parameters make: members by the service's names, an example for what is filled in at run time."""
    if shape.type_name == "structure" and isinstance(parameters, dict):
        return dict(member(shape, name, value) for name, value in parameters.items())
    if shape.type_name == "list" and isinstance(parameters, list):
        return [request(shape.member, item) for item in parameters]
    if shape.type_name == "map" and isinstance(parameters, dict):
        return {key.removesuffix(".$"): example(shape.value) if key.endswith(".$") else request(shape.value, value) for key, value in parameters.items()}
    return parameters


def member(shape: Any, written: str, value: Any) -> tuple[str, Any]:
    """Return a member's own name and its value; Step Functions writes names with a capital letter, some services do not."""
    asked = written.removesuffix(".$")
    name = next((name for name in shape.members if name[0].upper() + name[1:] == asked), asked)
    if name not in shape.members:
        return asked, value
    return name, example(shape.members[name]) if written.endswith(".$") else request(shape.members[name], value)


def example(shape: Any) -> Any:
    """Return the least that a shape takes."""
    least = int(shape.metadata.get("min", 0))
    if shape.type_name == "structure":
        return {name: example(shape.members[name]) for name in shape.required_members}
    if shape.type_name == "list":
        return [example(shape.member)] * least
    return {"map": {}, "boolean": False, "integer": least, "long": least, "float": least, "double": least, "blob": b"",
            "timestamp": 0}.get(shape.type_name, Unknown("x" * least))


def known(value: Any) -> Any:
    """Return a request without what is known at run time only."""
    if isinstance(value, dict):
        return {key: known(item) for key, item in value.items() if not isinstance(item, Unknown)}
    return [known(item) for item in value if not isinstance(item, Unknown)] if isinstance(value, list) else value


if __name__ == "__main__":
    wrong = [f"{path} {key}: {finding}" for path in sys.argv[1:] for key, machine in definitions(Path(path)) for finding in findings(machine)]
    print(*wrong, sep="\n")
    sys.exit(bool(wrong))
