"""A machine with SageMaker, S3, IAM and logs for the tests, and an engine that runs the tests' program."""

import asyncio
import io
import json
import os
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from local.clock import Clock
from local.gateway import configure
from local.machine import Credentials, Machine
from local.processes import Child
from local.serving import server
from tests.local.local_aws import free_port

ACCOUNT = "000000000000"
IMAGE = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/tests:1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/job"
PROGRAM = Path(__file__).with_name("sagemaker_program.py")
TRUST = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}]}


def allow(*actions: str) -> str:
    """Return a policy that allows these actions on everything."""
    return json.dumps({"Version": "2012-10-17",
                       "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]})


class Engine:
    """Runs the tests' program in place of any image that is not called missing."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def image(self, uri: str, credentials: Credentials) -> SimpleNamespace:
        """Return a stand-in of the image."""
        if "missing" in uri:
            raise LookupError(f"Requested image {uri} not found.")
        return SimpleNamespace(digest="sha256:" + "0" * 64)

    def start(self, image: Any, arguments: list[str], *, base: Path, env: dict, log: Path, name: str,
              entrypoint: list[str] | None = None) -> Child:
        """Start the program."""
        return self._machine.processes.start(
            [sys.executable, str(PROGRAM), *(entrypoint or []), *arguments],
            env={key: value.replace("/opt/ml", str(base)) for key, value in env.items()} | {"SAGEMAKER_BASE_DIR": str(base)}, cwd=base, log=log, name=name)


class Server:
    """The endpoint on a thread."""

    def __init__(self, machine: Machine) -> None:
        configure(machine)
        import ministack.app as native
        from ministack.core.iam_actions import SERVICE_TO_IAM_NAMESPACE

        from local import metrics
        from local.services.sagemaker import SageMaker
        from local.services.sagemaker_runtime import SageMakerRuntime

        metrics.install(machine)
        machine.engine = Engine(machine)  # type: ignore[assignment]
        self.machine, self._app = machine, native.app
        self.sagemaker, runtime = SageMaker(machine), SageMakerRuntime(machine)

        async def by_path(method: str, path: str, headers: dict, body: bytes, query: dict) -> Any:
            service = runtime if path.startswith("/endpoints/") else self.sagemaker
            return await service.handle_request(method, path, headers, body, query)

        native.SERVICE_HANDLERS["sagemaker"] = by_path
        native.SERVICE_REGISTRY.setdefault("sagemaker", {"module": "sagemaker"})
        SERVICE_TO_IAM_NAMESPACE.pop("sagemaker", None)
        self._loop = asyncio.new_event_loop()
        self._server = server(self._app, self.machine.port)
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        self._loop.run_until_complete(self._server.serve())
        self._loop.close()

    def start(self) -> None:
        """Serve, and make the bucket and the role of the tests."""
        self._thread.start()
        s3 = self.machine.client("s3")
        wait_for(lambda: _answers(s3), 20)
        s3.create_bucket(Bucket="bucket")
        iam = self.machine.client("iam")
        iam.create_role(RoleName="job", AssumeRolePolicyDocument=json.dumps(TRUST))
        iam.put_role_policy(RoleName="job", PolicyName="all", PolicyDocument=allow("s3:*", "logs:*", "ecr:*"))

    def stop(self) -> None:
        """End everything that was started."""
        import ministack.app as native

        self.machine.stopping.set()
        self.sagemaker.stop()
        self.machine.processes.stop_all()
        self._server.should_exit = True
        self._thread.join()
        native._reset_all_state()  # for the next machine of this process


def _answers(s3: Any) -> bool:
    try:
        s3.list_buckets()
    except Exception:  # noqa: BLE001
        return False
    return True


def wait_for(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """Return the condition's first true value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        threading.Event().wait(0.05)
    return value


@contextmanager
def running_server(folder: Path) -> Iterator[Server]:
    """Serve with the state in ``folder``; what ministack is configured through is as before in the end."""
    environment, temporary = dict(os.environ), tempfile.tempdir
    server = Server(Machine(folder, free_port(), Clock(60.0), folder / "cache"))
    server.start()
    try:
        yield server
    finally:
        server.stop()
        os.environ.clear()
        os.environ.update(environment)
        tempfile.tempdir = temporary


def tar_gz(**files: str) -> bytes:
    """Return an archive of these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()
