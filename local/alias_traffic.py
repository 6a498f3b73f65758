"""What a deployment of a Lambda alias is told: how its traffic moves in time, and what its AppSpec names."""

import hashlib
from dataclasses import dataclass
from typing import Any

import yaml

EVENTS = ("BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic")
DEFAULTS = "CodeDeployDefault."
LONGEST_MINUTES = 2880
KINDS = {"TimeBasedCanary": "canary", "TimeBasedLinear": "linear"}


class TrafficError(ValueError):
    """A routing configuration or an AppSpec that cannot be followed; the message says why."""


def _routing(kind: str, percent: int = 0, minutes: int = 0) -> dict[str, Any]:
    if kind not in KINDS:
        return {"type": kind}
    word = KINDS[kind]
    return {"type": kind, f"timeBased{word.title()}": {f"{word}Percentage": percent, f"{word}Interval": minutes}}


ALL_AT_ONCE = f"{DEFAULTS}LambdaAllAtOnce"
PREDEFINED: dict[str, dict[str, Any]] = {
    ALL_AT_ONCE: _routing("AllAtOnce"),
    **{f"{DEFAULTS}LambdaCanary10Percent{minutes}Minutes": _routing("TimeBasedCanary", 10, minutes)
       for minutes in (5, 10, 15, 30)},
    **{f"{DEFAULTS}LambdaLinear10PercentEvery{minutes}Minute{'s' if minutes > 1 else ''}":
       _routing("TimeBasedLinear", 10, minutes) for minutes in (1, 2, 3, 10)}}


def _terms(routing: dict[str, Any]) -> tuple[int, int]:
    """Return percent and minutes of a time-based routing."""
    word = KINDS[routing["type"]]
    terms = routing.get(f"timeBased{word.title()}") or {}
    return terms.get(f"{word}Percentage", 0), terms.get(f"{word}Interval", 0)


def check_routing(routing: dict[str, Any]) -> None:
    """Raise TrafficError unless a custom routing is complete and within CodeDeploy's limits."""
    if routing.get("type") not in KINDS:
        raise TrafficError("trafficRoutingConfig: type must be TimeBasedCanary or TimeBasedLinear")
    percent, minutes = _terms(routing)
    if not 1 <= percent <= 99 or not 1 <= minutes <= LONGEST_MINUTES:
        raise TrafficError(f"trafficRoutingConfig: {routing['type']} needs a percentage of 1 to 99 and an interval of"
                           f" 1 to {LONGEST_MINUTES} minutes, not {percent} and {minutes}")


def steps(routing: dict[str, Any]) -> list[tuple[int, float]]:
    """Return the new version's percentages in order, each with the seconds until the next."""
    if routing["type"] not in KINDS:
        return [(100, 0.0)]
    percent, minutes = _terms(routing)
    shares = [percent] if routing["type"] == "TimeBasedCanary" else range(percent, 100, percent)
    return [*((share, minutes * 60.0) for share in shares), (100, 0.0)]


@dataclass(frozen=True)
class Shift:
    """Whose traffic goes from which version to which, and the functions that are asked on the way."""

    function: str
    alias: str
    current: str
    target: str
    hooks: dict[str, str]


def shift_of(revision: dict[str, Any]) -> Shift:
    """Return what a revision's AppSpec says; raises TrafficError where it says it wrongly."""
    spec = _folded(_parsed(revision), "the AppSpec")
    resources = spec.get("resources") or []
    if len(resources) != 1:
        raise TrafficError(f"the AppSpec must have one item in Resources, not {len(resources)}")
    (name, resource), = _mapping(resources[0], "Resources[0]").items()
    resource = _folded(resource, name)
    if resource.get("type") != "AWS::Lambda::Function":
        raise TrafficError(f"{name}: Type must be AWS::Lambda::Function, not {resource.get('type')}")
    properties = _folded(resource.get("properties"), f"{name}.Properties")
    function, alias, current, target = (str(properties.get(key) or "") for key in ("name", "alias", "currentversion", "targetversion"))
    if not (function and alias and current and target):
        raise TrafficError(f"{name}.Properties needs Name, Alias, CurrentVersion and TargetVersion, none of them blank")
    hooks = {event: str(function) for item in spec.get("hooks") or [] for event, function in _mapping(item, "Hooks").items()}
    if unknown := sorted(hooks.keys() - {EVENTS[0], EVENTS[2]}):
        raise TrafficError(f"Hooks may name {EVENTS[0]} and {EVENTS[2]}, not {', '.join(unknown)}")
    return Shift(function, alias, current, target, hooks)


def _parsed(revision: dict[str, Any]) -> Any:
    kind = revision.get("revisionType")
    part = {"AppSpecContent": "appSpecContent", "String": "string"}.get(str(kind))
    if part is None:
        raise TrafficError(f"a revision of type {kind} is not available on this machine: use AppSpecContent")
    content = (revision.get(part) or {}).get("content", "")
    digest = revision[part].get("sha256") if content else None
    if digest and digest != hashlib.sha256(content.encode()).hexdigest():
        raise TrafficError("the revision's sha256 is not that of its content")
    try:
        return yaml.safe_load(content)
    except yaml.YAMLError as error:
        raise TrafficError(f"the AppSpec is neither JSON nor YAML: {error}") from error


def _mapping(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not value:
        raise TrafficError(f"{name} must be a map")
    return value


def _folded(value: Any, name: str) -> dict[str, Any]:
    """Return a map with its keys in lower case: CodeDeploy's own examples write them in both ways."""
    return {str(key).lower(): item for key, item in _mapping(value, name).items()}
