"""The release: which versions answer now, what each of them sees, how the newest deployment goes, and what one may go back to."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from console.account import Project
from console.reading import series
from console.reading.alarms import Alarm, alarms, names_of
from console.reading.deployments import Deployment, deployments
from console.reading.endpoints import Endpoint, endpoint
from console.reading.former import Former, former
from console.reading.partly import Partly
from console.reading.series import Line, Metric, Span
from console.reading.versions import Routing, Version, routing, versions

DEPLOYMENTS, VERSIONS = 6, 10  # the newest ones; older ones are in CodeDeploy's and Lambda's own lists
SPANS = {"15m": timedelta(minutes=15), "1h": timedelta(hours=1), "3h": timedelta(hours=3), "1d": timedelta(days=1), "7d": timedelta(days=7)}
RELEASE = "release"  # the span of the newest deployment
LEAST_POINTS = 60  # of that span: a going back takes no time, and one comes to see what it has changed
LATELY = timedelta(hours=1)  # after its end it is still what a person comes for


@dataclass(frozen=True)
class Traffic:
    """What one version was asked and how it answered."""

    version: Version
    share: float | None  # percent that the alias gives it now; None for one that no longer answers
    endpoint: Endpoint
    requests: Line
    errors: Line
    p95: Line  # milliseconds
    model_p95: Line  # milliseconds of the endpoint's model alone


@dataclass(frozen=True)
class Release:
    """All that the view shows; nothing was released yet where no version is live."""

    live: Version | None
    coming: Version | None
    traffic: tuple[Traffic, ...]
    chosen: str
    span: Span | None
    deployments: tuple[Deployment, ...]
    alarms: tuple[Alarm, ...]
    former: tuple[Former, ...]
    faults: tuple[str, ...] = ()  # what could not be read


def release(project: Project, chosen: str) -> Release:
    """Return the release with its traffic over a chosen span; blank chooses the newest deployment, or else the last hour."""
    with ThreadPoolExecutor(2) as pool:
        way, moved = pool.submit(routing, project), deployments(project, DEPLOYMENTS)
        route = way.result()
    if route is None:
        return Release(None, None, (), chosen, None, moved, (), ())
    shares = dict(route.shares)
    newest = max(shares | {each.target: 0 for each in moved})
    known = versions(project, [*shares, *range(newest, max(newest - VERSIONS, 0), -1)])
    live = known.get(route.version)
    if live is None:
        return Release(None, None, (), chosen, None, moved, (), ())
    chosen, span = stretch(project, chosen, moved)
    shown = [known[number] for number in _shown(route, moved) if number in known]
    coming = next((known[number] for number in shares if number != route.version and number in known), None)
    partly = Partly()
    with ThreadPoolExecutor(3) as pool:
        seen = pool.submit(traffic, project, shown, shares, span)
        states = pool.submit(alarms, project, _alarms(project, shown))
        before = pool.submit(former, project, known.values(), live, [coming.run] if coming else [])
        return Release(live, coming, partly.get(seen, ()), chosen, span, moved, partly.get(states, ()), partly.get(before, ()), partly.faults)


def _shown(route: Routing, moved: Sequence[Deployment]) -> list[int]:
    """Return the versions whose traffic counts: those that answer, and those of the newest deployment."""
    last = [number for each in moved[:1] for number in (each.current, each.target)]
    return sorted(dict.fromkeys(number for number in (*dict(route.shares), *last) if number))


def _alarms(project: Project, shown: Sequence[Version]) -> list[str]:
    """Return the names of the alarms that may stop a release, of all endpoints that are shown."""
    return [name for version in shown for name in names_of(project.prefix, version.endpoint)
            if not name.endswith(("-drift", "-calls", "-4xx", "-faults"))]


def stretch(project: Project, chosen: str, moved: Sequence[Deployment]) -> tuple[str, Span]:
    """Return the name of a span and the span: that of a release has some time before and after it."""
    now, shortest = datetime.now(UTC), series.finest(project)
    last = next(iter(moved), None)
    if last and (chosen == RELEASE or (chosen not in SPANS and (last.active or now - (last.ended or now) < LATELY))):
        length = max((last.ended or now) - last.created, timedelta(seconds=LEAST_POINTS * shortest))
        end = min(last.created + 1.4 * length, now) if last.ended else now
        return RELEASE, series.span(last.created - 0.15 * length, end, shortest)
    name = chosen if chosen in SPANS else "1h"
    return name, series.span(now - SPANS[name], now, shortest)


def traffic(project: Project, shown: Sequence[Version], shares: dict[int, float], span: Span) -> tuple[Traffic, ...]:
    """Return what each version was asked in a span."""
    with ThreadPoolExecutor(max(len(shown), 1)) as pool:
        places = list(pool.map(lambda version: endpoint(project, version.endpoint), shown))
    wanted = [metric for version, place in zip(shown, places, strict=True) for metric in _metrics(project.api, version, place)]
    found = iter(series.lines(project, wanted, span))
    return tuple(Traffic(version, shares.get(version.number), place, next(found), next(found), next(found), _milliseconds(next(found)))
                 for version, place in zip(shown, places, strict=True))


def _metrics(function: str, version: Version, asked: Endpoint) -> list[Metric]:
    place = (("FunctionName", function), ("Resource", f"{function}:live"), ("ExecutedVersion", str(version.number)))
    variant = asked.variants[0].name if asked.variants else "AllTraffic"  # a gone endpoint's metrics stay
    model = (("EndpointName", version.endpoint), ("VariantName", variant))
    return [Metric("AWS/Lambda", "Invocations", place, "Sum"), Metric("AWS/Lambda", "Errors", place, "Sum"),
            Metric("AWS/Lambda", "Duration", place, "p95"), Metric("AWS/SageMaker", "ModelLatency", model, "p95")]


def _milliseconds(line: Line) -> Line:
    """Return a line of microseconds in milliseconds."""
    return Line(line.moments, tuple(value / 1000 for value in line.values))


def shares(seen: Sequence[Traffic]) -> list[tuple[Version, Line]]:
    """Return the percent of the requests that each version answered, period by period."""
    totals: dict[datetime, float] = {}
    for each in seen:
        for moment, count in zip(each.requests.moments, each.requests.values, strict=True):
            totals[moment] = totals.get(moment, 0.0) + count
    moments = tuple(sorted(moment for moment, total in totals.items() if total))
    counts = [dict(zip(each.requests.moments, each.requests.values, strict=True)) for each in seen]
    return [(each.version, Line(moments, tuple(100 * count.get(moment, 0.0) / totals[moment] for moment in moments)))
            for each, count in zip(seen, counts, strict=True)]
