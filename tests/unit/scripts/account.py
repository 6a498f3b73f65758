"""An account in memory, as far as going back asks it: one project whose stacks, alias and deployments move."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

NAME, PROJECT = "mlops-churn-p-abc123def456", "churn"
FIRST, OLD, BAD, NEW = (f"{letter * 8}-0000-4000-8000-000000000000" for letter in "abcd")


def refusal(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


class Account:
    """Answers every client's calls; ``calls`` has those that change something, in order."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.requests: dict[str, dict[str, Any]] = {}
        self.versions: dict[int, tuple[str, str]] = {}
        self.runs: dict[str, str] = {}
        self.endpoints: dict[str, dict[str, Any]] = {}
        self.alias = 0
        self.stacks: dict[str, dict[str, Any]] = {}
        self.objects: dict[str, dict[str, Any]] = {}
        self.transition: dict[str, Any] = {"enabled": True}
        self.stage: dict[str, Any] = {"actionStates": []}
        self.deployments: dict[str, dict[str, Any]] = {}
        self.updated: list[str] = []
        self.denied: set[str] = set()
        self.broken: set[int] = set()  # versions that fail
        self.before: dict[str, Callable[[], None]] = {}  # what happens as an operation is called, by operation
        self.update_ends = "UPDATE_COMPLETE"
        self.projects = {PROJECT: "p-abc123def456"}
        self.meta = SimpleNamespace(endpoint_url="https://s3.us-east-1.amazonaws.com")

    def released(self, run: str, endpoint: str = "") -> None:
        """Release a run as the pipeline does: a new version, the alias on it, the stack updated."""
        endpoint = endpoint or f"{NAME}-{run[:8]}-p"
        self.runs = {run: "Succeeded"} | self.runs
        self.endpoints[endpoint] = {"EndpointStatus": "InService", "ProductionVariants": [
            {"VariantName": "AllTraffic", "CurrentInstanceCount": 2, "DesiredInstanceCount": 2}]}
        self.publish(run, endpoint)
        self.alias = max(self.versions)
        self.stacks[f"{NAME}-api"] = {"StackStatus": "UPDATE_COMPLETE", "RunId": run, "Shifting": "yes", "BucketName": "bucket"}
        files = {"api.json": {"RunId": run, "EndpointName": endpoint, "ApiAuthorization": "NONE", "Shifting": "yes", "BucketName": "bucket"},
                 "endpoint-prd.json": {"RunId": run, "Guarded": "yes"},
                 "monitoring.json": {"RunId": run, "EndpointName": endpoint}}
        self.objects |= {f"runs/{run}/release/{name}": {"Parameters": given, "Tags": {"sagemaker:project-name": PROJECT}}
                         for name, given in files.items()}

    def invoke(self, FunctionName: str, Qualifier: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        assert (FunctionName, Payload) == (f"{NAME}-api", b"{}")
        failed = int(Qualifier) in self.broken
        answer = {"errorMessage": "no schema.json"} if failed else {"statusCode": 415}
        return {"Payload": io.BytesIO(json.dumps(answer).encode())} | ({"FunctionError": "Unhandled"} if failed else {})

    def publish(self, run: str, endpoint: str) -> None:
        self.versions[max(self.versions, default=0) + 1] = (run, endpoint)

    @property
    def serves(self) -> str:
        return self.versions[self.alias][0]

    def client(self, service: str) -> Any:
        """Return a client that refuses what is denied."""
        def call(operation: str) -> Any:
            inner = getattr(self, operation)
            if not callable(inner):
                return inner

            def called(*arguments: Any, **request: Any) -> Any:
                self.before.pop(operation, lambda: None)()
                if operation in self.denied:
                    raise refusal("AccessDeniedException", f"not authorized to perform: {operation}")
                if not operation.startswith(("describe", "get", "list", "invoke")):
                    self.calls.append(operation)
                    self.requests[operation] = request
                return inner(*arguments, **request)

            return called

        return type("Client", (), {"__getattr__": lambda _, operation: call(operation)})()

    # what is asked

    def describe_project(self, ProjectName: str) -> dict[str, Any]:  # noqa: N803
        if ProjectName not in self.projects:
            raise refusal("ValidationException", f"Project {ProjectName} does not exist.")
        return {"ProjectId": self.projects[ProjectName]}

    def get_paginator(self, operation: str) -> Any:
        pages = {
            "list_pipelines": [{"pipelines": [{"name": "another-churn-p-000000000000"}]}, {"pipelines": [{"name": NAME}]}],
            "list_pipeline_executions": [{"pipelineExecutionSummaries": [
                {"pipelineExecutionId": run, "status": status}]} for run, status in self.runs.items()],
            "list_versions_by_function": [{"Versions": [{"Version": "$LATEST"}]}, *({"Versions": [{
                "Version": str(number), "Environment": {"Variables": {"MODEL_RUN": run, "ENDPOINT_NAME": endpoint}}}]}
                for number, (run, endpoint) in self.versions.items())]}
        return SimpleNamespace(paginate=lambda **_: pages[operation])

    def get_alias(self, FunctionName: str, Name: str) -> dict[str, Any]:  # noqa: N803
        if not self.alias:
            raise refusal("ResourceNotFoundException")
        return {"FunctionVersion": str(self.alias)}

    def describe_endpoint(self, EndpointName: str) -> dict[str, Any]:  # noqa: N803
        if EndpointName not in self.endpoints:
            raise refusal("ValidationException", "Could not find endpoint")
        return self.endpoints[EndpointName]

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        if StackName not in self.stacks:
            raise refusal("ValidationError", f"Stack with id {StackName} does not exist")
        stack = dict(self.stacks[StackName])
        status = stack.pop("StackStatus")
        if status.endswith("_IN_PROGRESS") and not self.active():  # over at the next look, unless a deployment holds it up
            self.stacks[StackName] |= stack.get("then", {"StackStatus": "UPDATE_COMPLETE"})
        stack.pop("then", None)
        return {"Stacks": [{"StackStatus": status, "Parameters": [
            {"ParameterKey": key, "ParameterValue": value} for key, value in stack.items()]}]}

    def describe_stack_events(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        def event(resource: str, status: str, reason: str = "") -> dict[str, Any]:
            return {"LogicalResourceId": resource, "ResourceStatus": status, "ResourceStatusReason": reason,
                    "Timestamp": datetime.now(UTC)}

        return {"StackEvents": [
            event(StackName, "UPDATE_ROLLBACK_COMPLETE"), event("Later", "UPDATE_FAILED", "cancelled"),
            event("ApiRole", "UPDATE_FAILED", "no right"), event(StackName, "UPDATE_IN_PROGRESS"),
            event("LongAgo", "UPDATE_FAILED", "another update")]}

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        if Key not in self.objects:
            raise refusal("NoSuchKey")
        return {"Body": io.BytesIO(json.dumps(self.objects[Key]).encode())}

    def list_objects_v2(self, Bucket: str, Prefix: str) -> dict[str, Any]:  # noqa: N803
        return {"Contents": [{"Key": key} for key in self.objects if key.startswith(Prefix)]}

    def get_pipeline_state(self, name: str) -> dict[str, Any]:
        assert name == NAME
        return {"stageStates": [{"stageName": "DeployPrd", "inboundTransitionState": self.transition} | self.stage]}

    def list_deployments(self, applicationName: str, deploymentGroupName: str, includeOnlyStatuses: list[str]) -> dict[str, Any]:  # noqa: N803
        assert (applicationName, deploymentGroupName) == (f"{NAME}-api", f"{NAME}-api")
        return {"deployments": [name for name, found in self.deployments.items() if found["status"] in includeOnlyStatuses]}

    def get_deployment(self, deploymentId: str) -> dict[str, Any]:  # noqa: N803
        found = self.deployments[deploymentId]
        answer = dict(found)
        if found["status"] == "InProgress" and "then" in found:  # over at the next look
            found.pop("then")()
        return {"deploymentInfo": answer}

    def active(self) -> bool:
        return any(found["status"] == "InProgress" for found in self.deployments.values())

    # what changes something

    def disable_stage_transition(self, reason: str, **_: str) -> None:
        self.transition = {"enabled": False, "disabledReason": reason}

    def enable_stage_transition(self, **_: str) -> None:
        self.transition = {"enabled": True}

    def stop_pipeline_execution(self, pipelineExecutionId: str, abandon: bool, **_: str) -> None:  # noqa: N803
        assert not abandon
        self.runs[pipelineExecutionId] = "Stopping"

    def update_endpoint_weights_and_capacities(self, EndpointName: str, DesiredWeightsAndCapacities: list[dict[str, Any]]) -> None:  # noqa: N803
        [variant] = self.endpoints[EndpointName]["ProductionVariants"]
        variant["DesiredInstanceCount"] = DesiredWeightsAndCapacities[0]["DesiredInstanceCount"]
        self.endpoints[EndpointName]["EndpointStatus"] = "Updating"

    def create_deployment(self, revision: dict[str, Any], **_: Any) -> dict[str, Any]:
        if self.active():
            raise refusal("DeploymentLimitExceededException")
        [resource] = json.loads(revision["appSpecContent"]["content"])["Resources"]
        properties = resource[f"{NAME}-api"]["Properties"]
        assert int(properties["CurrentVersion"]) == self.alias, "CodeDeploy refuses another version than the alias's"
        self.alias = int(properties["TargetVersion"])
        self.deployments["d-BACK00000"] = {"status": "Succeeded", "description": "scripts/rollback.sh goes back to a former run"}
        return {"deploymentId": "d-BACK00000"}

    def stop_deployment(self, deploymentId: str, autoRollbackEnabled: bool) -> None:  # noqa: N803
        assert autoRollbackEnabled
        self.deployments[deploymentId]["status"] = "Stopped"

    def update_stack(self, StackName: str, TemplateURL: str, Parameters: list[dict[str, Any]], **_: Any) -> None:  # noqa: N803
        stack = self.stacks[StackName]
        if stack["StackStatus"].endswith("_IN_PROGRESS"):
            raise refusal("ValidationError", f"Stack {StackName} is in UPDATE_IN_PROGRESS state and can not be updated.")
        given = {item["ParameterKey"]: item["ParameterValue"] for item in Parameters if "ParameterValue" in item}
        done = {"StackStatus": self.update_ends} | (given if self.update_ends == "UPDATE_COMPLETE" else {})
        stack |= {"StackStatus": "UPDATE_IN_PROGRESS", "then": done}
        self.updated.append(StackName)
        if StackName.endswith("-api") and self.update_ends == "UPDATE_COMPLETE":
            self.publish(given["RunId"], given["EndpointName"])
            self.alias = max(self.versions)

    def cancel_update_stack(self, StackName: str) -> None:  # noqa: N803
        self.stacks[StackName] = self.stacks[StackName]["before"] | {"StackStatus": "UPDATE_ROLLBACK_COMPLETE"}
