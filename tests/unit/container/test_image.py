"""The image's build: its Dockerfile, requirements and scripts."""

import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from image_jobs import ROOT

from container.health import is_healthy


def instructions() -> list[tuple[str, str]]:
    lines = (ROOT / "container" / "Dockerfile").read_text().splitlines()
    return [tuple(line.split(" ", 1)) for line in lines if line and not line.startswith("#")]  # type: ignore[misc]


def test_the_dockerfile_has_two_targets_on_one_base():
    stages = [rest for name, rest in instructions() if name == "FROM"]
    assert stages == ["python:3.13-slim AS base", "base AS api-wheels", "base AS api", "base AS model-wheels", "base AS model"]


def test_the_images_take_packages_from_wheels_that_another_stage_made():
    installing = [rest for name, rest in instructions() if name == "RUN" and " pip install " in rest]
    assert len(installing) == 2
    assert all("from=" in line and "--no-index" in line and "--no-cache-dir" in line for line in installing)


def test_only_the_image_that_may_gives_up_root():
    """SageMaker expects root and Lambda does not: docs/decisions/image-user.md."""
    assert [rest for name, rest in instructions() if name == "USER"] == ["10001"]


def test_the_dockerfile_keeps_to_instructions_that_every_engine_reads():
    assert {name for name, _ in instructions()} == {
        "FROM", "ENV", "WORKDIR", "COPY", "RUN", "USER", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    for name, rest in instructions():
        if name == "COPY":
            source = rest.split()[0]
            assert (ROOT / source).exists() and "*" not in source


@pytest.mark.parametrize("folder", ["container", "api"])
def test_requirements_are_pinned_and_name_no_address(folder):
    lines = (ROOT / folder / "requirements.txt").read_text().splitlines()
    for line in lines:
        assert line.startswith("#") or re.fullmatch(r"[a-z0-9-]+==[\w.]+", line), line


def test_protobuf_stays_where_the_default_model_converts():
    assert "protobuf==6." in (ROOT / "container" / "requirements.txt").read_text()


def test_the_programs_import_nothing_outside_their_folder_but_requirements():
    allowed = {"container", "msgspec", "numpy", "pyarrow", "sklearn", "skops", "skl2onnx", "onnxruntime", "flask", "gunicorn", "werkzeug"}
    for path in (ROOT / "container").glob("*.py"):
        for module in re.findall(r"^\s*(?:from|import) (\w+)", path.read_text(), re.MULTILINE):
            assert module in allowed or module in __import__("sys").stdlib_module_names, f"{path.name}: {module}"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextmanager
def answering(port: int, status: int) -> Iterator[None]:
    """Answer GET /ping with a status while the block runs."""
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/ping" else 404)
            self.end_headers()

    with HTTPServer(("127.0.0.1", port), Answer) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        yield
        thread.join()


def run_script(name: str, *arguments: str, root: Path = ROOT, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **({"PATH": path} if path else {})}
    return subprocess.run(["bash", str(root / "container" / name), *arguments], env=environment,
                          capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["build_image.sh", "push_image.sh", "content_tag.sh"])
def test_scripts_without_arguments_say_how_to_call_them(name):
    ended = run_script(name)
    assert ended.returncode == 2 and "usage: container/" in ended.stderr


def test_the_tag_changes_when_and_only_when_copied_content_does(tmp_path):
    shutil.copy(ROOT / ".dockerignore", tmp_path)
    for folder in ("container", "api"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))

    def tags() -> list[str]:
        return [run_script("content_tag.sh", target, root=tmp_path).stdout.strip() for target in ("model", "api")]

    model, api = tags()
    assert re.fullmatch("[0-9a-f]{40}", model) and re.fullmatch("[0-9a-f]{40}", api) and model != api
    (tmp_path / "other.py").write_text("x")
    (tmp_path / "container" / "notes.md").write_text("x")
    (tmp_path / "container" / ".hidden").write_text("x")
    (tmp_path / "container" / "deeper").mkdir()
    (tmp_path / "container" / "deeper" / "by_hand.sh").write_text("x")
    (tmp_path / "container" / "__pycache__").mkdir()
    (tmp_path / "container" / "__pycache__" / "train.pyc").write_text("x")
    assert tags() == [model, api]
    (tmp_path / "container" / "train.py").write_text("x")
    assert tags()[0] != model and tags()[1] == api
    model = tags()[0]
    (tmp_path / "container" / "deeper" / "settings.conf").write_text("x")
    assert tags()[0] != model and tags()[1] == api
    (tmp_path / ".dockerignore").write_text("x")
    assert tags()[1] != api


