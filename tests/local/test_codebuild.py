"""CodeBuild: buildspecs run for real, with the service role's rights and nothing of the server's."""

import io
import json
import os
import time
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.build import Build, PhaseError
from local.clock import Clock
from local.machine import Machine

TRUST = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "codebuild.amazonaws.com"}, "Action": "sts:AssumeRole"}]}


def packed(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@dataclass
class Project:
    """One project of its own, with its role and bucket."""

    aws: Any
    name: str

    def build(self, buildspec: str, **overrides: Any) -> dict:
        """Run a buildspec to its end and return the build."""
        return self.finished(self.start(buildspec, **overrides))

    def start(self, buildspec: str, **overrides: Any) -> str:
        return self.aws.client("codebuild").start_build(
            projectName=self.name, buildspecOverride=buildspec, **overrides)["build"]["id"]

    def shown(self, identifier: str) -> dict:
        return self.aws.client("codebuild").batch_get_builds(ids=[identifier])["builds"][0]

    def finished(self, identifier: str) -> dict:
        return until(lambda: self.shown(identifier), lambda build: build["buildComplete"])

    def log(self, build: dict) -> str:
        logs = self.aws.client("logs").get_log_events(
            logGroupName=build["logs"]["groupName"], logStreamName=build["logs"]["streamName"])
        return "\n".join(event["message"] for event in logs["events"])


def until(look: Callable[[], dict], good: Callable[[dict], bool]) -> dict:
    """Look until what is seen is good."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if good(seen := look()):
            return seen
    raise AssertionError(f"not in time: {seen}")


def phases(build: dict) -> dict[str, str]:
    return {phase["phaseType"]: phase.get("phaseStatus", "") for phase in build["phases"]}


def context(build: dict, phase: str) -> dict:
    return next(each for each in build["phases"] if each["phaseType"] == phase)["contexts"][0]


@pytest.fixture(scope="module")
def project(aws: Any) -> Project:
    name = f"project-{uuid.uuid4().hex[:8]}"
    iam = aws.client("iam")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    actions = ["logs:*", "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "ssm:GetParameter",
               "codecommit:GitPull", "sts:GetCallerIdentity", "kms:GenerateDataKey"]
    iam.put_role_policy(RoleName=name, PolicyName="build", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}))
    aws.client("s3").create_bucket(Bucket=name)
    aws.client("codebuild").create_project(
        name=name, serviceRole=role, source={"type": "NO_SOURCE", "buildspec": "version: 0.2\n"},
        artifacts={"type": "NO_ARTIFACTS"}, environment={
            "type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:8.0", "computeType": "BUILD_GENERAL1_SMALL",
            "environmentVariables": [{"name": "FROM_PROJECT", "value": "project"}]})
    return Project(aws, name)


def test_a_build_keeps_its_shell_and_exports_variables(project: Project) -> None:
    build = project.build("""
version: 0.2
env: {variables: {GREETING: hello}, exported-variables: [RESULT]}
phases:
  install: {runtime-versions: {python: "3.13"}, commands: ["NAME=world; say() { echo \\"$GREETING $NAME\\"; }"]}
  pre_build: {commands: ["mkdir inside", "cd inside"]}
  build:
    commands:
      - export RESULT="$(say) $(basename "$PWD") $FROM_PROJECT $FROM_START $CODEBUILD_BUILD_SUCCEEDING"
      - |
        for step in 1 2; do
          echo "step $step"
        done
""", environmentVariablesOverride=[{"name": "FROM_START", "value": "start"}])
    log = project.log(build)
    assert build["buildStatus"] == "SUCCEEDED", log
    assert build["exportedEnvironmentVariables"] == [{"name": "RESULT", "value": "hello world inside project start 1"}]
    assert "Running command mkdir inside" in log and "step 2" in log and "Runtime python 3.13" in log
    assert list(phases(build)) == ["SUBMITTED", "QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE", "INSTALL", "PRE_BUILD",
                                   "BUILD", "POST_BUILD", "UPLOAD_ARTIFACTS", "FINALIZING", "COMPLETED"]


@pytest.mark.parametrize(("failing", "follows"), [
    ("install", False), ("pre_build", False), ("build", True), ("post_build", True)])
def test_a_failing_command_fails_its_phase_and_the_build(project: Project, failing: str, follows: bool) -> None:
    commands = {name: ["exit 1" if name == failing else f"echo {name}"]
                for name in ("install", "pre_build", "build", "post_build")}
    build = project.build(json.dumps({"version": "0.2", "phases": {
        name: {"commands": each, "finally": [f"echo {name} $CODEBUILD_BUILD_SUCCEEDING ended"]}
        for name, each in commands.items()}}))
    assert (build["buildStatus"], phases(build)[failing.upper()]) == ("FAILED", "FAILED")
    assert context(build, failing.upper()) == {
        "statusCode": "COMMAND_EXECUTION_ERROR",
        "message": "Error while executing command: exit 1. Reason: exit status 1"}
    assert ("POST_BUILD" in phases(build)) == follows
    assert f"{failing} 1 ended" in project.log(build)
    assert failing != "build" or "post_build 0 ended" in project.log(build)


def test_sources_come_from_s3_and_artifacts_go_there(project: Project, aws: Any) -> None:
    s3 = aws.client("s3")
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    s3.put_object(Bucket=project.name, Key="source.zip", Body=packed({"buildspec.yml": """
version: 0.2
phases:
  build:
    commands:
      - mkdir -p build/deep
      - cp "$CODEBUILD_SRC_DIR_Data/data.txt" build/deep/
      - echo "$CODEBUILD_INITIATOR $CODEBUILD_RESOLVED_SOURCE_VERSION" > build/.who
artifacts: {base-directory: build, files: ["**/*"]}
"""}))
    s3.put_object(Bucket=project.name, Key="data.zip", Body=packed({"data.txt": "data"}))
    started = aws.client("codebuild").start_build(
        projectName=project.name, sourceTypeOverride="S3", sourceLocationOverride=f"{project.name}/source.zip",
        buildspecOverride="", encryptionKeyOverride=key, secondarySourcesOverride=[
            {"type": "S3", "location": f"{project.name}/data.zip", "sourceIdentifier": "Data"}],
        artifactsOverride={"type": "S3", "location": project.name, "path": "out", "name": "result", "packaging": "ZIP"},
        environmentVariablesOverride=[{"name": "CODEBUILD_INITIATOR", "value": "codepipeline/pipe"},
                                      {"name": "CODEBUILD_RESOLVED_SOURCE_VERSION", "value": "abc"}])
    build = project.finished(started["build"]["id"])
    assert build["buildStatus"] == "SUCCEEDED", project.log(build)
    assert (build["initiator"], build["resolvedSourceVersion"]) == ("codepipeline/pipe", "abc")
    assert build["artifacts"]["location"] == f"arn:aws:s3:::{project.name}/out/result"
    answer = s3.get_object(Bucket=project.name, Key="out/result")
    assert answer["SSEKMSKeyId"] == key
    with zipfile.ZipFile(io.BytesIO(answer["Body"].read())) as archive:
        assert archive.read("deep/data.txt") == b"data" and archive.read(".who") == b"codepipeline/pipe abc\n"


def test_a_source_in_codecommit_is_cloned_at_the_version(project: Project, aws: Any) -> None:
    codecommit = aws.client("codecommit")
    codecommit.create_repository(repositoryName=project.name)
    first = codecommit.put_file(repositoryName=project.name, branchName="main", filePath="word", fileContent=b"old")
    codecommit.put_file(repositoryName=project.name, branchName="main", filePath="word", fileContent=b"new",
                        parentCommitId=first["commitId"])
    build = project.build("version: 0.2\nphases: {build: {commands: ['grep old word', 'git log --oneline']}}\n",
                          sourceTypeOverride="CODECOMMIT", sourceVersion=first["commitId"],
                          sourceLocationOverride=f"{aws.endpoint_url}/v1/repos/{project.name}")
    assert build["buildStatus"] == "SUCCEEDED", project.log(build)
    assert build["resolvedSourceVersion"] == first["commitId"]


def test_a_build_has_its_own_python_and_none_of_the_servers_variables(
        project: Project, aws: Any) -> None:
    aws.client("ssm").put_parameter(Name=f"/{project.name}/word", Value="kept", Type="String")
    build = project.build(f"""
version: 0.2
env: {{parameter-store: {{WORD: /{project.name}/word}}}}
phases:
  build:
    commands:
      - test "$(python -c 'import sys; print(sys.prefix)')" = "$(dirname "$(dirname "$(command -v pip)")")"
      - python -m pip --version
      - test "$WORD" = kept
      - test -z "$STATE_DIR$GATEWAY_PORT$LAMBDA_EXECUTOR"
      - case "$HOME" in *codebuild*) ;; *) exit 1;; esac
      - aws sts get-caller-identity --query Arn --output text
      - docker build . || echo "docker refused"
