"""Which run a project goes back to. Nothing here asks AWS."""

from collections.abc import Callable
from dataclasses import dataclass

BUSY = "_IN_PROGRESS"
UPDATABLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE")


class RollbackError(Exception):
    """It cannot go back, or not wholly; the message says why and what to do."""


@dataclass(frozen=True)
class Version:
    """A version of the API's function: the run and the endpoint that it asks."""

    number: int
    run: str
    endpoint: str


@dataclass(frozen=True)
class Production:
    """What serves a project now, and what its stacks say that serves."""

    name: str
    live: Version
    versions: list[Version]
    stack_run: str
    endpoint_run: str  # the run in the endpoint that the live version asks
    stack_status: str
    shifting: bool  # the API's stack was last updated by a release, not by a going back
    runs: dict[str, str]  # status by run, as the pipeline's history has it

    @property
    def agrees(self) -> bool:
        """Return whether alias, stack and endpoint are of one run."""
        return self.live.run == self.stack_run == self.endpoint_run

    @property
    def came_back(self) -> bool:
        """Return whether the last thing that happened was a way back: a person's, or that of a release that failed."""
        return not self.shifting or self.stack_status == "UPDATE_ROLLBACK_COMPLETE"


def target(now: Production, wanted: str, serves: Callable[[Version], str]) -> Version | None:
    """Return the version to go back to, None when it is there already; ``serves`` says why a version cannot, or nothing."""
    if wanted:
        return _wanted(now, wanted, serves)
    if not now.agrees:
        return now.live  # a way back was interrupted: what the alias has is what was wanted
    if now.came_back:
        return None  # twice is once: two people may be at it, and neither wants the run before
    return _former(now, serves)


def _wanted(now: Production, wanted: str, serves: Callable[[Version], str]) -> Version | None:
    if now.live.run.startswith(wanted):
        return None if now.agrees else now.live
    found = [version for version in now.versions if version.run.startswith(wanted)]
    if not found:
        raise RollbackError(f"run {wanted} was never released: no version of {now.name}-api asks its model. Released were: {released(now)}")
    chosen = found[-1]
    if now.runs.get(chosen.run, "Succeeded") != "Succeeded":
        raise RollbackError(f"run {chosen.run} is {now.runs[chosen.run]}, so it is not known to be good. Released were: {released(now)}")
    if why := serves(chosen):
        raise RollbackError(f"{gone(chosen, why)} {AGAIN}")
    return chosen


def _former(now: Production, serves: Callable[[Version], str]) -> Version:
    """Return the newest version before the live one whose run was released well and whose endpoint still serves."""
    before = [version for version in reversed(now.versions) if version.number < now.live.number
              and version.run != now.live.run and now.runs.get(version.run) == "Succeeded"]
    reasons: dict[str, str] = {}
    for version in before:
        if version.run not in reasons and not (why := serves(version)):
            return version
        reasons.setdefault(version.run, gone(version, why))
    if not reasons:
        raise RollbackError(f"there is no former run: {now.live.run} is the first that was released")
    raise RollbackError(f"no former run can serve. {' '.join(reasons.values())} {AGAIN}")


AGAIN = "Run its commit and data again (docs/runs.md, An earlier state again), or raise release.bake_hours for the next time."


def gone(version: Version, why: str) -> str:
    """Return why a version cannot serve."""
    return f"Run {version.run}: {why}."


def released(now: Production) -> str:
    """Return the runs that were released well, newest first."""
    good = [version.run for version in reversed(now.versions) if now.runs.get(version.run) == "Succeeded"]
    return ", ".join(dict.fromkeys(good)) or "none"
