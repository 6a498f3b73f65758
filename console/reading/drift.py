"""How far each feature has been from the training data, look by look, as CloudWatch has it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from console.account import Project
from console.reading import series
from console.reading.looks import Look
from console.reading.series import Line, Metric

NAMESPACE = "MLDelivery"
ENDPOINTS = 3  # that the looks of a page were about, at most: each release has its own


@dataclass(frozen=True)
class Drift:
    """The distances of each feature, those that drifted lately first; and how many rows each look had."""

    features: tuple[tuple[str, Line], ...]
    rows: Line
    drifted: Line


def drift(project: Project, endpoint: str, seen: Sequence[Look]) -> Drift:
    """Return how the features of the looks have moved; ``endpoint`` is the live one."""
    names = list(dict.fromkeys([endpoint, *(_endpoint(project, look) for look in seen if look.run)]))[:ENDPOINTS]
    oldest = min((look.started for look in seen), default=datetime.now(UTC) - timedelta(hours=1))
    span = series.span(oldest, datetime.now(UTC), series.finest(project))
    with ThreadPoolExecutor(ENDPOINTS) as pool:
        places = list(pool.map(lambda name: (name, _features(project, name)), names))
    pairs = [(name, feature) for name, features in places for feature in features]
    wanted = [_metric(project, name, "FeatureDrift", ("Feature", feature)) for name, feature in pairs]
    wanted += [_metric(project, name, what) for what in ("MonitoredRows", "DriftedFeatures") for name in names]
    found = series.lines(project, wanted, span)
    by_feature: dict[str, list[Line]] = {}
    for (_, feature), line in zip(pairs, found, strict=False):
        by_feature.setdefault(feature, []).append(line)
    lines = {feature: series.merged(parts) for feature, parts in by_feature.items()}
    rows, drifted = found[len(pairs):len(pairs) + len(names)], found[len(pairs) + len(names):]
    return Drift(_ordered(lines, seen), series.merged(rows), series.merged(drifted))


def _endpoint(project: Project, look: Look) -> str:
    """Return the endpoint of the run that a look was about."""
    return f"{project.prefix}-{look.run[:8]}-p"


def _features(project: Project, endpoint: str) -> list[str]:
    """Return the features that were measured at an endpoint in the last two weeks: the first 500."""
    found = project.client("cloudwatch").list_metrics(Namespace=NAMESPACE, MetricName="FeatureDrift", Dimensions=[
        {"Name": "Endpoint", "Value": endpoint}, {"Name": "Schedule", "Value": project.monitoring}])
    dimensions = [{each["Name"]: each["Value"] for each in metric["Dimensions"]} for metric in found["Metrics"]]
    return sorted(each["Feature"] for each in dimensions if "Feature" in each)


def _metric(project: Project, endpoint: str, name: str, *more: tuple[str, str]) -> Metric:
    return Metric(NAMESPACE, name, (("Endpoint", endpoint), ("Schedule", project.monitoring), *more), "Maximum")


def _ordered(lines: dict[str, Line], seen: Sequence[Look]) -> tuple[tuple[str, Line], ...]:
    """Return the features: what drifted in the looks first, then the farthest; those without a value are left out."""
    drifted = {feature.name for look in seen for feature in look.drifted}
    known = ((name, line) for name, line in lines.items() if line.values)
    return tuple(sorted(known, key=lambda item: (item[0] not in drifted, -(item[1].highest or 0.0), item[0])))