""")
    log = project.log(build)
    assert build["buildStatus"] == "SUCCEEDED", log
    assert f"assumed-role/{project.name}/AWSCodeBuild-" in log
    assert "not privileged" in log and "docker refused" in log


def test_a_privileged_build_has_this_machines_docker(project: Project) -> None:
    build = project.build("version: 0.2\nphases: {build: {commands: [docker version]}}\n", privilegedModeOverride=True)
    assert build["buildStatus"] == "SUCCEEDED" and "this machine's" in project.log(build)


def test_a_right_that_the_role_lacks_fails_the_build_naming_it(project: Project) -> None:
    build = project.build("version: 0.2\n", environmentVariablesOverride=[
        {"name": "SECRET", "value": "none", "type": "SECRETS_MANAGER"}])
    assert build["buildStatus"] == "FAILED"
    assert context(build, "DOWNLOAD_SOURCE")["statusCode"] == "ACCESS_DENIED"
    assert "secretsmanager:GetSecretValue" in context(build, "DOWNLOAD_SOURCE")["message"]


@pytest.mark.parametrize(("buildspec", "reason"), [
    ("version: 0.2\nbatch: {}\n", "batch is not available"),
    ("version: 0.2\nphases: {install: {runtime-versions: {nodejs: 22}}}\n", "Unknown runtime named nodejs"),
    ("version: 0.2\nphases: {build: {commands: [{echo a: b}]}}\n", "Expected phases.build.commands[0] to be of string"),
    ("missing.yml", "YAML file does not exist: missing.yml")])
def test_a_buildspec_that_cannot_run_is_refused_by_name(project: Project, buildspec: str, reason: str) -> None:
    build = project.build(buildspec)
    assert context(build, "DOWNLOAD_SOURCE")["statusCode"] == "YAML_FILE_ERROR"
    assert reason in context(build, "DOWNLOAD_SOURCE")["message"]


def test_missing_artifacts_fail_the_upload(project: Project) -> None:
    build = project.build("version: 0.2\nartifacts: {files: ['none/**/*']}\n", artifactsOverride={
        "type": "S3", "location": project.name, "name": "none", "packaging": "ZIP"})
    assert (build["buildStatus"], phases(build)["UPLOAD_ARTIFACTS"]) == ("FAILED", "FAILED")
    assert context(build, "UPLOAD_ARTIFACTS")["message"] == "no matching artifact paths found for none/**/*"


def test_a_build_can_be_stopped(project: Project, aws: Any) -> None:
    started = project.start("version: 0.2\nphases: {build: {commands: ['echo begun; sleep 600']}}\n")
    until(lambda: project.shown(started), lambda build: build["currentPhase"] == "BUILD")
    aws.client("codebuild").stop_build(id=started)
    build = project.finished(started)
    assert (build["buildStatus"], phases(build)["BUILD"]) == ("STOPPED", "STOPPED")
    assert "POST_BUILD" not in phases(build)


def test_the_same_token_starts_one_build(project: Project, aws: Any) -> None:
    first = project.start("version: 0.2\n", idempotencyToken="once")
    assert project.start("version: 0.2\n", idempotencyToken="once") == first
    assert aws.client("codebuild").list_builds_for_project(projectName=project.name)["ids"][0] == first
    project.finished(first)


def test_cache_paths_live_on_from_build_to_build(project: Project) -> None:
    buildspec = """
