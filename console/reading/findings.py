"""What one look found: its verdict on every feature, and the values of a chosen one beside the training data's."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from botocore.exceptions import ClientError

from console.account import Project
from console.faults import gone
from console.reading.distributions import Distribution, compared, feature
from console.reading.looks import Look

LARGEST = 64_000_000  # bytes of a statistics.json that is still read
LINK_SECONDS = 3600


@dataclass(frozen=True)
class Check:
    """What one check says of a feature."""

    name: str
    distance: float | None
    threshold: float | None
    chance: float | None  # how probable so large a distance is without drift
    description: str


@dataclass(frozen=True)
class Feature:
    """A feature's verdict."""

    name: str
    kind: str
    drifted: bool
    distance: float | None
    threshold: float | None
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Findings:
    """What a look found, what is drawn of it, and where its page is."""

    look: Look
    features: tuple[Feature, ...]  # what drifted first, then the farthest
    chosen: Feature | None
    distribution: Distribution | None
    unreadable: int
    synthetic: int


def findings(project: Project, look: Look, chosen: str) -> Findings:
    """Return what a look found, with the distribution of the chosen feature, or of the first one."""
    found = _document(project, look.bucket, f"{look.folder}/drift.json") or {}
    now = _document(project, look.bucket, f"{look.folder}/statistics.json") or {}
    before = _document(project, look.bucket, f"runs/{look.run}/baseline/statistics.json") or {}
    features = of_monitor(found) if found else of_analyzer(look, now)
    one = next((each for each in features if each.name == chosen), next(iter(features), None))
    sides = [feature(side, one.name) if one else None for side in (before, now)]
    picture = compared(sides[0], sides[1]) if sides[0] and sides[1] else None
    return Findings(look, features, one, picture, found.get("unreadable", 0), found.get("synthetic", 0))


def report(project: Project, look: Look) -> str:
    """Return an address of the look's page that is good for at least half an hour, for whoever has it; it changes seldom."""
    return _address(project.client("s3"), look.bucket, f"{look.folder}/report.html", int(time.time() // (LINK_SECONDS / 2)))


@lru_cache(maxsize=12)
def _address(client: Any, bucket: str, key: str, _: int) -> str:
    return str(client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=LINK_SECONDS))


def of_monitor(found: Mapping[str, Any]) -> tuple[Feature, ...]:
    """Read drift.json, which the image's program monitor writes."""
    features = (Feature(each["name"], each.get("type", ""), each["drifted"], each.get("distance"), each.get("threshold"),
                        tuple(_check(check) for check in each.get("checks", []))) for each in found["features"])
    return tuple(sorted(features, key=lambda each: (not each.drifted, -(each.distance or 0.0), each.name)))


def of_analyzer(look: Look, statistics: Mapping[str, Any]) -> tuple[Feature, ...]:
    """Return the features as the look tells them where AWS's analyzer has looked: it says of no other one how far it is."""
    told = [Feature(each.name, "", True, each.distance, each.threshold,
                    (Check(each.check, each.distance, each.threshold, None, each.description),)) for each in look.drifted]
    names = {each.name for each in told}
    return (*told, *(Feature(each["name"], "", False, None, None, ()) for each in statistics.get("features", []) if each["name"] not in names))


def _check(found: Mapping[str, Any]) -> Check:
    return Check(found["check"], found.get("effect"), found.get("threshold"), found.get("p_value"), found.get("description", ""))


@lru_cache(maxsize=12)
def _kept(client: Any, bucket: str, key: str) -> dict[str, Any]:
    """Read a document that a job has written once and for all."""
    answer = client.get_object(Bucket=bucket, Key=key)
    if answer["ContentLength"] > LARGEST:
        return {}
    found: dict[str, Any] = json.loads(answer["Body"].read())
    return found


def _document(project: Project, bucket: str, key: str) -> dict[str, Any] | None:
    try:
        return _kept(project.client("s3"), bucket, key)
    except ClientError as error:
        if gone(error):
            return None
        raise
