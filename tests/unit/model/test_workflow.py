"""The state machine: its graph, its errors, and each request against SageMaker's own service model."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from statelint.linter import Linter

from model import config, settings, workflow_input, workflow_template
from tests.templates.service_requests import faults, mistyped, operation

EXECUTION = "0a1b2c3d-99998888-aaaa-4bbb-8ccc-ddddeeeeffff"
JOBS = {"PrepareData": "prepare", "Baseline": "baseline", "Train": "train", "Evaluate": "evaluate", "Golden": "golden"}
ORDER = ["CreateExperiment", "PrepareData", "BaselineAndTrain"]
BRANCH = ["Train", "SaveModel", "Evaluate", "QueryEvaluation", "Gate"]
AFTER_GATE = ["Golden", "GoldenRecords", "QueryTraining"]


@pytest.fixture
def machine(project: settings.Settings) -> dict[str, Any]:
    template = yaml.safe_load(workflow_template.rendered(project))
    return dict(json.loads(template["Resources"]["Workflow"]["Properties"]["DefinitionString"]["Fn::Sub"]))


@pytest.fixture
def given(project: settings.Settings, environment: dict[str, str]) -> dict[str, Any]:
    """The execution's input, with what Train and QueryEvaluation add to it."""
    run = workflow_input.workflow_input(project, config.load(), environment["MODEL_IMAGE_URI"])
    return run | {"Train": {"ModelArtifactUri": f"{project.run_uri}/model/job/output/model.tar.gz"},
                  "QueryEvaluation": {"Metric": "auc", "Value": 0.61}}


