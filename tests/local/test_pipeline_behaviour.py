"""The project's pipeline as its users move it: what starts a run, which revisions it takes, who gives way, and a no."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.local.local_aws import LocalAws
from tests.local.project_runs import Project, churn, until, zipped

pytestmark = pytest.mark.slow
GOOD = zipped({"churn.csv": "\n".join(churn(3333))})
CONFIG, NOTES = "model/config.yml", "notes.txt"


@pytest.fixture(scope="module")
def project(aws: LocalAws, first_release: dict) -> Project:
    """The project of the first release."""
    return Project(aws, first_release["name"])


@dataclass(frozen=True)
class Revisions:
    """A clone of the project, and a commit and an upload that have newer, faulty ones after them."""

    clone: Path
    commit: str
    version: str


@pytest.fixture(scope="module")
def older(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Revisions]:
    """Revisions that are not the newest; in the end the newest are good again."""
    clone = project.clone(tmp_path_factory.mktemp("repository") / "clone")
    text, commit = (clone / CONFIG).read_text(), head(project, clone)
    with_build_closed(project, lambda: project.upload(GOOD))
    yield Revisions(clone, commit, newest_upload(project))
    with_build_closed(project, lambda: project.started_by(lambda: project.push(clone, {CONFIG: text})))
    with_build_closed(project, lambda: project.upload(GOOD))


def head(project: Project, clone: Path) -> str:
    return project.git("rev-parse", "HEAD", cwd=clone).stdout.strip()


def newest_upload(project: Project) -> str:
    return str(project.aws.client("s3").head_object(Bucket=project.bucket, Key="data-source.zip")["VersionId"])


def with_build_closed(project: Project, start) -> None:
    """Start a run that nobody needs and stop it before it builds."""
    transition = {"pipelineName": project.name, "stageName": "Build", "transitionType": "Inbound"}
    project.pipeline.disable_stage_transition(**transition, reason="nobody needs this build")
    try:
        project.stop(waiting(project, start()))
    finally:
        project.pipeline.enable_stage_transition(**transition)


@pytest.fixture
def closed(project: Project) -> Iterator[None]:
    """Runs get as far as Source; the one that then waits for Build is stopped."""
    transition = {"pipelineName": project.name, "stageName": "Build", "transitionType": "Inbound"}
    project.pipeline.disable_stage_transition(**transition, reason="a test looks at what has started")
    yield
    if inbound(project):
        project.stop(inbound(project))
    project.pipeline.enable_stage_transition(**transition)


def inbound(project: Project) -> str:
    """Return the run that waits for Build; blank when none does."""
    states = project.pipeline.get_pipeline_state(name=project.name)["stageStates"]
    return next(stage for stage in states if stage["stageName"] == "Build").get("inboundExecution", {}).get("pipelineExecutionId", "")


def waiting(project: Project, run: str) -> str:
    """Wait until a run has fetched its sources and waits for Build; return it."""
    until(lambda: inbound(project) == run, f"run {run} before Build")
    return run


def fetched(project: Project, run: str) -> tuple[str, str]:
    """Return the commit and the version of the upload that a run has fetched."""
    code, data = (project.action(run, name)["output"]["outputVariables"] for name in ("Code", "Data"))
    return code["CommitId"], data["VersionId"]


def test_an_upload_starts_exactly_one_run_of_exactly_this_version(project: Project, older: Revisions, closed: None) -> None:
    before = len(project.runs())
    run = waiting(project, project.upload(zipped({NOTES: "no data"})))
    assert len(project.runs()) == before + 1
    assert fetched(project, run) == (older.commit, newest_upload(project))
    assert newest_upload(project) != older.version


def test_a_push_starts_exactly_one_run_of_exactly_this_commit(project: Project, older: Revisions, closed: None) -> None:
    before = len(project.runs())
    run = waiting(project, project.started_by(lambda: project.push(older.clone, {CONFIG: "not: a configuration\n"})))
    assert len(project.runs()) == before + 1
    assert fetched(project, run) == (head(project, older.clone), newest_upload(project))
    assert head(project, older.clone) != older.commit


def test_of_two_pushes_in_a_row_the_second_supersedes_the_first(project: Project, older: Revisions, closed: None) -> None:
    first = waiting(project, project.started_by(lambda: project.push(older.clone, {NOTES: "first"})))
    second = project.started_by(lambda: project.push(older.clone, {NOTES: "second"}))
    assert project.ended(first) == "Superseded"
    assert waiting(project, second) == second
    assert project.action(first, "Build") is None
    sentence = f"run {first} of pipeline {project.name} is SUPERSEDED"
    until(lambda: any(sentence in mail for mail in mails(project)), "the mail that says so", 30)


def mails(project: Project) -> list[str]:
    """Return the mails of the machine."""
    s3 = project.aws.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="local-outbox")
    return [s3.get_object(Bucket="local-outbox", Key=item["Key"])["Body"].read().decode() for page in pages for item in page.get("Contents", [])]


@pytest.fixture(scope="module")
def revisited(project: Project, older: Revisions) -> str:
    """A run of the older revisions that waits for its approval."""
    run = project.pipeline.start_pipeline_execution(name=project.name, sourceRevisions=[
        {"actionName": "Code", "revisionType": "COMMIT_ID", "revisionValue": older.commit},
        {"actionName": "Data", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": older.version}])["pipelineExecutionId"]
    project.approval(run)
    return run


def test_a_start_with_source_revisions_builds_exactly_these(project: Project, older: Revisions, revisited: str) -> None:
    assert head(project, older.clone) != older.commit and newest_upload(project) != older.version, "the newest would fail"
    assert fetched(project, revisited) == (older.commit, older.version)
    [stack] = project.aws.client("cloudformation").describe_stacks(StackName=f"{project.name}-{revisited[:8]}-dev")["Stacks"]
    tags = {tag["Key"]: tag["Value"] for tag in stack["Tags"]}
    assert (tags["run"], tags["commit"], tags["data-version"]) == (revisited, older.commit, older.version)


def test_a_rejected_approval_ends_failed_with_its_reason_and_is_asked_again_on_a_retry(project: Project, revisited: str) -> None:
    token = project.approval(revisited)["token"]
    project.answer(revisited, "Rejected", "the price list changes on Monday")
    place, why = project.failure(revisited)
    assert place == "DeployDev/Approval" and "the price list changes on Monday" in why
    project.pipeline.retry_stage_execution(pipelineName=project.name, stageName="DeployDev", pipelineExecutionId=revisited,
                                           retryMode="FAILED_ACTIONS")
    assert project.approval(revisited)["token"] != token
    with pytest.raises(ClientError, match="InvalidApprovalToken"):
        project.pipeline.put_approval_result(pipelineName=project.name, stageName="DeployDev", actionName="Approval", token=token,
                                             result={"status": "Approved", "summary": "the former question's token"})
    project.answer(revisited, "Rejected", "still not")
    assert "still not" in project.failure(revisited)[1]
