"""The function monitoring-plan: which captures a look reads, and what its job is given."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.custom_resource.cloud import Bucket, refusal

NOW = datetime(2026, 11, 21, 15, 0, 0, tzinfo=UTC)
MADE = NOW - timedelta(hours=5)
RUN = "0a1b2c3d-1111-4222-8333-444455556666"
PREFIX = "-".join(["p" * 10, "m" * 10, "p-" + "a" * 12])  # as long as they may be
ENDPOINT = f"{PREFIX}-0a1b2c3d-p"
MACHINE = f"arn:aws:states:us-east-1:123456789012:stateMachine:{PREFIX}-monitoring"
OWN = f"arn:aws:states:us-east-1:123456789012:execution:{PREFIX}-monitoring:own"


class Account:
    """Captures, an endpoint with its configuration, and executions of the state machine."""

    def __init__(self) -> None:
        self.s3 = Bucket("bucket", NOW)
        self.made: datetime | None = MADE
        self.executions = [{"executionArn": OWN, "startDate": NOW}]
        self.clients = {"s3": self.s3, "sagemaker": self, "stepfunctions": self}

    def captured(self, minutes: float, name: str = "x", endpoint: str = ENDPOINT, variant: str = "AllTraffic") -> str:
        """Capture something, minutes from now; return its key."""
        dated = NOW + timedelta(minutes=minutes)
        key = f"captures/{endpoint}/{variant}/{dated:%Y/%m/%d/%H}/{dated:%M-%S}-{name}.jsonl"
        self.s3.holds(key, "{}", dated)
        return key

    def describe_endpoint(self, EndpointName: str) -> dict[str, str]:  # noqa: N803
        if self.made is None:
            raise refusal("ValidationException", "Could not find endpoint")
        assert EndpointName == ENDPOINT
        return {"EndpointConfigName": "config"}

    def describe_endpoint_config(self, EndpointConfigName: str) -> dict[str, Any]:  # noqa: N803
        return {"CreationTime": self.made, "EndpointConfigName": EndpointConfigName}

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_executions"
        return SimpleNamespace(paginate=lambda stateMachineArn, statusFilter: [  # noqa: N803
            {"executions": self.executions if (stateMachineArn, statusFilter) == (MACHINE, "RUNNING") else []}])


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def plan(load: Any, account: Account, monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, Any]]:
    """Return a call of the function at a fixed moment."""
    handler = load("monitoring_plan")
    variables = {"NAME_PREFIX": PREFIX, "RUN_ID": RUN, "ENDPOINT_NAME": ENDPOINT, "BUCKET": "bucket", "STATE_MACHINE_ARN": MACHINE,
                 "TAGS": '[{"Key": "run", "Value": "x"}]', "INSTANCE_TYPE": "ml.m5.large", "VOLUME_GB": "10", "VOLUME_KEY_ARN": "",
                 "MAX_RUNTIME_SECONDS": "2700"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(handler.project, "client", account.clients.__getitem__)
    monkeypatch.setattr(handler, "datetime", SimpleNamespace(now=lambda zone: NOW))
    return lambda: handler.handler({"Execution": OWN}, None)


def manifest(account: Account, answer: dict[str, Any], name: str = "captures") -> list[str]:
    """Return the keys of a manifest of a look, as the job gets them."""
    [found] = [each["S3Input"] for each in answer["Inputs"] if each["InputName"] == name.replace("-", "_")]
    assert found["S3DataType"] == "ManifestFile"
    first, *rest = account.s3.read(found["S3Uri"].removeprefix("s3://bucket/"))
    return [first["prefix"].removeprefix("s3://bucket/") + key for key in rest]


def judged(account: Account, answer: dict[str, Any]) -> None:
    """Do what query-drift does when a look came to a verdict."""
    folder = answer["Folder"].removeprefix("s3://bucket/")
    account.s3.holds(f"{folder.rpartition('/')[0]}/judged.json", account.s3.read(f"{folder}/window.json"))


def test_a_first_look_reads_all_that_the_models_endpoint_captured(account: Account, plan: Any) -> None:
    keys = [account.captured(-200), account.captured(-1, variant="Other")]
    account.captured(-400, "of-the-model-before")
    account.captured(-1, endpoint=f"{PREFIX}-ffffffff-p")
    answer = plan()
    assert answer["Captures"] == 2
    assert manifest(account, answer) == keys
    assert (answer["Start"], answer["End"]) == (MADE.isoformat(), NOW.isoformat())


def test_the_next_look_begins_where_the_last_one_judged_and_takes_what_came_late(account: Account, plan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    account.captured(-1)
    judged(account, plan())
    late = account.captured(-0.5, "listed-late")
    new = account.captured(30)
    answer = at(plan, NOW + timedelta(hours=1), monkeypatch)
    assert manifest(account, answer) == [late, new]
    assert answer["Start"] == NOW.isoformat()


def at(plan: Any, moment: datetime, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Call the function at another moment."""
    monkeypatch.setattr(sys.modules["handler"], "datetime", SimpleNamespace(now=lambda zone: moment))
    return plan()


