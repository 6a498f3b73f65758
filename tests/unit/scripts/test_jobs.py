"""Jobs as a notebook follows them, and what monitoring and the dashboard show."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import dashboard_pictures
import jobs
import monitoring_looks
from plain_faults import NotReady

MADE = datetime(2026, 1, 1, tzinfo=UTC)


class NoSuchGroup(Exception):
    """What boto3 raises for a log group that is not there."""


class Cloud:
    """SageMaker with one job whose states follow each other, and its log."""

    class exceptions:  # noqa: N801 - as boto3 calls it
        """What the client raises."""

        ResourceNotFoundException = NoSuchGroup

    def __init__(self, *states: dict[str, Any], lines: list[str] | None = None) -> None:
        self.states, self.lines, self.asked = list(states), lines, []

    def describe_processing_job(self, **request: str) -> dict[str, Any]:
        self.asked.append(request)
        return self.states.pop(0)

    def get_paginator(self, name: str) -> Any:
        return self

    def paginate(self, **request: Any) -> Iterator[dict]:
        self.asked.append(request)
        if self.lines is None:
            raise NoSuchGroup
        yield {"events": [{"message": line} for line in self.lines]}


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that makes the cloud that boto3 reaches."""
    monkeypatch.setattr(jobs, "LOOK_SECONDS", 0)

    def make(*states: str, lines: list[str] | None = None, **fields: str) -> Cloud:
        made = Cloud(*({"ProcessingJobStatus": state} | fields for state in states), lines=lines)
        monkeypatch.setattr(jobs.boto3, "client", lambda service: made)
        return made

    return make


def test_a_job_is_followed_to_its_end_and_its_log_is_shown(cloud: Any, capsys: pytest.CaptureFixture[str]) -> None:
    made = cloud("InProgress", "InProgress", "Completed", lines=["first\n", "last"])
    assert jobs.wait(jobs.PROCESSING, "job-1")["ProcessingJobStatus"] == "Completed"
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[1:] for line in told[:2]] == [["job-1", "InProgress"], ["job-1", "Completed"]]
    assert told[2:] == ["  | first", "  | last"]
    assert made.asked[-1] == {"logGroupName": "/aws/sagemaker/ProcessingJobs", "logStreamNamePrefix": "job-1/"}


def test_a_job_that_failed_says_why(cloud: Any) -> None:
    cloud("Failed", FailureReason="no column churn")
    with pytest.raises(NotReady, match="job-1 is Failed: no column churn"):
        jobs.wait(jobs.PROCESSING, "job-1")


def test_bars_are_what_a_job_waited_and_what_it_ran() -> None:
    job = {"CreationTime": MADE, "ProcessingStartTime": MADE + timedelta(seconds=90), "ProcessingEndTime": MADE + timedelta(seconds=100)}
    waited, ran = jobs.bars({"prepare": (jobs.PROCESSING, job)})
    assert (waited.ended - waited.started, ran.ended - ran.started) == (timedelta(seconds=90), timedelta(seconds=10))


# Monitoring's looks

class Bucket:
    """A project's bucket with these objects."""

    name = "bucket"

    def __init__(self, objects: dict[str, Any]) -> None:
        self.objects = objects

    def text(self, key: str) -> str:
        return json.dumps(self.objects[key]) if key.endswith(".json") else self.objects[key]

    def get_paginator(self, name: str) -> Any:
        return self

    def paginate(self, Bucket: str, Prefix: str) -> list[dict]:  # noqa: N803 - as boto3 calls them
        return [{"Contents": [{"Key": key} for key in self.objects if key.startswith(Prefix)]}]


def look(monkeypatch: pytest.MonkeyPatch, objects: dict[str, Any], verdict: str = "") -> monitoring_looks.Look:
    bucket = Bucket(objects)
    monkeypatch.setattr(monitoring_looks.boto3, "client", lambda service: bucket)

    class Project:
        """The part of a project that is read."""

    Project.bucket = bucket
    return monitoring_looks.newest(Project, "X", verdict)


EARLY, LATE, UNDER_WAY = (f"runs/X/monitoring/2026-01-01T0{hour}-00-00" for hour in (1, 2, 3))
LOOKS = {f"{EARLY}/drift.json": {"verdict": "drift"}, f"{EARLY}/report.html": "early", f"{EARLY}/retraining.json": {"started": "run"},
         f"{LATE}/drift.json": {"verdict": "no drift"}, f"{LATE}/report.html": "late", f"{UNDER_WAY}/captures.manifest": []}


def test_the_newest_look_is_told_or_the_newest_with_a_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(monkeypatch, LOOKS) == monitoring_looks.Look("2026-01-01T02-00-00", {"verdict": "no drift"}, "late", {})
    assert look(monkeypatch, LOOKS, "drift") == monitoring_looks.Look("2026-01-01T01-00-00", {"verdict": "drift"}, "early", {"started": "run"})


@pytest.mark.parametrize("verdict", ["", "drift"])
def test_without_a_look_it_says_when_there_will_be_one(monkeypatch: pytest.MonkeyPatch, verdict: str) -> None:
    with pytest.raises(NotReady, match=rf"no look at run X.*{verdict}.* hourly"):
        look(monkeypatch, {f"{UNDER_WAY}/captures.manifest": []}, verdict)


# The dashboard

class Watch:
    """CloudWatch with one dashboard, one alarm and a picture of anything."""

    def __init__(self) -> None:
        self.drawn: list[dict] = []

    def get_dashboard(self, DashboardName: str) -> dict:  # noqa: N803
        alarms = {"title": "Alarms", "alarms": [f"arn:aws:cloudwatch:us-east-1:123456789012:alarm:{name}" for name in ("n-drift", "gone")]}
        widgets = [{"type": "alarm", "properties": alarms}, {"type": "metric", "properties": {"title": "a < b", "metrics": [["N", "M"]]}},
                   {"type": "text", "properties": {"markdown": "hello"}}]
        return {"DashboardBody": json.dumps({"start": "-PT6H", "widgets": widgets})}

    def describe_alarms(self, AlarmNames: list[str]) -> dict:  # noqa: N803
        return {"MetricAlarms": [{"AlarmName": name, "StateValue": "ALARM", "StateReason": "1 > 0"} for name in AlarmNames if name == "n-drift"]}

    def get_metric_widget_image(self, MetricWidget: str) -> dict:  # noqa: N803
        self.drawn.append(json.loads(MetricWidget))
        return {"MetricWidgetImage": b"png"}


def test_a_dashboard_is_shown_with_its_alarms_in_words_and_its_widgets_as_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch()
    monkeypatch.setattr(dashboard_pictures.boto3, "client", lambda service: watch)
    page = dashboard_pictures.page("n")
    assert "<td>✗ in alarm</td><td>n-drift</td><td>1 &gt; 0</td>" in page and "gone" not in page
    assert 'alt="a &lt; b"' in page and "data:image/png;base64,cG5n" in page
    assert [(widget["start"], widget["metrics"]) for widget in watch.drawn] == [("-PT6H", [["N", "M"]])]
