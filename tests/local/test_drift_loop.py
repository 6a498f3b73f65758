"""Drift closes its loop by itself: nothing is sent but requests to the API and to the endpoint.

A project is released; what is asked then is first like the training data, and nothing happens; then it is not, and it
goes on so: violations, metrics, alarm, mail and one retraining, whose model a person refuses, and no second one.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.local.altered_copy import repository
from tests.local.api_client import ApiClient
from tests.local.local_aws import ROOT, LocalAws
from tests.local.project_runs import Project, until

pytestmark = [pytest.mark.drift, pytest.mark.slow]
NAMES = ("--organization", "org-drift", "--project", "drifting", "--prefix", "drift")
LOOK_SECONDS = 180.0  # two looks of the clock, and their jobs
BATCH = 250
DRIFTED, FACTOR = "total_day_minutes", 1.5
Row = dict[str, Any]


@dataclass(frozen=True)
class Watched:
    """A released project that is watched every hour, which is a minute here."""

    project: Project
    api: ApiClient
    run: str
    asked_before: int  # rows, by the release's own look at the API

    @property
    def endpoint(self) -> str:
        return f"{self.project.name}-{self.run[:8]}-p"

    def looks(self) -> list[dict[str, Any]]:
        """Return what looks have found, the oldest first."""
        steps, arn = self.project.aws.client("stepfunctions"), f"arn:aws:states:us-east-1:000000000000:stateMachine:{self.project.name}-monitoring"
        found = steps.list_executions(stateMachineArn=arn)["executions"]
        assert [execution for execution in found if execution["status"] in ("FAILED", "TIMED_OUT")] == []
        ended = [execution for execution in reversed(found) if execution["status"] == "SUCCEEDED"]
        outputs = (json.loads(steps.describe_execution(executionArn=execution["executionArn"])["output"]) for execution in ended)
        return [output for output in outputs if "Found" in output]

    def judged_after(self, send: Callable[[], None]) -> dict[str, Any]:
        """Send something and return the first look that comes to a verdict on it."""
        known = len(self.looks())
        send()
        verdicts = until(lambda: [look for look in self.looks()[known:] if look["Found"]["Drift"]["Verdict"] != "too few rows"],
                         "a look with a verdict", LOOK_SECONDS)
        return verdicts[0]

    def through_the_api(self, rows: list[Row]) -> None:
        """Ask the API, some rows at a time."""
        for start in range(0, len(rows), BATCH):
            assert len(self.api.predictions(rows[start:start + BATCH])) == len(rows[start:start + BATCH])

    def through_the_endpoint(self, rows: list[Row]) -> None:
        """Ask the endpoint itself, as CSV with a header."""
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        answer = self.project.aws.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=self.endpoint, ContentType="text/csv", Accept="text/csv", Body=text.getvalue())
        assert len(answer["Body"].read().decode().splitlines()) == len(rows)

    def file(self, look: dict[str, Any], name: str) -> dict[str, Any]:
        """Return one of a look's files."""
        key = f"{look['Found']['Drift']['Folder'].partition(f's3://{self.project.bucket}/')[2]}/{name}"
        found: dict[str, Any] = json.loads(self.project.aws.client("s3").get_object(Bucket=self.project.bucket, Key=key)["Body"].read())
        return found

    def metric(self, name: str, **feature: str) -> list[float]:
        """Return the values of a metric of the endpoint."""
        dimensions = {"Endpoint": self.endpoint, "Schedule": f"{self.project.name}-monitoring"} | feature
        answer = self.project.aws.client("cloudwatch").get_metric_data(
            StartTime="2020-01-01T00:00:00Z", EndTime="2099-01-01T00:00:00Z", MetricDataQueries=[{"Id": "m", "MetricStat": {
                "Metric": {"Namespace": "MLDelivery", "MetricName": name, "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()]},
                "Period": 1, "Stat": "Maximum"}}])
        return list(answer["MetricDataResults"][0]["Values"])

    def alarm(self) -> str:
        """Return the state of the drift's alarm."""
        [found] = self.project.aws.client("cloudwatch").describe_alarms(AlarmNames=[f"{self.project.name}-drift"])["MetricAlarms"]
        return str(found["StateValue"])

    def mails(self, *words: str) -> list[str]:
        """Return the mails to the project's people that hold all words, the oldest first."""
        s3 = self.project.aws.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket="local-outbox")
        found = sorted((item["LastModified"], item["Key"]) for page in pages for item in page.get("Contents", []))
        texts = (s3.get_object(Bucket="local-outbox", Key=key)["Body"].read().decode() for _, key in found)
        return [text for text in texts if all(word in text for word in (self.project.name, *words))]

    def runs(self) -> list[str]:
        """Return the pipeline's runs, the newest first."""
        return [run["pipelineExecutionId"] for run in self.project.runs()]


