"""SageMaker's jobs as real processes. One frame runs all kinds; a kind says what it reads, runs and writes.

Time limits are wall time, because the work is real work. Data moves with the rights of the job's role.
"""

import json
import logging
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

from botocore.exceptions import BotoCoreError, ClientError

from local.encryption import authorize_volume
from local.hosting import HostingError, Instance, ModelFaultError, Place, role_environment
from local.logs import LogStream
from local.machine import AccessDeniedError, Machine
from local.processes import Child
from local.resources import Collection
from local.service import value_at
from local.transfer import Transfer, TransferError, archive

logger = logging.getLogger("local")
PRINCIPAL = "sagemaker.amazonaws.com"
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

    def __init__(self, machine: Machine, collection: Collection, request: dict) -> None:
        self.machine, self.collection, self.request = machine, collection, request
        self.name = request[collection.kind.name]
        self.base = machine.data / "sagemaker" / collection.kind.arn / self.name.lower() / "ml"
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    # What kinds fill in

    @property
    def role(self) -> str:
        """The role whose rights the job has."""
        return self.request["RoleArn"]

    def download(self) -> None:
        """Put the job's data and configuration below ``self.base``."""

    def execute(self) -> str:
        """Do the work and return how it ended: Completed, Stopped or MaxRuntimeExceeded."""
        raise NotImplementedError

    def upload(self) -> None:
        """Write what the job made to S3."""

    def result(self) -> dict:
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

    def _transitions(self, status: str) -> list[dict]:
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
        return (self.request.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds", DAY)

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


def starting() -> dict:
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


class TrainingJob(Job):
    """Channels in, ``train``, a model archive out."""

    stream_group, start_time, end_time = "TrainingJobs", "TrainingStartTime", "TrainingEndTime"
    volume_key = "ResourceConfig.VolumeKmsKeyId"
    channels: ClassVar[dict[str, str]] = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated",
                                          "RecordWrapperType": "None"}

    def download(self) -> None:
        """Write the three configuration files, the channels and the checkpoints."""
        inputs = {channel["ChannelName"]: channel for channel in self.request.get("InputDataConfig", [])}
        self.save("input/config/hyperparameters.json", self.request.get("HyperParameters", {}))
        self.save("input/config/inputdataconfig.json", {
            name: self.channels | {key: channel[key] for key in ("ContentType",) if key in channel}
            for name, channel in inputs.items()})
        self.save("input/config/resourceconfig.json", hosts(self.request["ResourceConfig"]["InstanceType"]))
        if checkpoints := self.request.get("CheckpointConfig"):
            with suppress(TransferError):  # there are none yet
                self.transfer.download(checkpoints["S3Uri"], self._checkpoints)
        for folder in ("model", "output/data", "checkpoints"):
            (self.base / folder).mkdir(parents=True, exist_ok=True)
        for name, channel in inputs.items():
            self.transfer.download(channel["DataSource"]["S3DataSource"]["S3Uri"], self.base / "input/data" / name,
                                   gunzip=channel.get("CompressionType") == "Gzip")

    def execute(self) -> str:
        """Run the image with ``train``."""
        algorithm = self.request["AlgorithmSpecification"]
        entrypoint = algorithm.get("ContainerEntrypoint")
        arguments = algorithm.get("ContainerArguments", [] if entrypoint else ["train"])
        return self.run_image(algorithm["TrainingImage"], arguments, entrypoint, {
            "TRAINING_JOB_NAME": self.name, "TRAINING_JOB_ARN": self.collection.arn(self.name),
            "CURRENT_HOST": "algo-1"} | self.request.get("Environment", {}))

    def said(self) -> str:
        """Return the failure file's text."""
        return self.text("output/failure")

    @property
    def _target(self) -> str:
        return f"{self.request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{self.name}/output"

    @property
    def _checkpoints(self) -> Path:
        path = self.request["CheckpointConfig"].get("LocalPath", "/opt/ml/checkpoints")
        return self.base / path.removeprefix("/opt/ml/")

    def upload(self) -> None:
        """Write model.tar.gz (plain files where no compression is asked for) and, if there is output, output.tar.gz."""
        if checkpoints := self.request.get("CheckpointConfig"):
            self.transfer.upload(self._checkpoints, checkpoints["S3Uri"])
        config = self.request["OutputDataConfig"]
        key = config.get("KmsKeyId")
        for source, name in (("model", "model"), ("output/data", "output")):
            folder = self.base / source
            if name == "output" and not any(folder.iterdir()):
                continue
            if config.get("CompressionType") == "NONE":
                self.transfer.upload(folder, f"{self._target}/{name}", key)
            else:
                packed = archive(folder, self.base / f"{name}.tar.gz")
                self.transfer.put(packed, f"{self._target}/{name}.tar.gz", key)

    def result(self) -> dict:
        """Return the archive's address and the last value of each metric found in the log."""
        plain = self.request["OutputDataConfig"].get("CompressionType") == "NONE"
        metrics = []
        for metric in self.request["AlgorithmSpecification"].get("MetricDefinitions", []):
            log = (self.base.parent / "log")
            found = re.findall(metric["Regex"], log.read_text(errors="replace")) if log.exists() else []
            if found:
                metrics.append({"MetricName": metric["Name"], "Value": float(found[-1]),
                                "Timestamp": self.machine.clock.now()})
        return {"ModelArtifacts": {"S3ModelArtifacts": f"{self._target}/model{'/' if plain else '.tar.gz'}"},
                **({"FinalMetricDataList": metrics} if metrics else {})}


