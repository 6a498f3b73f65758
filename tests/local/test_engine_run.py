"""Images are built and pushed by the front, pulled with a role's rights and run as processes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from local.clock import Clock
from local.engines.environments import InstallationError
from local.engines.process import ProcessEngine
from local.engines.registry import ImageError, ImageNotFoundError
from local.machine import ROOT, Credentials, Machine

ROOT_FOLDER = Path(__file__).parents[2]
HOST = "000000000000.dkr.ecr.us-east-1.amazonaws.com"
URI = f"{HOST}/shop-model:one"
SERVER = """
import asyncio, sys
from pathlib import Path
from local.clock import Clock
from local.engines import layers
from local.gateway import configure
from local.machine import Machine
from local.serving import server
machine = Machine(data=Path(sys.argv[1]), port=int(sys.argv[2]), clock=Clock(60), cache=Path(sys.argv[1]))
configure(machine)
import ministack.app
layers.install(machine)
async def announce():
    while True:
        try:
            await asyncio.open_connection("127.0.0.1", machine.port)
            return print("ready", flush=True)
        except OSError:
            await asyncio.sleep(0.02)
async def main():
    task = asyncio.create_task(announce())
    await server(ministack.app.app, machine.port).serve()
asyncio.run(main())
"""
DOCKERFILE = """FROM python:3.13-slim
ENV GREETING=hello FOLDER=/opt/program DATA=/opt/ml/input
WORKDIR /opt/program
COPY requirements.txt program.py ./
RUN pip install -r requirements.txt
ENTRYPOINT ["python", "/opt/program/program.py"]
CMD ["by-default"]
"""
PROGRAM = """import json, os, sys, six
print(json.dumps({"words": sys.argv[1:], "env": dict(os.environ), "cwd": os.getcwd(), "six": six.__version__}))
"""


@dataclass
class Bench:
    """A build's folder, its docker, and an engine on the same machine."""

    folder: Path
    machine: Machine
    engine: ProcessEngine
    credentials: Credentials = ROOT

    def docker(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess:
        """Call the front as a build does."""
        env = {"PATH": f"{self.folder / 'bin'}:/usr/bin:/bin", "HOME": str(self.folder / "home"),
               "AWS_ENDPOINT_URL": self.machine.endpoint_url, "AWS_REGION": "us-east-1",
               **self.credentials.environment()}
        env |= {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "SSL_CERT"))}
        return subprocess.run([self.folder / "bin/docker", *words], env=env, cwd=self.folder, input=stdin,
                              capture_output=True, check=False, text=True)

    def build(self, uri: str = URI) -> subprocess.CompletedProcess:
        """Build as container/build_image.sh does."""
        return self.docker("build", "--platform", "linux/amd64", "--provenance=false", "--sbom=false", "--file",
                           "Dockerfile", "--tag", uri, ".")

    def push(self, uri: str = URI) -> str:
        """Build, log in and push; return the digest."""
        for done in (self.build(uri), self.docker("login", "--username", "AWS", "--password-stdin", HOST,
                                                  stdin="ministack-auth-token\n"), self.docker("push", uri)):
            assert done.returncode == 0, done.stderr
        return done.stdout.split()[2]

    def run(self, uri: str, arguments: list[str], **more) -> dict:
        """Run an image to its end and return what PROGRAM printed."""
        log = self.folder / "log.txt"
        log.unlink(missing_ok=True)
        child = self.engine.start(self.engine.image(uri), arguments, base=self.folder / "ml", env=more.pop("env", {}),
                                  log=log, name="test", **more)
        assert child.wait(30) == 0, log.read_text()
        return json.loads(log.read_text())


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, free_port: int) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("machine")
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    server = subprocess.Popen([sys.executable, "-c", SERVER, folder / "server", str(free_port)], cwd=ROOT_FOLDER,
                              env=env | {"PYTHONPATH": str(ROOT_FOLDER)}, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout and next((line for line in server.stdout if line == "ready\n"), None)
        machine = Machine(data=folder / "data", port=free_port, clock=Clock(60), cache=folder / "cache")
        machine.client("ecr").create_repository(repositoryName="shop-model")
        yield machine
        machine.processes.stop_all()
        machine.store.close()
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


@pytest.fixture(scope="module")
def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def bench(tmp_path: Path, machine: Machine) -> Bench:
    for name, text in {"Dockerfile": DOCKERFILE, "requirements.txt": "six==1.17.0\n", "program.py": PROGRAM}.items():
        (tmp_path / name).write_text(text)
    engine = ProcessEngine(machine)
    engine.install_docker(tmp_path / "bin")
    return Bench(tmp_path, machine, engine)


def caller(machine: Machine, name: str, *actions: str) -> Credentials:
    """Return credentials that may do the actions and no other."""
    iam = machine.client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Credentials(key["AccessKeyId"], key["SecretAccessKey"])


def test_an_image_runs_with_its_files_packages_variables_and_base_folder(bench: Bench) -> None:
    digest = bench.push()
    said = bench.run(f"{HOST}/shop-model@{digest}", ["train", "/opt/ml/model", "s3://bucket/opt/ml", "/usr/lib"],
                     env={"SM_MODEL_DIR": "/opt/ml/model", "URL": "http://127.0.0.1/opt/ml"})
    base = str(bench.folder / "ml")
    assert said["words"] == ["train", f"{base}/model", "s3://bucket/opt/ml", "/usr/lib"]
    root = bench.machine.data / "images" / digest.removeprefix("sha256:") / "root"
    assert (said["cwd"], said["env"]["FOLDER"]) == (str(root / "opt/program"),) * 2
    assert said["six"] == "1.17.0"
    expected = {"GREETING": "hello", "DATA": f"{base}/input", "SM_MODEL_DIR": f"{base}/model", "HOME": base,
                "SAGEMAKER_BASE_DIR": base, "URL": "http://127.0.0.1/opt/ml"}
    assert expected.items() <= said["env"].items()
    assert not {"PYTHONPATH", "AWS_ACCESS_KEY_ID", "PYTEST_CURRENT_TEST"} & said["env"].keys()


def test_arguments_replace_the_command_and_an_entrypoint_replaces_both(bench: Bench) -> None:
    bench.push()
    assert bench.run(URI, [])["words"] == ["by-default"]
    assert bench.run(URI, ["x"], entrypoint=["python", "/opt/program/program.py", "y"])["words"] == ["y", "x"]


def test_a_program_that_is_nowhere_is_named(bench: Bench) -> None:
    bench.push()
    with pytest.raises(ImageError, match='exec: "gunicorn": executable file not found'):
        bench.run(URI, [], entrypoint=["gunicorn"])


def test_a_package_that_the_requirements_lack_cannot_be_imported(bench: Bench) -> None:
    (bench.folder / "requirements.txt").write_text("")
    bench.push()
    with pytest.raises(AssertionError, match="No module named 'six'"):
        bench.run(URI, [])


def test_a_requirement_that_does_not_exist_fails_the_build_with_its_name(bench: Bench) -> None:
    (bench.folder / "requirements.txt").write_text("six==0.0.999\n")
    done = bench.build()
    assert done.returncode == 1
    assert "/opt/program/requirements.txt cannot be installed" in done.stderr
    assert "six==0.0.999" in done.stderr


def test_an_unknown_digest_tag_and_repository_are_not_found(bench: Bench) -> None:
    for name in ("shop-model@sha256:" + "0" * 64, "shop-model:never", "other:one"):
        with pytest.raises(ImageNotFoundError, match=f"Requested image {HOST}/{name} not found"):
            bench.engine.image(f"{HOST}/{name}")
    with pytest.raises(ImageNotFoundError, match="no other"):
        bench.engine.image(URI.replace("0000", "1234"))


def test_pushing_needs_each_right_of_a_push(bench: Bench) -> None:
    bench.push()
    (bench.folder / "program.py").write_text("print('changed')")
    bench.build()
    bench.credentials = caller(bench.machine, "pusher", "ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability",
                               "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:PutImage", "ecr:BatchGetImage")
    done = bench.docker("push", URI)
    assert done.returncode == 1 and "ecr:CompleteLayerUpload" in done.stderr


def test_pulling_needs_each_right_of_a_pull(bench: Bench) -> None:
    bench.push()
    rights = ["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:BatchCheckLayerAvailability"]
    with pytest.raises(ClientError, match="ecr:GetDownloadUrlForLayer"):
        bench.engine.image(URI, caller(bench.machine, "blind", *rights))
    assert bench.engine.image(URI, caller(bench.machine, "reader", *rights, "ecr:GetDownloadUrlForLayer"))


def test_pushing_without_login_and_logging_in_with_a_wrong_password_fail(bench: Bench) -> None:
    bench.build()
    assert "no basic auth credentials" in bench.docker("push", URI).stderr
    done = bench.docker("login", "--username", "AWS", "--password-stdin", HOST, stdin="wrong")
    assert (done.returncode, "400 Bad Request" in done.stderr) == (1, True)


def test_the_same_content_is_pushed_twice_to_one_digest(bench: Bench) -> None:
    assert bench.push() == bench.push()


def test_buildx_pushes_and_images_can_be_tagged_and_inspected(bench: Bench) -> None:
    digest = bench.push()
    done = bench.docker("buildx", "build", "--push", "--tag", f"{HOST}/shop-model:two", "-f", "Dockerfile", ".")
    assert done.stdout.startswith(f"two: digest: {digest}")
    assert bench.docker("tag", URI, "mine").returncode == 0
    done = bench.docker("image", "inspect", "--format", "{{json .Config.Cmd}} {{index .RepoDigests 0}}", "mine:latest")
    assert done.stdout.strip() == f'["by-default"] {HOST}/shop-model@{digest}'
    assert bench.docker("version", "--format", "{{.Server.Version}}").stdout == "local\n"


@pytest.mark.parametrize(("words", "named"), [
    ("run -it alpine", "'run -it'"), ("build --squash .", "--squash"), ("build --build-arg A=1 .", "--build-arg"),
    ("build --platform linux/arm64 .", "--platform=linux/arm64"), ("build --provenance=true .", "--provenance=true"),
    ("system prune", "'system prune'"), ("", "(no command)"), ("image inspect --format {{range .}} x", "No such image"),
    ("buildx imagetools", "'buildx imagetools'")])
def test_what_the_front_does_not_understand_is_refused_by_name(bench: Bench, words: str, named: str) -> None:
    done = bench.docker(*words.split(" ") if words else [])
    assert named in done.stderr
    assert done.returncode == (1 if "No such image" in named else 125)


def test_the_registry_keeps_what_was_uploaded_and_refuses_what_was_not(bench: Bench) -> None:
    ecr = bench.machine.client("ecr")
    with pytest.raises(ClientError, match="LayersNotFoundException"):
        ecr.put_image(repositoryName="shop-model", imageTag="x", imageManifest=json.dumps(
            {"config": {"digest": "sha256:" + "1" * 64}, "layers": []}))
    upload = ecr.initiate_layer_upload(repositoryName="shop-model")["uploadId"]
    ecr.upload_layer_part(repositoryName="shop-model", uploadId=upload, partFirstByte=0, partLastByte=2,
                          layerPartBlob=b"abc")
    with pytest.raises(ClientError, match="InvalidLayerException"):
        ecr.complete_layer_upload(repositoryName="shop-model", uploadId=upload, layerDigests=["sha256:" + "1" * 64])
    with pytest.raises(ClientError, match="ImageNotFoundException"):
        ecr.describe_images(repositoryName="shop-model", imageIds=[{"imageTag": "never"}])


def test_an_environment_is_made_once_and_a_torn_one_is_made_anew(bench: Bench) -> None:
    bench.push()
    python = bench.engine.image(URI).python
    made = (python.parents[1] / "complete").stat().st_mtime_ns
    assert bench.engine.image(URI).python == python
    assert (python.parents[1] / "complete").stat().st_mtime_ns == made
    (python.parents[1] / "complete").unlink()
    python.unlink()
    assert bench.engine.image(URI).python.exists()


def test_an_installation_error_holds_the_installers_words(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from local.engines.environments import Environments
    from local.engines.requirements import Requirement

    with pytest.raises(InstallationError, match="r.txt cannot be installed(.|\n)*six==0.0.1"):
        Environments(bench.folder / "e").python([Requirement("r.txt", "six==0.0.1\nsix==0.0.2\n")])
