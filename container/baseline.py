"""Statistics of a data set and the constraints they suggest, in SageMaker Model Monitor's layout."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from container.columns import columns_of
from container.description import Description, describe
from container.encoding import Cells, numbers
from container.number_column import NumberColumn
from container.schema import Feature, Problem, Schema
from container.sketch import PARAMETERS
from container.word_column import WordColumn

BUCKETS = 10
# Model Monitor's defaults.
MONITORING: dict[str, Any] = {
    "evaluate_constraints": "Enabled",
    "emit_metrics": "Enabled",
    "datatype_check_threshold": 1.0,
    "domain_content_threshold": 1.0,
    "distribution_constraints": {
        "perform_comparison": "Enabled",
        "comparison_threshold": 0.1,
        "comparison_method": "Robust",
        "categorical_comparison_threshold": 0.1,
        "categorical_drift_method": "LInfinity",
    },
}


def described(columns: Sequence[Cells], features: Sequence[Feature]) -> Description:
    """Return what rows show whose columns stand in the order of the features; refuse a cell that is no number where one must be."""
    for feature, cells in zip(features, columns, strict=True):
        if feature.type == "numeric":
            numbers(cells, feature.name)
    by_name: Any = {feature.name: cells for feature, cells in zip(features, columns, strict=True)}
    return describe([columns_of(by_name, Schema(Problem("", ""), (), tuple(features)))], features)


def statistics(found: Description, features: Sequence[Feature]) -> dict[str, Any]:
    """Return what statistics.json holds."""
    entries = [_numeric(feature.name, found.numbers[feature.name], found.lacking[feature.name]) if feature.type == "numeric"
               else _text(feature.name, found.words[feature.name], found.lacking[feature.name]) for feature in features]
    return {"version": 0.0, "dataset": {"item_count": found.rows}, "features": entries}


def _numeric(name: str, column: NumberColumn, lacking: int) -> dict[str, Any]:
    integral = column.whole == column.present > 0
    return {
        "name": name,
        "inferred_type": "Integral" if integral else "Fractional",
        "numerical_statistics": {
            # Model Monitor knows no third kind of cell, so what is no number is missing.
            "common": {"num_present": column.present, "num_missing": column.missing + column.strays + lacking},
            # Ours: how many of the values are whole numbers.
            "num_integral": column.whole,
            **(_moments(column) if column.present else {}),
            "distribution": {"kll": {"buckets": _buckets(column), "sketch": {"parameters": PARAMETERS, "data": column.sketch.written()}}},
        },
    }


def _moments(column: NumberColumn) -> dict[str, float]:
    return {"mean": column.mean, "sum": column.sum, "std_dev": column.std_dev, "min": column.low, "max": column.high}


def _buckets(column: NumberColumn) -> list[dict[str, float]]:
    """Return counts over ranges of one width, as Model Monitor draws them."""
    if not column.present:
        return []
    values, weights = column.sketch.weighted()
    counts, edges = np.histogram(values, bins=BUCKETS, range=(column.low, column.high), weights=weights)
    return [{"lower_bound": float(low), "upper_bound": float(high), "count": float(count)}
            for low, high, count in zip(edges, edges[1:], counts, strict=False)]


def _text(name: str, column: WordColumn, lacking: int) -> dict[str, Any]:
    ordered = sorted(column.counts.items(), key=lambda item: (-item[1], item[0]))
    return {
        "name": name,
        "inferred_type": "String",
        "string_statistics": {
            "common": {"num_present": column.present, "num_missing": column.missing + lacking},
            "distinct_count": float(len(column.counts)),
            "distribution": {"categorical": {"buckets": [{"value": value, "count": count} for value, count in ordered]}},
        },
    }


def constraints(described: dict[str, Any], threshold: float | None = None) -> dict[str, Any]:
    """Return what constraints.json holds for these statistics; a threshold replaces the distance that Model Monitor allows."""
    monitoring: dict[str, Any] = MONITORING
    if threshold is not None:
        both = {"comparison_threshold": threshold, "categorical_comparison_threshold": threshold}
        monitoring = MONITORING | {"distribution_constraints": {**MONITORING["distribution_constraints"], **both}}
    return {
        "version": 0.0,
        "features": [_constraint(feature) for feature in described["features"]],
        "monitoring_config": monitoring,
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
