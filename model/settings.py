"""What pipeline.yml tells the build, read once from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from model.errors import BuildError

SET_BY = {
    "PIPELINE_EXECUTION_ID": "the action Build of pipeline.yml",
    "COMMIT_ID": "the action Build of pipeline.yml",
    "DATA_VERSION": "the action Build of pipeline.yml",
    "CODEBUILD_SRC_DIR_DataSource": "CodeBuild, from the input artifact DataSource",
    "MODEL_IMAGE_URI": "model/buildspec.yml",
    "API_IMAGE_URI": "model/buildspec.yml",
}


@dataclass(frozen=True)
class Settings:
    """The project that the build belongs to, and the run that it prepares."""

    name_prefix: str
    project_name: str
    project_id: str
    bucket: str
    dataset_bucket: str
    kms_key_arn: str
    topic_arn: str
    workflow_role_arn: str
    job_role_arn: str
    endpoint_role_arn: str
    subnet_ids: str
    security_group_id: str
    access_point_arn: str
    api_authorization: str
    web_acl_arn: str
    permissions_boundary: str
    timeout_minutes: int
    run_id: str
    commit_id: str
    data_version: str
    data_source: Path

    @property
    def short_run_id(self) -> str:
        """Return R, the first eight hex digits of the run, which physical names carry."""
        return self.run_id[:8]

    @property
    def job_prefix(self) -> str:
        """Return the start of the name of everything that this run creates."""
        return f"{self.name_prefix}-{self.short_run_id}"

    @property
    def run_key(self) -> str:
        """Return the key prefix of the run's files in the project's bucket."""
        return f"runs/{self.run_id}"

    @property
    def run_uri(self) -> str:
        """Return the S3 URI of the run's files."""
        return f"s3://{self.bucket}/{self.run_key}"


def required(environment: Mapping[str, str], name: str) -> str:
    """Return a variable that must not be blank."""
    value = environment.get(name, "").strip()
    if not value:
        raise BuildError(f"{name} is not set; {SET_BY.get(name, 'pipeline.yml')} sets it")
    return value


def read(environment: Mapping[str, str]) -> Settings:
    """Return the settings, or refuse naming the variable that is missing."""

    def optional(name: str) -> str:
        return environment.get(name, "").strip()

    def given(name: str) -> str:
        return required(environment, name)

    return Settings(
        name_prefix=given("NAME_PREFIX"), project_name=given("PROJECT_NAME"), project_id=given("PROJECT_ID"),
        bucket=given("BUCKET"), dataset_bucket=optional("DATASET_BUCKET"), kms_key_arn=given("KMS_KEY_ARN"),
        topic_arn=given("TOPIC_ARN"), workflow_role_arn=given("WORKFLOW_ROLE_ARN"), job_role_arn=given("JOB_ROLE_ARN"),
        endpoint_role_arn=given("ENDPOINT_ROLE_ARN"), subnet_ids=optional("SUBNET_IDS"),
        security_group_id=optional("SECURITY_GROUP_ID"), access_point_arn=optional("ACCESS_POINT_ARN"),
        api_authorization=given("API_AUTHORIZATION"), web_acl_arn=optional("WEB_ACL_ARN"),
        permissions_boundary=optional("PERMISSIONS_BOUNDARY"), timeout_minutes=minutes(given("TIMEOUT_MINUTES")),
        run_id=given("PIPELINE_EXECUTION_ID"), commit_id=given("COMMIT_ID"), data_version=given("DATA_VERSION"),
        data_source=Path(given("CODEBUILD_SRC_DIR_DataSource")),
    )


def minutes(text: str) -> int:
    """Return TIMEOUT_MINUTES as a number of minutes."""
    if not text.isdecimal() or not 1 <= int(text) <= 480:
        raise BuildError(f"TIMEOUT_MINUTES is {text!r}; allowed: a whole number from 1 to 480; pipeline.yml sets it")
    return int(text)