def test_the_health_check_is_well_only_where_ping_answers():
    port = free_port()
    assert not is_healthy(port)
    for status, well in ((200, True), (503, False)):
        with answering(port, status):
            assert is_healthy(port) is well


FAKE = """#!/usr/bin/env bash
echo "{name} $*" >> "$CALLS"
case "$*" in *--password-stdin*) cat > /dev/null ;; *describe-images*) echo sha256:abc ;; *get-login-password*) echo secret ;; esac
"""


@pytest.fixture
def calls(tmp_path, monkeypatch):
    for name in ("docker", "aws"):
        (tmp_path / name).write_text(FAKE.format(name=name))
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path / "calls"


def test_build_asks_for_one_target_without_attestations(calls):
    assert run_script("build_image.sh", "api", "host/name:tag").returncode == 0
    assert calls.read_text().splitlines() == [
        "docker version", ("docker build --provenance=false --sbom=false --platform linux/amd64 --target api "
        "--file container/Dockerfile --tag host/name:tag .")]


def test_build_takes_podman_where_no_daemon_answers(calls):
    (calls.parent / "docker").write_text("#!/usr/bin/env bash\nexit 1\n")
    (calls.parent / "podman").write_text(FAKE.format(name="podman"))
    (calls.parent / "podman").chmod(0o755)
    assert run_script("build_image.sh", "model", "name:tag").returncode == 0
    assert calls.read_text().splitlines() == [
        "podman build --format docker --layers --platform linux/amd64 --target model --file container/Dockerfile --tag name:tag ."]


def test_push_prints_the_image_by_digest_and_nothing_else(calls):
    ended = run_script("push_image.sh", "host/name:tag")
    assert ended.returncode == 0 and ended.stdout == "host/name@sha256:abc\n"
    said = calls.read_text()
    assert "docker login --username AWS --password-stdin host" in said and "secret" not in said
    assert "docker push host/name:tag" in said and "--repository-name name --image-ids imageTag=tag" in said


def test_push_creates_a_repository_that_is_missing(calls):
    (calls.parent / "aws").write_text(f"""#!/usr/bin/env bash
echo "aws $*" >> "$CALLS"
case "$2" in
  create-repository) touch {calls.parent}/made ;;
  describe-images) [ -f {calls.parent}/made ] || {{ echo RepositoryNotFoundException >&2; exit 254; }}; echo sha256:abc ;;
esac
""")
    ended = run_script("push_image.sh", "host/name:tag")
    assert ended.returncode == 0 and ended.stdout == "host/name@sha256:abc\n"
    assert "create-repository --repository-name name --image-tag-mutability IMMUTABLE" in calls.read_text()


@pytest.mark.parametrize(("found", "code"), [("echo sha256:abc", 0), ("echo ImageNotFoundException >&2; exit 254", 254)])
def test_a_refused_push_is_no_failure_when_the_tag_is_there(calls, found, code):
    """Two builds of one commit may push the same content at once, and tags are immutable."""
    refusing = calls.parent / "docker"
    refusing.write_text('#!/usr/bin/env bash\ncase "$1" in push) echo denied >&2; exit 1 ;; login) cat > /dev/null ;; esac\n')
    (calls.parent / "aws").write_text(f'#!/usr/bin/env bash\ncase "$2" in describe-images) {found} ;; *) echo secret ;; esac\n')
    ended = run_script("push_image.sh", "host/name:tag")
    assert ended.returncode == code
    assert ended.stdout == ("host/name@sha256:abc\n" if code == 0 else "")
