"""The build's environment."""

from __future__ import annotations

import pytest

from model import settings
from model.errors import BuildError


def test_the_run_names_what_it_creates(project: settings.Settings) -> None:
    assert project.job_prefix == f"{project.name_prefix}-0a1b2c3d"
    assert project.run_uri == f"s3://{project.bucket}/runs/0a1b2c3d-1111-4222-8333-444455556666"


@pytest.mark.parametrize(("name", "setter"), [
    ("KMS_KEY_ARN", "pipeline.yml sets it"),
    ("DATA_VERSION", "the action Build of pipeline.yml sets it"),
    ("CODEBUILD_SRC_DIR_DataSource", "CodeBuild, from the input artifact DataSource sets it"),
])
def test_a_missing_variable_is_refused_with_who_sets_it(environment: dict[str, str], name: str, setter: str) -> None:
    del environment[name]
    with pytest.raises(BuildError) as refusal:
        settings.read(environment)
    assert str(refusal.value) == f"{name} is not set; {setter}"


@pytest.mark.parametrize("value", ["0", "481", "45.5", "soon"])
def test_a_timeout_that_is_no_number_of_minutes_is_refused(environment: dict[str, str], value: str) -> None:
    with pytest.raises(BuildError, match="TIMEOUT_MINUTES is .*; allowed: a whole number from 1 to 480"):
        settings.read(environment | {"TIMEOUT_MINUTES": value})


def test_a_project_without_network_and_data_set_is_fine(environment: dict[str, str]) -> None:
    for name in ("SUBNET_IDS", "SECURITY_GROUP_ID", "ACCESS_POINT_ARN", "DATASET_BUCKET", "PERMISSIONS_BOUNDARY"):
        environment.pop(name, None)
    assert settings.read(environment).access_point_arn == ""
