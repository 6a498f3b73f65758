"""What the build runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from model import analyzer, run_pipeline, settings
from model.errors import BuildError

ROOT = Path(__file__).parents[3]
TABLE = "minutes,plan,churn\n10,a,no\n20,b,yes\n"


class MemoryEcr:
    """ECR with one image, that has one tag."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    def describe_images(self, **request: Any) -> dict[str, Any]:
        self.asked = request
        if request["imageIds"][0].get("imageTag") not in (None, "known"):
            raise ClientError({"Error": {"Code": "ImageNotFoundException", "Message": "not found"}}, "DescribeImages")
        if request["repositoryName"].startswith("foreign"):
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}, "DescribeImages")
        return {"imageDetails": [{"imageDigest": f"sha256:{'a' * 64}"}]}


class MemoryFunctions:
    """Lambda before the first release."""

    def get_function_configuration(self, **_: Any) -> dict[str, Any]:
        raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "not found"}}, "GetFunctionConfiguration")


# What the buildspec has put into build/ before, and what of it all going back to the run needs.
PACKAGED = ("deploy-endpoint.yml", "deploy-model-prd.yml", "monitoring.yml")
RELEASE = ("api.json", "endpoint-prd.json", "monitoring.json", *PACKAGED)
FILES = {"config/config.json", "data/source.json", "sbom/model.json", "sbom/api.json", *(f"release/{name}" for name in RELEASE)}


@pytest.fixture
def ecr(monkeypatch: pytest.MonkeyPatch, s3: Any, environment: dict[str, str], tmp_path: Path) -> MemoryEcr:
    """A build's surroundings: its variables, S3 and ECR in memory, and a folder to write build/ to."""
    memory = MemoryEcr()
    monkeypatch.setattr(run_pipeline.boto3, "client", lambda service: {"s3": s3, "ecr": memory, "lambda": MemoryFunctions()}[service])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "build").mkdir()
    for name in PACKAGED:
        (tmp_path / "build" / name).write_text(f"packaged {name}", encoding="utf-8")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return memory


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["model/run_pipeline.py", *arguments])
    return run_pipeline.main()


def point(upload: Path, **fields: str) -> None:
    (upload / "inputData.json").write_text(json.dumps(fields), encoding="utf-8")