class ProcessingJob(Job):
    """Files in, a program, files out."""

    stream_group, start_time, end_time = "ProcessingJobs", "ProcessingStartTime", "ProcessingEndTime"
    volume_key = "ProcessingResources.ClusterConfig.VolumeKmsKeyId"

    def _folder(self, local_path: str) -> Path:
        return self.base / local_path.removeprefix("/opt/ml/")

    def download(self) -> None:
        """Write the two configuration files and the inputs."""
        self.save("config/processingjobconfig.json", {
            "ProcessingJobArn": self.collection.arn(self.name),
            **{key: value for key, value in self.request.items() if key not in ("Tags", "ExperimentConfig")}})
        cluster = self.request["ProcessingResources"]["ClusterConfig"]
        self.save("config/resourceconfig.json", hosts(cluster["InstanceType"]))
        for output in self._outputs:
            self._folder(output["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)
        (self.base / "output").mkdir(exist_ok=True)
        for item in self.request.get("ProcessingInputs", []):
            source = item["S3Input"]
            self.transfer.download(source["S3Uri"], self._folder(source["LocalPath"]),
                                   gunzip=source.get("S3CompressionType") == "Gzip")

    def execute(self) -> str:
        """Run the image's program, or the given one."""
        application = self.request["AppSpecification"]
        return self.run_image(
            application["ImageUri"], application.get("ContainerArguments", []), application.get("ContainerEntrypoint"),
            {"PROCESSING_JOB_NAME": self.name, "PROCESSING_JOB_ARN": self.collection.arn(self.name)}
            | self.request.get("Environment", {}))

    def said(self) -> str:
        """Return the exit message."""
        return self.text("output/message")

    @property
    def _outputs(self) -> list[dict]:
        return self.request.get("ProcessingOutputConfig", {}).get("Outputs", [])

    def upload(self) -> None:
        """Write the outputs."""
        key = self.request.get("ProcessingOutputConfig", {}).get("KmsKeyId")
        for output in self._outputs:
            place = output["S3Output"]
            self.transfer.upload(self._folder(place["LocalPath"]), place["S3Uri"], key)

    def result(self) -> dict:
        """Return the exit message, where the program wrote one."""
        return {"ExitMessage": message[:REASON_LENGTH]} if (message := self.said()) else {}


class TransformJob(Job):
    """A model's serving process, fed with each input object."""

    stream_group, start_time, end_time = "TransformJobs", "TransformStartTime", "TransformEndTime"
    volume_key = "TransformResources.VolumeKmsKeyId"

    @property
    def role(self) -> str:
        """The model's role: a transform job has none of its own."""
        return self.request["_Model"]["ExecutionRoleArn"]

    def download(self) -> None:
        """List the inputs: each is read when its turn comes."""
        self.inputs = self.transfer.objects(self._source["DataSource"]["S3DataSource"]["S3Uri"])

    @property
    def _source(self) -> dict:
        return self.request["TransformInput"]

    def execute(self) -> str:
        """Serve, feed, and stop serving."""
        strategy = self.request.get("BatchStrategy", "MultiRecord")
        place = Place(self.base.parent, self.log, self.name, {
            "SAGEMAKER_BATCH": "true", "SAGEMAKER_BATCH_STRATEGY": _snake(strategy),
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(self._maximum), "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "1"}
            | self.request.get("Environment", {}))
        instance = Instance(self.machine, self.request["_Model"], place)
        fed, faults = threading.Event(), list[Exception]()
        threading.Thread(target=self._feed, args=(instance, fed, faults), daemon=True).start()
        try:
            end = self._follow(instance, fed)
        finally:
            instance.stop()
        if end == "Completed" and faults:
            raise JobError(self._reason(f"ClientError: the model's container {faults[0]}"
                                        if isinstance(faults[0], HostingError) else f"ClientError: {faults[0]}", ""))
        return end

    def _feed(self, instance: Instance, fed: threading.Event, faults: list[Exception]) -> None:
        """Start the process and send it every input, on a thread so that the job can be stopped meanwhile."""
        try:
            instance.start()
            instance.wait_until_ready(self.stopping)
            for key, relative in self.inputs.items():
                self._transform(instance, key, relative)
        except Exception as error:
            faults.append(error)
        finally:
            fed.set()

    def _follow(self, instance: Instance, fed: threading.Event) -> str:
        while instance.child is None and not fed.wait(POLL_SECONDS):
            if self.machine.stopping.is_set():
                raise JobAbandonedError
        end = self.watch(instance.child, fed) if instance.child else "Completed"
        if end == "Completed" and not fed.wait(10):
            raise JobError(self._reason("AlgorithmError: the model's process ended before its work.", ""))
        return end

    @property
    def _maximum(self) -> int:
        return self.request.get("MaxPayloadInMB", 6)

    def _transform(self, instance: Instance, key: str, relative: str) -> None:
        bucket = self._source["DataSource"]["S3DataSource"]["S3Uri"].removeprefix("s3://").partition("/")[0]
        content = self.transfer.read(f"s3://{bucket}/{key}")
        output = self.request["TransformOutput"]
        headers = {"Content-Type": self._source.get("ContentType", ""), "Accept": output.get("Accept", "")}
        timeout = self.request.get("ModelClientConfig", {}).get("InvocationsTimeoutInSeconds", 600)
        answers = []
        for batch in self._batches(content):
            status, _, answer = instance.request("POST", "/invocations", batch, headers, timeout)
            if status != 200:
                raise ModelFaultError(status, f"s3://{bucket}/{key}: {answer.decode(errors='replace')[:300]}")
            answers.append(answer)
        if output.get("AssembleWith") == "Line":
            answers = [answer if answer.endswith(b"\n") else answer + b"\n" for answer in answers]
        self.transfer.put(b"".join(answers), f"{output['S3OutputPath'].rstrip('/')}/{relative}.out",
                          output.get("KmsKeyId"))

    def _batches(self, content: bytes) -> list[bytes]:
        """Cut an object into requests: whole, a line each, or as many lines as the payload allows."""
        if self._source.get("SplitType", "None") == "None":
            return [content]
        lines = content.splitlines(keepends=True)
        if self.request.get("BatchStrategy") == "SingleRecord":
            return lines
        batches: list[bytes] = []
        for line in lines:
            if batches and len(batches[-1]) + len(line) <= self._maximum * 2**20:
                batches[-1] += line
            else:
                batches.append(line)
        return batches


def hosts(instance_type: str) -> dict:
    """Return the resource configuration of a job on one host."""
    return {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "lo",
            "current_instance_type": instance_type, "current_group_name": "homogeneousCluster",
            "instance_groups": [{"instance_group_name": "homogeneousCluster", "instance_type": instance_type,
                                 "hosts": ["algo-1"]}]}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()
