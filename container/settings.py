"""What prepare takes from config.json."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from container.errors import Refused
from container.paths import read_json
from container.schema import PROBLEMS, TYPES, Problem


@dataclass(frozen=True)
class Settings:
    """The problem, declared column types, columns to leave out, and how to divide the rows."""

    problem: Problem
    types: Mapping[str, str]
    ignored: tuple[str, ...]
    validation: float
    test: float
    seed: int


def read_settings(path: Path) -> Settings:
    """Return the settings in a config.json; refuse the field that cannot be used, by name."""
    content = read_json(path)
    if not isinstance(content, dict):
        raise Refused(f"{path.name}: must be an object with the section problem")
    problem, data = _section(content, "problem"), _section(content, "data")
    types = problem.get("columns") or {}
    for name, kind in types.items():
        _check_choice(f"problem.columns.{name}", kind, TYPES)
    _check_choice("problem.type", problem.get("type"), PROBLEMS)
    if not problem.get("target"):
        raise Refused("config.json: problem.target is not set; it names the column to predict")
    return Settings(
        problem=Problem(problem["type"], str(problem["target"]), _text(problem.get("positive"))),
        types=types,
        ignored=tuple(problem.get("ignore") or ()),
        validation=_fraction(data, "validation"),
        test=_fraction(data, "test"),
        seed=int(data.get("seed") or 0),
    )


def _section(content: dict[str, Any], name: str) -> dict[str, Any]:
    section = content.get(name) or {}
    if not isinstance(section, dict):
        raise Refused(f"config.json: {name} is {section!r}; it must be an object")
    return section


def _check_choice(field: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise Refused(f"config.json: {field} is {value!r}; allowed are {', '.join(allowed)}")


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _fraction(data: dict[str, Any], name: str) -> float:
    value = data.get(name, 0.15)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 0.5:
        raise Refused(f"config.json: data.{name} is {value!r}; allowed is more than 0 and less than 0.5")
    return float(value)
