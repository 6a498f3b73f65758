"""What the training data was, as statistics.json tells it: that with which captured data is compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from container.errors import Refused
from container.paths import read_json


@dataclass(frozen=True)
class NumberReference:
    """A column of numbers: its values (all, or some that stand for more each, and the extremes) and how many each stands for."""

    values: np.ndarray
    counts: np.ndarray
    present: int
    missing: int
    low: float
    high: float
    # None where the file does not say.
    whole: int | None

    @property
    def inferred_type(self) -> str:
        """Return the type as SageMaker calls it."""
        return "Integral" if self.whole == self.present else "Fractional"


@dataclass(frozen=True)
class WordReference:
    """A column of texts: counts by text, and rows whose texts were too many to be told apart."""

    counts: Mapping[str, int]
    unlisted: int
    present: int
    missing: int
    inferred_type: str = "String"


Reference = NumberReference | WordReference


def read_references(path: Path) -> tuple[int, dict[str, Reference]]:
    """Return how many rows a statistics.json describes, and its columns by name; refuse what is none."""
    content = read_json(path)
    try:
        return int(content["dataset"]["item_count"]), {feature["name"]: reference_of(feature) for feature in content["features"]}
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise Refused(f"{path} is no statistics.json of the baseline: {type(error).__name__} {error}; monitor baseline writes it") from None


def reference_of(feature: Mapping[str, Any]) -> Reference:
    """Return the column that an entry of statistics.json describes."""
    return _numbers(feature) if "numerical_statistics" in feature else _words(feature.get("string_statistics") or {})


def _numbers(feature: Mapping[str, Any]) -> NumberReference:
    found = feature["numerical_statistics"]
    levels = found["distribution"]["kll"]["sketch"]["data"]
    extremes = [found[name] for name in ("min", "max") if name in found]
    numbers = np.array([value for level in levels for value in level] + extremes, dtype=np.float64)
    weights = [1 << place for place, level in enumerate(levels) for _ in level] + [0] * len(extremes)
    values, places = np.unique(numbers, return_inverse=True)
    present = int(found["common"]["num_present"])
    whole = found.get("num_integral", present if feature["inferred_type"] == "Integral" else None)
    counts = np.bincount(places, weights=weights, minlength=len(values))
    low, high = extremes or (0.0, 0.0)
    return NumberReference(values, counts, present, int(found["common"]["num_missing"]), low, high, whole)


def _words(found: Mapping[str, Any]) -> WordReference:
    common = found.get("common") or {"num_present": 0, "num_missing": 0}
    buckets = (found.get("distribution") or {}).get("categorical", {}).get("buckets", [])
    counts = {bucket["value"]: int(bucket["count"]) for bucket in buckets}
    present = int(common["num_present"])
    return WordReference(counts, present - sum(counts.values()), present, int(common["num_missing"]))
