"""What a run is made of: commit, data, image and configuration, and in what two runs differ."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

from console.account import Project
from console.reading.missing import where_there
from console.reading.together import together


@dataclass(frozen=True)
class Revision:
    """A run's sources, and its configuration field by field."""

    run: str
    commit: str = ""
    message: str = ""
    data: str = ""  # version of data-source.zip, or with labelled requests what tells them apart
    uploaded: datetime | None = None
    image: str = ""
    execution: str = ""  # ARN of the workflow's execution
    question: str = ""  # what the pipeline asks of this run
    given: tuple[tuple[str, str], ...] = ()  # the execution's input: what the gate asks for, and the model it was compared with
    fields: tuple[tuple[str, str], ...] = ()  # config.yml, its field names dotted

    def input(self, name: str) -> str:
        """Return a value of the execution's input; blank where it has none."""
        return dict(self.given).get(name, "")

    @property
    def compared_with(self) -> str:
        """The run whose model was judged on the same rows; blank where there was none."""
        _, found, rest = self.input("LiveModelUri").partition("/runs/")
        return rest.split("/")[0] if found and rest.endswith("/model/model.tar.gz") else ""


@lru_cache(maxsize=64)
def revision(project: Project, run: str) -> Revision:
    """Return what a run is made of that serves, and so does not change any more."""
    return made_of(project, run)


def made_of(project: Project, run: str) -> Revision:
    """Return what a run is made of, as far as it has come."""
    actions, config = together(partial(_actions, project, run), partial(_config, project, run))
    outputs = {name: action.get("output", {}).get("outputVariables", {}) for name, action in actions.items()}
    data, execution = outputs.get("Data", {}), execution_arn(project, actions["Run"]) if "Run" in actions else ""
    uploaded, given = together(partial(_uploaded, project, data), partial(_given, project, execution))
    learned = {tag["Key"]: tag["Value"] for tag in given.pop("Tags", [])}.get("data-version")
    code, image = outputs.get("Code", {}), outputs.get("Build", {}).get("MODEL_IMAGE_URI", "")
    return Revision(
        run, code.get("CommitId", ""), code.get("CommitMessage", ""), learned or data.get("VersionId", ""), uploaded, image, execution,
        actions.get("Approval", {}).get("input", {}).get("configuration", {}).get("CustomData", ""),
        tuple((name, str(value)) for name, value in given.items() if isinstance(value, (str, int, float))), tuple(flat(config)))


def _actions(project: Project, run: str) -> dict[str, dict[str, Any]]:
    """Return the newest execution of each action by the action's name; empty for a run that is gone."""
    found = where_there(lambda: project.client("codepipeline").list_action_executions(
        pipelineName=project.pipeline, filter={"pipelineExecutionId": run})["actionExecutionDetails"]) or []
    return {action["actionName"] if action["stageName"] != "DeployPrd" else f"DeployPrd/{action['actionName']}": action for action in found[::-1]}


def execution_arn(project: Project, action: dict[str, Any]) -> str:
    """Return the workflow's execution that an execution of the action Run is: CodePipeline names it so, after pipeline.yml's prefix."""
    name = f"{action['pipelineExecutionId'][:8]}-{action['actionExecutionId']}"
    return f"{project.workflow_arn.replace(':stateMachine:', ':execution:')}:{name}"


def _config(project: Project, run: str) -> dict[str, Any]:
    found = stored(project, f"{project.runs_key(run)}config/config.json")
    return dict(json.loads(found)) if found else {}


def stored(project: Project, key: str) -> bytes | None:
    """Return a file of the project's bucket, None where there is none."""
    return where_there(lambda: bytes(project.client("s3").get_object(Bucket=project.bucket, Key=key)["Body"].read()))


def _uploaded(project: Project, data: dict[str, str]) -> datetime | None:
    if not data.get("VersionId"):
        return None
    head = where_there(lambda: project.client("s3").head_object(Bucket=data["BucketName"], Key=data["ObjectKey"], VersionId=data["VersionId"]))
    return head.get("LastModified") if head else None


def _given(project: Project, execution: str) -> dict[str, Any]:
    if not execution:
        return {}
    found = where_there(lambda: project.client("stepfunctions").describe_execution(executionArn=execution))
    return dict(json.loads(found["input"])) if found and found.get("input") else {}


def flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the leaves of a configuration with their dotted names; what is empty has none."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{name}.{key}" if name else key)
    else:
        yield name, value if isinstance(value, str) else json.dumps(value)


def changes(before: Revision, after: Revision) -> tuple[tuple[str, str, str], ...]:
    """Return each field of the configuration that differs, with its value before and after; blank where it is not set."""
    old, new = dict(before.fields), dict(after.fields)
    return tuple((name, old.get(name, ""), new.get(name, "")) for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name))
