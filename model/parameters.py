"""The parameter files of the stages' stacks, in CodePipeline's TemplateConfiguration format."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from model.config import guard_minutes
from model.settings import Settings
from model.workflow_input import run_tags, tag_list, tags, volume_key

STAGES = {"dev": "d", "prd": "p"}
PREDEFINED: dict[str | tuple[str, int, int], str] = {  # CodeDeploy's own configurations, by strategy, or by strategy, percent and minutes
    "all_at_once": "AllAtOnce",
    "endpoint": "AllAtOnce",  # the endpoint moves the traffic; a new version of the function asks the same one
    **{("canary", 10, minutes): f"Canary10Percent{minutes}Minutes" for minutes in (5, 10, 15, 30)},
    ("linear", 10, 1): "Linear10PercentEvery1Minute",
    **{("linear", 10, minutes): f"Linear10PercentEvery{minutes}Minutes" for minutes in (2, 3, 10)},
}


def configuration(parameters: dict[str, Any], tags: dict[str, str]) -> dict[str, dict[str, str]]:
    """Return the file's content; CloudFormation takes nothing but strings."""
    return {"Parameters": {name: str(value) for name, value in parameters.items()}, "Tags": tags}


def endpoint_name(settings: Settings, config: dict[str, Any], stage: str) -> str:
    """Return the name of the stage's endpoint: the run's own, or production's one and only with strategy endpoint."""
    return f"{live_or_run(settings, config, stage)}-{STAGES[stage]}"


def endpoint_stack(settings: Settings, config: dict[str, Any], stage: str) -> str:
    """Return the name of the stack that holds the stage's endpoint."""
    return f"{live_or_run(settings, config, stage)}-{stage}"


def live_or_run(settings: Settings, config: dict[str, Any], stage: str) -> str:
    """Return what the names of a stage's endpoint and of its stack begin with."""
    return f"{settings.name_prefix}-live" if guarded(config, stage) else settings.job_prefix


def guarded(config: dict[str, Any], stage: str) -> bool:
    """Return whether a stage's endpoint stays, and SageMaker moves it from model to model."""
    return stage == "prd" and bool(config["release"]["strategy"] == "endpoint")


def network(settings: Settings) -> dict[str, str]:
    """Return where functions with a network live; all blank without one."""
    return {
        "SubnetIds": settings.subnet_ids,
        "SecurityGroupId": settings.security_group_id,
        "AccessPointArn": settings.access_point_arn,
    }


def functions(settings: Settings, api_image_uri: str) -> dict[str, Any]:
    """Return functions.json."""
    return configuration({
        "ApiImageUri": api_image_uri,
        "NamePrefix": settings.name_prefix,
        "BucketName": settings.bucket,
        "KmsKeyArn": settings.kms_key_arn,
        **network(settings),
        "PermissionsBoundary": settings.permissions_boundary,
    }, tags(settings))


def endpoint(settings: Settings, config: dict[str, Any], stage: str, model_image_uri: str) -> dict[str, Any]:
    """Return endpoint-dev.json or endpoint-prd.json; only production keeps its requests, scales and is watched."""
    variant = config["serving"]["variants"][0]
    return configuration({
        "NamePrefix": settings.name_prefix,
        "EndpointName": endpoint_name(settings, config, stage),
        "ModelName": f"{settings.job_prefix}-{STAGES[stage]}",
        "ModelImageUri": model_image_uri,
        "ModelDataUrl": f"{settings.run_uri}/model/model.tar.gz",
        "EndpointRoleArn": settings.endpoint_role_arn,
        "KmsKeyArn": settings.kms_key_arn,
        "VolumeKmsKeyArn": volume_key(variant["instance_type"], settings).get("VolumeKmsKeyId", ""),
        "InstanceType": variant["instance_type"],
        "InstanceCount": variant[f"{stage}_instances"],
        "VariantName": variant["name"],
        "Answer": config["serving"]["answer"],
        "CapturePercentage": config["serving"]["capture"]["percentage"] if stage == "prd" else 0,
        "CaptureUri": f"s3://{settings.bucket}/captures",
        "GoldenUri": f"{settings.run_uri}/golden/records.jsonl",
        "RunId": settings.run_id,
        "TopicArn": settings.topic_arn,
        **(production(config) if stage == "prd" else {}),
    }, run_tags(settings) | (baking(config) if stage == "prd" else {}))


