"""From the organization template to a production answer, as a user sees it."""

import csv
import json
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.local.local_aws import ROOT, LocalAws

LABELS = [0, 0, 1, 0, 0]


def test_every_step_succeeds(first_release: dict) -> None:
    assert [step["status"] for step in first_release["steps"]] == ["succeeded"] * len(first_release["steps"])


def test_the_five_sample_customers_are_judged_right(first_release: dict) -> None:
    assert [int(probability >= 0.5) for probability in first_release["predictions"]] == LABELS


def test_unseen_customers_are_ranked_well_through_the_api(aws: LocalAws, first_release: dict) -> None:
    rows = list(csv.reader((ROOT / "data" / "churn.csv").read_text().splitlines()))
    unseen = rows[3334:]
    body = "\n".join(",".join(row[:-1]) for row in [rows[0], *unseen])
    answer = curl(aws, first_release["api_url"], body)
    probabilities = [prediction["probability"] for prediction in json.loads(answer.stdout)["predictions"]]
    assert area_under_curve([row[-1] == "yes" for row in unseen], probabilities) >= 0.90


def area_under_curve(truth: list[bool], scores: list[float]) -> float:
    """The chance that a positive scores higher than a negative; ties count half."""
    positives = [score for is_positive, score in zip(truth, scores, strict=True) if is_positive]
    negatives = [score for is_positive, score in zip(truth, scores, strict=True) if not is_positive]
    wins = sum((positive > negative) + (positive == negative) / 2 for positive in positives for negative in negatives)
    return wins / (len(positives) * len(negatives))


def curl(aws: LocalAws, url: str, body: str, *options: str) -> subprocess.CompletedProcess[str]:
    """POST CSV as a person does with curl, signed unless options say otherwise."""
    signed = options or ("--aws-sigv4", "aws:amz:us-east-1:execute-api", "--user", "test:test")
    return subprocess.run(["curl", "--silent", *signed, "--header", "Content-Type: text/csv", "--data-binary", "@-", url],
                          input=body, env=aws.environment, capture_output=True, text=True, check=True)


def test_the_api_names_the_run_that_answered(aws: LocalAws, first_release: dict) -> None:
    lines = (ROOT / "data" / "churn.csv").read_text().splitlines()
    one = "\n".join(line.rpartition(",")[0] for line in lines[:2])
    answer = curl(aws, first_release["api_url"], one, "--include", "--aws-sigv4", "aws:amz:us-east-1:execute-api",
                  "--user", "test:test")
    headers = answer.stdout.lower()
    assert "x-model-run:" in headers


def test_the_api_refuses_an_unsigned_request(first_release: dict) -> None:
    request = urllib.request.Request(first_release["api_url"], data=b"1", headers={"Content-Type": "text/csv"})
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request, timeout=30)
    assert refusal.value.code == 403
    refusal.value.close()


@pytest.mark.parametrize(("body", "kind", "status"), [
    (b"{broken", "application/json", 400), (b"1,2,3", "text/csv", 400), (b"x", "image/png", 415)])
def test_the_api_answers_a_bad_request_with_its_reason(aws: LocalAws, first_release: dict, body: bytes, kind: str,
                                                       status: int) -> None:
    answer = subprocess.run(
        ["curl", "--silent", "--write-out", "\n%{http_code}", "--aws-sigv4", "aws:amz:us-east-1:execute-api", "--user",
         "test:test", "--header", f"Content-Type: {kind}", "--data-binary", "@-", first_release["api_url"]],
        input=body, env=aws.environment, capture_output=True, check=True).stdout.decode()
    text, _, code = answer.rpartition("\n")
    assert int(code) == status
    assert json.loads(text)["error"]


def test_the_aws_cli_sees_pipeline_and_jobs(aws: LocalAws, first_release: dict) -> None:
    state = aws.run("aws", "codepipeline", "get-pipeline-state", "--name", first_release["name"])
    assert [stage["stageName"] for stage in json.loads(state.stdout)["stageStates"]] == [
        "Source", "Build", "Train", "DeployDev", "DeployPrd"]
    jobs = json.loads(aws.run("aws", "sagemaker", "list-training-jobs").stdout)["TrainingJobSummaries"]
    assert [job["TrainingJobStatus"] for job in jobs if job["TrainingJobName"].startswith(first_release["name"])]


def clone(aws: LocalAws, name: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """git clone of the project's repository."""
    return aws.run("git", "-c", "credential.helper=", *options, "-c", "credential.UseHttpPath=true", "clone", "--quiet",
                   f"{aws.endpoint_url}/v1/repos/{name}", str(folder))


def test_git_clones_with_the_credential_helper_and_not_without(aws: LocalAws, first_release: dict,
                                                               tmp_path: Path) -> None:
    helper = "credential.helper=!aws codecommit credential-helper --ignore-host-check $@"
    outcome = clone(aws, first_release["name"], tmp_path / "with", "-c", helper)
    assert outcome.returncode == 0, outcome.stderr
    assert (tmp_path / "with" / "model" / "config.yml").exists()
    refused = clone(aws, first_release["name"], tmp_path / "without", "-c", "core.askPass=true")
    assert refused.returncode != 0
