"""python -m local and the scripts around it: one line that says what to do, and never a process left behind."""

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.processes import start_time
from tests.local.local_aws import ROOT, LocalAws, free_port
from tests.local.project_runs import until


def local(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run python -m local."""
    return subprocess.run([sys.executable, "-m", "local", *map(str, arguments)], cwd=ROOT, env=os.environ | variables,
                          capture_output=True, text=True, check=False)


def refusal(outcome: subprocess.CompletedProcess[str]) -> str:
    """Return the one line of a command that refused."""
    assert outcome.returncode == 1, outcome.stdout + outcome.stderr
    [line] = outcome.stderr.splitlines()
    assert line.startswith("local: ")
    return line


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """A running machine without any project."""
    found = LocalAws(free_port(), tmp_path_factory.mktemp("machine") / "data")
    started = local("up", "--port", found.port, "--data", found.data)
    assert started.returncode == 0, started.stderr
    assert f"AWS_ENDPOINT_URL={found.endpoint_url}" in started.stdout
    yield found
    local("down", "--data", found.data)


def test_a_second_start_on_the_same_folder_says_where_the_first_one_runs(machine: LocalAws) -> None:
    line = refusal(local("up", "--port", free_port(), "--data", machine.data))
    assert machine.endpoint_url in line and f"down --data {machine.data}" in line


def test_a_port_that_is_taken_is_named_before_anything_is_made(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert f"port {port} of 127.0.0.1 is taken" in refusal(local("up", "--port", port, "--data", tmp_path / "data"))
    assert not (tmp_path / "data").exists()


def test_a_running_machine_is_not_reset(machine: LocalAws) -> None:
    assert "down" in refusal(local("reset", "--data", machine.data))
    assert local("status", "--data", machine.data).returncode == 0


def test_what_does_not_run_has_no_status_and_needs_no_end(tmp_path: Path) -> None:
    assert "not running" in refusal(local("status", "--data", tmp_path))
    assert "no log" in refusal(local("logs", "--data", tmp_path))
    assert local("down", "--data", tmp_path).returncode == 0


def test_a_state_stays_in_the_region_that_its_arns_name(tmp_path: Path) -> None:
    place = ("--port", free_port(), "--data", tmp_path / "data")
    assert "AWS_DEFAULT_REGION=eu-central-1" in local("up", *place, "--region", "eu-central-1").stdout  # pragma: allowlist secret - a region
    local("down", *place)
    assert "--region eu-central-1" in refusal(local("up", *place))
    assert local("up", *place, "--region", "eu-central-1").returncode == 0
    local("down", *place)


@pytest.mark.parametrize("command", ["up", "reset"])
def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path, command: str) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    options = ["--fresh"] if command == "up" else []
    refusal(local(command, *options, "--port", free_port(), "--data", tmp_path))
    if command == "up":
        refusal(local(command, "--port", free_port(), "--data", tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(("options", "word"), [
    (["--port", 0], "--port 0"), (["--port", 99999], "--port 99999"), (["--speed", 0], "--speed 0"), (["--speed", "nan"], "--speed nan"),
    (["--region", "Frankfurt"], "--region Frankfurt"), (["--data", "README.md"], "README.md"), (["--data", "/proc/no/such/folder"], "/proc/no")])
def test_an_impossible_option_is_refused_by_name(options: list, word: str) -> None:
    port = [] if "--port" in options else ["--port", free_port()]
    assert word in refusal(local("up", *port, *options))


def test_a_missing_git_is_said_at_once(tmp_path: Path) -> None:
    assert "Install git" in refusal(local("up", "--data", tmp_path, PATH=str(tmp_path)))


def programs(folder: Path, *names: str) -> str:
    """Make a folder with links to just these programs and an old Python; return it as a PATH."""
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(shutil.which(name) or "missing")
    (folder / "python3").write_text("#!/bin/sh\nexit 1\n")  # as Python 3.10 answers to what setup.sh asks
    (folder / "python3").chmod(0o755)
    return str(folder)


@pytest.mark.parametrize("script", ["setup.sh", "demo.sh"])
@pytest.mark.parametrize(("there", "words"), [
    (("bash", "cat", "dirname", "grep"), "Install git"), (("bash", "cat", "dirname", "grep", "git"), "no Python 3.11 or newer")])
def test_the_scripts_say_what_is_missing_in_one_line(tmp_path: Path, script: str, there: tuple[str, ...], words: str) -> None:
    outcome = subprocess.run([shutil.which("bash") or "bash", f"scripts/{script}"], cwd=ROOT, capture_output=True, text=True,
                             env={"PATH": programs(tmp_path / "bin", *there)}, check=False)
    assert outcome.returncode == 1
    [line] = outcome.stderr.splitlines()
    assert words in line


def test_an_old_python_is_passed_over_for_a_newer_one(tmp_path: Path) -> None:
    path = programs(tmp_path / "bin", "bash", "cat", "dirname", "grep", "git")
    (tmp_path / "bin" / "python3.13").symlink_to(sys.executable)
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "local.txt").write_text("uv==0.0\n")
    (tmp_path / ".venv").mkdir()
    version = subprocess.run([sys.executable, "--version"], capture_output=True, text=True, check=True).stdout
    (tmp_path / ".venv" / "installed").write_text(f"uv==0.0\n{version}")
    outcome = subprocess.run([shutil.which("bash") or "bash", "scripts/setup.sh"], cwd=tmp_path, env={"PATH": path},
                             capture_output=True, text=True, check=False)
    assert (outcome.returncode, outcome.stderr.splitlines()[0].startswith("setup: ready")) == (0, True), outcome.stderr


def test_the_demo_names_its_arguments_when_it_is_given_another() -> None:
    outcome = subprocess.run(["bash", "scripts/demo.sh", "--kep"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (outcome.returncode, outcome.stderr) == (2, "usage: scripts/demo.sh [--drift] [--keep]\n")


def test_ctrl_c_ends_a_machine_in_the_foreground(tmp_path: Path) -> None:
    port = free_port()
    with subprocess.Popen([sys.executable, "-m", "local", "up", "--foreground", "--port", str(port), "--data", str(tmp_path)],
                          cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        until(lambda: (tmp_path / "running.json").exists() or process.poll(), "the start")
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert "not running" in refusal(local("status", "--data", tmp_path))


# The machine of the first release, stopped in two ways and started again

def children(aws: LocalAws) -> dict[int, str]:
    """Return the start times of the processes in whose environment the machine's address or folder is."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().decode(errors="replace")
        except OSError:  # another user's, or gone
            continue
        if f"127.0.0.1:{aws.port}" in environment or str(aws.data) in environment:
            found[int(folder.name)] = start_time(int(folder.name)) or ""
    return found


def alive(processes: dict[int, str]) -> list[int]:
    """Return those of the processes that still run."""
    return [pid for pid, started in processes.items() if start_time(pid) == started]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_machine_leaves_nothing_and_comes_back_with_its_state(aws: LocalAws, first_release: dict,
                                                                       number: signal.Signals) -> None:
    serving = children(aws)
    assert len(serving) >= 3, "the endpoints' instances"
    server = json.loads((aws.data / "running.json").read_text())
    os.kill(server["pid"], number)
    until(lambda: start_time(server["pid"]) != server["started"], "the end of the server", 30)
    if number == signal.SIGTERM:
        assert alive(serving) == []
    started = local("up", "--port", aws.port, "--data", aws.data)
    assert started.returncode == 0, started.stderr
    assert alive(serving) == []
    assert_released(aws, first_release)


def assert_released(aws: LocalAws, first_release: dict) -> None:
    """Stacks, pipeline, endpoints and API are what the first release made of them."""
    name, sagemaker = first_release["name"], aws.client("sagemaker")
    stack = aws.client("cloudformation").describe_stacks(StackName=f"{name}-api")["Stacks"][0]
    assert stack["StackStatus"].endswith("_COMPLETE")
    assert aws.client("codepipeline").list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"]

    def in_service() -> bool:
        found = sagemaker.list_endpoints(NameContains=name)["Endpoints"]
        return bool(found) and {endpoint["EndpointStatus"] for endpoint in found} == {"InService"}

    until(in_service, "the endpoints in service", 60)
    assert answer(aws, first_release["api_url"]) == pytest.approx(first_release["predictions"][0])


def answer(aws: LocalAws, url: str) -> float:
    """Ask the API for the first of the sample customers."""
    rows = list(csv.reader((ROOT / "data" / "churn.csv").read_text().splitlines()))
    body = "\n".join(",".join(row[:-1]) for row in (rows[0], rows[1096]))
    outcome = subprocess.run(
        ["curl", "--silent", "--show-error", "--aws-sigv4", "aws:amz:us-east-1:execute-api", "--user", "test:test", "--header",
         "Content-Type: text/csv", "--data-binary", "@-", url], input=body, env=aws.environment, capture_output=True, text=True, check=True)
    return json.loads(outcome.stdout)["predictions"][0]["probability"]
