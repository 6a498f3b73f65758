"""SageMaker's jobs as real processes: the frame that runs every kind of them; the kinds are in job_kinds.py.

Time limits are wall time, because the work is real work. Data moves with the rights of the job's role.
"""

import json
import logging
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from botocore.exceptions import BotoCoreError, ClientError

from local.encryption import authorize_volume
from local.instances import PRINCIPAL, role_environment
from local.logs import LogStream
from local.machine import AccessDeniedError, Machine
from local.processes import Child
from local.resources import Collection
from local.service import value_at
from local.transfer import Transfer, TransferError

logger = logging.getLogger("local")
POLL_SECONDS = 0.05
DAY = 24 * 3600
GRACE_SECONDS = 120  # AWS's, between SIGTERM and SIGKILL
REASON_LENGTH = 1024
MESSAGES = {"Starting": "Preparing the instances for the job", "Downloading": "Downloading input data",
            "Training": "Image download completed. Job in progress.", "Uploading": "Uploading generated output",
            "Stopping": "Stopping the job", "Completed": "Job completed", "Stopped": "Job stopped",
            "MaxRuntimeExceeded": "Job runtime exceeded MaxRuntimeInSeconds provided", "Failed": "Job failed"}


class JobError(Exception):
    """A job failed; the message is its FailureReason."""


class JobAbandonedError(Exception):
    """The machine stops; what the job was is settled at the next start."""


