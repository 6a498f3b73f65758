"""Deleting a project removes everything of it but its data: the bucket and the key."""

import pytest

from tests.local.inventory import inventory, named
from tests.local.local_aws import LocalAws
from tests.local.new_projects import create, offer
from tests.local.project_runs import Project, until, zipped


@pytest.fixture(scope="module")
def project(aws: LocalAws, release_without_network: dict) -> Project:
    """A project with all its stages; the tests below delete it, in this order."""
    return Project(aws, release_without_network["name"])


def test_rm_prj_only_says_what_it_would_do_unless_told_yes(project: Project, release_without_network: dict) -> None:
    before = project.everything()
    outcome = project.aws.run("bash", "scripts/rm_prj.sh", release_without_network["project"])
    assert outcome.returncode == 1
    assert "Nothing was deleted; add --yes" in outcome.stderr
    assert project.everything() == before


def test_rm_prj_deletes_the_project_even_while_a_run_is_under_way(project: Project, release_without_network: dict) -> None:
    run = project.upload(zipped({"notes.txt": "no data"}))
    until(lambda: project.action(run, "Build"), "the start of the build")
    outcome = project.aws.run("bash", "scripts/rm_prj.sh", release_without_network["project"], "--yes")
    assert outcome.returncode == 0, outcome.stderr
    assert project.everything() == {"buckets": [project.bucket]}
    assert project.aws.client("s3").head_object(Bucket=project.bucket, Key="data-source.zip")


def test_deleting_it_again_is_harmless(project: Project, release_without_network: dict) -> None:
    outcome = project.aws.run("bash", "scripts/rm_prj.sh", release_without_network["project"], "--yes")
    assert outcome.returncode == 0
    assert "nothing to do" in outcome.stderr


def test_the_retained_key_still_opens_the_retained_data(project: Project) -> None:
    s3, kms = project.aws.client("s3"), project.aws.client("kms")
    key = s3.get_bucket_encryption(Bucket=project.bucket)["ServerSideEncryptionConfiguration"]["Rules"][0][
        "ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"


def test_rm_s3_deletes_the_bucket_with_all_versions_when_told_yes(project: Project) -> None:
    command = ("bash", "scripts/rm_s3.sh", project.bucket, "us-east-1")
    assert project.aws.run(*command).returncode == 1
    assert project.everything() == {"buckets": [project.bucket]}
    outcome = project.aws.run(*command, "--yes")
    assert outcome.returncode == 0, outcome.stderr
    assert project.everything() == {}
    assert project.aws.run(*command, "--yes").returncode == 0


@pytest.fixture(scope="module")
def second_try(aws: LocalAws, release_without_network: dict) -> Project:
    """A project that could not be created, was deleted, and is created again."""
    offered = offer(aws, release_without_network["organization"])
    assert create(aws, offered, "second-try", ProjectPrefix="again", NetworkMode="maybe")[1] == "CreateFailed"
    assert aws.run("bash", "scripts/rm_prj.sh", "second-try", "--yes").returncode == 0
    project, status = create(aws, offered, "second-try", ProjectPrefix="again", NetworkMode="none")
    assert status == "CreateCompleted"
    return project


def test_a_project_that_could_not_be_created_can_be_deleted_and_created_again(second_try: Project) -> None:
    assert {"pipelines", "repositories", "roles", "topics"} <= set(second_try.everything())


def test_delete_project_alone_leaves_bucket_and_key_of_what_never_had_a_release(aws: LocalAws, second_try: Project) -> None:
    sagemaker = aws.client("sagemaker")
    sagemaker.delete_project(ProjectName="second-try")
    until(lambda: sagemaker.describe_project(ProjectName="second-try")["ProjectStatus"] != "DeleteInProgress", "the deletion")
    assert sagemaker.describe_project(ProjectName="second-try")["ProjectStatus"] == "DeleteCompleted"
    assert second_try.everything() == {"buckets": [second_try.bucket]}
    assert named(inventory(aws), second_try.name) == {("buckets", second_try.bucket)}


@pytest.mark.parametrize(("script", "arguments"), [("rm_prj.sh", ["some-project"]), ("rm_s3.sh", ["some-bucket", "us-east-1"])])
def test_an_account_that_cannot_be_asked_is_not_mistaken_for_an_empty_one(aws: LocalAws, script: str,
                                                                         arguments: list[str]) -> None:
    strange = aws.run("env", "AWS_ACCESS_KEY_ID=nobody", "bash", f"scripts/{script}", *arguments, "--yes")
    assert strange.returncode == 1
    assert "nothing to do" not in strange.stderr


@pytest.mark.parametrize("command", [["rm_prj.sh"], ["rm_prj.sh", "a", "--force"], ["rm_s3.sh", "a"], ["rm_s3.sh", "a", "b", "c"]])
def test_a_misused_script_explains_itself(aws: LocalAws, command: list[str]) -> None:
    outcome = aws.run("bash", f"scripts/{command[0]}", *command[1:])
    assert outcome.returncode == 2
    assert outcome.stderr.startswith("usage: ")
