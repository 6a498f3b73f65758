"""A running local AWS as a user reaches it: an address and credentials, nothing else."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class LocalAws:
    """A running local AWS: its address, its state folder, its region, and who calls it."""

    port: int
    data: Path
    region: str = "us-east-1"
    credentials: tuple[str, ...] = ("test", "test")  # key, secret and a session's token; empty for a caller without any

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a shell that has just these set."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        return kept | dict(zip(names, self.credentials, strict=False)) | {
            "AWS_ENDPOINT_URL": self.endpoint_url, "AWS_DEFAULT_REGION": self.region, "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "GIT_TERMINAL_PROMPT": "0",  # nobody's own
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def called_by(self, *credentials: str) -> "LocalAws":
        """The same as another caller reaches it."""
        return replace(self, credentials=credentials)

    def client(self, service: str) -> Any:
        """A client with the caller's rights."""
        key, secret, token = (*self.credentials, None, None, None)[:3]
        return boto3.client(service, endpoint_url=self.endpoint_url, region_name=self.region, aws_access_key_id=key,
                            aws_secret_access_key=secret, aws_session_token=token,
                            config=None if self.credentials else Config(signature_version=UNSIGNED))

    def run(self, *command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
        """Run a command as a user's shell would and return what it printed."""
        return subprocess.run(command, cwd=cwd, env=self.environment, capture_output=True, text=True, check=False)

    def demo(self, report: Path, *arguments: str, cwd: Path = ROOT) -> tuple[subprocess.CompletedProcess[str], dict]:
        """Take a project through its first release; return the outcome and the report."""
        return self.whole_demo(report, "--first-release", *arguments, cwd=cwd)

    def whole_demo(self, report: Path, *arguments: str, cwd: Path = ROOT) -> tuple[subprocess.CompletedProcess[str], dict]:
        """Take a project through the demo's two chapters; return the outcome and the report."""
        outcome = self.run(sys.executable, "scripts/demo.py", "--report", str(report), *arguments, cwd=cwd)
        return outcome, json.loads(report.read_text())


@contextmanager
def running(data: Path, region: str = "us-east-1") -> Iterator[LocalAws]:
    """Start a local AWS on a folder, and end it."""
    machine = LocalAws(free_port(), data, region)
    place = ("--port", str(machine.port), "--data", str(machine.data), "--region", region)
    started = machine.run(sys.executable, "-m", "local", "up", *place)
    assert started.returncode == 0, started.stderr
    yield machine
    machine.run(sys.executable, "-m", "local", "down", *place)


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