@pytest.fixture(scope="module")
def watched(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """A project whose drift may retrain on the same data, after its first release: an upload would start a run by itself."""
    copy = repository(tmp_path_factory.mktemp("repository"))
    config = copy / "model" / "config.yml"
    assert "same_data: false" in config.read_text()
    config.write_text(config.read_text().replace("same_data: false", "same_data: true"))
    outcome, report = aws.demo(tmp_path_factory.mktemp("drift") / "report.json", *NAMES, cwd=copy)
    assert outcome.returncode == 0, outcome.stderr
    project = Project(aws, report["name"])
    return Watched(project, ApiClient(report["api_url"]), project.runs()[0]["pipelineExecutionId"], len(report["predictions"]))


def unseen() -> list[Row]:
    """Return customers that no model was trained on, as they are asked about."""
    rows = list(csv.DictReader((ROOT / "data" / "churn.csv").read_text().splitlines()))[3333:]
    return [{name: number(value) for name, value in row.items() if name != "churn"} for row in rows]


def number(text: str) -> Any:
    """Return a cell as JSON has it."""
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text


def drifted() -> list[Row]:
    """Return customers who suddenly call longer."""
    assert DRIFTED in unseen()[0]
    return [row | {DRIFTED: round(row[DRIFTED] * FACTOR, 1)} for row in unseen()]


def test_the_live_run_is_known_by_its_parameter(watched: Watched) -> None:
    parameter = watched.project.aws.client("ssm").get_parameter(Name=f"/{watched.project.name}/live-run")["Parameter"]
    assert parameter["Value"] == watched.run


def test_what_is_like_the_training_data_alarms_nobody(watched: Watched) -> None:
    runs = watched.runs()
    look = watched.judged_after(lambda: watched.through_the_api(unseen()))
    assert look["Found"]["Drift"]["Verdict"] == "no drift"
    judged = look["Found"]["Drift"]["Rows"]
    assert look["Found"]["Drift"]["RowsNeeded"] <= judged <= len(unseen()) + watched.asked_before
    assert watched.file(look, "constraint_violations.json") == {"violations": []}
    assert set(watched.metric("DriftedFeatures")) == {0.0}
    assert judged in watched.metric("MonitoredRows")
    assert watched.alarm() != "ALARM"
    assert (watched.mails("drift in "), watched.runs()) == ([], runs)


def test_drift_is_found_told_and_answered_by_one_retraining(watched: Watched) -> None:
    runs = watched.runs()
    rows = drifted()

    def send() -> None:
        watched.through_the_api(rows[:1000])
        watched.through_the_endpoint(rows[1000:])

    look = watched.judged_after(send)
    assert DRIFTED in {item["feature_name"] for item in watched.file(look, "constraint_violations.json")["violations"]}
    assert watched.metric("DriftedFeatures")[-1] >= 1
    assert watched.metric("FeatureDrift", Feature=DRIFTED)[-1] == watched.metric("MaxFeatureDrift")[-1] > 0.1
    until(lambda: watched.alarm() == "ALARM", "the alarm", 90)
    until(lambda: watched.mails(f'ALARM: "{watched.project.name}-drift"'), "the alarm's mail", 30)

    [started] = [run for run in watched.runs() if run not in runs]
    assert look["Retraining"]["Answer"]["Run"] == started
    [mail] = watched.mails("drift in ", f"run {started[:8]} is started")
    assert f"- {DRIFTED}: " in mail and "distance" in mail and "threshold" in mail
    assert f"{watched.project.aws.endpoint_url}/{watched.project.bucket}/runs/{watched.run}/monitoring/" in mail

    watched.project.approval(started)  # it asks, and nobody answers yet
    look = watched.judged_after(send)
    assert look["Retraining"]["Answer"]["Decision"] == f"waiting-{started[:8]}"
    assert watched.mails("drift in ", f"Run {started} has been waiting for approval")

    watched.project.answer(started, "Rejected", "not this one")
    assert watched.project.ended(started) == "Failed"
    look = watched.judged_after(send)
    assert look["Retraining"]["Answer"]["Decision"] == "cooldown"
    assert watched.mails("drift in ", "monitoring.cooldown_hours is 24")
    assert [run for run in watched.runs() if run not in runs] == [started], "drift goes on, and no second run is started"
