"""The stages' parameter files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from model import config, parameters, settings

ROOT = Path(__file__).parents[3]


def files(project: settings.Settings) -> dict[str, dict[str, Any]]:
    return {
        "functions.yml": parameters.functions(project),
        "deploy-endpoint.yml": parameters.endpoint(project, config.load(), "prd", "image"),
        "deploy-model-prd.yml": parameters.api(project, config.load(), "image"),
    }


def test_everything_is_text(project: settings.Settings) -> None:
    for content in files(project).values():
        assert all(isinstance(value, str) for part in content.values() for value in part.values())


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's short functions as what they are given, where that is a text."""


Loader.add_multi_constructor("!", lambda loader, suffix, node: node.value if isinstance(node, yaml.ScalarNode) else None)


def template(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.load((ROOT / "assets" / name).read_text(encoding="utf-8"), Loader)
    return content


@pytest.mark.parametrize("name", ["functions.yml", "deploy-endpoint.yml", "deploy-model-prd.yml"])
def test_the_parameters_are_those_of_the_template(project: settings.Settings, name: str) -> None:
    content = template(name)
    given = set(files(project)[name]["Parameters"])
    assert given <= set(content["Parameters"])
    assert {name for name, parameter in content["Parameters"].items() if "Default" not in parameter} <= given


def test_dev_is_small_and_keeps_no_requests(project: settings.Settings) -> None:
    dev = parameters.endpoint(project, config.load(), "dev", "image")["Parameters"]
    prd = parameters.endpoint(project, config.load(), "prd", "image")["Parameters"]
    assert (dev["InstanceCount"], dev["CapturePercentage"], dev["EndpointName"]) == ("1", "0", f"{project.job_prefix}-d")
    assert (prd["InstanceCount"], prd["CapturePercentage"], prd["EndpointName"]) == ("2", "100", f"{project.job_prefix}-p")
    assert len(prd["EndpointName"]) <= 63


def test_the_endpoint_tells_what_is_configured(project: settings.Settings) -> None:
    wanted = config.load()
    assert parameters.endpoint(project, wanted, "prd", "image")["Parameters"]["Answer"] == "both"
    wanted["serving"]["answer"] = "label"
    for stage in parameters.STAGES:
        assert parameters.endpoint(project, wanted, stage, "image")["Parameters"]["Answer"] == "label"
    environment = template("deploy-endpoint.yml")["Resources"]["Model"]["Properties"]["PrimaryContainer"]["Environment"]
    assert environment["MODEL_SERVER_ANSWER"] == "Answer"
    assert template("deploy-endpoint.yml")["Parameters"]["Answer"]["AllowedValues"] == answers()


def answers() -> list[str]:
    schema = json.loads(config.SCHEMA.read_text(encoding="utf-8"))
    allowed: list[str] = schema["properties"]["serving"]["properties"]["answer"]["enum"]
    return allowed


def test_only_what_a_run_creates_is_tagged_with_it(project: settings.Settings) -> None:
    made = files(project)
    assert made["deploy-endpoint.yml"]["Tags"]["run"] == project.run_id
    assert set(made["functions.yml"]["Tags"]) == set(made["deploy-model-prd.yml"]["Tags"]) == {"sagemaker:project-name", "sagemaker:project-id"}


def test_the_schema_is_on_the_file_system_where_there_is_one(environment: dict[str, str]) -> None:
    without = settings.read(environment)
    with_one = settings.read(environment | {"ACCESS_POINT_ARN": "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-1"})
    assert parameters.artifacts_uri(without) == f"{without.run_uri}/inference"
    assert parameters.artifacts_uri(with_one) == f"/mnt/artifacts/{without.run_id}"


def test_the_code_hash_is_bare_hex_and_changes_with_image_and_run(environment: dict[str, str]) -> None:
    first, second = settings.read(environment), settings.read(environment | {"PIPELINE_EXECUTION_ID": "f" * 36})
    hashes = {parameters.code_sha(project, image) for project in (first, second) for image in ("a", "b")}
    assert len(hashes) == 4
    assert all(len(found) == 64 and found.isalnum() for found in hashes)


@pytest.mark.parametrize("release, name", [
    ({"strategy": "canary", "percent": 10, "minutes": 5}, "CodeDeployDefault.LambdaCanary10Percent5Minutes"),
    ({"strategy": "linear", "percent": 10, "minutes": 1}, "CodeDeployDefault.LambdaLinear10PercentEvery1Minute"),
    ({"strategy": "all_at_once", "percent": 10, "minutes": 5}, "CodeDeployDefault.LambdaAllAtOnce"),
    ({"strategy": "canary", "percent": 20, "minutes": 5}, ""),
    ({"strategy": "linear", "percent": 10, "minutes": 5}, ""),
])
def test_traffic_moves_as_configured(release: dict[str, Any], name: str) -> None:
    assert parameters.deployment_config(release) == name


def test_the_default_is_ten_percent_for_five_minutes(project: settings.Settings) -> None:
    values = parameters.api(project, config.load(), "image")["Parameters"]
    assert values["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
    assert values["Capturing"] == "yes"
