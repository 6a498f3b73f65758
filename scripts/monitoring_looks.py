"""What production's monitoring found: the looks at it, their verdicts and pages."""

import json
from dataclasses import dataclass
from typing import Any

import boto3

from first_release import Project
from plain_faults import NotReady


@dataclass(frozen=True)
class Look:
    """One look: when it was, what it found, the page that shows it, and what was decided about a retraining."""

    time: str
    verdict: dict[str, Any]
    page: str
    decision: dict[str, Any]


def newest(project: Project, run: str, verdict: str = "") -> Look:
    """Return the newest look at a run's endpoint, or the newest with a verdict; raises NotReady where there is none."""
    folder, found = f"runs/{run}/monitoring/", set()
    for page in boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket=project.bucket.name, Prefix=folder):
        found |= {item["Key"] for item in page.get("Contents", [])}
    for key in sorted((key for key in found if key.endswith("/drift.json")), reverse=True):
        judged, look = json.loads(project.bucket.text(key)), key.removesuffix("/drift.json")
        if verdict in ("", judged["verdict"]):
            decision = json.loads(project.bucket.text(f"{look}/retraining.json")) if f"{look}/retraining.json" in found else {}
            return Look(look.removeprefix(folder), judged, project.bucket.text(f"{look}/report.html"), decision)
    wanted = f" with the verdict {verdict}" if verdict else ""
    raise NotReady(f"There is no look at run {run[:8]}{wanted} yet. Looks are hourly, on the local AWS each minute, and need enough requests.")
