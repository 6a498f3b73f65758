"""What an account has once: set where nobody has set it, and left alone where somebody has."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from botocore.stub import Stubber

ROLE = "arn:aws:iam::123456789012:role/api-logs"
GROUP = "/aws/sagemaker/TrainingJobs"
PATCH = {"patchOperations": [{"op": "replace", "path": "/cloudwatchRoleArn", "value": ROLE}]}
Stub = Callable[[str], Stubber]


class Account:
    """The function with stubs of its services, its answers, and no pause."""

    def __init__(self, module: ModuleType, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
        self.apigateway, self.logs, self.answers, self.pauses = stub("apigateway"), stub("logs"), [], []
        clients = {"apigateway": self.apigateway.client, "logs": self.logs.client}
        monkeypatch.setattr(module, "client", clients.__getitem__)
        monkeypatch.setattr(module.response, "send", lambda event, status, *rest: self.answers.append((status, *rest)))
        monkeypatch.setattr(module.time, "sleep", self.pauses.append)
        self.module = module

    def asked(self, kind: str = "Create") -> list[Any]:
        self.module.handler({"RequestType": kind, "ResourceProperties": {
            "ApiLogsRoleArn": ROLE, "LogGroupNames": [GROUP], "RetentionInDays": "30"}}, None)
        return self.answers

    def has(self, role: str | None, *groups: dict[str, Any]) -> None:
        self.apigateway.add_response("get_account", {"cloudwatchRoleArn": role} if role else {})
        self.logs.add_response("describe_log_groups", {"logGroups": list(groups)}, {"logGroupNamePrefix": GROUP})


@pytest.fixture
def account(load: Callable[[str], ModuleType], stub: Stub, monkeypatch: pytest.MonkeyPatch) -> Account:
    return Account(load("account"), stub, monkeypatch)


def test_what_is_unset_is_set(account: Account) -> None:
    account.has(None, {"logGroupName": f"{GROUP}-of-others", "retentionInDays": 1})
    account.apigateway.add_response("update_account", {}, PATCH)
    account.logs.add_response("create_log_group", {}, {"logGroupName": GROUP})
    account.logs.add_response("put_retention_policy", {}, {"logGroupName": GROUP, "retentionInDays": 30})
    assert account.asked() == [("SUCCESS", "account-settings")]


def test_a_group_without_an_end_gets_one(account: Account) -> None:
    account.has("arn:aws:iam::123456789012:role/theirs", {"logGroupName": GROUP})
    account.logs.add_response("put_retention_policy", {}, {"logGroupName": GROUP, "retentionInDays": 30})
    assert account.asked("Update") == [("SUCCESS", "account-settings")]


def test_what_somebody_has_set_stays(account: Account) -> None:
    account.has("arn:aws:iam::123456789012:role/theirs", {"logGroupName": GROUP, "retentionInDays": 365})
    assert account.asked() == [("SUCCESS", "account-settings")]


def test_a_job_may_make_its_group_first(account: Account) -> None:
    account.has(ROLE)
    account.logs.add_client_error("create_log_group", "ResourceAlreadyExistsException")
    account.logs.add_response("put_retention_policy", {}, {"logGroupName": GROUP, "retentionInDays": 30})
    assert account.asked() == [("SUCCESS", "account-settings")]


def test_a_new_role_is_tried_until_it_is_known_everywhere(account: Account) -> None:
    account.has(None, {"logGroupName": GROUP, "retentionInDays": 7})
    for _ in range(3):
        account.apigateway.add_client_error("update_account", "BadRequestException", "The role ARN does not have required permissions", expected_params=PATCH)
    account.apigateway.add_response("update_account", {}, PATCH)
    assert account.asked() == [("SUCCESS", "account-settings")]
    assert account.pauses == [5, 5, 5]


@pytest.mark.parametrize(("code", "tries"), [("AccessDeniedException", 1), ("BadRequestException", 12)])
def test_what_does_not_pass_fails_the_stack_with_the_reason(account: Account, code: str, tries: int) -> None:
    account.apigateway.add_response("get_account", {})
    for _ in range(tries):
        account.apigateway.add_client_error("update_account", code, "not so", expected_params=PATCH)
    [(status, _, reason)] = account.asked()
    assert status == "FAILED" and "not so" in reason and len(account.pauses) == tries - 1


def test_deletion_leaves_all_as_it_is(account: Account) -> None:
    assert account.asked("Delete") == [("SUCCESS", "account-settings")]
