"""The function notice."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

RUN = "12345678-1234-1234-1234-123456789012"


def action(place: str, status: str, **result: Any) -> dict[str, Any]:
    stage, name = place.split("/")
    return {"stageName": stage, "actionName": name, "status": status, "output": {"executionResult": result}}


def mailed(load: Any, monkeypatch: pytest.MonkeyPatch, event: dict[str, str], actions: list[dict[str, Any]]) -> dict[str, str]:
    """Return what the function publishes."""
    handler, sent = load("notice"), []
    clients = {
        "codepipeline": SimpleNamespace(list_action_executions=lambda pipelineName, filter: {  # noqa: A006, N803 - noqa: N803
            "actionExecutionDetails": actions if filter == {"pipelineExecutionId": RUN} else []}),
        "sns": SimpleNamespace(publish=lambda **request: sent.append(request))}
    monkeypatch.setattr(handler, "client", clients.__getitem__)
    monkeypatch.setenv("NAME_PREFIX", "churn")
    monkeypatch.setenv("TOPIC_ARN", "topic")
    answer = handler.handler(event, None)
    [mail] = sent
    assert mail["TopicArn"] == "topic"
    assert mail["Subject"] == answer["Subject"]
    return mail


def test_a_failure_is_mailed_with_place_reason_and_next_step(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    actions = [action("DeployPrd/Api", "Failed", errorDetails={"message": "golden record 3: no instead of yes"}),
               action("DeployPrd/Endpoint", "Succeeded"), action("Build/Build", "Succeeded")]
    mail = mailed(load, monkeypatch, {"Run": RUN}, actions)
    assert mail["Subject"] == "churn: run 12345678 failed at DeployPrd/Api"
    assert "DeployPrd/Api: golden record 3: no instead of yes" in mail["Message"]
    assert "All traffic is on the version before." in mail["Message"]


def test_a_release_that_is_not_watched_yet_says_that_it_serves(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    message = mailed(load, monkeypatch, {"Run": RUN}, [action("DeployPrd/Monitoring", "Failed", errorDetails={"message": "no right"})])["Message"]
    assert "The new version serves, but it is not watched for drift yet." in message
    assert "version before" not in message


def test_only_the_last_end_of_a_retried_action_counts(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    actions = [action("Train/Run", "Failed", errorDetails={"message": "second"}), action("Build/Build", "Succeeded"),
               action("Train/Run", "Failed", errorDetails={"message": "first"}),
               action("Build/Build", "Failed", errorDetails={"message": "long mended"})]
    message = mailed(load, monkeypatch, {"Run": RUN}, actions)["Message"]
    assert "Train/Run: second" in message
    assert "first" not in message
    assert "long mended" not in message


def test_a_summary_stands_in_for_a_message(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    actions = [action("DeployDev/Approval", "Failed", externalExecutionSummary="not good enough")]
    assert "DeployDev/Approval: not good enough" in mailed(load, monkeypatch, {"Run": RUN}, actions)["Message"]


def test_a_failure_without_a_failed_action_says_where_to_look(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "get-pipeline-state --name churn" in mailed(load, monkeypatch, {"Run": RUN}, [])["Message"]
