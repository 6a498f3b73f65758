"""Whatever starts the pipeline is mailed once, with its cause."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.local.local_aws import LocalAws
from tests.local.project_runs import Project, until
from tests.local.test_pipeline_behaviour import closed, mails, waiting  # noqa: F401 (closed is a fixture)

CALLER = "arn:aws:iam::000000000000:root"


@pytest.fixture(scope="module")
def project(aws: LocalAws, first_release: dict) -> Project:
    """The project of the first release."""
    return Project(aws, first_release["name"])


def starts(project: Project, run: str) -> list[str]:
    """Return the mails that say by hand of a run's start."""
    return [mail for mail in mails(project) if f"run {run} of pipeline {project.name} starts (" in mail]


def mailed(project: Project, sentence: str) -> None:
    """Wait for the mail that holds a sentence."""
    until(lambda: any(sentence in mail for mail in mails(project)), f"the mail: {sentence}", 30)


@contextmanager
def scheduled(project: Project, name: str, expression: str) -> Iterator[None]:
    """Give the project another schedule, as its user does, and its former one in the end."""
    sagemaker = project.aws.client("sagemaker")

    def change(value: str) -> None:
        sagemaker.update_project(ProjectName=name, ServiceCatalogProvisioningUpdateDetails={
            "ProvisioningParameters": [{"Key": "RetrainingSchedule", "Value": value}]})
        until(lambda: sagemaker.describe_project(ProjectName=name)["ProjectStatus"] == "UpdateCompleted", f"schedule {value!r}", 60)

    change(expression)
    try:
        yield
    finally:
        change("rate(30 days)")  # as new_project.py made it


def test_the_schedule_starts_a_run_and_its_mail_says_why(project: Project, closed: None) -> None:  # noqa: F811
    rule = f"arn:aws:events:us-east-1:000000000000:rule/{project.name}-schedule"
    with scheduled(project, "churn-demo", "rate(10 minutes)"):
        found = until(lambda: [run for run in project.runs() if run["trigger"]["triggerDetail"] == rule], "a run by the schedule", 60)
        mailed(project, "Project churn-demo: its schedule rate(10 minutes) came due at ")
    assert found[-1]["trigger"]["triggerType"] == "CloudWatchEvent"
    assert starts(project, found[-1]["pipelineExecutionId"]) == []


def test_a_start_by_hand_is_mailed_with_who_did_it(project: Project, closed: None) -> None:  # noqa: F811
    run = project.pipeline.start_pipeline_execution(name=project.name)["pipelineExecutionId"]
    mailed(project, f"run {run} of pipeline {project.name} starts (StartPipelineExecution by {CALLER}).")
    assert len(starts(project, waiting(project, run))) == 1


def test_a_push_is_mailed_with_its_commit_and_who_pushed_it(project: Project, closed: None, tmp_path: Path) -> None:  # noqa: F811
    clone = project.clone(tmp_path / "clone")
    run = waiting(project, project.started_by(lambda: project.push(clone, {"notes.txt": "nothing new\n"})))
    commit = project.git("rev-parse", "HEAD", cwd=clone).stdout.strip()
    mailed(project, f"Project churn-demo: commit {commit} was pushed to main by {CALLER}; pipeline {project.name} starts.")
    assert starts(project, run) == []


def test_the_first_run_is_mailed_as_the_creations(project: Project) -> None:
    first = project.runs()[-1]
    mailed(project, f"run {first['pipelineExecutionId']} of pipeline {project.name} starts (CreatePipeline by ")
