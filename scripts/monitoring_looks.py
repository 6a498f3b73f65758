"""What production's monitoring found: the looks that came to a verdict, their verdicts and pages."""

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


def newest(project: Project, run: str) -> Look:
    """Return the newest look at a run's endpoint that came to a verdict; raises NotReady where there is none."""
    folder, found = f"runs/{run}/monitoring/", set()
    for page in boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket=project.bucket.name, Prefix=folder):
        found |= {item["Key"] for item in page.get("Contents", [])}
    times = sorted(key.removeprefix(folder).removesuffix("/drift.json") for key in found if key.endswith("/drift.json"))
    if not times:
        raise NotReady(f"No look at run {run[:8]} has come to a verdict yet. Looks are hourly, here each minute, and need enough requests.")
    look = f"{folder}{times[-1]}"
    decision = json.loads(project.bucket.text(f"{look}/retraining.json")) if f"{look}/retraining.json" in found else {}
    return Look(times[-1], json.loads(project.bucket.text(f"{look}/drift.json")), project.bucket.text(f"{look}/report.html"), decision)
