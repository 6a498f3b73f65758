"""Production's requests, once their labels are there, are training data of the next run."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.local.api_client import ApiClient
from tests.local.local_aws import LocalAws
from tests.local.project_runs import Project, churn, until

pytestmark = [pytest.mark.drift, pytest.mark.slow]
ASKED, LABELLED = 30, 20
CONFIG = "model/config.yml"


@pytest.fixture(scope="module")
def project(aws: LocalAws, first_release: dict) -> Project:
    """The project of the first release."""
    return Project(aws, first_release["name"])


@pytest.fixture(scope="module")
def labelled(project: Project, first_release: dict) -> dict[str, dict[str, str]]:
    """Customers that the API was asked about and that the training data lack, by the request's id, with what came of them."""
    rows = list(csv.DictReader(churn(4000)))[-ASKED:]
    client = ApiClient(first_release["api_url"])
    found = {client.identified({name: value for name, value in row.items() if name != "churn"}): row for row in rows}
    assert len(found) == ASKED
    truths = [{"groundTruthData": {"data": row["churn"], "encoding": "CSV"}, "eventMetadata": {"eventId": identifier}, "eventVersion": "0"}
              for identifier, row in list(found.items())[:LABELLED]]
    project.aws.client("s3").put_object(Bucket=project.bucket, Key="ground-truth/2026/11/20/09/labels.jsonl",
                                        Body="".join(f"{json.dumps(truth)}\n" for truth in truths).encode())
    until(lambda: found.keys() <= captured(project), "the captures of all requests")
    return dict(list(found.items())[:LABELLED])


def objects(project: Project, prefix: str) -> dict[str, str]:
    """Return the objects below a prefix by their keys."""
    s3 = project.aws.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=project.bucket, Prefix=prefix)
    return {item["Key"]: s3.get_object(Bucket=project.bucket, Key=item["Key"])["Body"].read().decode()
            for page in pages for item in page.get("Contents", [])}


def captured(project: Project) -> set[str]:
    """Return the ids of the requests that have been captured."""
    lines = [line for text in objects(project, "captures/").values() for line in text.splitlines()]
    return {json.loads(line)["eventMetadata"].get("inferenceId", "") for line in lines}


def test_labelled_requests_of_the_api_train_the_next_run(project: Project, labelled: dict[str, dict[str, str]], tmp_path: Path) -> None:
    clone = project.clone(tmp_path / "clone")
    text = (clone / CONFIG).read_text()
    wanted = text.replace("learn_from_captures: false", "learn_from_captures: true ")
    assert wanted != text
    run = project.started_by(lambda: project.push(clone, {CONFIG: wanted}))
    project.approval(run)
    [content] = [text for key, text in objects(project, f"runs/{run}/data/input/train/captured-").items()]
    rows = list(csv.DictReader(io.StringIO(content)))
    assert sorted(map(values, rows)) == sorted(map(values, labelled.values()))
    [lineage] = objects(project, f"runs/{run}/data/captured.json").values()
    assert json.loads(lineage)["rows"] == LABELLED
    trained = objects(project, f"runs/{run}/data/train/train.csv") | objects(project, f"runs/{run}/data/validation/") | objects(
        project, f"runs/{run}/data/test/")
    assert sum(len(part.splitlines()) - 1 for part in trained.values()) == len(churn(3333)) - 1 + LABELLED
    [job] = project.training_jobs(run)
    tags = project.aws.client("sagemaker").list_tags(ResourceArn=job["TrainingJobArn"])["Tags"]
    assert json.loads(lineage)["sha256"][:12] in {tag["Key"]: tag["Value"] for tag in tags}["data-version"]
    project.answer(run, "Rejected", "only a test")
    project.ended(run)


def values(row: dict[str, Any]) -> tuple[str, ...]:
    """Return a row's cells, numbers however they are written."""
    return tuple(f"{float(cell):g}" if cell.replace(".", "").isdecimal() else cell for cell in row.values())