def production(config: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of production's endpoint that dev leaves at their defaults: scaling, alarms and the guard."""
    scaling, release = config["serving"]["scaling"], config["release"]
    return {
        "MaximumInstances": scaling["maximum"],
        "TargetInvocations": scaling["target"],
        "ScaleInSeconds": scaling["scale_in_seconds"],
        "ScaleOutSeconds": scaling["scale_out_seconds"],
        "LatencyMs": release["latency_ms"],
        **(guard(release) if guarded(config, "prd") else {}),
    }


def guard(release: dict[str, Any]) -> dict[str, Any]:
    """Return how SageMaker moves an endpoint to another model; the size of a step has no meaning where there is one only."""
    size = {} if release["guard"] == "all_at_once" else {"GuardPercent": release["percent"]}
    return {"Guarded": "yes", "GuardType": release["guard"].upper(), "GuardSeconds": guard_minutes(release) * 60} | size


def baking(config: dict[str, Any]) -> dict[str, str]:
    """Return the tag that says how long the endpoint that this one follows stays."""
    return {"bake-hours": f"{config['release']['bake_hours']:g}"}


def api(settings: Settings, config: dict[str, Any], api_image_uri: str) -> dict[str, Any]:
    """Return api.json; the stack outlives the run, so it has the project's tags only."""
    return configuration({
        "NamePrefix": settings.name_prefix,
        "ApiImageUri": api_image_uri,
        "EndpointName": endpoint_name(settings, config, "prd"),
        "RunId": settings.run_id,
        "ArtifactsUri": artifacts_uri(settings),
        "BucketName": settings.bucket,
        "KmsKeyArn": settings.kms_key_arn,
        **network(settings),
        "ApiAuthorization": settings.api_authorization,
        "WebAclArn": settings.web_acl_arn,
        "PermissionsBoundary": settings.permissions_boundary,
        "TopicArn": settings.topic_arn,
        "Capturing": capturing(config),
        "DeploymentConfigName": deployment_config(config["release"]),
        "ReleaseStrategy": "all_at_once" if guarded(config, "prd") else config["release"]["strategy"],
        "ReleasePercent": config["release"]["percent"],
        "ReleaseMinutes": config["release"]["minutes"],
        "WatchSeconds": config["release"]["watch_minutes"] * 60,
        "LatencyMs": config["release"]["latency_ms"],
        "SyntheticPerMinute": config["release"]["synthetic_per_minute"],
        "CallsPerMinute": config["alarms"]["calls_per_minute"],
        "ClientErrorsPerMinute": config["alarms"]["client_errors_per_minute"],
        "FaultsPerMinute": config["alarms"]["faults_per_minute"],
        "Shifting": "yes",  # scripts/rollback.sh says no
        "CodeSha": code_sha(settings, api_image_uri),
    }, tags(settings))


def monitoring(settings: Settings, config: dict[str, Any], model_image_uri: str, analyzer_image_uri: str) -> dict[str, Any]:
    """Return monitoring.json; the stack outlives the run, so it has the project's tags only."""
    watch, instance = config["monitoring"], config["processing"]["instance"]
    return configuration({
        "NamePrefix": settings.name_prefix,
        "EndpointName": endpoint_name(settings, config, "prd"),
        "RunId": settings.run_id,
        "BaselineUri": f"{settings.run_uri}/baseline",
        "BucketName": settings.bucket,
        "DatasetBucketName": settings.dataset_bucket,
        "KmsKeyArn": settings.kms_key_arn,
        "VolumeKmsKeyArn": volume_key(instance["type"], settings).get("VolumeKmsKeyId", ""),
        "ModelImageUri": model_image_uri,
        "AnalyzerImageUri": analyzer_image_uri,
        "JobRoleArn": settings.job_role_arn,
        "TopicArn": settings.topic_arn,
        "JobTags": json.dumps(tag_list(run_tags(settings))),
        "InstanceType": instance["type"],
        "VolumeGb": instance["volume_gb"],
        "MaxRuntimeInSeconds": min(settings.timeout_minutes * 60, 3600),  # SageMaker's limit for an hourly schedule
        "Capturing": capturing(config),
        "Engine": watch["engine"],
        "Schedule": watch["schedule"],
        "CooldownHours": watch["cooldown_hours"],
        "RetrainingsPerWeek": watch["retrainings_per_week"],
        "SameData": yes_or_no(watch["same_data"]),
        "LearnFromCaptures": yes_or_no(watch["learn_from_captures"]),
        "PermissionsBoundary": settings.permissions_boundary,
    }, tags(settings))


def capturing(config: dict[str, Any]) -> str:
    """Return whether production keeps what it is asked."""
    return yes_or_no(config["serving"]["capture"]["percentage"])


def yes_or_no(value: Any) -> str:
    """Return a truth as the templates take it."""
    return "yes" if value else "no"


def deployment_config(release: dict[str, Any]) -> str:
    """Return the name of CodeDeploy's own configuration for the release section; blank when the stack has to make one."""
    name = PREDEFINED.get(release["strategy"]) or PREDEFINED.get((release["strategy"], release["percent"], release["minutes"]))
    return f"CodeDeployDefault.Lambda{name}" if name else ""


def artifacts_uri(settings: Settings) -> str:
    """Return where the API function finds the run's schema: on the file system, or in S3 without one."""
    if settings.access_point_arn:
        return f"/mnt/artifacts/{settings.run_id}"
    return f"{settings.run_uri}/inference"


def code_sha(settings: Settings, api_image_uri: str) -> str:
    """Return what changes with image and run: the stack publishes a version for each."""
    return hashlib.sha256(f"{api_image_uri} {settings.run_id}".encode()).hexdigest()
