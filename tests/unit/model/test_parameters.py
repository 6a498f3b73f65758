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
        "functions.yml": parameters.functions(project, "api-image"),
        "deploy-endpoint.yml": parameters.endpoint(project, config.load(), "prd", "image"),
        "deploy-model-prd.yml": parameters.api(project, config.load(), "image"),
        "monitoring.yml": parameters.monitoring(project, config.load(), "image", ""),
    }


def test_everything_is_text(project: settings.Settings) -> None:
    for content in files(project).values():
        assert all(isinstance(value, str) for part in content.values() for value in part.values())


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's short functions as what they are given, where that is a text."""


Loader.add_multi_constructor("!", lambda loader, suffix, node: node.value if isinstance(node, yaml.ScalarNode) else None)


def template(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.load((ROOT / "assets" / name).read_text(encoding="utf-8"), Loader)  # noqa: S506 - a SafeLoader
    return content


@pytest.mark.parametrize("name", ["functions.yml", "deploy-endpoint.yml", "deploy-model-prd.yml", "monitoring.yml"])
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


def test_production_alone_scales_and_is_watched(project: settings.Settings) -> None:
    dev = parameters.endpoint(project, config.load(), "dev", "image")["Parameters"]
    prd = parameters.endpoint(project, config.load(), "prd", "image")["Parameters"]
    assert {"MaximumInstances": "10", "TargetInvocations": "750", "ScaleInSeconds": "60", "ScaleOutSeconds": "60", "LatencyMs": "1000"}.items() \
        <= prd.items()
    assert set(prd) - set(dev) == {"MaximumInstances", "TargetInvocations", "ScaleInSeconds", "ScaleOutSeconds", "LatencyMs"}
    assert dev["GoldenUri"] == prd["GoldenUri"] == f"{project.run_uri}/golden/records.jsonl"


def release(**changes: Any) -> dict[str, Any]:
    """Return the configuration with another release section."""
    loaded = config.load()
    return loaded | {"release": loaded["release"] | changes}


def test_each_run_has_an_endpoint_of_its_own_unless_the_endpoint_moves_the_traffic(project: settings.Settings) -> None:
    own, live = release(), release(strategy="endpoint")
    assert parameters.endpoint_stack(project, own, "prd") == f"{project.job_prefix}-prd"
    assert parameters.endpoint_stack(project, live, "prd") == f"{project.name_prefix}-live-prd"
    assert parameters.endpoint_name(project, live, "prd") == f"{project.name_prefix}-live-p"
    assert parameters.endpoint_name(project, live, "dev") == parameters.endpoint_name(project, own, "dev") == f"{project.job_prefix}-d"
    made = parameters.endpoint(project, live, "prd", "image")["Parameters"]
    assert (made["EndpointName"], made["ModelName"]) == (f"{project.name_prefix}-live-p", f"{project.job_prefix}-p")
    api = parameters.api(project, live, "image")["Parameters"]
    assert (api["EndpointName"], api["ReleaseStrategy"]) == (f"{project.name_prefix}-live-p", "all_at_once")


@pytest.mark.parametrize("changes, expected", [
    ({"guard": "canary", "percent": 20, "minutes": 3}, {"GuardType": "CANARY", "GuardPercent": "20", "GuardSeconds": "600"}),
    ({"guard": "linear", "percent": 25, "minutes": 60}, {"GuardType": "LINEAR", "GuardPercent": "25", "GuardSeconds": "3600"}),
    ({"guard": "all_at_once", "percent": 99, "minutes": 110}, {"GuardType": "ALL_AT_ONCE", "GuardSeconds": "600"}),
])
def test_a_guard_moves_the_endpoint_as_configured(project: settings.Settings, changes: dict[str, Any], expected: dict[str, str]) -> None:
    given = parameters.endpoint(project, release(strategy="endpoint", **changes), "prd", "image")["Parameters"]
    assert {name: value for name, value in given.items() if name.startswith("Guard")} == expected | {"Guarded": "yes"}


@pytest.mark.parametrize("hours, tag", [(24, "24"), (0, "0"), (0.5, "0.5"), (168, "168")])
def test_productions_stack_says_how_long_the_endpoint_before_it_bakes(project: settings.Settings, hours: float, tag: str) -> None:
    assert parameters.endpoint(project, release(bake_hours=hours), "prd", "image")["Tags"]["bake-hours"] == tag
    assert "bake-hours" not in parameters.endpoint(project, release(bake_hours=hours), "dev", "image")["Tags"]


def test_only_what_a_run_creates_is_tagged_with_it(project: settings.Settings) -> None:
    made = files(project)
    assert made["deploy-endpoint.yml"]["Tags"]["run"] == project.run_id
    for name in ("functions.yml", "deploy-model-prd.yml", "monitoring.yml"):
        assert set(made[name]["Tags"]) == {"sagemaker:project-name", "sagemaker:project-id"}
    jobs = {tag["Key"]: tag["Value"] for tag in json.loads(made["monitoring.yml"]["Parameters"]["JobTags"])}
    assert jobs == parameters.endpoint(project, config.load(), "dev", "image")["Tags"]


def watching(**changes: Any) -> dict[str, Any]:
    """Return the configuration with another monitoring section."""
    loaded = config.load()
    return loaded | {"monitoring": loaded["monitoring"] | changes}


def test_the_endpoint_that_production_gets_is_the_one_that_is_watched(project: settings.Settings) -> None:
    for wanted in (release(), release(strategy="endpoint")):
        given = parameters.monitoring(project, wanted, "image", "")["Parameters"]
        assert given["EndpointName"] == parameters.endpoint_name(project, wanted, "prd")
        assert (given["RunId"], given["BaselineUri"]) == (project.run_id, f"{project.run_uri}/baseline")


@pytest.mark.parametrize(("change", "parameter", "value"), [
    ({"engine": "model-monitor"}, "Engine", "model-monitor"), ({"schedule": "daily"}, "Schedule", "daily"),
    ({"cooldown_hours": 2}, "CooldownHours", "2"), ({"retrainings_per_week": 0}, "RetrainingsPerWeek", "0"),
    ({"same_data": True}, "SameData", "yes"), ({"learn_from_captures": True}, "LearnFromCaptures", "yes")])
def test_production_is_watched_as_configured(project: settings.Settings, change: dict[str, Any], parameter: str, value: str) -> None:
    before = parameters.monitoring(project, config.load(), "image", "")["Parameters"]
    after = parameters.monitoring(project, watching(**change), "image", "")["Parameters"]
    assert {name: item for name, item in after.items() if item != before[name]} == {parameter: value}


def test_without_captures_nothing_is_watched(project: settings.Settings) -> None:
    wanted = config.load()
    wanted["serving"]["capture"]["percentage"] = 0
    assert parameters.monitoring(project, wanted, "image", "")["Parameters"]["Capturing"] == "no"


def test_a_look_takes_no_longer_than_sagemaker_lets_an_hourly_one(environment: dict[str, str]) -> None:
    for minutes, seconds in (("45", "2700"), ("480", "3600")):
        project = settings.read(environment | {"TIMEOUT_MINUTES": minutes})
        assert parameters.monitoring(project, config.load(), "image", "")["Parameters"]["MaxRuntimeInSeconds"] == seconds


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
    ({"strategy": "endpoint", "percent": 10, "minutes": 5}, "CodeDeployDefault.LambdaAllAtOnce"),
])
def test_traffic_moves_as_configured(release: dict[str, Any], name: str) -> None:
    assert parameters.deployment_config(release) == name


def test_the_default_is_ten_percent_for_five_minutes(project: settings.Settings) -> None:
    values = parameters.api(project, config.load(), "image")["Parameters"]
    assert values["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
    assert values["Capturing"] == "yes"
