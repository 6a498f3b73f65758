"""What the columns of a data set are: made by prepare, obeyed by all that follows."""

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from container.errors import Refused
from container.paths import read_json

PROBLEMS = ("binary", "multiclass", "regression")
TYPES = ("numeric", "categorical", "boolean")


@dataclass(frozen=True)
class Problem:
    """What is predicted; positive is the class whose probability a binary model gives."""

    type: str
    target: str
    positive: str | None = None


@dataclass(frozen=True)
class Feature:
    """A column that the model reads; categories are those that training has seen."""

    name: str
    type: str
    categories: tuple[str, ...] = ()

    @cached_property
    def places(self) -> dict[str, int]:
        """Return where each category stands among the encoded columns of the feature."""
        return {category: place for place, category in enumerate(self.categories)}

    @cached_property
    def width(self) -> int:
        """Return the number of encoded columns that the feature takes."""
        return len(self.categories) if self.type == "categorical" else 1


@dataclass(frozen=True)
class Schema:
    """The problem, its labels in the order of the model's outputs, and the features in order."""

    problem: Problem
    labels: tuple[str, ...]
    features: tuple[Feature, ...]
    ignored: tuple[str, ...] = ()
    run: str | None = None

    @cached_property
    def names(self) -> list[str]:
        """Return the features' names in order."""
        return [feature.name for feature in self.features]

    @cached_property
    def known(self) -> frozenset[str]:
        """Return the names that a request may hold: the target and ignored columns may come along."""
        return frozenset({*self.names, *self.ignored, self.problem.target})

    @cached_property
    def width(self) -> int:
        """Return the number of columns of an encoded row."""
        return sum(feature.width for feature in self.features)

    def to_json(self) -> dict[str, Any]:
        """Return what schema.json holds."""
        return asdict(self) | {"features": [_feature_json(feature) for feature in self.features]}


def _feature_json(feature: Feature) -> dict[str, Any]:
    plain: dict[str, Any] = {"name": feature.name, "type": feature.type}
    if feature.type == "categorical":
        plain["categories"] = list(feature.categories)
    return plain


def read_schema(path: Path) -> Schema:
    """Return the schema in a schema.json."""
    content = read_json(path)
    try:
        return Schema(
            problem=Problem(**content["problem"]),
            labels=tuple(content["labels"]),
            features=tuple(
                Feature(item["name"], item["type"], tuple(item.get("categories", ())))
                for item in content["features"]
            ),
            ignored=tuple(content.get("ignored", ())),
            run=content.get("run"),
        )
    except (KeyError, TypeError) as error:
        raise Refused(f"{path} is no schema written by prepare: {error}") from None
