"""The repository's templates as plain data, and ways to walk them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from cfnlint.decode import cfn_yaml

ROOT = Path(__file__).parents[2]
STUDIO, PIPELINE = "studio.yml", "pipeline.yml"
FUNCTIONS, ENDPOINT, API = "assets/functions.yml", "assets/deploy-endpoint.yml", "assets/deploy-model-prd.yml"
MONITORING = "assets/monitoring.yml"
STORY = [STUDIO, PIPELINE, FUNCTIONS, ENDPOINT, API, MONITORING]
TEMPLATES = [*STORY, *sorted({f"assets/{path.name}" for path in (ROOT / "assets").glob("*.yml")} - set(STORY))]
STAGES = [name for name in TEMPLATES if name not in (STUDIO, PIPELINE)]


def template(name: str | Path) -> dict[str, Any]:
    """Return a template, by its path from the repository's root, with intrinsic functions in their long form."""
    return plain(loaded(ROOT / name))


@cache
def loaded(path: Path) -> Any:
    """Return cfn-lint's nodes of a file, which nobody changes."""
    return cfn_yaml.load(str(path))


def plain(node: Any) -> Any:
    """Return cfn-lint's nodes as dicts, lists and scalars, new ones each time."""
    if isinstance(node, dict):
        return {str(key): plain(value) for key, value in node.items()}
    return [plain(item) for item in node] if isinstance(node, list) else str(node) if isinstance(node, str) else copy.copy(node)


def resources(name: str, kind: str = "") -> dict[str, dict[str, Any]]:
    """Return a template's resources of a type (all without one) by logical id."""
    return {key: value for key, value in template(name)["Resources"].items() if value["Type"] == kind or not kind}


def branches(value: Any) -> Iterator[Any]:
    """Yield a value, or both sides of its Fn::If, without AWS::NoValue."""
    if isinstance(value, dict) and "Fn::If" in value:
        for side in value["Fn::If"][1:]:
            yield from branches(side)
    elif value != {"Ref": "AWS::NoValue"}:
        yield value


def listed(value: Any) -> list[Any]:
    """Return a value that may stand for a list of one as a list."""
    return value if isinstance(value, list) else [value]


def statements(holder: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the statements of a role's inline policies, or of a managed policy, those under a condition included."""
    properties = holder["Properties"]
    for policy in [properties] if "PolicyDocument" in properties else properties.get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            yield from branches(statement)


def rights(found: dict[str, dict[str, Any]], role: str) -> Iterator[dict[str, Any]]:
    """Yield the statements of a role and of the managed policies that the same template gives it."""
    yield from statements(found[role])
    for item in found[role]["Properties"].get("ManagedPolicyArns", []):
        key = item.get("Ref") if isinstance(item, dict) else item  # a resolved template has the policy's key itself
        if key in found:
            yield from statements(found[key])


def roles() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (template, logical id, resource) of every role."""
    for name in TEMPLATES:
        for key, role in resources(name, "AWS::IAM::Role").items():
            yield name, key, role


def policies() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (template, logical id, resource) of every managed policy."""
    for name in TEMPLATES:
        for key, policy in resources(name, "AWS::IAM::ManagedPolicy").items():
            yield name, key, policy
