"""The demo's third chapter: other customers come, drift is noticed, mailed and answered with a new model."""

import json
from typing import Any

import boto3

import customers
import drifted_rows
from first_release import Project, Release, predict, watch_to_approval
from narration import DemoError, Steps, say
from pipeline_runs import MONITORING
from second_release import Upload
from traffic import RATE, Traffic
from waiting import until

CHANGES = ("total_day_minutes=*1.3", "number_customer_service_calls=+1")
KNOWN, LEARNED = 3333, 4200  # customers that the live model was trained on, and with those whom the next one shall know
REQUESTS = 1500
SECONDS_FOR_A_LOOK = 240  # the next hourly one, at speed 60, and its job
OUTBOX = "local-outbox"  # where the local AWS puts mail


def drift(steps: Steps, release: Release, live: str) -> None:
    """Send traffic of another kind and follow what comes of it, to a new model in production."""
    project = release.project
    project.pipeline.watch(live, MONITORING)
    before, mails = project.pipeline.runs(), outbox()
    with steps.step("ask for customers of another kind", f"{', '.join(CHANGES)}; nothing but requests to the API is sent."):
        send(release, live)
    with steps.step("wait for the next look", "Each hour, here each minute, the captured requests are compared with the training data."):
        steps.report["drift"] = wait_for_alarm(project)
    with steps.step("read the mail"):
        show_mail(project, mails)
    with steps.step("watch what drift has started", "The data uploaded last is new to the live model, so that there is something to learn."):
        run = project.pipeline.new_run(before, "drift")
        say(f"run {run} started by {project.pipeline.record(run)['trigger']['triggerDetail']}")
        steps.report["retraining"] = run
    watch_to_approval(steps, project, run, "watch the retraining")
    with steps.step("compare, approve and watch the release", "Both models were judged by the same customers, whom neither knows."):
        compare(steps, project, run)
        project.pipeline.approve()
        project.pipeline.watch(run, MONITORING)
    with steps.step("predict with the retrained model", "The same five customers."):
        steps.report["predictions_retrained"] = predict(release.api)
    project.pipeline.only_run(before, "drift")


def newcomers(stopped: str) -> Upload:
    """Return data with customers of another kind among those to learn from, and alone to judge by."""
    changed = of_another_kind()
    files = {"churn.csv": [*customers.rows()[1][:KNOWN], *changed[KNOWN:LEARNED]], "test.csv": changed[LEARNED:]}
    return Upload(customers.packed(files), f"{KNOWN:,} customers, {LEARNED - KNOWN} of another kind, and {len(files['test.csv'])} more of that "
                  "kind to judge models by.", stopped)


def of_another_kind() -> list[list[str]]:
    """Return the sample's customers as they might come one day."""
    table = drifted_rows.Table(*customers.rows())
    for change in CHANGES:
        table = drifted_rows.shifted(table, change, 1)
    return table.rows


def send(release: Release, live: str) -> None:
    """Ask the API for changed customers, one a request; raises DemoError for any failure."""
    header = customers.rows()[0][:-1]
    bodies = [json.dumps([dict(zip(header, row[:-1], strict=True))]).encode() for row in of_another_kind()[:REQUESTS]]
    with Traffic(release.api, bodies, (live,)) as traffic:
        while len(traffic.answers) + len(traffic.failures) < REQUESTS:
            traffic.wait(REQUESTS / RATE / 100)
    if traffic.failures:
        raise DemoError(f"{len(traffic.failures)} requests failed, the first: {traffic.failures[0]}")
    say(f"{len(traffic.answers)} requests, none failed")


def wait_for_alarm(project: Project, seconds: float = SECONDS_FOR_A_LOOK) -> dict[str, Any]:
    """Wait until the alarm on drift is on; return its reason. Raises DemoError when it stays silent for so many seconds."""
    name = f"{project.name}-drift"

    def look() -> dict[str, Any] | None:
        [alarm] = boto3.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return alarm if alarm["StateValue"] == "ALARM" else None

    alarm = until(look, seconds,
                  f"alarm {name} did not go on in {seconds:.0f} s; the executions of state machine {project.name}-monitoring say why")
    say(f"alarm {name} is on: {alarm['StateReason']}")
    return {"alarm": name, "reason": alarm["StateReason"]}


def outbox() -> set[str]:
    """Return the mails that there are."""
    pages = boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket=OUTBOX)
    return {item["Key"] for page in pages for item in page.get("Contents", [])}


def show_mail(project: Project, before: set[str]) -> None:
    """Show the mail on drift; raises DemoError when none comes."""

    def look() -> str | None:
        texts = (boto3.client("s3").get_object(Bucket=OUTBOX, Key=key)["Body"].read().decode() for key in outbox() - before)
        return next((text for text in texts if f"{project.name}: drift in" in text), None)

    mail = until(look, SECONDS_FOR_A_LOOK, f"no mail on drift came to the bucket {OUTBOX} in {SECONDS_FOR_A_LOOK} s")
    for each in mail.splitlines():
        say(f"| {each}")


def compare(steps: Steps, project: Project, run: str) -> None:
    """Tell how the retrained model does beside the live one on the same customers."""
    evaluation = json.loads(project.bucket.text(f"runs/{run}/evaluation/evaluation.json"))
    own = evaluation["binary_classification_metrics"]["auc"]["value"]
    live = evaluation["live_model"]["metrics"]["auc"]["value"]
    steps.report["comparison"] = {"auc": own, "live_auc": live}
    say(f"AUC {own:.4f}, that of the live model {live:.4f}")
