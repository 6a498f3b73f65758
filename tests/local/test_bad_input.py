"""What a user gets wrong is refused where it happens, with the file and the field, and reaches nobody's production."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.local_aws import LocalAws
from tests.local.project_runs import Project, churn, until, zipped

GOOD = {"churn.csv": "\n".join(churn(3333))}
SMALL = churn(300)
CONFIG = "model/config.yml"


@pytest.fixture(scope="module")
def project(aws: LocalAws, first_release: dict) -> Project:
    """The project of the first release."""
    return Project(aws, first_release["name"])


@pytest.fixture
def stacks(project: Project) -> Iterator[None]:
    """The run of a test leaves the project's stacks as they were."""
    before = stages(project)
    yield
    assert stages(project) == before


def stages(project: Project) -> set[str]:
    """Return the names of the stacks that hold endpoints and API."""
    found = project.aws.client("cloudformation").get_paginator("list_stacks").paginate()
    return {stack["StackName"] for page in found for stack in page["StackSummaries"]
            if stack["StackName"].endswith(("-dev", "-prd", "-api")) and stack["StackStatus"] != "DELETE_COMPLETE"}


def pointer(name: str) -> dict[str, str]:
    """Return an upload that points to an address."""
    return {"inputData.json": json.dumps({"TrainingUri": name})}


def test_an_upload_that_is_no_zip_fails_in_source(project: Project) -> None:
    place, why = project.failure(project.upload(b"this is no zip"))
    assert place == "Source/Data"
    assert "data-source.zip" in why and "is not a zip file" in why


@pytest.mark.parametrize(("files", "words"), [
    ({}, ["data-source.zip", "neither inputData.json nor training data"]),
    ({"inputData.json": '{"TrainingUri": '}, ["inputData.json is not JSON"]),
    (pointer("s3://{bucket}/not/there.csv"), ["inputData.json", "TrainingUri", "points to nothing"]),
    (pointer("s3://somebody-elses/data.csv"), ["inputData.json", "TrainingUri", "allowed: an address in"]),
    ({"churn.csv": "\n".join(row.rpartition(",")[0] for row in SMALL)}, ["churn.csv has no column churn", "problem.target"]),
], ids=["empty zip", "broken pointer", "pointer to nothing", "bucket that may not be read", "no target column"])
def test_an_upload_that_lacks_what_it_needs_fails_in_build_naming_file_and_field(
        project: Project, files: dict[str, str], words: list[str]) -> None:
    filled = {name: text.replace("{bucket}", project.bucket) for name, text in files.items()}
    place, why = project.failure(project.upload(zipped(filled)))
    assert place == "Build/Build"
    assert [word for word in words if word not in why] == []


@pytest.mark.slow
@pytest.mark.parametrize(("files", "words"), [
    ({"notes.txt": "hello"}, ["data-source.zip", "found: notes.txt"]),
    ({"inputData.json": "[]"}, ["inputData.json holds a list"]),
    ({"inputData.json": '{"TestUri": "s3://some-bucket/x"}'}, ["inputData.json lacks TrainingUri"]),
    ({"churn.csv": ""}, ["churn.csv is empty"]),
    ({"churn.csv": SMALL[0]}, ["churn.csv has no row"]),
    ({"churn.csv": "\n".join(SMALL), "hyperparameters.json": '{"max_iter": [1]}'}, ["hyperparameters.json", "max_iter", "[1]"]),
], ids=["only notes", "list", "no training data", "empty table", "header alone", "hyperparameter of a wrong type"])
def test_other_faulty_uploads_fail_in_build_too(project: Project, files: dict[str, str], words: list[str]) -> None:
    place, why = project.failure(project.upload(zipped(files)))
    assert place == "Build/Build"
    assert [word for word in words if word not in why] == []


@pytest.mark.slow
def test_data_with_one_label_fails_when_it_is_prepared(project: Project) -> None:
    rows = [SMALL[0], *(row for row in SMALL if row.endswith(",no"))]
    place, why = project.failure(project.upload(zipped({"churn.csv": "\n".join(rows)})))
    assert place == "Train/Run"
    assert "PrepareDataFailed" in why and "target churn has 1 label (no)" in why


