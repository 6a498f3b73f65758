"""The releases that one may go back to, and why not to the others; scripts/rollback.sh judges again when it is asked."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from console.account import Project
from console.faults import gone
from console.reading.endpoints import Endpoint, endpoint
from console.reading.versions import Version


@dataclass(frozen=True)
class Former:
    """A run that was released and does not serve now."""

    run: str
    version: int
    published: datetime
    change: str  # what its commit says
    endpoint: str
    instances: int
    why_not: str  # blank where one may go back to it
    later: bool  # it came after the run that serves: it was gone back from


def former(project: Project, versions: Iterable[Version], live: Version, answering: Iterable[str]) -> tuple[Former, ...]:
    """Return the releases that do not answer now, the newest first; of a run with several versions the newest counts."""
    newest: dict[str, Version] = {}
    first: dict[str, int] = {}  # going back may publish a version, so when a run came its first one says
    for version in sorted(versions, key=lambda each: -each.number):
        newest.setdefault(version.run, version)
        first[version.run] = version.number
    wanted = [version for run, version in newest.items() if run not in {live.run, *answering}]
    with ThreadPoolExecutor(max(2 * len(wanted), 1)) as pool:
        records = [pool.submit(_record, project, version.run) for version in wanted]
        endpoints = [pool.submit(endpoint, project, version.endpoint) for version in wanted]
        return tuple(_former(version, record.result(), place.result(), later=first[version.run] > first[live.run])
                     for version, record, place in zip(wanted, records, endpoints, strict=True))


def _record(project: Project, run: str) -> dict[str, Any]:
    """Return what the pipeline keeps of a run; empty once it has forgotten it."""
    try:
        found: dict[str, Any] = project.client("codepipeline").get_pipeline_execution(
            pipelineName=project.pipeline, pipelineExecutionId=run)["pipelineExecution"]
    except ClientError as error:
        if gone(error):
            return {}
        raise
    return found


def _former(version: Version, record: dict[str, Any], place: Endpoint, *, later: bool) -> Former:
    return Former(version.run, version.number, version.published, change(record), version.endpoint,
                  sum(variant.current for variant in place.variants), _why_not(record, place), later)


def _why_not(record: dict[str, Any], place: Endpoint) -> str:
    status = record.get("status", "Succeeded")
    if status != "Succeeded":
        return f"the run is {status}, so it is not known to be good"
    if place.status == "Gone":
        return "its endpoint is gone: it has baked for release.bake_hours"
    return "" if place.serves else f"its endpoint is {place.status}"


def change(record: dict[str, Any]) -> str:
    """Return what the commit of a run says, in its first line."""
    said = next((each.get("revisionSummary", "") for each in record.get("artifactRevisions", []) if each.get("name") == "SourceCode"), "")
    return str(said).strip().splitlines()[0] if said.strip() else ""