def test_an_upload_of_data_is_laid_under_the_run(ecr: MemoryEcr, s3: Any, upload: Path, project: settings.Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    (upload / "churn.csv").write_text(TABLE, encoding="utf-8")
    (upload / "hyperparameters.json").write_text('{"max_iter": 50}', encoding="utf-8")
    assert run(monkeypatch, "write") == 0
    written = {key.removeprefix(f"{project.run_key}/") for bucket, key in s3.objects if bucket == project.bucket}
    assert written == {"data/input/train/churn.csv", *FILES}
    assert set(s3.keys.values()) == {project.kms_key_arn}
    assert json.loads(s3.objects[project.bucket, f"{project.run_key}/config/config.json"])["training"]["hyperparameters"] == {"max_iter": 50}
    assert sorted(path.name for path in Path("build").iterdir() if path.name not in PACKAGED) == [
        "api.json", "endpoint-dev.json", "endpoint-prd.json", "functions.json", "monitoring.json", "workflow-graph.yml",
        "workflow-input.json"]
    assert json.loads(Path("build/workflow-input.json").read_text(encoding="utf-8"))["HyperParameters"]["max_iter"] == "50"


def test_what_pointers_lead_to_is_copied_under_the_run(ecr: MemoryEcr, s3: Any, upload: Path, project: settings.Settings,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    point(upload, TrainingUri="s3://data-sets/churn/train", TestUri="s3://data-sets/churn/test.csv")
    assert run(monkeypatch, "write") == 0
    written = {key.removeprefix(f"{project.run_key}/data/input/") for bucket, key in s3.objects if bucket == project.bucket}
    others = {f"{project.run_key}/{name}" for name in FILES}
    assert written == {"train/one.csv", "train/more_two.csv", "test/test.csv"} | others


def test_the_run_remembers_what_it_was_trained_on(ecr: MemoryEcr, s3: Any, upload: Path, project: settings.Settings,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    point(upload, TrainingUri="s3://data-sets/churn/train", TestUri="s3://data-sets/churn/test.csv")
    marks = {key: item["ETag"] for item in s3.paginate("data-sets", "churn/")[0]["Contents"] if (key := item["Key"])}
    assert run(monkeypatch, "write") == 0
    source = json.loads(s3.objects[project.bucket, f"{project.run_key}/data/source.json"])
    assert (source["version"], source["pointers"]["test"]) == ("v1", {
        "uri": "s3://data-sets/churn/test.csv", "objects": {"churn/test.csv": marks["churn/test.csv"]}})
    assert set(source["pointers"]["train"]["objects"]) == {"churn/train/one.csv", "churn/train/more/two.csv"}


def test_a_build_says_that_without_captures_nothing_is_watched(ecr: MemoryEcr, upload: Path, monkeypatch: pytest.MonkeyPatch,
                                                               capsys: pytest.CaptureFixture[str]) -> None:
    (upload / "churn.csv").write_text(TABLE, encoding="utf-8")
    loaded = run_pipeline.configuration.load()
    loaded["serving"]["capture"]["percentage"] = 0
    monkeypatch.setattr(run_pipeline.configuration, "load", lambda: loaded)
    assert run(monkeypatch, "write") == 0
    assert "serving.capture.percentage is 0: production is not watched for drift" in capsys.readouterr().err


@pytest.mark.parametrize(("region", "account"), [("us-east-1", "156813124566"), ("eu-west-1", "468650794304")])
def test_model_monitors_image_is_the_sdks(region: str, account: str) -> None:
    wanted = run_pipeline.configuration.load() | {"monitoring": {"engine": "model-monitor"}}
    assert analyzer.image(wanted, {"AWS_REGION": region}) == (
        f"{account}.dkr.ecr.{region}.amazonaws.com/sagemaker-model-monitor-analyzer")
    assert analyzer.image(run_pipeline.configuration.load(), {"AWS_REGION": region}) == ""


def test_a_region_without_model_monitor_is_named() -> None:
    wanted = run_pipeline.configuration.load() | {"monitoring": {"engine": "model-monitor"}}
    with pytest.raises(BuildError, match='monitoring.engine is "model-monitor", which AWS does not offer in mars-1 .*; allowed there: own'):
        analyzer.image(wanted, {"AWS_REGION": "mars-1"})


def test_what_a_release_consists_of_is_kept_as_the_pipeline_gets_it(ecr: MemoryEcr, s3: Any, upload: Path, project: settings.Settings,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    (upload / "churn.csv").write_text(TABLE, encoding="utf-8")
    assert run(monkeypatch, "write") == 0
    for name in RELEASE:
        assert s3.objects[project.bucket, f"{project.run_key}/release/{name}"] == Path("build", name).read_bytes()


@pytest.mark.parametrize(("uri", "message"), [
    ("s3://data-sets/churn/nothing.csv", "inputData.json: TrainingUri s3://data-sets/churn/nothing.csv points to nothing"),
    ("s3://data-sets/churn/tra", "TrainingUri s3://data-sets/churn/tra points to nothing"),
    ("s3://elsewhere/a.csv", "TrainingUri is s3://elsewhere/a.csv; allowed: an address in data-sets or mlprojects-"),
])
def test_a_pointer_to_nothing_fails_the_check(ecr: MemoryEcr, upload: Path, monkeypatch: pytest.MonkeyPatch,
                                             capsys: pytest.CaptureFixture[str], uri: str, message: str) -> None:
    point(upload, TrainingUri=uri)
    assert run(monkeypatch, "check") == 1
    assert message in capsys.readouterr().err


def test_a_bucket_that_is_gone_is_named(ecr: MemoryEcr, s3: Any, upload: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    s3.objects.clear()
    point(upload, TrainingUri="s3://data-sets/a.csv")
    assert run(monkeypatch, "check") == 1
    assert "TrainingUri s3://data-sets/a.csv cannot be read: NoSuchBucket" in capsys.readouterr().err


def test_a_table_that_is_no_text_is_named(ecr: MemoryEcr, upload: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (upload / "churn.csv").write_bytes(b"minutes,churn\n\xff\xfe,no\n")
    assert run(monkeypatch, "check") == 1
    assert "data-source.zip: churn.csv is not UTF-8 text: byte 14" in capsys.readouterr().err


def test_a_missing_variable_fails_the_command(ecr: MemoryEcr, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("BUCKET")
    assert run(monkeypatch, "check") == 1
    assert capsys.readouterr().err == "error: BUCKET is not set; pipeline.yml sets it\n"


@pytest.mark.parametrize(("tag", "printed"), [("known", f"-model@sha256:{'a' * 64}\n"), ("new", "\n")])
def test_the_image_with_the_same_content_is_found(ecr: MemoryEcr, upload: Path, monkeypatch: pytest.MonkeyPatch,
                                                  capsys: pytest.CaptureFixture[str], tag: str, printed: str) -> None:
    (upload / "churn.csv").write_text(TABLE, encoding="utf-8")
    assert run(monkeypatch, "image", "model", tag) == 0
    assert capsys.readouterr().out.endswith(printed)
    assert ecr.asked["registryId"] == "123456789012"


def test_an_uploads_image_wins_and_is_named_by_digest(ecr: MemoryEcr, upload: Path,
                                                      monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (upload / "churn.csv").write_text(TABLE, encoding="utf-8")
    (upload / "imageDetail.json").write_text('{"ImageUri": "host/own:known"}', encoding="utf-8")
    assert run(monkeypatch, "image", "model", "new") == 0
    assert capsys.readouterr().out == f"host/own@sha256:{'a' * 64}\n"


@pytest.mark.parametrize(("uri", "message"), [
    ("host/own:gone", "imageDetail.json: ImageUri host/own:gone points to nothing"),
    ("own", "imageDetail.json: ImageUri own is no image"),
    ("host/foreign:known", "imageDetail.json: ImageUri host/foreign:known cannot be read: .*not authorized"),
])
def test_an_uploads_image_that_is_not_there_fails_the_check(ecr: MemoryEcr, upload: Path, uri: str, message: str, project: settings.Settings) -> None:
    (upload / "churn.csv").write_text(TABLE, encoding="utf-8")
    (upload / "imageDetail.json").write_text(json.dumps({"ImageUri": uri}), encoding="utf-8")
    with pytest.raises(BuildError, match=message):
        run_pipeline.check(project)


def test_the_stack_of_productions_endpoint_is_named_for_the_pipeline(
        environment: dict[str, str], project: settings.Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert run(monkeypatch, "stack") == 0
    assert capsys.readouterr().out == f"{project.job_prefix}-prd\n"


def test_the_file_runs_as_the_buildspec_calls_it() -> None:
    called = subprocess.run([sys.executable, "model/run_pipeline.py", "check"], cwd=ROOT, env={}, capture_output=True, text=True, check=False)
    assert (called.returncode, called.stderr) == (1, "error: NAME_PREFIX is not set; pipeline.yml sets it\n")


def test_the_buildspec_exports_what_the_pipeline_reads_and_stops_at_the_first_fault() -> None:
    spec = yaml.safe_load((ROOT / "model/buildspec.yml").read_text(encoding="utf-8"))
    assert spec["env"]["exported-variables"] == ["RUN_ID", "MODEL_IMAGE_URI", "API_IMAGE_URI", "ENDPOINT_STACK"]
    assert spec["artifacts"]["base-directory"] == "build"
    commands = [command for phase in spec["phases"].values() for command in phase["commands"]]
    assert all(isinstance(command, str) for command in commands)
    assert not [command for command in commands if command.startswith("export") and "model/image.sh" in command]
    assert {phase["on-failure"] for phase in spec["phases"].values()} == {"ABORT"}


@pytest.mark.parametrize(("found", "printed", "calls"), [
    ("repo@sha256:1", "repo@sha256:1\n", ["find model tag1"]),
    ("", "repo@sha256:2\n", ["find model tag1", "build model repo:tag1", "push repo:tag1"]),
])
def test_an_image_is_built_only_when_it_is_not_there(tmp_path: Path, found: str, printed: str, calls: list[str]) -> None:
    for folder in ("container", "model", "bin"):
        (tmp_path / folder).mkdir()
    (tmp_path / "container/content_tag.sh").write_text("echo tag1\n", encoding="utf-8")
    (tmp_path / "container/build_image.sh").write_text('echo "build $*" >>calls; echo chatter\n', encoding="utf-8")
    (tmp_path / "container/push_image.sh").write_text('echo "push $*" >>calls; echo repo@sha256:2\n', encoding="utf-8")
    (tmp_path / "bin/python").write_text(f'#!/bin/sh\necho "find $3 $4" >>calls; echo {found}\n', encoding="utf-8")
    (tmp_path / "bin/python").chmod(0o755)
    result = subprocess.run(["bash", str(ROOT / "model/image.sh"), "model", "repo"], cwd=tmp_path, capture_output=True, text=True,
                            check=True, env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin"})
    assert result.stdout == printed
    assert (tmp_path / "calls").read_text(encoding="utf-8").splitlines() == calls


def learning_config(tmp_path: Path) -> Path:
    """A configuration that learns from captures."""
    changed = yaml.safe_load((ROOT / "model/config.yml").read_text())
    changed["monitoring"]["learn_from_captures"] = True
    (tmp_path / "config.yml").write_text(yaml.safe_dump(changed))
    return tmp_path / "config.yml"


def test_labelled_requests_join_the_runs_training_data_and_its_version(
        ecr: MemoryEcr, s3: Any, upload: Path, project: settings.Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
        capsys: pytest.CaptureFixture[str]) -> None:
    (upload / "churn.csv").write_text(TABLE, encoding="utf-8")
    load, path = run_pipeline.configuration.load, learning_config(tmp_path)
    monkeypatch.setattr(run_pipeline.configuration, "load", lambda: load(path))
    name = f"{project.name_prefix}-0123abcd-p"
    schema = {"problem": {"type": "binary", "target": "churn"}, "labels": ["no", "yes"], "features": [{"name": "minutes"}, {"name": "plan"}]}
    side = {"observedContentType": "text/csv", "data": "30,c", "encoding": "CSV"}
    events = {"runs/0123abcd-1/data/schema/schema.json": schema, "ground-truth/2026/11/20/10/labels.jsonl": {
        "groundTruthData": {"data": "yes", "encoding": "CSV"}, "eventMetadata": {"eventId": "one"}},
        f"captures/{name}/AllTraffic/2026/11/20/09/a.jsonl": {"captureData": {"endpointInput": side}, "eventMetadata": {"inferenceId": "one"}}}
    s3.objects |= {(project.bucket, key): json.dumps(content).encode() for key, content in events.items()}
    assert run(monkeypatch, "write") == 0
    assert "1 rows of 1 labelled requests join the training data" in capsys.readouterr().err
    train = {key: content for (_, key), content in s3.objects.items() if key.startswith(f"{project.run_key}/data/input/train/")}
    assert sorted(train.values()) == [TABLE.encode(), b"minutes,plan,churn\n30,c,yes\n"]
    tags = {tag["Key"]: tag["Value"] for tag in json.loads(Path("build/workflow-input.json").read_text())["Tags"]}
    assert re.fullmatch(r"v1\+[0-9a-f]{12}", tags["data-version"])
    assert json.loads(s3.objects[project.bucket, f"{project.run_key}/data/source.json"])["version"] == "v1", "what the guard of retraining compares"
    assert json.loads(Path("build/endpoint-prd.json").read_text())["Tags"]["data-version"] == tags["data-version"]


def test_nothing_is_learned_unless_the_configuration_wants_it(
        ecr: MemoryEcr, s3: Any, upload: Path, project: settings.Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    (upload / "churn.csv").write_text(TABLE, encoding="utf-8")
    s3.objects[project.bucket, "ground-truth/2026/11/20/10/labels.jsonl"] = b"{}"
    assert run(monkeypatch, "write") == 0
    assert [key for _, key in s3.objects if "captured" in key] == []
