"""A running local AWS as a user reaches it: an address and credentials, nothing else."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

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

    def client(self, service: str, access_key: str = "test", secret_key: str = "test") -> Any:
        """A client with the account's own rights, or those of a user's key."""
        return boto3.client(service, endpoint_url=self.endpoint_url, region_name="us-east-1",
                            aws_access_key_id=access_key, aws_secret_access_key=secret_key)

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


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
