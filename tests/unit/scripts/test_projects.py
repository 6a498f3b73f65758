"""Which project a notebook works with, where there is none, one or several."""

from typing import Any

import pytest

import projects
from plain_faults import NotReady


class Account:
    """SageMaker with these projects, one a page, and CloudFormation with these stacks."""

    def __init__(self, projects: dict[str, str], stacks: tuple[str, ...]) -> None:
        self._projects = [{"ProjectName": name, "ProjectStatus": status} for name, status in projects.items()]
        self._stacks = [{"StackName": name} for name in stacks]

    def list_projects(self, MaxResults: int, NextToken: str = "0") -> dict:  # noqa: N803 - as boto3 calls them
        place = int(NextToken)
        more = {"NextToken": str(place + 1)} if place + 1 < len(self._projects) else {}
        return {"ProjectSummaryList": self._projects[place:place + 1], **more}

    def get_paginator(self, name: str) -> Any:
        assert name == "describe_stacks"
        return self

    def paginate(self) -> list[dict]:
        return [{"Stacks": self._stacks}]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that makes an account of these projects and stacks."""
    monkeypatch.setattr(projects, "name_of", lambda project, client: f"demo-churn-{project}")
    monkeypatch.setattr(projects, "named", lambda name: name)

    def make(stacks: tuple[str, ...] = (), **statuses: str) -> None:
        made = Account(statuses, stacks)
        monkeypatch.setattr(projects.boto3, "client", lambda service: made)

    return make


def test_the_only_project_is_taken(account: Any) -> None:
    account(one="CreateCompleted", gone="DeleteCompleted")
    assert projects.chosen() == "demo-churn-one"


def test_one_of_several_is_to_be_named(account: Any) -> None:
    account(two="CreateCompleted", one="CreateCompleted")
    with pytest.raises(NotReady, match=r"several projects: one, two\. Set PROJECT"):
        projects.chosen()
    assert projects.chosen("two") == "demo-churn-two"


def test_without_any_it_says_how_to_get_one(account: Any) -> None:
    account()
    with pytest.raises(NotReady, match=r"no project .* bash scripts/demo\.sh --keep.*docs/project\.md"):
        projects.chosen()


@pytest.mark.parametrize("status", ["CreateInProgress", "CreateFailed", "DeleteInProgress"])
def test_one_that_is_not_there_yet_or_any_more_is_not_taken(account: Any, status: str) -> None:
    account(one=status)
    with pytest.raises(NotReady, match=f"one is {status}"):
        projects.chosen()


def test_an_own_project_is_made_once(account: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple] = []

    def make(*given: str) -> None:
        made.append(given)
        account(walk="CreateCompleted")

    monkeypatch.setattr(projects, "create_project", make)
    account(stacks=("ml-delivery",))
    found = [projects.own("walk", "ml-delivery", "w", "a@example.com") for _ in range(2)]
    assert found == ["demo-churn-walk"] * 2
    assert made == [("ml-delivery", "walk", "w", "none", "a@example.com")]


def test_without_the_organizations_template_it_says_how_to_publish_it(account: Any) -> None:
    account(stacks=("another",))
    with pytest.raises(NotReady, match=r"not published as stack ml-delivery.*docs/publish\.md"):
        projects.own("walk", "ml-delivery", "w", "a@example.com")
