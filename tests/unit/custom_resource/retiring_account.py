"""An account whose endpoint stacks are retired: CloudFormation, Lambda and CodePipeline in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

PREFIX = "mlops-churn-p-abc123def456"
ROLE = f"arn:aws:iam::123456789012:role/{PREFIX}-deploy"
OLD, NEW, OTHER = (f"{letter * 8}-0000-4000-8000-000000000000" for letter in "abc")
ENDED = datetime(2026, 11, 20, 12, tzinfo=UTC)  # the event's time


def stack(run: str, stage: str = "prd") -> str:
    return f"{PREFIX}-{run[:8]}-{stage}"


def refusal(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


class Account:
    """CloudFormation, Lambda and CodePipeline in memory, two stacks or runs a page."""

    def __init__(self) -> None:
        self.stacks: dict[str, dict[str, Any]] = {}
        self.runs: list[dict[str, Any]] = []  # newest first
        self.alias: dict[str, Any] | None = None
        self.versions: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, str]] = []
        self.events: list[dict[str, Any]] = []

    def holds(self, name: str, status: str = "CREATE_COMPLETE", run: str | None = None, bake: float | None = None) -> None:
        tags = {"run": run, "bake-hours": None if bake is None else str(bake)}
        self.stacks[name] = {"StackName": name, "StackStatus": status,
                             "Tags": [{"Key": key, "Value": value} for key, value in tags.items() if value]}

    def ran(self, run: str, status: str, started: float = 0, updated: float = 0) -> None:
        """Remember a run; the times are minutes from the event's."""
        self.runs.append({"pipelineExecutionId": run, "status": status, "startTime": ENDED + timedelta(minutes=started),
                          "lastUpdateTime": ENDED + timedelta(minutes=updated)})
        self.runs.sort(key=lambda item: item["startTime"], reverse=True)

    def published(self, version: int, run: str, minutes: float) -> None:
        """Publish a version of the API's function, minutes from the event."""
        self.versions[str(version)] = {
            "Version": str(version), "Environment": {"Variables": {"MODEL_RUN": run}},
            "LastModified": (ENDED + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S.000+0000")}

    def serves(self, **weights: str) -> None:
        """Let the alias point at versions: the first alone, or with the others' weights."""
        for version, run in weights.items():
            if version.removeprefix("v") not in self.versions:
                self.published(int(version.removeprefix("v")), run, 0)
        first, *rest = (version.removeprefix("v") for version in weights)
        self.alias = {"FunctionVersion": first} | ({"RoutingConfig": {"AdditionalVersionWeights": dict.fromkeys(rest, 0.1)}} if rest else {})

    # what the function calls

    def get_paginator(self, operation: str) -> Pages:
        return Pages(self, operation)

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        if StackName not in self.stacks:
            raise refusal("ValidationError", f"Stack with id {StackName} does not exist")
        return {"Stacks": [self.stacks[StackName]]}

    def describe_stack_events(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        return {"StackEvents": self.events}

    def delete_stack(self, StackName: str, RoleARN: str) -> None:  # noqa: N803
        self.asked.append((StackName, RoleARN))
        self.stacks[StackName]["StackStatus"] = "DELETE_IN_PROGRESS"

    def get_alias(self, FunctionName: str, Name: str) -> dict[str, Any]:  # noqa: N803
        assert (FunctionName, Name) == (f"{PREFIX}-api", "live")
        if self.alias is None:
            raise refusal("ResourceNotFoundException", "Cannot find alias")
        return self.alias


class Pages:
    """A paginator of the account."""

    def __init__(self, account: Account, operation: str) -> None:
        self.account, self.operation = account, operation

    def paginate(self, pipelineName: str = PREFIX, FunctionName: str = f"{PREFIX}-api") -> list[dict[str, Any]]:  # noqa: N803
        assert (pipelineName, FunctionName) == (PREFIX, f"{PREFIX}-api")
        if self.operation == "list_versions_by_function" and self.account.alias is None:
            raise refusal("ResourceNotFoundException", "Function not found")
        key, items = {"list_stacks": ("StackSummaries", list(self.account.stacks.values())),
                      "list_versions_by_function": ("Versions", [{"Version": "$LATEST"}, *self.account.versions.values()]),
                      "list_pipeline_executions": ("pipelineExecutionSummaries", self.account.runs)}[self.operation]
        return [{key: items[place:place + 2]} for place in range(0, len(items), 2)] or [{key: []}]
