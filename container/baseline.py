"""Statistics of a data set and the constraints they suggest, in SageMaker Model Monitor's layout."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from container.encoding import Cell, Cells, is_missing, numbers
from container.schema import Feature

BUCKETS = 10
# Model Monitor's defaults. The sketch's k bounds how many values stand for a column's distribution.
SKETCH = {"c": 0.64, "k": 2048.0}
MONITORING = {
    "evaluate_constraints": "Enabled",
    "emit_metrics": "Enabled",
    "datatype_check_threshold": 1.0,
    "domain_content_threshold": 1.0,
    "distribution_constraints": {
        "perform_comparison": "Enabled",
        "comparison_threshold": 0.1,
        "comparison_method": "Robust",
    },
}


def statistics(columns: Sequence[Cells], features: Sequence[Feature]) -> dict[str, Any]:
    """Return what statistics.json holds; columns stand in the order of the features."""
    described = [
        _numeric(feature.name, cells) if feature.type == "numeric" else _text(feature, cells)
        for feature, cells in zip(features, columns, strict=True)
    ]
    return {"version": 0.0, "dataset": {"item_count": len(columns[0])}, "features": described}


def _numeric(name: str, cells: Cells) -> dict[str, Any]:
    values = numbers(cells, name)
    present = np.sort(values[~np.isnan(values)])
    integral = bool((present == np.floor(present)).all())
    return {
        "name": name,
        "inferred_type": "Integral" if integral and len(present) else "Fractional",
        "numerical_statistics": {
            "common": {"num_present": len(present), "num_missing": len(values) - len(present)},
            **(_moments(present) if len(present) else {}),
            "distribution": {"kll": {"buckets": _buckets(present), "sketch": _sketch(present)}},
        },
    }


def _moments(present: np.ndarray) -> dict[str, float]:
    return {
        "mean": float(present.mean()),
        "sum": float(present.sum()),
        "std_dev": float(present.std()),
        "min": float(present[0]),
        "max": float(present[-1]),
    }


def _buckets(present: np.ndarray) -> list[dict[str, float]]:
    """Return counts over ranges of one width, as Model Monitor draws them."""
    if not len(present):
        return []
    counts, edges = np.histogram(present, bins=BUCKETS)
    return [
        {"lower_bound": float(low), "upper_bound": float(high), "count": float(count)}
        for low, high, count in zip(edges, edges[1:], counts, strict=False)
    ]


def _sketch(ordered: np.ndarray) -> dict[str, Any]:
    """Return ordered values in KLL's form: a value at level i stands for 2**i of them.

    Up to k values all are kept. Of more, the middle of each run of 2**i is kept and the rest at
    level 0, so a rank is wrong by at most half a run.
    """
    level = 0
    while len(ordered) >> level > SKETCH["k"]:
        level += 1
    run = 1 << level
    whole = len(ordered) // run * run
    data: list[list[float]] = [[] for _ in range(level + 1)]
    data[level] = ordered[:whole].reshape(-1, run)[:, (run - 1) // 2].tolist()
    data[0] = data[0] + ordered[whole:].tolist()
    return {"parameters": SKETCH, "data": data}


def _text(feature: Feature, cells: Cells) -> dict[str, Any]:
    counts = Counter(str(cell) for cell in cells if not _is_empty(cell, feature))
    present = sum(counts.values())
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {
        "name": feature.name,
        "inferred_type": "String",
        "string_statistics": {
            "common": {"num_present": present, "num_missing": len(cells) - present},
            "distinct_count": float(len(counts)),
            "distribution": {"categorical": {"buckets": [{"value": v, "count": n} for v, n in ordered]}},
        },
    }


def _is_empty(cell: Cell, feature: Feature) -> bool:
    # As in encoding: NA may be a category, but is never a truth.
    return is_missing(cell) if feature.type == "boolean" else cell in ("", None)


def constraints(described: dict[str, Any]) -> dict[str, Any]:
    """Return what constraints.json holds for these statistics."""
    return {
        "version": 0.0,
        "features": [_constraint(feature) for feature in described["features"]],
        "monitoring_config": MONITORING,
    }


def _constraint(feature: dict[str, Any]) -> dict[str, Any]:
    is_text = feature["inferred_type"] == "String"
    found = feature["string_statistics" if is_text else "numerical_statistics"]
    present, missing = found["common"]["num_present"], found["common"]["num_missing"]
    basis = {
        "name": feature["name"],
        "inferred_type": feature["inferred_type"],
        "completeness": present / max(present + missing, 1),
    }
    if is_text:
        values = [bucket["value"] for bucket in found["distribution"]["categorical"]["buckets"]]
        return basis | {"string_constraints": {"domains": values}}
    return basis | {"num_constraints": {"is_non_negative": found.get("min", 0.0) >= 0}}
