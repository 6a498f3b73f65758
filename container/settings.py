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
    types = _section(problem, "columns", "problem.columns")
    for name, kind in types.items():
        _check_choice(f"problem.columns.{name}", kind, TYPES)
    _check_choice("problem.type", problem.get("type"), PROBLEMS)
    if not problem.get("target"):
        raise Refused("config.json: problem.target is not set; it names the column to predict")
    return Settings(
        problem=Problem(problem["type"], str(problem["target"]), _text(problem.get("positive"))),
        types=types,
        ignored=_names(problem, "ignore"),
        validation=_fraction(data, "validation"),
        test=_fraction(data, "test"),
        seed=_seed(data),
    )


def _section(content: dict[str, Any], name: str, field: str = "") -> dict[str, Any]:
    section = content.get(name) or {}
    if not isinstance(section, dict):
        raise Refused(f"config.json: {field or name} is {section!r}; it must be an object")
    return section


def _names(problem: dict[str, Any], name: str) -> tuple[str, ...]:
    names = problem.get(name) or []
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise Refused(f"config.json: problem.{name} is {names!r}; it must be a list of column names")
    return tuple(names)


def _seed(data: dict[str, Any]) -> int:
    seed = data.get("seed") or 0
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise Refused(f"config.json: data.seed is {seed!r}; allowed are whole numbers from 0 to {2**32 - 1}")
    return seed


def _check_choice(field: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise Refused(f"config.json: {field} is {'not set' if value is None else repr(value)}; allowed are {', '.join(allowed)}")


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _fraction(data: dict[str, Any], name: str) -> float:
    value = data.get(name, 0.15)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 0.5:
        raise Refused(f"config.json: data.{name} is {value!r}; allowed is more than 0 and less than 0.5")
    return float(value)
