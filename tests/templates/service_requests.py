"""Requests against AWS's own service models, which botocore carries.

botocore's validator finds members that are unknown, missing or of another type, and what is too short;
pattern, enumeration and maximum it leaves to the service, so they are walked here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from botocore.session import get_session
from botocore.validate import ParamValidator

CLASSES = {  # of characters, as Java writes them
    "L": r"\w", "Z": r"\s", "N": r"\d", "M": "", "Alnum": r"\w", "P": r"!-/:-@\[-`{-~", "S": "$+<=>^`|~",
}


def operation(service: str, name: str) -> Any:
    """Return an operation's model; raises ValueError when there is no such service or operation."""
    session = get_session()
    if service not in session.get_available_services():
        raise ValueError(f"there is no service {service}")
    model = session.get_service_model(service)
    if name not in model.operation_names:
        raise ValueError(f"{service} has no operation {name}")
    return model.operation_model(name)


def mistyped(shape: Any, request: Any) -> str:
    """Return what botocore's validator says of a request; nothing when it is well."""
    return str(ParamValidator().validate(request, shape).generate_report())


def faults(shape: Any, content: Any, where: str) -> Iterator[str]:
    """Yield what botocore's validator leaves to the service: pattern, enumeration, maximum."""
    walk = {"structure": of_structure, "list": of_list, "map": of_map, "string": of_string,
            "integer": of_number, "long": of_number, "float": of_number, "double": of_number}.get(shape.type_name)
    yield from walk(shape, content, where) if walk else ()


def of_structure(shape: Any, content: Any, where: str) -> Iterator[str]:
    """Yield the faults of a structure's members."""
    for name, item in content.items():
        yield from faults(shape.members[name], item, f"{where}.{name}")


def of_list(shape: Any, content: Any, where: str) -> Iterator[str]:
    """Yield the faults of a list and its items."""
    yield from too_much(shape, len(content), where, "items")
    for item in content:
        yield from faults(shape.member, item, f"{where}[]")


def of_map(shape: Any, content: Any, where: str) -> Iterator[str]:
    """Yield the faults of a map's keys and values."""
    yield from too_much(shape, len(content), where, "entries")
    for key, item in content.items():
        yield from faults(shape.key, key, f"{where} key")
        yield from faults(shape.value, item, f"{where}.{key}")


def of_string(shape: Any, content: str, where: str) -> Iterator[str]:
    """Yield the faults of a text."""
    yield from too_much(shape, len(content), where, "characters")
    pattern, allowed = shape.metadata.get("pattern"), shape.metadata.get("enum")
    if pattern and not matches(pattern, content):
        yield f"{where} does not match {pattern}: {content}"
    if allowed and content not in allowed:
        yield f"{where} is not one of {', '.join(allowed)}: {content}"


def of_number(shape: Any, content: float, where: str) -> Iterator[str]:
    """Yield the faults of a number."""
    yield from too_much(shape, content, where, "in value")


def too_much(shape: Any, size: float, where: str, unit: str) -> Iterator[str]:
    """Yield that something is over the model's maximum."""
    if size > shape.metadata.get("max", size):
        yield f"{where} is {size} {unit}; allowed: at most {shape.metadata['max']}"


def matches(pattern: str, content: str) -> bool:
    """Return whether a text is what a pattern of the models asks for; a few of them are no regular expressions and ask for nothing."""
    python = re.sub(r"\\p{(\w+)}", lambda name: CLASSES[name[1]], pattern)
    try:
        return bool(re.search(f"^(?:{python})$", content))
    except re.error:
        return True
