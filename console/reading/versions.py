"""The versions of the API's function: which of them answer, and the run and endpoint that each asks."""

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from console.account import Project
from console.faults import Refused, gone

ALIAS = "live"
_kept: dict[tuple[str, int], "Version"] = {}  # a version never changes
_lock = threading.Lock()


@dataclass(frozen=True)
class Version:
    """A version of the API's function."""

    number: int
    run: str
    endpoint: str
    published: datetime


@dataclass(frozen=True)
class Routing:
    """To which versions the alias sends requests, in percent; the first one is the alias's own, the second one comes."""

    version: int
    shares: tuple[tuple[int, float], ...]


def routing(project: Project) -> Routing | None:
    """Return where the API's requests go; None before the first release."""
    try:
        alias = project.client("lambda").get_alias(FunctionName=project.api, Name=ALIAS)
    except ClientError as error:
        if gone(error):
            return None
        raise
    own = int(alias["FunctionVersion"])
    weights = {int(number): 100 * weight for number, weight in
               ((alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}).items()}
    return Routing(own, ((own, 100 - sum(weights.values())), *weights.items()))


def versions(project: Project, numbers: Iterable[int]) -> dict[int, Version]:
    """Return those of the versions that exist and ask a run, by number."""
    wanted = [number for number in dict.fromkeys(numbers) if number > 0]
    with ThreadPoolExecutor(max(len(wanted), 1)) as pool:
        found = list(pool.map(lambda number: _version(project, number), wanted))
    return {version.number: version for version in found if version}


def _version(project: Project, number: int) -> Version | None:
    key = project.bucket, number
    with _lock:
        if key in _kept:
            return _kept[key]
    try:
        found = project.client("lambda").get_function_configuration(FunctionName=project.api, Qualifier=str(number))
    except ClientError as error:
        if gone(error):
            return None
        raise
    version = _of(project, number, found)
    if version:
        with _lock:
            _kept[key] = version
    return version


def _of(project: Project, number: int, found: dict[str, Any]) -> Version | None:
    environment = found.get("Environment", {})
    if "Error" in environment:
        raise Refused(f"What version {number} of {project.api} asks cannot be read: {environment['Error'].get('Message', 'no reason given')}. "
                      "Ask who manages the account for kms:Decrypt on the project's key.")
    variables = environment.get("Variables", {})
    if "MODEL_RUN" not in variables:
        return None
    return Version(number, variables["MODEL_RUN"], variables["ENDPOINT_NAME"], datetime.fromisoformat(found["LastModified"]))
