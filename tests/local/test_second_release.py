"""The demo's second chapter: a push, a canary that the API's answers show, and an upload that starts one further run."""

import json
import subprocess

import pytest

from tests.local.local_aws import LocalAws

NAMES = ("--organization", "org-second", "--project", "second", "--prefix", "second")


@pytest.fixture(scope="module")
def outcome_and_report(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], dict]:
    """The whole demo of a project of its own."""
    outcome, report = aws.whole_demo(tmp_path_factory.mktemp("second") / "report.json", *NAMES)
    assert outcome.returncode == 0, outcome.stderr
    return outcome, report


@pytest.fixture(scope="module")
def report(outcome_and_report: tuple[subprocess.CompletedProcess[str], dict]) -> dict:
    """The report of that demo."""
    return outcome_and_report[1]


def test_no_request_failed_while_the_versions_changed(report: dict) -> None:
    assert (report["failed_requests"], report["failures"]) == (0, [])
    assert report["requests"] == sum(point["old"] + point["new"] for point in report["canary"])
    assert {step["status"] for step in report["steps"]} == {"succeeded"}


def test_the_share_goes_from_nothing_over_a_tenth_to_all(report: dict) -> None:
    points = report["canary"]
    shares = [100 * point["new"] / (point["old"] + point["new"]) for point in points]
    assert (points[0]["second"], shares[0]) == (0, 0)
    assert shares[-3:] == [100, 100, 100]
    assert [share for share in shares if 5 <= share <= 15]
    first = next(number for number, share in enumerate(shares) if share)
    last = max(number for number, share in enumerate(shares) if share < 100)
    assert points[last]["second"] - points[first]["second"] >= 3, "five minutes of canary are five seconds here"
    # The first and the last of these seconds are shared with what came before and after.
    old, new = (sum(point[version] for point in points[first + 1:last]) for version in ("old", "new"))
    assert old + new >= 40
    assert 1 <= 100 * new / (old + new) <= 30


def test_a_push_and_an_upload_started_one_run_each(aws: LocalAws, report: dict) -> None:
    runs = aws.client("codepipeline").list_pipeline_executions(pipelineName=report["name"])["pipelineExecutionSummaries"]
    by_age = [run["pipelineExecutionId"] for run in reversed(runs)]
    assert by_age[1:] == [*(run["run"] for run in report["runs"]), report["next_run"]["run"]]  # the first is the creation's
    assert [run["trigger"]["triggerType"] for run in reversed(runs)] == ["CreatePipeline"] + ["CloudWatchEvent"] * 3
    assert report["next_run"]["trigger"]["triggerType"] == "CloudWatchEvent"


def test_the_pushed_hyperparameter_makes_another_model(report: dict) -> None:
    assert report["predictions_after"] != report["predictions"]
    assert [int(probability >= 0.5) for probability in report["predictions_after"]] == [0, 0, 1, 0, 0]
    assert all(run["auc"] >= 0.85 for run in report["runs"])


def test_the_second_model_was_measured_beside_the_live_one(aws: LocalAws, report: dict) -> None:
    first, second = (json.load(aws.client("s3").get_object(
        Bucket=f"{report['name']}-000000000000", Key=f"runs/{run['run']}/evaluation/evaluation.json")["Body"]) for run in report["runs"])
    assert "live_model" not in first
    live = second["live_model"]
    assert live["compared"], live
    assert live["metrics"]["auc"]["value"] == pytest.approx(first["binary_classification_metrics"]["auc"]["value"])


def executions(aws: LocalAws, name: str, kind: str) -> list[dict]:
    """Return the executions of one of the release's state machines, the oldest first."""
    steps = aws.client("stepfunctions")
    found = steps.list_executions(stateMachineArn=f"arn:aws:states:us-east-1:000000000000:stateMachine:{name}-{kind}")["executions"]
    return [steps.describe_execution(executionArn=execution["executionArn"]) for execution in reversed(found)]


def test_requests_accompanied_the_release_and_ended_with_it(aws: LocalAws, report: dict) -> None:
    [accompanied] = executions(aws, report["name"], "synthetic")
    assert accompanied["status"] == "SUCCEEDED", accompanied
    logs, group = aws.client("logs"), f"/aws/lambda/{report['name']}-synthetic"
    bursts = [json.loads(event["message"]) for event in logs.filter_log_events(logGroupName=group)["events"]
              if event["message"].startswith("{")]
    assert {run for burst in bursts for run in burst["answers"]} == {run["run"] for run in report["runs"]}
    assert (bursts[-1]["status"], bursts[-1]["answers"]) == ("Succeeded", {})


def test_both_releases_were_watched_and_the_live_endpoint_may_scale_in(aws: LocalAws, report: dict) -> None:
    first, second = executions(aws, report["name"], "watch")
    assert [json.loads(watch["output"])["status"] for watch in (first, second)] == ["Succeeded", "Succeeded"]
    assert [json.loads(watch["input"])["ModelRun"] for watch in (first, second)] == [run["run"] for run in report["runs"]]
    assert ("DeploymentId" in json.loads(first["input"]), "DeploymentId" in json.loads(second["input"])) == (False, True)
    live = json.loads(second["input"])["EndpointName"]
    [target] = aws.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[f"endpoint/{live}/variant/AllTraffic"])["ScalableTargets"]
    assert not target["SuspendedState"]["DynamicScalingInSuspended"]


def test_the_next_run_is_ended_with_the_demo(aws: LocalAws, report: dict) -> None:
    run = aws.client("codepipeline").get_pipeline_execution(pipelineName=report["name"], pipelineExecutionId=report["next_run"]["run"])
    assert run["pipelineExecution"]["status"] in ("Stopping", "Stopped")


def test_each_point_was_shown_as_it_came(outcome_and_report: tuple[subprocess.CompletedProcess[str], dict]) -> None:
    outcome, report = outcome_and_report
    shown = [line.split() for line in outcome.stderr.splitlines() if " old " in line and " new " in line and line.endswith("%")]
    assert [(int(words[0]), int(words[3]), int(words[5])) for words in shown] == [
        (point["second"], point["old"], point["new"]) for point in report["canary"]], json.dumps(report["canary"])
