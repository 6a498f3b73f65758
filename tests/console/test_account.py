"""Which project a name is, and what is said where there is none to show."""

from typing import Any

import boto3
import pytest

from console.account import KEPT_SECONDS, Account
from console.faults import Refused
from tests.console.stubs import PREFIX, StubbedSession

PROJECT = {"ProjectArn": "arn:aws:sagemaker:us-east-1:000000000000:project/churn", "ProjectName": "churn", "ProjectId": "p-0123456789ab",
           "ServiceCatalogProvisioningDetails": {"ProductId": "prod-1"}, "CreationTime": 0}
IDENTITY = {"Account": "000000000000", "Arn": "arn:aws:iam::000000000000:user/anna", "UserId": "anna"}


@pytest.fixture
def session() -> StubbedSession:
    return StubbedSession()


def described(session: StubbedSession, status: str, pipelines: list[str]) -> Account:
    """Return an account whose one project has a status and these pipelines beside it."""
    session.stubber("sagemaker").add_response("describe_project", {**PROJECT, "ProjectStatus": status})
    session.stubber("codepipeline").add_response("list_pipelines", {"pipelines": [{"name": name} for name in pipelines]})
    session.stubber("sts").add_response("get_caller_identity", IDENTITY)
    return Account(session)


def test_a_project_is_known_by_the_pipeline_that_its_id_ends(session: StubbedSession) -> None:
    found = described(session, "CreateCompleted", ["other", PREFIX]).project("churn")
    assert (found.pipeline, found.bucket, found.build) == (
        PREFIX, f"{PREFIX}-000000000000", f"{PREFIX}-build")
    assert found.workflow_arn == f"arn:aws:states:us-east-1:000000000000:stateMachine:{PREFIX}-workflow"


def test_a_project_is_looked_up_once_in_a_while_and_not_for_each_look(session: StubbedSession, monkeypatch: pytest.MonkeyPatch) -> None:
    account = described(session, "CreateCompleted", [PREFIX])
    first = account.project("churn")
    assert account.project("churn") is first  # a second call would find the stub empty
    monkeypatch.setattr("console.account.KEPT_SECONDS", -KEPT_SECONDS)
    session.stubber("sagemaker").add_response("describe_project", {**PROJECT, "ProjectStatus": "DeleteInProgress"})
    with pytest.raises(Refused, match="is being deleted"):
        account.project("churn")


@pytest.mark.parametrize("status, said", [
    ("CreateInProgress", "Project churn is being created. This page shows it when it is there"),
    ("CreateFailed", "Project churn could not be created. Studio's list of projects says why"),
    ("DeleteInProgress", "Project churn is being deleted. This page ends with it."),
    ("DeleteCompleted", "Project churn was deleted. The list of projects says which there are."),
    ("CreateCompleted", "Project churn has no pipeline: it was not made from this template"),
])
def test_a_project_that_cannot_be_shown_says_why(session: StubbedSession, status: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        described(session, status, ["another-p-999999999999"]).project("churn")


def test_a_project_with_a_pipeline_is_shown_while_it_is_created(session: StubbedSession) -> None:
    assert described(session, "CreateInProgress", [PREFIX]).project("churn").prefix == PREFIX


@pytest.mark.parametrize("status", ["DeleteInProgress", "DeleteCompleted"])
def test_what_a_deletion_has_left_so_far_is_not_shown_as_the_project(session: StubbedSession, status: str) -> None:
    with pytest.raises(Refused, match="deleted"):
        described(session, status, [PREFIX]).project("churn")


def test_an_endpoint_that_is_no_address_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "127.0.0.1:4566")
    with pytest.raises(Refused, match=r"AWS_ENDPOINT_URL is no address \(Invalid endpoint: 127.0.0.1:4566\). Set it like http"):
        Account(boto3.Session("k", "s", region_name="us-east-1")).client("sagemaker")


def test_a_project_that_does_not_exist_is_said_not_to(session: StubbedSession) -> None:
    session.stubber("sagemaker").add_client_error("describe_project", "ValidationException", "Project does not exist", 400)
    with pytest.raises(Refused, match=r"There is no project nobody in us-east-1\. The list of projects says which there are\."):
        Account(session).project("nobody")


def test_the_list_leaves_out_what_was_deleted(session: StubbedSession) -> None:
    def line(name: str, status: str) -> dict[str, Any]:
        return {"ProjectName": name, "ProjectArn": PROJECT["ProjectArn"], "ProjectId": "p-1", "CreationTime": 0, "ProjectStatus": status}

    session.stubber("sagemaker").add_response("list_projects", {"ProjectSummaryList": [
        line("new", "CreateInProgress"), line("old", "CreateCompleted"), line("gone", "DeleteCompleted")]})
    assert [each.name for each in Account(session).projects()] == ["new", "old"]
