"""The input of an execution."""

from __future__ import annotations

from typing import Any

import pytest

from model import config, settings
from model.errors import BuildError
from model.workflow_input import workflow_input


def made(project: settings.Settings, **training: Any) -> dict[str, Any]:
    loaded = config.load()
    loaded["training"] |= training
    return workflow_input(project, loaded, "image")


def test_the_times_and_gate_are_those_of_the_project_and_its_config(project: settings.Settings) -> None:
    run = made(project)
    assert (run["MetricName"], run["Threshold"], run["Comparison"]) == ("auc", 0.85, "at least")
    assert run["Training"]["StoppingCondition"] == {"MaxRuntimeInSeconds": 2700}
    assert {"Key": "data-version", "Value": "v1"} in run["Tags"]


def test_evaluate_finds_the_live_model_or_else_a_folder_that_is_there(project: settings.Settings) -> None:
    assert made(project)["LiveModelUri"] == f"{project.run_uri}/config/"
    assert workflow_input(project, config.load(), "image", "s3://b/runs/x/model/model.tar.gz")["LiveModelUri"] == "s3://b/runs/x/model/model.tar.gz"


@pytest.mark.parametrize(("instance_type", "has_key"), [
    ("ml.m5.large", True), ("ml.c6i.xlarge", True), ("ml.g4dn.xlarge", False), ("ml.g5.2xlarge", False),
    ("ml.m5d.large", False), ("ml.c6id.large", False), ("ml.p4d.24xlarge", False), ("ml.trn1.2xlarge", False), ("ml.inf2.xlarge", True),
])
def test_a_volume_key_is_left_out_where_the_disk_is_the_machines_own(project: settings.Settings, instance_type: str, has_key: bool) -> None:
    run = made(project, instance={"type": instance_type, "count": 1, "volume_gb": 10})
    assert run["Training"]["ResourceConfig"].get("VolumeKmsKeyId") == (project.kms_key_arn if has_key else None)


def test_spot_waits_as_long_as_configured(project: settings.Settings) -> None:
    run = made(project, spot={"enabled": True, "max_wait_minutes": 60})
    assert run["Training"]["ManagedSpot"] is True
    assert run["Training"]["StoppingCondition"] == {"MaxRuntimeInSeconds": 2700, "MaxWaitTimeInSeconds": 3600}


def test_a_wait_shorter_than_the_timeout_is_refused(project: settings.Settings) -> None:
    with pytest.raises(BuildError, match="training.spot.max_wait_minutes is 30; allowed: at least 45"):
        made(project, spot={"enabled": True, "max_wait_minutes": 30})
