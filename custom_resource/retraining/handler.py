"""Answers drift: starts a retraining, or records and mails why not.

The state machine calls it at the end of every look that found drift. A look leads to one run at most, however often it
is judged; the same reason for a refusal is mailed once a day, and every look keeps its own decision.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlparse

import project
import training_data
from guard import STARTED, Decision, Facts, Rules, decide
from wording import Links, of_drift


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take Execution and Drift, the look's summary; return Decision, Why, Run (blank without one) and Mailed."""
    pipeline, bucket, drift = project.setting("NAME_PREFIX"), project.setting("BUCKET"), event["Drift"]
    folder = urlparse(drift["Folder"]).path.strip("/")
    starts = project.starts(bucket)
    run = next((start.run for start in starts if start.look == project.token(folder)), "")  # of a first try
    decision = STARTED if run else decide(Rules.of(os.environ), facts(pipeline, bucket, starts))
    if decision.start:
        run = run or project.start(pipeline, bucket, folder)
    mailed = decision.start or project.first_today(
        bucket, f"monitoring/mails/{drift['End'][:10]}/{decision.reason}.json", event["Execution"])
    if mailed:
        mail(pipeline, bucket, folder, drift, decision, run)
    answer = {"Decision": decision.reason, "Why": decision.why, "Run": run, "Mailed": mailed}
    project.put(bucket, f"{folder}/retraining.json", answer)
    print(json.dumps({"level": "INFO", **answer}))
    return answer


def facts(pipeline: str, bucket: str, starts: list[project.Start]) -> Facts:
    """Return what is known of runs and data now."""
    last = starts[-1].run if starts else ""
    return Facts(datetime.now(UTC), project.active(pipeline), project.waiting(pipeline), [start.time for start in starts],
                 trained(bucket, project.setting("RUN_ID"), last))


def trained(bucket: str, live: str, last: str) -> str:
    """Return who has been trained on what is there now: the live model, or what drift retrained last, which did not replace it."""
    s3, learns = project.client("s3"), project.setting("LEARN_FROM_CAPTURES") == "yes"
    if training_data.trained_on_this(s3, bucket, live, learns):
        return f"the live model (run {live})"
    if last and training_data.trained_on_this(s3, bucket, last, learns):
        return f"run {last}, which drift started last"
    return ""


def mail(pipeline: str, bucket: str, folder: str, drift: dict[str, Any], decision: Decision, run: str) -> None:
    """Tell people what drifted and what follows."""
    links = Links.of(os.environ)
    report = links.report(bucket, f"{folder}/{drift['Report']}")
    told = of_drift(pipeline, project.setting("ENDPOINT_NAME"), drift, decision, run, report, links.pipeline(pipeline))
    project.mail(project.setting("TOPIC_ARN"), told.subject, told.message)