class Job:
    """One job from its creation to its end."""

    stream_group: ClassVar[str]
    volume_key: ClassVar[str]  # path of the key of the instances' volumes in the request
    start_time: ClassVar[str]
    end_time: ClassVar[str]

    def __init__(self, machine: Machine, collection: Collection, request: dict[str, Any]) -> None:
        self.machine, self.collection, self.request = machine, collection, request
        self.name = request[collection.kind.name]
        self.base = machine.data / "sagemaker" / collection.kind.arn / self.name.lower() / "ml"
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    # What kinds fill in

    @property
    def role(self) -> str:
        """The role whose rights the job has."""
        role: str = self.request["RoleArn"]
        return role

    def download(self) -> None:
        """Put the job's data and configuration below ``self.base``."""

    def execute(self) -> str:
        """Do the work and return how it ended: Completed, Stopped or MaxRuntimeExceeded."""
        raise NotImplementedError

    def upload(self) -> None:
        """Write what the job made to S3."""

    def result(self) -> dict[str, Any]:
        """Return what Describe shows of the job's result."""
        return {}

    # The frame

    def _run(self) -> None:
        try:
            self._live()
        except JobAbandonedError:
            return
        except (JobError, TransferError, ClientError, AccessDeniedError, BotoCoreError) as error:
            self._fail(str(error) if isinstance(error, JobError) else f"ClientError: {error}")
        except Exception as error:  # a fault of ours, not the job's
            logger.exception("job %s", self.name)
            self._fail(f"InternalServerError: {type(error).__name__}: {error}")
        finally:
            shutil.rmtree(self.base, ignore_errors=True)

    def _live(self) -> None:
        shutil.rmtree(self.base.parent, ignore_errors=True)
        self.base.mkdir(parents=True)
        credentials = self.machine.session(self.role, PRINCIPAL, "SageMaker")
        self.transfer = Transfer(self.machine.client("s3", credentials))
        self.log = LogStream(self.machine.client("logs", credentials), self.base.parent / "log",
                             f"/aws/sagemaker/{self.stream_group}", f"{self.name}/algo-1-{int(time.time())}")
        self.credentials = credentials
        authorize_volume(self.machine, credentials.access_key, value_at(self.request, self.volume_key))
        self._enter("Downloading")
        with _failing_as("Data download failed"):
            self.download()
        self._enter("Training", **{self.start_time: self.machine.clock.now()})
        try:
            end = "Stopped" if self.stopping.is_set() else self.execute()
        finally:
            self.log.ship(everything=True)
        self._enter("Uploading")
        with _failing_as("Data upload failed"):
            self.upload()
        self._finish(end)

    def _enter(self, secondary: str, **members: Any) -> None:
        """Go to the next secondary status, unless the machine or the job is being stopped."""
        if self.machine.stopping.is_set():
            raise JobAbandonedError
        if not self.stopping.is_set():
            members["SecondaryStatus"] = secondary
            members["SecondaryStatusTransitions"] = self._transitions(secondary)
        self.collection.change(self.name, **members)

    def _transitions(self, status: str) -> list[dict[str, Any]]:
        now = self.machine.clock.now()
        past = self.collection.get(self.name).get("SecondaryStatusTransitions", [])
        if past:
            past[-1]["EndTime"] = now
        end = {"EndTime": now} if status in ("Completed", "Failed", "Stopped", "MaxRuntimeExceeded") else {}
        return [*past, {"Status": status, "StartTime": now, "StatusMessage": MESSAGES[status], **end}]

    def _finish(self, secondary: str, **members: Any) -> None:
        status = secondary if secondary in ("Completed", "Failed") else "Stopped"
        document, now = self.collection.get(self.name), self.machine.clock.now()
        seconds = int(now - document.get(self.start_time, now))
        if secondary == "MaxRuntimeExceeded":
            members["FailureReason"] = self._reason(f"ClientError: {MESSAGES[secondary]} ({self.limit} s)", "")
        self.collection.change(self.name, **{
            self.collection.kind.status: status, "SecondaryStatus": secondary, self.end_time: now,
            "SecondaryStatusTransitions": self._transitions(secondary), "TrainingTimeInSeconds": seconds,
            "BillableTimeInSeconds": seconds} | self.result() | members)

    def _fail(self, reason: str) -> None:
        if not self.machine.stopping.is_set():
            logger.warning("job %s failed: %s", self.name, reason)
            self._finish("Failed", FailureReason=reason[:REASON_LENGTH])

    def stop(self) -> None:
        """Ask the job to end; its status is Stopping until the process has ended."""
        kind = self.collection.kind
        self.collection.change(self.name, **{kind.status: "Stopping", "SecondaryStatus": "Stopping",
                                             "SecondaryStatusTransitions": self._transitions("Stopping")})
        self.stopping.set()

    # For kinds

    @property
    def limit(self) -> int:
        """The wall seconds that the work may take."""
        seconds: int = (self.request.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds", DAY)
        return seconds

    def watch(self, child: Child, done: threading.Event | None = None) -> str:
        """Follow a process until it ends or ``done``; stop it when asked to or out of time."""
        deadline, end = time.monotonic() + self.limit, "Completed"
        while child.poll() is None and not (done and done.is_set()):
            if self.machine.stopping.is_set():
                raise JobAbandonedError
            if self.stopping.wait(POLL_SECONDS) or time.monotonic() > deadline:
                end = "Stopped" if self.stopping.is_set() else "MaxRuntimeExceeded"
                child.stop(max(5.0, self.machine.clock.scaled(GRACE_SECONDS)))
                return end
            self.log.ship()
        return end

    def run_image(self, uri: str, arguments: list[str], entrypoint: list[str] | None, env: dict[str, str]) -> str:
        """Run the job's program to its end; a program that fails is a JobError with its own words."""
        assert self.machine.engine is not None
        child = self.machine.engine.start(
            image_of(self.machine, uri, self.credentials), arguments, base=self.base, log=self.log.path,
            name=self.name, env=self.environment() | env, entrypoint=entrypoint)
        end = self.watch(child)
        if self.machine.stopping.is_set():
            raise JobAbandonedError
        code = child.poll()
        if end == "Completed" and code:
            raise JobError(self._reason("AlgorithmError: ", f", exit code: {code if code > 0 else 128 - code}"))
        return end

    def environment(self) -> dict[str, str]:
        """Return what SageMaker adds to the environment: region and role, or nothing of both in isolation."""
        isolated = self.request.get("EnableNetworkIsolation") or value_at(
            self.request, "NetworkConfig.EnableNetworkIsolation")
        return role_environment(self.machine, None if isolated else self.credentials)

    def said(self) -> str:
        """Return what the program wrote about its failure."""
        return ""

    def _reason(self, start: str, end: str) -> str:
        """Compose a reason of the program's own words and its last log lines."""
        said = self.said()[:400]
        tail = self.log.tail(REASON_LENGTH - len(start) - len(end) - len(said) - 2)
        words = start if said in tail else start + said  # most programs print what they leave in the failure file
        return words + ("\n" if tail and not words.endswith(": ") else "") + tail + end

    def save(self, name: str, document: Any) -> None:
        """Write a configuration file that the program may read."""
        path = self.base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=1))

    def text(self, name: str) -> str:
        """Return a file that the program may have written, "" where it has not."""
        path = self.base / name
        return path.read_text(errors="replace").strip() if path.is_file() else ""


def starting() -> dict[str, Any]:
    """Return the first entry of a job's status transitions."""
    return {"Status": "Starting", "StartTime": time.time(), "StatusMessage": MESSAGES["Starting"]}


def image_of(machine: Machine, uri: str, credentials: Any) -> Any:
    """Pull an image; what cannot be pulled is a JobError naming it."""
    assert machine.engine is not None
    try:
        return machine.engine.image(uri, credentials)
    except (ClientError, AccessDeniedError) as error:
        raise JobError(f"ClientError: Cannot pull the image {uri}: {error}") from error
    except Exception as error:
        raise JobError(f"ClientError: {error}") from error


@contextmanager
def _failing_as(phase: str) -> Iterator[None]:
    """Name the phase in which moving data failed."""
    try:
        yield
    except (TransferError, ClientError, BotoCoreError) as error:
        raise JobError(f"ClientError: {phase}: {error}") from error
