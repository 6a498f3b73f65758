"""The function retraining: when drift starts a run, why it does not, and what people are told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.custom_resource.cloud import Bucket

NOW = datetime(2026, 11, 21, 15, 0, 0, tzinfo=UTC)
LIVE, STARTED, OTHER = (f"{digit * 8}-1111-4222-8333-444455556666" for digit in "abc")
LOOK = "2026-11-21T15-00-00"
DRIFT = {"Verdict": "drift", "Rows": 2000, "Features": 19, "DriftedFeatures": 1, "Report": "report.html", "Folder": f"s3://bucket/runs/{LIVE}/monitoring/{LOOK}",
         "Start": "2026-11-21T14:00:00+00:00", "End": "2026-11-21T15:00:00+00:00",
         "Drifted": [{"Feature": "day_minutes", "Check": "baseline_drift_check", "Distance": 0.3141, "Threshold": 0.1, "Description": "KS"}]}


class Account:
    """A pipeline, the project's bucket and its topic."""

    def __init__(self) -> None:
        self.s3, self.mails, self.tokens = Bucket("bucket", NOW), [], []
        self.runs: dict[str, str] = {LIVE: "Succeeded"}
        self.asked: dict[str, Any] = {}
        self.s3.holds("data-source.zip", "v2")
        self.trained(LIVE, "v1")

    def trained(self, run: str, version: str, **pointers: Any) -> None:
        """Let a run have been trained on a version of the upload."""
        self.s3.holds(f"runs/{run}/data/source.json", {"version": version, "time": (NOW - timedelta(days=1)).isoformat(), "pointers": pointers})

    def started(self, hours: float, look: str = "other", run: str = OTHER) -> None:
        """Let drift have started a run some hours ago."""
        self.s3.holds(f"monitoring/retrainings/{look}/{run}.json", {}, NOW - timedelta(hours=hours))

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_pipeline_executions"
        found = [{"pipelineExecutionId": run, "status": status} for run, status in self.runs.items()]
        return SimpleNamespace(paginate=lambda pipelineName: [{"pipelineExecutionSummaries": found}])  # noqa: N803

    def get_pipeline_state(self, name: str) -> dict[str, Any]:
        return {"stageStates": [
            {"stageName": "Source", "actionStates": [{"actionName": "Code"}]},
            {"stageName": "DeployDev", "latestExecution": {"pipelineExecutionId": OTHER},
             "actionStates": [{"actionName": "Endpoint", "latestExecution": {"status": "Succeeded"}},
                              {"actionName": "Approval", "latestExecution": self.asked} if self.asked else {"actionName": "Approval"}]}]}

    def start_pipeline_execution(self, name: str, clientRequestToken: str) -> dict[str, str]:  # noqa: N803
        assert name == "churn" and clientRequestToken.isalnum() and len(clientRequestToken) <= 128
        self.tokens.append(clientRequestToken)
        self.runs[STARTED] = "InProgress"
        return {"pipelineExecutionId": STARTED}

    def publish(self, TopicArn: str, Subject: str, Message: str) -> None:  # noqa: N803
        assert TopicArn == "topic" and len(Subject) <= 100 and Subject.isascii() and "\n" not in Subject
        self.mails.append(f"{Subject}\n{Message}")


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def judge(load: Any, account: Account, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Return a call of the function at a fixed moment."""
    handler = load("retraining")
    variables = {"NAME_PREFIX": "churn", "RUN_ID": LIVE, "ENDPOINT_NAME": "churn-p", "BUCKET": "bucket", "TOPIC_ARN": "topic",
                 "COOLDOWN_HOURS": "24", "RETRAININGS_PER_WEEK": "3", "SAME_DATA": "no", "LEARN_FROM_CAPTURES": "no", "AWS_REGION": "eu-west-1"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(handler.project, "client", {"s3": account.s3, "codepipeline": account, "sns": account}.__getitem__)
    monkeypatch.setattr(handler, "datetime", SimpleNamespace(now=lambda zone: NOW))
    return lambda drift=DRIFT, execution="one": handler.handler({"Execution": execution, "Drift": drift}, None)


def another(look: str, **changes: Any) -> dict[str, Any]:
    """Return what a later look found."""
    return DRIFT | {"Folder": f"s3://bucket/runs/{LIVE}/monitoring/{look}"} | changes


def test_new_data_and_nothing_under_way_start_one_run_and_one_mail(account: Account, judge: Any) -> None:
    answer = judge()
    assert (answer["Decision"], answer["Run"]) == ("started", STARTED)
    [mail] = account.mails
    assert mail.startswith(f"churn: drift in 1 feature, run {STARTED[:8]} is started: day_minutes\n")
    assert "1 of 19 features of endpoint churn-p has drifted" in mail
    assert "in 2000 rows captured from 2026-11-21 14:00 to 2026-11-21 15:00 UTC" in mail
    assert "- day_minutes: baseline_drift_check; distance 0.314, threshold 0.1; KS" in mail
    assert f"run {STARTED} is started" in mail
    assert f"https://eu-west-1.console.aws.amazon.com/s3/object/bucket?region=eu-west-1&prefix=runs%2F{LIVE}%2Fmonitoring%2F{LOOK}%2Freport.html" in mail
    assert account.s3.read(f"runs/{LIVE}/monitoring/{LOOK}/retraining.json") == answer


def test_the_same_look_judged_again_starts_nothing_more(account: Account, judge: Any) -> None:
    assert [judge()["Run"], judge()["Run"]] == [STARTED, STARTED]
    assert len(account.tokens) == 1


def test_drift_that_goes_on_starts_no_second_run_within_the_cooldown(account: Account, judge: Any) -> None:
    judge()
    assert judge(another("2026-11-21T16-00-00"))["Decision"] == "active"
    account.runs[STARTED] = "Failed"
    answer = judge(another("2026-11-21T17-00-00"))
    assert answer["Decision"] == "cooldown"
    assert "monitoring.cooldown_hours is 24: the next one may start at 2026-11-22 15:00 UTC" in account.mails[-1]
    assert len(account.tokens) == 1


def test_a_refusal_is_mailed_once_a_day_and_kept_each_time(account: Account, judge: Any) -> None:
    account.trained(LIVE, "v2")
    looks = ["2026-11-21T15-00-00", "2026-11-21T16-00-00"]
    assert [judge(another(look), look)["Mailed"] for look in looks] == [True, False]
    assert judge(another("2026-11-22T15-00-00", End="2026-11-22T15:00:00+00:00"), "next day")["Mailed"]
    assert len(account.mails) == 2
    assert all(account.s3.read(f"runs/{LIVE}/monitoring/{look}/retraining.json")["Decision"] == "same-data" for look in looks)


def test_the_execution_that_has_claimed_a_mail_may_try_again(account: Account, judge: Any) -> None:
    account.trained(LIVE, "v2")
    assert [judge()["Mailed"], judge()["Mailed"]] == [True, True]


def test_the_same_data_is_refused_and_the_mail_says_what_helps(account: Account, judge: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    account.trained(LIVE, "v2")
    assert judge()["Decision"] == "same-data"
    assert f"The training data is that of the live model (run {LIVE})" in account.mails[0]
    assert "Upload data-source.zip with rows like those that are asked now" in account.mails[0]
    monkeypatch.setenv("SAME_DATA", "yes")
    assert judge(another("later"))["Decision"] == "started"
    assert "monitoring.same_data allows it" in account.mails[1]


def test_data_that_drift_has_trained_on_in_vain_is_not_new(account: Account, judge: Any) -> None:
    account.started(100)
    account.trained(OTHER, "v2")
    assert judge()["Decision"] == "same-data"
    assert f"run {OTHER}, which drift started last" in account.mails[0]


@pytest.mark.parametrize(("changed", "decision"), [({}, "same-data"), ({"data/b.csv": "new"}, "started"), ({"data/a.csv": "other"}, "started"),
                                                   ({"data/notes.txt": "new"}, "same-data")])
def test_what_a_pointer_leads_to_counts_and_not_the_pointer(account: Account, judge: Any, changed: dict[str, str], decision: str) -> None:
    account.s3.holds("data/a.csv", "rows")
    mark = account.s3.paginate("bucket", "data/a.csv")[0]["Contents"][0]["ETag"]
    account.trained(LIVE, "v2", train={"uri": "s3://bucket/data/", "objects": {"data/a.csv": mark}})
    for key, content in changed.items():
        account.s3.holds(key, content)
    assert judge()["Decision"] == decision


@pytest.mark.parametrize(("learns", "days", "decision"), [("yes", 0.5, "started"), ("yes", 2, "same-data"), ("no", 0.5, "same-data")])
def test_new_labels_are_new_data_where_captures_are_learned_from(
        account: Account, judge: Any, monkeypatch: pytest.MonkeyPatch, learns: str, days: float, decision: str) -> None:
    account.trained(LIVE, "v2")
    account.s3.holds("ground-truth/2026/11/21/14/a.jsonl", "{}", NOW - timedelta(days=days))
    monkeypatch.setenv("LEARN_FROM_CAPTURES", learns)
    assert judge()["Decision"] == decision


def test_a_run_of_before_is_taken_to_know_other_data(account: Account, judge: Any) -> None:
    del account.s3.objects[f"runs/{LIVE}/data/source.json"]
    assert judge()["Decision"] == "started"


@pytest.mark.parametrize("status", ["InProgress", "Stopping"])
def test_a_run_under_way_comes_first(account: Account, judge: Any, status: str) -> None:
    account.runs[OTHER] = status
    assert judge()["Decision"] == "active"
    assert f"Run {OTHER} is under way." in account.mails[0]


def test_a_run_that_waits_for_approval_is_told_with_its_age_and_place(account: Account, judge: Any) -> None:
    account.runs[OTHER] = "InProgress"
    account.asked = {"status": "InProgress", "token": "t", "lastStatusChange": NOW - timedelta(hours=50)}
    assert judge()["Decision"] == f"waiting-{OTHER[:8]}"
    assert f"Run {OTHER} has been waiting for approval for 2 days." in account.mails[0]
    assert "https://eu-west-1.console.aws.amazon.com/codesuite/codepipeline/pipelines/churn/view?region=eu-west-1" in account.mails[0]


def test_an_approval_that_was_given_waits_no_more(account: Account, judge: Any) -> None:
    account.runs[OTHER] = "InProgress"
    account.asked = {"status": "Succeeded", "token": "t", "lastStatusChange": NOW}
    assert judge()["Decision"] == "active"


def test_a_week_has_so_many_retrainings(account: Account, judge: Any) -> None:
    for hours, run in ((30, "x"), (60, "y"), (160, "z"), (170, "w")):
        account.started(hours, run, run)
    assert judge()["Decision"] == "week"
    assert "Drift has started 3 retrainings in seven days" in account.mails[0]
    assert "the next one may start at 2026-11-21 23:00 UTC" in account.mails[0]
    del account.s3.objects["monitoring/retrainings/z/z.json"]
    assert judge(another("later"))["Decision"] == "started"


def test_drift_may_only_tell(account: Account, judge: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETRAININGS_PER_WEEK", "0")
    assert (judge()["Decision"], account.tokens) == ("off", [])
    assert "monitoring.retrainings_per_week is 0" in account.mails[0]


def test_the_report_is_where_the_sdk_is_pointed_at(account: Account, judge: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566/")
    judge()
    assert f"Report: http://127.0.0.1:4566/bucket/runs/{LIVE}/monitoring/{LOOK}/report.html" in account.mails[0]


def test_many_features_with_odd_names_still_make_a_mail(account: Account, judge: Any) -> None:
    odd = [{"Feature": f"größe\n{number}", "Check": "data_type_check", "Distance": None, "Threshold": None, "Description": ""} for number in range(20)]
    judge(DRIFT | {"Drifted": odd, "DriftedFeatures": 40})
    assert "and 30 more, see the report" in account.mails[0]
