"""One execution of one action: what the functions of pipeline_actions.py work with."""

import io
import logging
import re
import secrets
import uuid
import zipfile
from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import ClientError

from local.authorization import authorize
from local.machine import AccessDeniedError
from local.pipeline_records import Records
from local.service import ServiceError
from local.transfer import Transfer

POLL_SECONDS = 0.2
VARIABLE = re.compile(r"#\{([\w@.-]+?)\.([\w@-]+)\}")
DENIED = ("AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException",
          "UnauthorizedOperation")
logger = logging.getLogger("local")


class ActionError(Exception):
    """An action failed; the code is one of CodePipeline's failure types."""

    def __init__(self, message: str, code: str = "JobFailed") -> None:
        super().__init__(message)
        self.code = code


class HaltedError(Exception):
    """The action is no longer wanted: abandoned, deleted, or the machine stops."""


class Action:
    """One action under way, with the rights of its role."""

    def __init__(self, records: Records, action_id: str) -> None:
        self.records, self.machine, self.id = records, records.machine, action_id
        record = self.record
        self.execution_id, self.name, self.stage = (
            record[key] for key in ("pipelineExecutionId", "actionName", "stageName"))
        self.pipeline = records.declaration(records.executions[self.execution_id])
        stage = next(stage for stage in self.pipeline["stages"] if stage["name"] == self.stage)
        self.declaration = next(action for action in stage["actions"] if action["name"] == self.name)
        self.role = self.declaration.get("roleArn", self.pipeline["roleArn"])
        self.store = self.pipeline["artifactStore"]
        self.key_id: str | None = self.store.get("encryptionKey", {}).get("id")
        self.configuration: dict[str, str] = {}
        self._archives: dict[str, zipfile.ZipFile] = {}

    @property
    def record(self) -> dict[str, Any]:
        """The action execution's document as it is now; HaltedError when the action is no longer wanted."""
        record = self.records.actions.get(self.id)
        if record is None or record["status"] != "InProgress" or self.machine.stopping.is_set():
            raise HaltedError(self.id)
        return record

    @property
    def execution(self) -> dict[str, Any]:
        """The pipeline execution's document as it is now."""
        return self.records.executions[self.execution_id]

    # Its life

    def perform(self, run: Any) -> None:
        """Run the action's function and record how it ended."""
        try:
            self._resolve()
            variables = run(self) or {}
            self._save_variables(variables)
            self.records.end_action(self.id, "Succeeded", variables=variables)
        except HaltedError:
            return
        except Exception as error:  # noqa: BLE001
            if not self.machine.stopping.is_set():
                self.records.end_action(self.id, "Failed", error=self._explain(error))

    def _save_variables(self, variables: dict[str, str]) -> None:
        if namespace := self.declaration.get("namespace"):
            with self.records.change(self.records.executions, self.execution_id) as execution:
                execution["namespaces"][namespace] = variables

    def _explain(self, error: Exception) -> dict[str, str]:
        """Return an error as CodePipeline's errorDetails."""
        if isinstance(error, ActionError):
            return {"code": error.code, "message": str(error)}
        if isinstance(error, ClientError):
            code = error.response["Error"]["Code"]
            message = f"{error.operation_name} by {self.role}: {code}: {error.response['Error'].get('Message', '')}"
            return {"code": "PermissionError" if code in DENIED else "JobFailed", "message": message}
        if isinstance(error, AccessDeniedError):
            return {"code": "PermissionError", "message": f"AccessDenied: {error}"}
        if not isinstance(error, ServiceError):
            logger.error("action %s of %s", self.name, self.pipeline["name"], exc_info=error)
        return {"code": "JobFailed", "message": f"{type(error).__name__}: {error}"}

    def wait(self) -> None:
        """Wait until it is time to look again."""
        self.machine.stopping.wait(POLL_SECONDS)
        self.record  # noqa: B018 (raises when the action is no longer wanted)

    def report(self, **result: str) -> None:
        """Record the execution in another service: id, url and summary."""
        self.record  # noqa: B018
        with self.records.change(self.records.actions, self.id) as record:
            record["output"]["executionResult"].update({
                f"externalExecution{key.capitalize()}": value for key, value in result.items()})
            record["lastUpdateTime"] = self.machine.clock.now()

    # Variables

    def _resolve(self) -> None:
        execution, unresolved = self.execution, []
        known = execution["namespaces"] | {
            "codepipeline": {"PipelineExecutionId": self.execution_id}, "variables": execution["values"]}

        def value(match: re.Match[str]) -> str:
            found = known.get(match[1], {}).get(match[2])
            unresolved.extend([match[0]] if found is None else [])
            return str(found)

        self.configuration = {key: VARIABLE.sub(value, text)
                              for key, text in self.declaration.get("configuration", {}).items()}
        if unresolved:
            raise ActionError("This action failed because one of the following variables could not be resolved: Action "
                              f"name: {self.name}. Variables: {', '.join(unresolved)}.", "ConfigurationError")
        with self.records.change(self.records.actions, self.id) as record:
            record["input"]["resolvedConfiguration"] = self.configuration

    # Rights

    def client(self, service: str) -> BaseClient:
        """Return a client with the rights of the action's role, or the pipeline's where it has none."""
        return self.machine.client(service, self._session())

    def authorize(self, action: str, resource: str) -> None:
        """Raise AccessDeniedError unless the role may do what has no public API."""
        authorize(self.machine, self._session().access_key, action, resource)

    def _session(self) -> Any:
        return self.machine.session(self.role, "codepipeline.amazonaws.com", self.execution_id)

    # Artifacts

    @property
    def inputs(self) -> list[str]:
        """The names of the input artifacts."""
        return [artifact["name"] for artifact in self.declaration.get("inputArtifacts", [])]

    @property
    def outputs(self) -> list[str]:
        """The names of the output artifacts."""
        return [artifact["name"] for artifact in self.declaration.get("outputArtifacts", [])]

    def location(self, artifact: str) -> dict[str, str]:
        """Return bucket and key of an input artifact."""
        if artifact not in self.inputs:
            raise ActionError(f"Artifact {artifact} is not an input artifact of {self.name}", "ConfigurationError")
        place: dict[str, str] = self.execution["artifacts"][artifact]
        return place

    def file(self, path: str) -> bytes:
        """Return the file that ``Artifact::path`` names."""
        artifact, _, name = path.partition("::")
        if artifact not in self._archives:
            place = self.location(artifact)
            content = Transfer(self.client("s3")).read(f"s3://{place['bucket']}/{place['key']}")
            self._archives[artifact] = zipfile.ZipFile(io.BytesIO(content))
        try:
            return self._archives[artifact].read(name)
        except KeyError:
            raise ActionError(f"File [{name}] does not exist in artifact [{artifact}]", "ConfigurationError") from None

    def place(self, artifact: str) -> dict[str, str]:
        """Return a new place for an output artifact; AWS cuts both names in the same way."""
        key = f"{self.pipeline['name'][:20]}/{artifact[:10]}/{secrets.token_hex(4)[:7]}"
        return {"bucket": self.store["location"], "key": key}

    def produce(self, artifact: str, place: dict[str, str], content: bytes | None = None) -> None:
        """Record an output artifact, after writing it where its content is given."""
        if content is not None:
            Transfer(self.client("s3")).put(content, f"s3://{place['bucket']}/{place['key']}", self.key_id)
        with self.records.changed:
            self.record  # noqa: B018
            with self.records.change(self.records.executions, self.execution_id) as execution:
                execution["artifacts"][artifact] = place
            with self.records.change(self.records.actions, self.id) as record:
                record["output"]["outputArtifacts"].append({"name": artifact, "s3location": place})

    def produce_file(self, name: str, content: bytes) -> None:
        """Write the output artifact, where one is declared, as a zip of one file."""
        for artifact in self.outputs:
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(name, content)
            self.produce(artifact, self.place(artifact), packed.getvalue())

    def revise(self, revision_id: str, summary: str, url: str) -> None:
        """Record the source revision that this execution takes."""
        now = self.machine.clock.now()
        revision = {"actionName": self.name, "name": self.outputs[0], "revisionId": revision_id,
                    "revisionSummary": summary, "revisionUrl": url, "created": now}
        with self.records.change(self.records.executions, self.execution_id) as execution:
            others = [other for other in execution["artifactRevisions"] if other["actionName"] != self.name]
            execution["artifactRevisions"] = [*others, revision]


def new_record(execution: dict[str, Any], stage: str, action: dict[str, Any], role: str, region: str, now: float) -> dict[str, Any]:
    """Return the document of an action that starts now."""
    given = {key: action[key] for key in ("actionTypeId", "configuration", "namespace") if key in action}
    inputs = [{"name": artifact["name"], "s3location": execution["artifacts"].get(artifact["name"])}
              for artifact in action.get("inputArtifacts", [])]
    return {"actionExecutionId": str(uuid.uuid4()), "pipelineName": execution["pipelineName"],
            "pipelineExecutionId": execution["pipelineExecutionId"], "pipelineVersion": execution["pipelineVersion"],
            "stageName": stage, "actionName": action["name"], "startTime": now, "lastUpdateTime": now,
            "status": "InProgress", "input": given | {"roleArn": role, "region": region, "inputArtifacts": inputs},
            "output": {"outputArtifacts": [], "executionResult": {}, "outputVariables": {}}}
