"""Serving processes of models: each with its port, its health check and its kept connections."""

import http.client
import queue
import random
import shutil
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local.logs import LogStream
from local.machine import Credentials, Machine
from local.processes import Child
from local.transfer import Transfer, TransferError, extract

PRINCIPAL = "sagemaker.amazonaws.com"
PING_TIMEOUT = 2.0
STARTUP_SECONDS = 480.0  # AWS's; loading a model is real work, so a minute of wall time is the least
LEAST_STARTUP_SECONDS = 60.0
PORTS = range(15000, 32000)  # below the ports that systems hand out for outgoing connections


class HostingError(Exception):
    """A model cannot be served; the message is the FailureReason."""


class ModelFaultError(Exception):
    """The model's process answered an error, or (status 0) did not answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"the model answered {status}: {message}" if status else message)
        self.status, self.message = status, message


def role_environment(machine: Machine, credentials: Credentials | None) -> dict[str, str]:
    """Return region, endpoint and the role's rights as variables; without credentials only the region."""
    region = {"AWS_REGION": machine.region, "AWS_DEFAULT_REGION": machine.region}
    if credentials is None:
        return region
    return region | credentials.environment() | {"AWS_ENDPOINT_URL": machine.endpoint_url}


@dataclass(frozen=True)
class Place:
    """Where an instance lives: its folder, its log stream, its process's name, and variables of the occasion."""

    folder: Path
    log: LogStream
    name: str
    env: dict[str, str] = field(default_factory=dict)


class Instance:
    """One serving process of a model, with its port and its pool of connections."""

    def __init__(self, machine: Machine, model: dict[str, Any], place: Place) -> None:
        self.machine, self.place = machine, place
        self.container = (model.get("PrimaryContainer") or model["Containers"][0])
        self.isolated = model.get("EnableNetworkIsolation", False)
        self.credentials = machine.session(model["ExecutionRoleArn"], PRINCIPAL, "SageMaker")
        self.child: Child | None = None
        self.ready, self.started, self.digest = False, 0.0, ""
        self._users, self._leaving, self._lock = 0, False, threading.Lock()
        self._pool: queue.LifoQueue[http.client.HTTPConnection] = queue.LifoQueue()

    def start(self) -> None:
        """Bring the model in and start the process; raises HostingError, TransferError or ClientError."""
        engine = self.machine.engine
        assert engine is not None
        uri = self.container["Image"]
        try:
            image = engine.image(uri, self.credentials)
        except Exception as error:
            raise HostingError(f"The image {uri} cannot be pulled. Please make sure all images included in the model "
                               "exist, and that the execution role used to create the model has permissions to access "
                               f"them. {error}") from error
        base = self.place.folder / "ml"
        shutil.rmtree(base, ignore_errors=True)
        self._fetch_model(base / "model")
        self.digest, self.port = image.digest, _free_port()
        env = {"MODEL_SERVER_WORKERS": "1"} | role_environment(  # one: several endpoints share this machine's cores
            self.machine, None if self.isolated else self.credentials) | self.place.env
        env |= self.container.get("Environment", {})
        env |= {"SAGEMAKER_BIND_TO_PORT": str(self.port), "SAGEMAKER_BIND_TO_HOST": "127.0.0.1"}
        self.started = time.monotonic()
        self.child = engine.start(image, ["serve"], base=base, env=env, log=self.place.log.path, name=self.place.name)

    def _fetch_model(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        source = self.container.get("ModelDataSource", {}).get("S3DataSource", {})
        uri = source.get("S3Uri") or self.container.get("ModelDataUrl")
        transfer = Transfer(self.machine.client("s3", self.credentials))
        try:
            if uri and source.get("CompressionType") == "None":
                transfer.download(uri, folder)
            elif uri:
                packed = folder.parent / "model.tar.gz"
                transfer.fetch(uri, packed)
                extract(packed, folder)
                packed.unlink()
        except (TransferError, ClientError) as error:
            raise HostingError(f"Failed to download model data from {uri}: {error}. Please ensure that the object "
                               "exists and that the execution role has s3:GetObject permissions on it.") from error

    @property
    def patience(self) -> float:
        """The wall seconds that the process may take until it answers its health check."""
        return max(LEAST_STARTUP_SECONDS, self.machine.clock.scaled(STARTUP_SECONDS))

    def check(self) -> bool:
        """Whether the process answers its health check; one that has ended, or never will, is a HostingError."""
        assert self.child is not None
        if (code := self.child.poll()) is not None:
            raise HostingError(f"did not pass the ping health check: its process ended with exit code {code}. "
                               f"Its last log lines:\n{self.place.log.tail()}")
        try:
            status, _, _ = self.request("GET", "/ping", b"", {}, PING_TIMEOUT)
            self.ready = self.ready or status == 200
        except ModelFaultError:
            status = 0
        if not self.ready and time.monotonic() - self.started > self.patience:
            raise HostingError(f"did not pass the ping health check in {self.patience:.0f} s. "
                               f"Its last log lines:\n{self.place.log.tail()}")
        return self.ready

    def alive(self) -> bool:
        """Whether the process runs and has passed its health check or may still do so."""
        try:
            if not self.ready:
                self.check()
            return self.child is not None and self.child.poll() is None
        except HostingError:
            return False

    def wait_until_ready(self, given_up: threading.Event) -> None:
        """Wait for the health check; raises HostingError when it fails or the wait is given up."""
        while not self.check():
            if given_up.wait(0.1) or self.machine.stopping.is_set():
                raise HostingError("was stopped before it passed the ping health check")

    def request(self, method: str, path: str, body: bytes, headers: dict[str, str],
                timeout: float) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Send one request over a kept connection; raises ModelFaultError when there is no answer."""
        headers = {name: value for name, value in headers.items() if value}
        while True:
            connection, fresh = self._connection()
            try:
                if connection.sock:
                    connection.sock.settimeout(timeout)
                connection.timeout = timeout
                connection.request(method, path, body or None, headers)
                response = connection.getresponse()
                answer = response.read()
            except TimeoutError:
                connection.close()
                raise ModelFaultError(0, "Your invocation timed out while waiting for a response from container "
                                         "primary. Review the latency metrics for each container in Amazon CloudWatch, "
                                         "resolve the issue, and try again.") from None
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if fresh:
                    raise ModelFaultError(0, f"The container closed the connection: {error!r}") from error
                continue  # a kept connection may have been closed by the server meanwhile
            self._pool.put(connection)
            return response.status, response.headers, answer

    def _connection(self) -> tuple[http.client.HTTPConnection, bool]:
        try:
            return self._pool.get_nowait(), False
        except queue.Empty:
            return http.client.HTTPConnection("127.0.0.1", self.port), True

    def acquire(self) -> bool:
        """Take the instance for one request, which must release it; False where it is leaving."""
        with self._lock:
            self._users += not self._leaving
            return not self._leaving

    def release(self) -> None:
        """Give it back."""
        with self._lock:
            self._users -= 1

    def leave(self) -> None:
        """Take no more requests."""
        with self._lock:
            self._leaving = True

    @property
    def busy(self) -> bool:
        """Whether it is taken for requests."""
        return self._users > 0

    def stop(self) -> None:
        """End the process and remove its files; its log is shipped to the end."""
        self.ready = False
        if self.child:
            self.child.stop()
        while not self._pool.empty():
            self._pool.get().close()
        self.place.log.ship(everything=True)
        shutil.rmtree(self.place.folder / "ml", ignore_errors=True)


def _free_port() -> int:
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
