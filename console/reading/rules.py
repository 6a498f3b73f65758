"""What the stack NAME-monitoring was told: which run is watched, how often, and when drift may retrain."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from botocore.exceptions import ClientError

from console.account import Project
from console.faults import gone

WEEK = timedelta(days=7)
STARTS = "monitoring/retrainings/"


@dataclass(frozen=True)
class Rules:
    """Section monitoring of model/config.yml, as the live release brought it."""

    run: str
    endpoint: str
    engine: str
    schedule: str
    capturing: bool
    cooldown_hours: float
    per_week: int
    same_data: bool


@dataclass(frozen=True)
class Start:
    """A run that drift has started."""

    time: datetime
    run: str


@dataclass(frozen=True)
class Retraining:
    """The runs that drift has started, the newest first, and from when on it may start another one; None: the rules allow it now."""

    starts: tuple[Start, ...]
    cooldown_ends: datetime | None
    week_ends: datetime | None


def rules(project: Project) -> Rules | None:
    """Return what is watched and how; None before the first release."""
    try:
        [stack] = project.client("cloudformation").describe_stacks(StackName=project.monitoring)["Stacks"]
    except ClientError as error:
        if gone(error):
            return None
        raise
    return of_parameters({item["ParameterKey"]: item["ParameterValue"] for item in stack.get("Parameters", [])})


def of_parameters(given: Mapping[str, str]) -> Rules:
    """Return the rules that a stack's parameters say."""
    return Rules(given["RunId"], given["EndpointName"], given.get("Engine", "own"), given.get("Schedule", "hourly"), given["Capturing"] == "yes",
                 float(given["CooldownHours"]), int(given["RetrainingsPerWeek"]), given["SameData"] == "yes")


def starts(project: Project) -> tuple[Start, ...]:
    """Return the runs that drift has started, the newest first; their number is bounded by what a week allows."""
    found = project.client("s3").list_objects_v2(Bucket=project.bucket, Prefix=STARTS)
    items = (Start(item["LastModified"], item["Key"].rpartition("/")[2].removesuffix(".json")) for item in found.get("Contents", []))
    return tuple(sorted(items, key=lambda start: start.time, reverse=True))


def retraining(told: Rules, started: tuple[Start, ...], now: datetime) -> Retraining:
    """Return what cooldown and week say at a moment."""
    ends = started[0].time + timedelta(hours=told.cooldown_hours) if started else now
    lately = [start.time for start in started if now - start.time < WEEK]
    full = told.per_week and len(lately) >= told.per_week
    return Retraining(started, ends if ends > now else None, lately[told.per_week - 1] + WEEK if full else None)
