"""How far each feature has been from the training data, look by look, as CloudWatch has it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from console.account import Project
from console.reading import series
from console.reading.looks import Look
from console.reading.series import Line, Metric, Span

NAMESPACE = "MLDelivery"
ENDPOINTS = 3  # whose distances are shown, the newest ones: each release has its own
BEFORE = timedelta(days=7)


@dataclass(frozen=True)
class Drift:
    """The distances of each feature, those that drifted lately first; and how many rows each look had."""

    features: tuple[tuple[str, Line], ...]
    rows: Line
    before: bool = False  # nothing was measured in the time of the looks, so this is of the time before


def drift(project: Project, seen: Sequence[Look]) -> Drift:
    """Return how the features have moved in the time of the looks, or, where none was measured then, in the week before."""
    endpoints = _values_of(project, "DriftedFeatures", "Endpoint")
    oldest = min((look.started for look in seen), default=datetime.now(UTC))
    for start in (oldest, datetime.now(UTC) - BEFORE):
        span = series.span(start, datetime.now(UTC), series.finest(project))
        judged = series.lines(project, [_metric(project, name, "DriftedFeatures") for name in endpoints], span) if endpoints else []
        measured = sorted((line.moments[-1], name) for name, line in zip(endpoints, judged, strict=True) if line.values)
        if measured:
            return _measured(project, [name for _, name in measured[-ENDPOINTS:]], span, seen, start != oldest)
    return Drift((), Line())


def _measured(project: Project, endpoints: Sequence[str], span: Span, seen: Sequence[Look], before: bool) -> Drift:
    """Return the distances that were measured at endpoints; of a feature those of one follow those of the other."""
    with ThreadPoolExecutor(ENDPOINTS) as pool:
        known = list(pool.map(lambda name: _values_of(project, "FeatureDrift", "Feature", ("Endpoint", name)), endpoints))
    pairs = [(name, feature) for name, features in zip(endpoints, known, strict=True) for feature in features]
    wanted = [_metric(project, name, "FeatureDrift", ("Feature", feature)) for name, feature in pairs]
    found = series.lines(project, [*wanted, *(_metric(project, name, "MonitoredRows") for name in endpoints)], span)
    by_feature: dict[str, list[Line]] = {}
    for (_, feature), line in zip(pairs, found, strict=False):
        by_feature.setdefault(feature, []).append(line)
    lines = {feature: series.merged(parts) for feature, parts in by_feature.items()}
    return Drift(_ordered(lines, seen), series.merged(found[len(pairs):]), before)


def _values_of(project: Project, metric: str, dimension: str, *more: tuple[str, str]) -> list[str]:
    """Return the values that a dimension of a metric had in the last two weeks, of the first 500 metrics."""
    chosen = [{"Name": key, "Value": value} for key, value in (("Schedule", project.monitoring), *more)]
    found = project.client("cloudwatch").list_metrics(Namespace=NAMESPACE, MetricName=metric, Dimensions=chosen)["Metrics"]
    return sorted({each["Value"] for item in found for each in item["Dimensions"] if each["Name"] == dimension})


def _metric(project: Project, endpoint: str, name: str, *more: tuple[str, str]) -> Metric:
    return Metric(NAMESPACE, name, (("Endpoint", endpoint), ("Schedule", project.monitoring), *more), "Maximum")


def _ordered(lines: dict[str, Line], seen: Sequence[Look]) -> tuple[tuple[str, Line], ...]:
    """Return the features: what drifted in the looks first, then the farthest; those without a value are left out."""
    drifted = {feature.name for look in seen for feature in look.drifted}
    known = ((name, line) for name, line in lines.items() if line.values)
    return tuple(sorted(known, key=lambda item: (item[0] not in drifted, -(item[1].highest or 0.0), item[0])))
