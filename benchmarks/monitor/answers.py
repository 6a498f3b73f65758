"""What the stacks say of the same rows, in one form, and where they do not agree."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.monitor.data import DRIFTED

# whylogs adds up numbers one by one; a sample's deviation and a population's differ by half a part in the rows.
TOLERANCE = 1e-6
# Of a text's rows: whylogs keeps estimates.
COUNT_TOLERANCE = 0.01


def ours(base: Path) -> dict[str, Any]:
    """Return what this image's files say, in the frameworks' form."""
    folder = base / "processing" / "output"
    statistics, judged = (json.loads((folder / name).read_text()) for name in ("statistics.json", "drift.json"))
    columns = {feature["name"]: _column(feature) for feature in statistics["features"]}
    return {"rows": judged["rows"], "columns": columns, "drifted": [feature["name"] for feature in judged["features"] if feature["drifted"]]}


def _column(feature: Mapping[str, Any]) -> dict[str, Any]:
    if "string_statistics" in feature:
        buckets = feature["string_statistics"]["distribution"]["categorical"]["buckets"]
        return {"counts": {bucket["value"]: bucket["count"] for bucket in buckets}}
    return {name: feature["numerical_statistics"][name] for name in ("mean", "std_dev")}


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    """Yield where the second says something else than the first."""
    if one["rows"] != other["rows"]:
        yield f"{other['rows']} rows, not {one['rows']}"
    for name, column in one["columns"].items():
        found = other["columns"][name]
        for what in ("mean", "std_dev"):
            if what in column and abs(found[what] - column[what]) > (TOLERANCE + 1 / one["rows"]) * abs(column[what]):
                yield f"{name}: {what} {found[what]}, not {column[what]}"
        for text, count in column.get("counts", {}).items():
            if abs(found["counts"].get(text, 0) - count) > COUNT_TOLERANCE * count:
                yield f"{name}: {found['counts'].get(text, 0)} rows with {text}, not {count}"
    if DRIFTED not in other["drifted"]:
        yield f"{DRIFTED}, whose values are others, is not called drifted"
