"""A look's findings as CloudWatch metrics. Nothing here asks AWS."""

from __future__ import annotations

from typing import Any

from findings import Feature, Findings

NAMESPACE = "MLDelivery"
MOST = 500  # data of one PutMetricData; AWS takes 1000 and a megabyte


def metrics(findings: Findings, endpoint: str, schedule: str) -> list[dict[str, Any]]:
    """Return the data of a look; one without enough rows says how many there were and nothing of drift."""
    place = [dimension("Endpoint", endpoint), dimension("Schedule", schedule)]
    rows = datum("MonitoredRows", findings.rows, place, "Count")
    if not findings.judged:
        return [rows]
    distances = [(each, each.distance) for each in findings.features if each.distance is not None]
    return [
        rows,
        datum("DriftedFeatures", len(findings.drifted), place, "Count"),
        datum("MaxFeatureDrift", max((distance for _, distance in distances), default=0.0), place, "None"),
        *(datum("FeatureDrift", distance, [*place, named(each)], "None") for each, distance in distances),
    ]


def datum(name: str, value: float, dimensions: list[dict[str, str]], unit: str) -> dict[str, Any]:
    """Return one value of one metric."""
    return {"MetricName": name, "Dimensions": dimensions, "Value": value, "Unit": unit}


def dimension(name: str, value: str) -> dict[str, str]:
    """Return one dimension."""
    return {"Name": name, "Value": value}


def named(feature: Feature) -> dict[str, str]:
    """Return the feature's dimension; CloudWatch takes ASCII, not blank and no colon first."""
    text = feature.name.encode("ascii", "backslashreplace").decode()
    return dimension("Feature", (f"_{text}" if text.startswith(":") or not text.strip() else text)[:1024])


def batches(data: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return the data in parts that one call takes."""
    return [data[start:start + MOST] for start in range(0, len(data), MOST)]