def states(machine: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in machine["States"].items():
        yield name, state
        for branch in state.get("Branches", []):
            yield from states(branch)


def tasks(machine: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: state for name, state in states(machine) if state["Type"] == "Task"}


def path(machine: dict[str, Any], start: str) -> list[str]:
    names, found = start, []
    while names:
        found.append(names)
        names = machine["States"][names].get("Next")
    return found


def value(expression: str, given: dict[str, Any]) -> Any:
    """Evaluate the paths and functions that the definition uses."""
    if expression == "$$.Execution.Name":
        return EXECUTION
    if expression.startswith("$."):
        found: Any = given
        for part in expression[2:].split("."):
            found = found[part]
        return found
    if expression.startswith("'"):
        return expression[1:-1]
    if expression.isdecimal():
        return int(expression)
    call, inner = re.fullmatch(r"States\.(\w+)\((.*)\)", expression).groups()  # type: ignore[union-attr]
    arguments = [value(argument, given) for argument in split(inner)]
    calls = {"Format": lambda template, *rest: template.format(*rest), "ArrayGetItem": lambda items, index: items[index],
             "StringSplit": lambda text, delimiter: text.split(delimiter)}
    return calls[call](*arguments)


def split(arguments: str) -> list[str]:
    """Split at the commas that are in no quotes and no inner call."""
    parts, depth, quoted = [""], 0, False
    for character in arguments:
        quoted ^= character == "'"
        depth += 0 if quoted else {"(": 1, ")": -1}.get(character, 0)
        if character == "," and not depth and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def resolved(parameters: Any, given: dict[str, Any]) -> Any:
    if isinstance(parameters, list):
        return [resolved(item, given) for item in parameters]
    if not isinstance(parameters, dict):
        return parameters
    return {name.removesuffix(".$"): value(item, given) if name.endswith(".$") else resolved(item, given)
            for name, item in parameters.items()}


def test_the_graph_is_the_one_promised(machine: dict[str, Any]) -> None:
    baseline, train = machine["States"]["BaselineAndTrain"]["Branches"]
    gate = train["States"]["Gate"]
    assert path(machine, machine["StartAt"]) == ORDER
    assert baseline["StartAt"] == "Baseline"
    assert path(train, train["StartAt"]) == BRANCH
    assert path(train, gate["Choices"][0]["Next"]) == AFTER_GATE
    assert gate["Default"] == "GateFailed"


def test_statelint_finds_nothing(machine: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "definition.json"
    file.write_text(json.dumps(machine), encoding="utf-8")
    assert Linter().validate(str(file)) == []


def test_every_request_is_one_that_sagemaker_takes(machine: dict[str, Any], given: dict[str, Any]) -> None:
    seen = []
    for name, task in tasks(machine).items():
        if ":::sagemaker:" not in task["Resource"]:
            continue
        call = task["Resource"].split(":")[-1].removesuffix(".sync")
        shape = operation("sagemaker", call[0].upper() + call[1:]).input_shape
        request = resolved(task["Parameters"], given)
        assert mistyped(shape, request) == "", name
        assert list(faults(shape, request, name)) == []
        seen.append(call)
    assert sorted(seen) == ["createModel", *["createProcessingJob"] * 3, "createTrainingJob", "createTransformJob"]


def test_job_names_are_unique_to_the_execution_and_short_enough(machine: dict[str, Any], given: dict[str, Any]) -> None:
    for name, step in JOBS.items():
        request = resolved(tasks(machine)[name]["Parameters"], given)
        job = next(value for key, value in request.items() if key.endswith("JobName"))
        assert job == f"{given['JobPrefix']}-{step}-aaaa"
        assert len(job) <= 63
    assert resolved(tasks(machine)["SaveModel"]["Parameters"], given)["ModelName"] == f"{given['JobPrefix']}-aaaa"


def test_every_job_carries_tags_experiment_role_key_and_a_limit(machine: dict[str, Any], given: dict[str, Any], project: settings.Settings) -> None:
    for name in JOBS:
        task = tasks(machine)[name]
        request = resolved(task["Parameters"], given)
        assert {"Key": "commit", "Value": "c0ffee"} in request["Tags"]
        assert request["ExperimentConfig"]["TrialName"] == given["TrialName"]
        [output] = [value for key, value in request.items() if key in ("OutputDataConfig", "ProcessingOutputConfig", "TransformOutput")]
        assert output["KmsKeyId"] == project.kms_key_arn
        assert "StoppingCondition" in request or task["TimeoutSeconds"] == 2700
        assert request.get("RoleArn", project.job_role_arn) == project.job_role_arn


def test_training_processing_and_the_model_reach_no_network(machine: dict[str, Any]) -> None:
    """The transform job runs the model, with the model's isolation."""
    found = {name: task["Parameters"] for name, task in tasks(machine).items() if name in {*JOBS, "SaveModel"} - {"Golden"}}
    assert {name: request.get("NetworkConfig", request).get("EnableNetworkIsolation") for name, request in found.items()} == dict.fromkeys(found, True)


def test_every_task_retries_throttling_and_ends_in_the_fail_state_of_its_name(machine: dict[str, Any]) -> None:
    everything = dict(states(machine))
    for name, task in tasks(machine).items():
        busy = {"ThrottlingException", "SageMaker.AmazonSageMakerException"} if "sagemaker" in task["Resource"] else {"Lambda.TooManyRequestsException"}
        assert busy <= set(task["Retry"][0]["ErrorEquals"])
        assert task["Catch"] == [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.Caught", "Next": f"{name}Failed"}]
        assert everything[f"{name}Failed"] == {"Type": "Fail", "Error": f"{name}Failed", "CausePath": "$.Caught.Cause"}
    assert "ArtifactsUnavailable" in tasks(machine)["QueryTraining"]["Retry"][1]["ErrorEquals"]


def test_training_keeps_checkpoints_in_the_run(machine: dict[str, Any], given: dict[str, Any], project: settings.Settings) -> None:
    request = resolved(tasks(machine)["Train"]["Parameters"], given)
    assert request["CheckpointConfig"] == {"S3Uri": f"{project.run_uri}/checkpoints", "LocalPath": "/opt/ml/checkpoints"}


def test_evaluate_is_given_the_live_model(machine: dict[str, Any], given: dict[str, Any]) -> None:
    given["LiveModelUri"] = "s3://bucket/runs/former/model/model.tar.gz"
    inputs = {each["InputName"]: each["S3Input"] for each in resolved(tasks(machine)["Evaluate"]["Parameters"], given)["ProcessingInputs"]}
    assert inputs["live"]["S3Uri"] == given["LiveModelUri"] and inputs["live"]["LocalPath"] == "/opt/ml/processing/input/live"


def test_the_gates_failure_says_metric_value_and_threshold(machine: dict[str, Any], given: dict[str, Any]) -> None:
    failed = dict(states(machine))["GateFailed"]
    assert failed["Error"] == "GateFailed"
    assert value(failed["CausePath"], given) == (
        "The model is not good enough: auc is 0.61, the gate in model/config.yml asks for at least 0.85")


@pytest.mark.parametrize(("metric", "measured", "passes"), [("auc", 0.85, True), ("auc", 0.84, False), ("rmse", 0.84, True), ("rmse", 0.86, False)])
def test_the_gate_passes_what_is_on_the_right_side(machine: dict[str, Any], given: dict[str, Any], metric: str, measured: float, passes: bool) -> None:
    given |= {"Comparison": config.comparison(metric), "QueryEvaluation": {"Metric": metric, "Value": measured}}
    operators = {"StringEquals": lambda left, right: left == right,
                 "NumericGreaterThanEqualsPath": lambda left, right: left >= value(right, given),
                 "NumericLessThanEqualsPath": lambda left, right: left <= value(right, given)}

    def holds(rule: dict[str, Any]) -> bool:
        operator = next(name for name in rule if name in operators)
        return bool(operators[operator](value(rule["Variable"], given), rule[operator]))

    rule = dict(states(machine))["Gate"]["Choices"][0]
    assert any(all(holds(part) for part in both["And"]) for both in rule["Or"]) is passes


def test_the_definition_holds_no_value_of_a_run(environment: dict[str, str]) -> None:
    first = workflow_template.rendered(settings.read(environment))
    other = environment | {"PIPELINE_EXECUTION_ID": "ffffffff-1111-4222-8333-444455556666", "COMMIT_ID": "beef", "DATA_VERSION": "v2"}
    assert workflow_template.rendered(settings.read(other)) == first


def test_every_path_of_the_definition_is_in_the_input(machine: dict[str, Any], given: dict[str, Any]) -> None:
    roots = set(re.findall(r"(?<!\$)\$\.(\w+)", json.dumps([task["Parameters"] for task in tasks(machine).values()])))
    assert roots <= set(given)


def test_the_sdks_warnings_do_not_reach_the_build() -> None:
    result = subprocess.run([sys.executable, "-W", "error", "-c", "import model.states"], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