def test_what_was_too_little_for_a_verdict_comes_again(account: Account, plan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = account.captured(-1)
    plan()
    second = account.captured(30)
    assert manifest(account, at(plan, NOW + timedelta(hours=1), monkeypatch)) == [first, second]


def test_a_look_reaches_back_a_week_at_most(account: Account, plan: Any) -> None:
    account.made = NOW - timedelta(days=30)
    account.captured(-8 * 1440)
    kept = account.captured(-6 * 1440)
    answer = plan()
    assert manifest(account, answer) == [kept]
    assert answer["Start"] == (NOW - timedelta(days=7)).isoformat()


def test_many_short_windows_never_read_a_capture_twice(account: Account, plan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    for minute in range(1, 20):
        account.captured(minute - 0.5)
        answer = at(plan, NOW + timedelta(minutes=minute), monkeypatch)
        seen += manifest(account, answer)
        judged(account, answer)
    assert len(seen) == len(set(seen)) == 19


def test_nothing_captured_is_said_and_no_job_is_made(account: Account, plan: Any) -> None:
    answer = plan()
    assert (answer["Captures"], sorted(answer)) == (0, ["Captures", "Why"])
    assert "has captured nothing since 2026-11-21 10:00 UTC" in answer["Why"]
    assert account.s3.objects == {}


def test_only_the_first_of_two_looks_goes_on(account: Account, plan: Any) -> None:
    account.captured(-1)
    account.executions.append({"executionArn": OWN.replace(":own", ":later"), "startDate": NOW + timedelta(seconds=1)})
    assert plan()["Captures"] == 1
    account.executions.append({"executionArn": OWN.replace(":own", ":former"), "startDate": NOW - timedelta(minutes=50)})
    answer = plan()
    assert (answer["Captures"], "the look former is still under way" in answer["Why"]) == (0, True)


def test_an_endpoint_that_is_gone_fails_the_look(account: Account, plan: Any) -> None:
    account.made = None
    with pytest.raises(Exception, match=f"endpoint {ENDPOINT} is gone, so nothing is watched. Release again"):
        plan()


def test_labels_are_handed_over_when_new_ones_have_come(account: Account, plan: Any) -> None:
    account.captured(-1)
    old = f"ground-truth/{NOW - timedelta(days=2):%Y/%m/%d/%H}/a.jsonl"
    account.s3.holds(old, "{}", NOW - timedelta(days=2))
    assert [each["InputName"] for each in plan()["Inputs"]] == ["captures", "baseline", "schema", "config", "evaluation"]
    new = f"ground-truth/{NOW:%Y/%m/%d/%H}/b.jsonl"
    account.s3.holds(new, "{}", NOW - timedelta(minutes=1))
    assert manifest(account, plan(), "ground-truth") == [old, new]


def test_the_job_has_a_name_that_sagemaker_takes_and_the_runs_files(account: Account, plan: Any) -> None:
    account.captured(-1)
    answer = plan()
    assert answer["JobName"] == f"{PREFIX}-0a1b2c3d-monitor-{int(NOW.timestamp()):08x}" and len(answer["JobName"]) <= 63
    assert answer["Folder"] == f"s3://bucket/runs/{RUN}/monitoring/2026-11-21T15-00-00"
    places = {each["InputName"]: (each["S3Input"]["S3Uri"], each["S3Input"]["LocalPath"]) for each in answer["Inputs"][1:]}
    assert places["baseline"] == (f"s3://bucket/runs/{RUN}/baseline/", "/opt/ml/processing/input/baseline")
    assert places["config"] == (f"s3://bucket/runs/{RUN}/config/", "/opt/ml/processing/input/config")
    assert json.loads(answer["Environment"]["dataset_format"])["sagemakerCaptureJson"]["captureIndexNames"] == ["endpointInput", "endpointOutput"]
    assert (answer["Cluster"], answer["MaxRuntimeInSeconds"]) == (
        {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 10}, 2700)
    assert all(len(value) <= 256 for value in answer["Environment"].values())


def test_a_variable_that_is_missing_is_named(plan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BUCKET")
    with pytest.raises(RuntimeError, match="BUCKET is not set; PlanFunction in assets/monitoring.yml sets it"):
        plan()
