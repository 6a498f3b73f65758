"""The kinds of SageMaker's jobs: training, processing and batch transform, each with what it reads, runs and writes."""

import re
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from local.instances import HostingError, Instance, ModelFaultError, Place
from local.jobs import POLL_SECONDS, REASON_LENGTH, Job, JobAbandonedError, JobError
from local.transfer import TransferError, Window, archive


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
        found: Path = self.base / path.removeprefix("/opt/ml/")
        return found

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

    def result(self) -> dict[str, Any]:
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
        found: Path = self.base / local_path.removeprefix("/opt/ml/")
        return found

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
            source, captured = item["S3Input"], item["InputName"].startswith("endpoint_input")
            self.transfer.download(source["S3Uri"], self._folder(source["LocalPath"]),
                                   gunzip=source.get("S3CompressionType") == "Gzip",
                                   manifest=source.get("S3DataType") == "ManifestFile",
                                   window=self.window() if captured else None)

    def window(self) -> Window | None:
        """Return from when to when captures must have been written that a job of a schedule reads; None: any."""
        return None

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
    def _outputs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.request.get("ProcessingOutputConfig", {}).get("Outputs", [])
        return found

    def upload(self) -> None:
        """Write the outputs."""
        key = self.request.get("ProcessingOutputConfig", {}).get("KmsKeyId")
        for output in self._outputs:
            place = output["S3Output"]
            self.transfer.upload(self._folder(place["LocalPath"]), place["S3Uri"], key)

    def result(self) -> dict[str, Any]:
        """Return the exit message, where the program wrote one."""
        return {"ExitMessage": message[:REASON_LENGTH]} if (message := self.said()) else {}


class TransformJob(Job):
    """A model's serving process, fed with each input object."""

    stream_group, start_time, end_time = "TransformJobs", "TransformStartTime", "TransformEndTime"
    volume_key = "TransformResources.VolumeKmsKeyId"

    @property
    def role(self) -> str:
        """The model's role: a transform job has none of its own."""
        role: str = self.request["_Model"]["ExecutionRoleArn"]
        return role

    def download(self) -> None:
        """List the inputs: each is read when its turn comes."""
        self.inputs = self.transfer.objects(self._source["DataSource"]["S3DataSource"]["S3Uri"])

    @property
    def _source(self) -> dict[str, Any]:
        given: dict[str, Any] = self.request["TransformInput"]
        return given

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
        except Exception as error:  # noqa: BLE001
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
        megabytes: int = self.request.get("MaxPayloadInMB", 6)
        return megabytes

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


def hosts(instance_type: str) -> dict[str, Any]:
    """Return the resource configuration of a job on one host."""
    return {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "lo",
            "current_instance_type": instance_type, "current_group_name": "homogeneousCluster",
            "instance_groups": [{"instance_group_name": "homogeneousCluster", "instance_type": instance_type,
                                 "hosts": ["algo-1"]}]}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()
