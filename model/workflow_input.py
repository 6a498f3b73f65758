"""The input of one execution of the workflow: every value that differs from run to run."""

from __future__ import annotations

import re
from typing import Any

from model.config import comparison, hyperparameters
from model.errors import BuildError
from model.settings import Settings

# Instances with a local NVMe disk encrypt it with a key of the machine and refuse a volume key.
LOCAL_DISK = re.compile(r"ml\.([a-z]+\d+[a-z]*d[a-z]*|g[56]e?|gr6|p5[a-z]*|p6.*|dl\d.*|trn\d.*|i\d.*)\..+")


def tags(settings: Settings) -> dict[str, str]:
    """Return the tags of everything that belongs to the project."""
    return {"sagemaker:project-name": settings.project_name, "sagemaker:project-id": settings.project_id}


def run_tags(settings: Settings) -> dict[str, str]:
    """Return the tags of what belongs to one run."""
    return tags(settings) | {"run": settings.run_id, "commit": settings.commit_id, "data-version": settings.data_version}


def tag_list(pairs: dict[str, str]) -> list[dict[str, str]]:
    """Return tags as SageMaker and CloudFormation take them."""
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


def workflow_input(settings: Settings, config: dict[str, Any], model_image_uri: str, live_model_uri: str | None = None) -> dict[str, Any]:
    """Return the input that model/workflow.py's paths read."""
    gate = config["gate"]
    return {
        "RunId": settings.run_id,
        "JobPrefix": settings.job_prefix,
        "Bucket": settings.bucket,
        "Prefix": settings.run_uri,
        "ModelImageUri": model_image_uri,
        "ExperimentName": settings.name_prefix,
        "TrialName": settings.job_prefix,
        "Tags": tag_list(run_tags(settings)),
        "HyperParameters": hyperparameters(config),
        "Processing": {"ClusterConfig": cluster(config["processing"]["instance"], settings)},
        "Training": training(config["training"], settings),
        "Transform": {"Resources": transform(config["processing"]["instance"], settings)},
        # A job's inputs are fixed and must lead to something: without a live model evaluate finds none in the run's config.
        "LiveModelUri": live_model_uri or f"{settings.run_uri}/config/",
        "MaxRuntimeInSeconds": settings.timeout_minutes * 60,
        "MetricName": gate["metric"],
        "Threshold": gate["threshold"],
        "Comparison": comparison(gate["metric"]),
    }


def volume_key(instance_type: str, settings: Settings) -> dict[str, str]:
    """Return the key of the volume, where the instance type has one to encrypt."""
    return {} if LOCAL_DISK.fullmatch(instance_type) else {"VolumeKmsKeyId": settings.kms_key_arn}


def cluster(instance: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Return the machines of a job."""
    return {
        "InstanceCount": instance.get("count", 1),
        "InstanceType": instance["type"],
        "VolumeSizeInGB": instance["volume_gb"],
        **volume_key(instance["type"], settings),
    }


def transform(instance: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Return the machine of the transform job, whose volume has no size to choose."""
    return {"InstanceCount": 1, "InstanceType": instance["type"], **volume_key(instance["type"], settings)}


def training(training: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Return the training job's machines and limits; with spot, waiting counts into a second limit."""
    check_spot(training["spot"], settings)
    stopping = {"MaxRuntimeInSeconds": settings.timeout_minutes * 60}
    if training["spot"]["enabled"]:
        stopping["MaxWaitTimeInSeconds"] = training["spot"]["max_wait_minutes"] * 60
    return {
        "ResourceConfig": cluster(training["instance"], settings),
        "StoppingCondition": stopping,
        "ManagedSpot": training["spot"]["enabled"],
    }


def check_spot(spot: dict[str, Any], settings: Settings) -> None:
    """Raise BuildError when the wait is shorter than the training may take; SageMaker refuses that."""
    if spot["enabled"] and spot["max_wait_minutes"] < settings.timeout_minutes:
        raise BuildError(
            f"model/config.yml: training.spot.max_wait_minutes is {spot['max_wait_minutes']}; "
            f"allowed: at least {settings.timeout_minutes}, the project's timeout in minutes"
        )