version: 0.2
phases: {build: {commands: ['echo "$(cat kept/count 2>/dev/null)x" > kept/count', 'cat kept/count']}}
cache: {paths: ['kept/**/*']}
"""
    local = {"type": "LOCAL", "modes": ["LOCAL_CUSTOM_CACHE"]}
    logs = [project.log(project.build(buildspec, cacheOverride=local)).splitlines() for _ in range(2)]
    assert [log.count("xx") for log in logs] == [0, 1]


def test_a_command_that_outlives_the_timeout_is_ended(tmp_path: Path) -> None:
    machine = Machine(data=tmp_path, port=0, clock=Clock(), cache=tmp_path / "cache")
    table = machine.store.table("builds")
    table["late:1"] = {"effective": {"name": "late", "timeoutInMinutes": 0}}
    child = machine.processes.start(
        ["sleep", "600"], env=dict(os.environ), cwd=tmp_path, log=tmp_path / "log", name="late")
    with pytest.raises(PhaseError, match="Build has timed out after 0 minutes") as caught:
        Build(machine, table, "late:1")._wait(child)
    assert caught.value.status == "TIMED_OUT" and child.poll() is not None


def test_a_project_that_asks_for_what_is_missing_is_refused(project: Project, aws: Any) -> None:
    settings = aws.client("codebuild").batch_get_projects(names=[project.name])["projects"][0]
    with pytest.raises(ClientError, match="source type GITHUB is not available"):
        aws.client("codebuild").create_project(
            name=f"{project.name}-2", source={"type": "GITHUB", "location": "https://example.com"},
            **{key: settings[key] for key in ("artifacts", "environment", "serviceRole")})
