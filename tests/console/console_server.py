"""A console as a person starts it: a process of its own, and its address."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.local.local_aws import free_port

ROOT = Path(__file__).resolve().parents[2]
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


@contextmanager
def console(endpoint_url: str, *arguments: str, **environment: str) -> Iterator[str]:
    """Start a console against an endpoint, with credentials unless the environment says otherwise; yield its address."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PYTEST_"))}  # nicegui does otherwise in a test of its own
    given = kept | CREDENTIALS | {"AWS_ENDPOINT_URL": endpoint_url, "AWS_EC2_METADATA_DISABLED": "true"} | environment
    command = [sys.executable, "-m", "console", "--port", str(free_port()), *arguments]
    with subprocess.Popen(command, cwd=ROOT, env=given, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        said = process.stdout.readline()
        assert said.startswith("console: http://127.0.0.1:"), said
        try:
            yield said.removeprefix("console: ").strip()
        finally:
            process.terminate()
            process.wait(20)
