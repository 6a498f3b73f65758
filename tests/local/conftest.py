"""One local AWS for the whole run, and one project taken through its first release on it."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class LocalAws:
    """A running local AWS: its address, the variables that reach it, and its state folder."""

    port: int
    data: Path

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a shell that has just these set."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        return kept | {"AWS_ENDPOINT_URL": self.endpoint_url, "AWS_DEFAULT_REGION": "us-east-1",
                       "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
                       "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def client(self, service: str) -> Any:
        """A client with the account's own rights."""
        return boto3.client(service, endpoint_url=self.endpoint_url, region_name="us-east-1",
                            aws_access_key_id="test", aws_secret_access_key="test")

    def run(self, *command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
        """Run a command as a user's shell would and return what it printed."""
        return subprocess.run(command, cwd=cwd, env=self.environment, capture_output=True, text=True, check=False)

    def demo(self, report: Path, *arguments: str, cwd: Path = ROOT) -> tuple[subprocess.CompletedProcess[str], dict]:
        """Take a project through its first release; return the outcome and the report."""
        outcome = self.run(sys.executable, "scripts/demo.py", "--report", str(report), *arguments, cwd=cwd)
        return outcome, json.loads(report.read_text())


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """A local AWS of this test run alone."""
    machine = LocalAws(free_port(), tmp_path_factory.mktemp("aws"))
    place = ("--port", str(machine.port), "--data", str(machine.data))
    started = machine.run(sys.executable, "-m", "local", "up", *place)
    assert started.returncode == 0, started.stderr
    yield machine
    machine.run(sys.executable, "-m", "local", "down", *place)


@pytest.fixture(scope="session")
def first_release(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The report of a project's first release, from the organization template to a prediction."""
    outcome, report = aws.demo(tmp_path_factory.mktemp("demo") / "report.json")
    assert outcome.returncode == 0, outcome.stderr
    return report
