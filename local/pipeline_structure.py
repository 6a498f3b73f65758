"""What CodePipeline accepts as a pipeline, and what of it this machine runs: checked when it is made or changed."""

import json
from collections.abc import Mapping
from typing import Any

from local.pipeline_actions import Kind
from local.service import ServiceError, UnsupportedError

Kinds = Mapping[tuple[str, str], Kind]
ABSENT = {"blockers": "stage blockers", "onFailure": "stage OnFailure", "onSuccess": "stage OnSuccess",
          "beforeEntry": "stage BeforeEntry", "commands": "action Commands",
          "outputVariables": "action OutputVariables",
          "environmentVariables": "action EnvironmentVariables (outside Configuration)",
          "artifactStores": "pipeline ArtifactStores (several regions)", "triggers": "pipeline Triggers"}


def check(pipeline: dict[str, Any], kinds: Kinds, region: str) -> None:
    """Raise AWS's error for a structure that it refuses, UnsupportedError for what is not available here."""
    _refuse_absent(pipeline)
    if pipeline.get("executionMode", "SUPERSEDED") != "SUPERSEDED":
        raise UnsupportedError(f"CodePipeline execution mode {pipeline['executionMode']}")
    if "artifactStore" not in pipeline:
        raise _structure("The pipeline has no artifact store")
    if pipeline.get("variables") and pipeline.get("pipelineType") != "V2":
        raise _structure("Pipeline variables need pipeline type V2")
    stages = pipeline["stages"]
    if len(stages) < 2:
        raise _structure("Pipeline has 1 stage(s). There should be a minimum of 2 stages in a pipeline")
    _unique([stage["name"] for stage in stages], "stage names")
    made: list[str] = []
    for index, stage in enumerate(stages):
        _check_stage(stage, index == 0, made, kinds, region)
    actions = [action for stage in stages for action in stage["actions"]]
    _unique([action["namespace"] for action in actions if "namespace" in action], "namespaces")


def _structure(message: str) -> ServiceError:
    return ServiceError("InvalidStructureException", message)


def _unique(names: list[str], what: str) -> None:
    again = sorted({name for name in names if names.count(name) > 1})
    if again:
        raise _structure(f"Duplicate {what}: {', '.join(again)}")


def _refuse_absent(document: dict[str, Any]) -> None:
    for key, words in ABSENT.items():
        if document.get(key):
            raise UnsupportedError(f"CodePipeline {words}")


def _check_stage(stage: dict[str, Any], first: bool, made: list[str], kinds: Kinds, region: str) -> None:
    """Check one stage; ``made`` holds the artifacts of the actions before and takes on those of this stage."""
    _refuse_absent(stage)
    if not stage["actions"]:
        raise ServiceError("InvalidStageDeclarationException", f"Stage {stage['name']} has no actions")
    _unique([action["name"] for action in stage["actions"]], f"action names in stage {stage['name']}")
    for action in sorted(stage["actions"], key=lambda action: action.get("runOrder", 1)):
        _check_action(action, first, kinds, region)
        missing = [artifact["name"] for artifact in action.get("inputArtifacts", []) if artifact["name"] not in made]
        if missing:
            raise _structure(f"Input artifact {missing[0]} of action {action['name']} in stage {stage['name']} is not "
                             "an output artifact of an action before it")
        made.extend(artifact["name"] for artifact in action.get("outputArtifacts", []))
        _unique(made, "output artifacts")


def _check_action(action: dict[str, Any], first: bool, kinds: Kinds, region: str) -> None:
    name, kind_id = action["name"], action["actionTypeId"]
    _refuse_absent(action)
    kind = kinds.get((kind_id["category"], kind_id["provider"]))
    if kind is None or kind_id["owner"] != "AWS":
        raise UnsupportedError("CodePipeline action {category}/{owner}/{provider}".format(**kind_id))
    if action.get("region", region) != region:
        raise UnsupportedError(f"CodePipeline action in region {action['region']}")
    if first != (kind_id["category"] == "Source"):
        raise _structure(f"Action {name}: the first stage holds source actions only, and no other stage holds one")
    if action.get("namespace") in ("codepipeline", "variables"):
        raise _action(f"Action {name}: the namespace {action['namespace']} is reserved")
    if "timeoutInMinutes" in action and kind_id["category"] != "Approval":
        raise _action(f"Action {name}: a timeout can be set on manual approval actions only")
    _check_configuration(name, kind, action.get("configuration", {}))
    _check_artifacts(name, kind, action)


def _action(message: str) -> ServiceError:
    return ServiceError("InvalidActionDeclarationException", message)


def _check_configuration(name: str, kind: Kind, given: dict[str, str]) -> None:
    required = [*kind.required]
    for key, allowed in kind.choices.items():
        if key in given and given[key] not in allowed:
            raise _action(f"Action configuration for action '{name}': {key} is {given[key]!r}, "
                          f"not one of {', '.join(allowed)}")
        required.extend(kind.needs.get(given.get(key, ""), ()))
    for key in required:
        if not given.get(key):
            raise _action(f"Action configuration for action '{name}' is missing required configuration '{key}'")
    unknown = sorted(given.keys() - {*kind.required, *kind.optional})
    if unknown:
        raise _action(f"Action configuration for action '{name}' contains unknown configuration '{unknown[0]}'")
    for key, (works, default) in kind.only.items():
        if given.get(key, default).lower() != works.lower():
            raise UnsupportedError(f"CodePipeline action {name}: {key} {given.get(key, default)} (set it to {works})")
    for key in ("EnvironmentVariables", "ParameterOverrides"):
        _check_json(name, key, given.get(key))


def _check_json(name: str, key: str, text: str | None) -> None:
    try:
        json.loads(text or "{}")
    except ValueError as error:
        raise _action(f"Action configuration for action '{name}': {key} is not valid JSON: {error}") from error


def _check_artifacts(name: str, kind: Kind, action: dict[str, Any]) -> None:
    for word, (least, most) in (("input", kind.inputs), ("output", kind.outputs)):
        count = len(action.get(f"{word}Artifacts", []))
        if not least <= count <= most:
            raise _action(f"Action '{name}' has {count} {word} artifacts; {least} to {most} are allowed")
    names = [artifact["name"] for artifact in action.get("inputArtifacts", [])]
    primary = action.get("configuration", {}).get("PrimarySource")
    if (len(names) > 1 and "PrimarySource" in kind.optional and not primary) or (primary and primary not in names):
        raise _action(f"Action '{name}' needs a PrimarySource that is one of its input artifacts")
