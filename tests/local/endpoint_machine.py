"""A local AWS of a test module alone with one small image, whose models answer and fail as their archive says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.clock import Clock
from local.engines.process import ProcessEngine
from local.machine import ROOT, Credentials, Machine
from local.processes import start_time
from tests.local.local_aws import LocalAws, free_port
from tests.local.sagemaker_machine import TRUST, allow, tar_gz

ACCOUNT = "000000000000"
HOST = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/serving"
VARIANT = "AllTraffic"
DOCKERFILE = """FROM python:3.13-slim
WORKDIR /opt/program
COPY program.py ./
ENTRYPOINT ["python", "/opt/program/program.py"]
"""
PROGRAM = """
import os, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MODEL = Path(os.environ["SAGEMAKER_BASE_DIR"]) / "model"
NAME = (MODEL / "name").read_bytes()
if (MODEL / "refuses").exists():
    raise SystemExit("the model cannot be loaded")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.answer(200, b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if body.startswith(b"sleep "):
            time.sleep(float(body.split()[1]))
        self.answer(500 if (MODEL / "fails").exists() else 200, NAME)

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128


Server((os.environ["SAGEMAKER_BIND_TO_HOST"], int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""


def until(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """Return the condition's first true value."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not come true in {seconds:.0f} s"
        threading.Event().wait(0.05)
    return found


@dataclass
class EndpointMachine:
    """The machine's commands and what a test makes on it."""

    aws: LocalAws
    speed: float

    def up(self) -> None:
        """Start the machine."""
        started = self.aws.run(sys.executable, "-m", "local", "up", "--port", str(self.aws.port), "--data",
                               str(self.aws.data), "--speed", str(self.speed))
        assert started.returncode == 0, started.stderr

    def down(self) -> None:
        """End the machine."""
        self.aws.run(sys.executable, "-m", "local", "down", "--port", str(self.aws.port), "--data", str(self.aws.data))

    def kill(self) -> None:
        """End the machine as a kill does."""
        server = json.loads((self.aws.data / "running.json").read_text())
        os.kill(server["pid"], signal.SIGKILL)
        until(lambda: start_time(server["pid"]) != server["started"], "the kill")

    def client(self, service: str, key: Credentials = ROOT) -> Any:
        """A client that asks once: a lost answer is to be seen."""
        return boto3.client(service, endpoint_url=self.aws.endpoint_url, region_name="us-east-1",
                            aws_access_key_id=key.access_key, aws_secret_access_key=key.secret_key,
                            config=Config(retries={"total_max_attempts": 1}))

    def prepare(self, folder: Path) -> None:
        """Push the image, make the role and the bucket."""
        for name, text in {"Dockerfile": DOCKERFILE, "program.py": PROGRAM}.items():
            (folder / name).write_text(text)
        self.client("ecr").create_repository(repositoryName="serving")
        machine = Machine(folder / "engine", self.aws.port, Clock(self.speed), folder / "cache")
        docker = ProcessEngine(machine).install_docker(folder / "bin")
        machine.store.close()
        for words in (("build", "--platform", "linux/amd64", "--provenance=false", "--sbom=false", "--file", "Dockerfile",
                       "--tag", f"{HOST}/serving:1", "."), ("push", f"{HOST}/serving:1")):
            self._docker(docker, folder, *words)
        self.client("s3").create_bucket(Bucket="models")
        iam = self.client("iam")
        iam.create_role(RoleName="serving", AssumeRolePolicyDocument=json.dumps(TRUST))
        iam.put_role_policy(RoleName="serving", PolicyName="all", PolicyDocument=allow(
            "s3:*", "logs:*", "ecr:*", "cloudwatch:DescribeAlarms"))

    def _docker(self, docker: Path, folder: Path, *words: str) -> None:
        env = self.aws.environment | {"HOME": str(folder / "home"), "AWS_REGION": "us-east-1"}
        if words[0] == "push":
            login = subprocess.run([docker, "login", "--username", "AWS", "--password-stdin", HOST], env=env, cwd=folder,
                                   input="ministack-auth-token\n", capture_output=True, check=False, text=True)
            assert login.returncode == 0, login.stderr
        done = subprocess.run([docker, *words], env=env, cwd=folder, capture_output=True, check=False, text=True)
        assert done.returncode == 0, done.stderr

    def config(self, name: str, count: int = 1, **files: str) -> None:
        """Make a model that answers its name, and a configuration of it."""
        self.client("s3").put_object(Bucket="models", Key=f"{name}.tar.gz", Body=tar_gz(name=name, **files))
        sagemaker = self.client("sagemaker")
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={
            "Image": f"{HOST}/serving:1", "ModelDataUrl": f"s3://models/{name}.tar.gz"})
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[{
            "VariantName": VARIANT, "ModelName": name, "InitialInstanceCount": count, "InstanceType": "ml.m5.large"}])

    def endpoint(self, name: str, count: int = 1) -> None:
        """Make a model, a configuration and an endpoint of one name, and wait until it serves."""
        self.config(name, count)
        self.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=name)
        assert self.settled(name)["EndpointStatus"] == "InService"

    def described(self, name: str) -> dict:
        """Return what DescribeEndpoint says."""
        return self.client("sagemaker").describe_endpoint(EndpointName=name)

    def settled(self, name: str) -> dict:
        """Return it once nothing changes any more."""
        return until(lambda: (found := self.described(name))["EndpointStatus"] in ("InService", "Failed") and found,
                     f"{name} at rest")

    def counts(self, name: str) -> tuple[int, int]:
        """Return the desired and the current number of instances."""
        variant = self.described(name)["ProductionVariants"][0]
        return variant["DesiredInstanceCount"], variant["CurrentInstanceCount"]


@contextmanager
def running(folders: pytest.TempPathFactory) -> Iterator[EndpointMachine]:
    """A machine of its own at speed 60, with the image, until the end."""
    machine = EndpointMachine(LocalAws(free_port(), folders.mktemp("endpoints")), speed=60)
    machine.up()
    try:
        machine.prepare(folders.mktemp("image"))
        yield machine
    finally:
        machine.down()


class Callers:
    """Clients that ask one endpoint and count who answered."""

    def __init__(self, machine: EndpointMachine, endpoint: str, threads: int = 4) -> None:
        self.runtime, self.endpoint, self.threads = machine.client("sagemaker-runtime"), endpoint, threads

    def ask(self, body: bytes = b"x") -> str:
        """Return the model that answered, or the error's code."""
        try:
            return self.runtime.invoke_endpoint(EndpointName=self.endpoint, Body=body)["Body"].read().decode()
        except ClientError as error:
            return error.response["Error"]["Code"]

    def asked(self, count: int) -> Counter[str]:
        """Ask many times and return how many each answered."""
        with ThreadPoolExecutor(self.threads) as pool:
            return Counter(pool.map(lambda _: self.ask(), range(count)))

    @contextmanager
    def asking(self, pause: float = 0.0) -> Iterator[Counter[str]]:
        """Ask all the while, each thread with a pause between; yield the counts, which grow."""
        counts, ended, lock = Counter[str](), threading.Event(), threading.Lock()

        def work() -> None:
            while not ended.wait(pause):
                answer = self.ask()
                with lock:
                    counts[answer] += 1

        threads = [threading.Thread(target=work) for _ in range(self.threads)]
        for thread in threads:
            thread.start()
        try:
            yield counts
        finally:
            ended.set()
            for thread in threads:
                thread.join()