@pytest.mark.slow
def test_a_job_that_crashes_ends_in_its_fail_state_with_its_last_words(project: Project, stacks: None) -> None:
    run = project.upload(zipped(GOOD | {"hyperparameters.json": '{"max_iter": -3}'}))
    place, why = project.failure(run)
    assert place == "Train/Run"
    assert "Error: TrainFailed" in why and "'max_iter'" in why and "Got -3 instead" in why
    [job] = project.training_jobs(run)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: ") and "Got -3 instead" in job["FailureReason"]


def test_a_job_out_of_time_is_stopped_and_ends_in_its_fail_state(project: Project, first_release: dict) -> None:
    states = project.aws.client("stepfunctions")
    [machine] = [found["stateMachineArn"] for found in states.list_state_machines()["stateMachines"]
                 if found["name"] == f"{project.name}-workflow"]
    done = next(iter(states.list_executions(stateMachineArn=machine, statusFilter="SUCCEEDED")["executions"]))
    given = json.loads(states.describe_execution(executionArn=done["executionArn"])["input"])
    given["Training"]["StoppingCondition"] = {"MaxRuntimeInSeconds": 1}
    given["HyperParameters"] |= {"max_iter": "5000", "early_stopping": "false"}
    name = str(uuid.uuid4())  # the job's name ends in its second part
    run = states.start_execution(stateMachineArn=machine, input=json.dumps(given), name=f"late-{name}")["executionArn"]
    ended = until(lambda: (found := states.describe_execution(executionArn=run))["status"] != "RUNNING" and found,
                  "the end of the workflow")
    assert ended["error"] == "TrainFailed"
    assert "MaxRuntimeExceeded" in ended["cause"]
    job = project.aws.client("sagemaker").describe_training_job(
        TrainingJobName=f"{given['JobPrefix']}-train-{name.split('-')[1]}")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert "MaxRuntimeInSeconds" in job["FailureReason"]


@pytest.fixture
def repository(project: Project, tmp_path: Path) -> Iterator[Path]:
    """A clone of the project's repository; what a test pushes is taken back."""
    clone = project.clone(tmp_path / "clone")
    text = (clone / CONFIG).read_text()
    yield clone
    project.stop(project.started_by(lambda: project.push(clone, {CONFIG: text})))


def test_a_push_starts_one_run_and_a_wrong_configuration_fails_its_build_naming_each_field(
        project: Project, repository: Path) -> None:
    text = (repository / CONFIG).read_text()
    wrong = text.replace("threshold: 0.85", "threshold: high\n  treshold: 0.9").replace("seed: 42", "seed: many")
    before = len(project.runs())
    run = project.started_by(lambda: project.push(repository, {CONFIG: wrong}))
    place, why = project.failure(run)
    assert place == "Build/Build"
    assert [word for word in (CONFIG, "data.seed", '"many"', "gate.threshold", '"high"', "unknown field treshold")
            if word not in why] == []
    assert len(project.runs()) == before + 1


def test_a_model_below_the_gate_goes_no_further_and_the_message_says_by_how_much(
        project: Project, repository: Path, stacks: None) -> None:
    strict = (repository / CONFIG).read_text().replace("threshold: 0.85", "threshold: 0.999")
    project.stop(project.started_by(lambda: project.push(repository, {CONFIG: strict})))
    run = project.upload(zipped(GOOD))
    place, why = project.failure(run)
    assert place == "Train/Run"
    assert "Error: GateFailed" in why and "auc is 0." in why and "at least 0.999" in why
    runs = project.aws.client("s3").list_objects_v2(Bucket=project.bucket, Prefix=f"runs/{run}/model/model.tar.gz")
    assert runs["KeyCount"] == 0, "the gate has not passed, so nothing is promoted"


@pytest.mark.slow
def test_a_rejected_model_ends_its_run_with_the_comment(project: Project) -> None:
    run = project.upload(zipped(GOOD))
    project.answer(run, "Rejected", "the price list changes on Monday")
    place, why = project.failure(run)
    assert place == "DeployDev/Approval"
    assert "the price list changes on Monday" in why
