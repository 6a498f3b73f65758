"""SageMaker's endpoints as serving processes: started beside each other, health checked, replaced when they crash.

One thread an endpoint makes every change to it, so changes come one after the other; invocations only read.
"""

import http.client
import itertools
import logging
import queue
import random
import shutil
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.capture import Capture
from local.instances import PRINCIPAL, HostingError, Instance, ModelFaultError, Place
from local.logs import LogStream
from local.machine import AccessDeniedError, Machine
from local.resources import Collection
from local.service import ServiceError
from local.transfer import TransferError

logger = logging.getLogger("local")
TICK_SECONDS = 0.25
INVOCATION_TIMEOUT = 60.0


class Variant:
    """The instances of one production variant."""

    def __init__(self, endpoint: "Endpoint", config: dict, model: dict) -> None:
        self.endpoint, self.model, self.config = endpoint, model, config
        self.name = config["VariantName"]
        self.weight: float = config.get("InitialVariantWeight", 1.0)
        self.count: int = config.get("InitialInstanceCount", 1)
        self.instances: list[Instance] = []
        self._restarts, self._next_start = 0, 0.0
        self._turn = itertools.count()

    def new_instance(self) -> Instance:
        """Start another instance; it takes no requests before it is ready."""
        machine, name = self.endpoint.machine, f"i-{uuid.uuid4().hex[:17]}"
        folder = self.endpoint.folder / name
        folder.mkdir(parents=True)
        credentials = machine.session(self.model["ExecutionRoleArn"], PRINCIPAL, "SageMaker")
        log = LogStream(machine.client("logs", credentials), folder / "log",
                        f"/aws/sagemaker/Endpoints/{self.endpoint.name}", f"{self.name}/{name}")
        instance = Instance(machine, self.model, Place(folder, log, f"{self.endpoint.name}/{self.name}"))
        instance.start()
        self.instances = [*self.instances, instance]
        return instance

    def scale(self) -> None:
        """Start or stop instances until there are as many as wanted, and wait until they are ready."""
        while len(self.instances) < self.count:
            self.new_instance()
        surplus, self.instances = self.instances[self.count:], self.instances[:self.count]
        retire(surplus, self.endpoint.ended)

    def pick(self) -> Instance | None:
        """Return the next ready instance in turn."""
        ready = [instance for instance in self.instances if instance.ready]
        return ready[next(self._turn) % len(ready)] if ready else None

    def renew(self) -> None:
        """Replace what has ended, later each time so that a broken model does not keep the machine busy."""
        for instance in self.instances:
            if not instance.alive():
                logger.warning("endpoint %s: an instance of %s ended and is replaced:\n%s", self.endpoint.name,
                               self.name, instance.place.log.tail())
                self.instances = [other for other in self.instances if other is not instance]
                instance.stop()
        if len(self.instances) < self.count and time.monotonic() > self._next_start:
            self._next_start = time.monotonic() + min(60, 2**self._restarts)
            self._restarts += 1
            self.new_instance()

    def stop(self) -> None:
        """End all instances."""
        for instance in self.instances:
            instance.stop()

    def summary(self) -> dict:
        """Return the variant as DescribeEndpoint shows it."""
        image = self.model.get("PrimaryContainer", self.model.get("Containers", [{}])[0])["Image"]
        digest = self.instances[0].digest if self.instances else ""
        repository = image.partition("@")[0].rpartition("/")
        resolved = f"{repository[0]}/{repository[2].partition(':')[0]}@{digest}"
        return {"VariantName": self.name, "CurrentWeight": self.weight, "DesiredWeight": self.weight,
                "CurrentInstanceCount": len(self.instances), "DesiredInstanceCount": self.count,
                "DeployedImages": [{"SpecifiedImage": image, "ResolvedImage": resolved,
                                    "ResolutionTime": time.time()}]}


class Endpoint:
    """One endpoint: its variants, and the thread that changes and watches them."""

    def __init__(self, machine: Machine, collection: Collection, name: str) -> None:
        self.machine, self.collection, self.name = machine, collection, name
        self.folder = machine.data / "sagemaker" / "endpoint" / name.lower()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.variants: dict[str, Variant] = {}
        self.capture: Capture | None = None
        self.ended = threading.Event()
        self.work: queue.Queue[Callable[[], None]] = queue.Queue()
        self.thread = threading.Thread(target=self._run, name=f"endpoint {name}", daemon=True)
        self.thread.start()

    # Changes, made on the endpoint's thread

    def deploy(self, config: dict, desired: dict[str, dict] | None = None) -> None:
        """Start a configuration's instances beside those that serve, then let them take over."""
        fresh: dict[str, Variant] = {}
        try:
            for each in config["ProductionVariants"]:
                variant = Variant(self, each | (desired or {}).get(each["VariantName"], {}),
                                  config["_Models"][each["ModelName"]])
                fresh[variant.name] = variant
            self._fill(fresh)
        except HostingError as error:
            for variant in fresh.values():
                variant.stop()
            return self._fail(str(error))
        old, self.variants = self.variants, fresh
        old_capture, self.capture = self.capture, self._new_capture(config)
        self._settle(_Config=config, EndpointConfigName=config["EndpointConfigName"],
                     DataCaptureConfig=_capture_summary(config.get("DataCaptureConfig")))
        retire([instance for variant in old.values() for instance in variant.instances], self.ended)
        if old_capture:
            old_capture.flush()

    def _fill(self, variants: dict[str, Variant]) -> None:
        """Scale the variants and wait until all are ready; raises HostingError naming the variant that is not."""
        for variant in variants.values():
            try:
                variant.scale()
            except (HostingError, TransferError, ClientError, BotoCoreError, AccessDeniedError) as error:
                raise HostingError(f"The production variant {variant.name}: {error}") from error
        for variant in variants.values():
            try:
                for instance in variant.instances:
                    instance.wait_until_ready(self.ended)
            except HostingError as error:
                raise HostingError(f"The primary container for production variant {variant.name} {error}") from error

    def scale(self, wanted: dict[str, int]) -> None:
        """Change the instance counts of the variants that serve."""
        for name, count in wanted.items():
            self.variants[name].count = count
        try:
            self._fill(self.variants)
            self._settle()
        except HostingError as error:
            self._fail(str(error))

    def _settle(self, **members: Any) -> None:
        if not self.ended.is_set() and not self.machine.stopping.is_set():
            summaries = [variant.summary() for variant in self.variants.values()]
            self.collection.change(self.name, EndpointStatus="InService", FailureReason=None,
                                   ProductionVariants=summaries, **members)

    def _fail(self, reason: str) -> None:
        """Failed where nothing serves; else the old instances stay and the reason tells of the update."""
        if not self.ended.is_set() and not self.machine.stopping.is_set():
            logger.warning("endpoint %s: %s", self.name, reason)
            self.collection.change(self.name, EndpointStatus="InService" if self.variants else "Failed",
                                   FailureReason=reason[:1024])

    def _new_capture(self, config: dict) -> Capture | None:
        wanted = config.get("DataCaptureConfig") or {}
        if not wanted or not wanted.get("EnableCapture", True):
            return None
        role = config["_Models"][config["ProductionVariants"][0]["ModelName"]]["ExecutionRoleArn"]
        return Capture(self.machine, self.name, wanted, self.machine.session(role, PRINCIPAL, "SageMaker"))

    # The thread

    def _run(self) -> None:
        while not self.ended.is_set():
            try:
                work: Callable[[], None] | None = self.work.get(timeout=TICK_SECONDS)
            except queue.Empty:
                work = None
            try:
                (work or self._watch)()
            except Exception as error:
                logger.exception("endpoint %s", self.name)
                if work:
                    self._fail(f"InternalServerError: {error!r}")

    def _watch(self) -> None:
        for variant in self.variants.values():
            variant.renew()
            for instance in variant.instances:
                instance.place.log.ship()
        if self.capture:
            self.capture.flush_if_due()

    def stop(self) -> None:
        """End the thread, the instances and what is buffered."""
        self.ended.set()
        self.thread.join(timeout=30)
        variants, self.variants = self.variants, {}
        for variant in variants.values():
            variant.stop()
        if self.capture:
            self.capture.flush()
        shutil.rmtree(self.folder, ignore_errors=True)

    # Invocations

    def choose(self, target: str | None) -> tuple[Variant, Instance]:
        """Return the variant (by weight, or the one asked for) and the instance whose turn it is."""
        if target and target not in self.variants:
            raise ServiceError("ValidationError", f"Variant {target} not found for endpoint {self.name}.")
        variants = [self.variants[target]] if target else list(self.variants.values())
        weights = [1.0] if target else [variant.weight for variant in variants]
        if not any(weights):
            raise ServiceError("ValidationError", f"All variants of endpoint {self.name} have weight 0.")
        variant = random.choices(variants, weights)[0]
        instance = variant.pick()
        if instance is None:
            raise ServiceError("ServiceUnavailable", f"Endpoint {self.name} has no healthy instance of variant "
                                                     f"{variant.name}.", 503)
        return variant, instance

    def invoke(self, body: bytes, headers: dict[str, str], target: str | None,
               event: dict) -> tuple[str, http.client.HTTPMessage, bytes]:
        """Send one invocation; return variant, answer headers and body; raises ModelFaultError for a fault."""
        began = time.perf_counter()
        variant, instance = self.choose(target)
        sent, status = time.perf_counter(), 0
        try:
            status, answered, answer = instance.request("POST", "/invocations", body, headers, INVOCATION_TIMEOUT)
        finally:
            self._measured(variant, status or 500, time.perf_counter() - sent, sent - began)
        if not 200 <= status < 300:
            raise ModelFaultError(status, answer.decode(errors="replace"))
        if self.capture:
            self.capture.record(variant.name, (headers.get("Content-Type", ""), body),
                                (answered.get("Content-Type", ""), answer), event)
        return variant.name, answered, answer

    def _measured(self, variant: Variant, status: int, model_seconds: float, overhead_seconds: float) -> None:
        """Publish one invocation as SageMaker itself does, not with the role's rights."""
        values = {"Invocations": 1, "InvocationsPerInstance": 1 / (len(variant.instances) or 1),
                  "Invocation4XXErrors": int(400 <= status < 500), "Invocation5XXErrors": int(status >= 500),
                  "InvocationModelErrors": int(not 200 <= status < 300),
                  "ModelLatency": round(model_seconds * 1e6), "OverheadLatency": round(overhead_seconds * 1e6)}
        self.machine.metrics.record("AWS/SageMaker", [{"EndpointName": self.name, "VariantName": variant.name}], {
            name: (value, "Microseconds" if name.endswith("Latency") else "None") for name, value in values.items()})


def retire(instances: list[Instance], at_once: threading.Event) -> None:
    """End instances that no longer take requests, after those under way have been answered."""
    deadline = time.monotonic() + INVOCATION_TIMEOUT
    while instances and not at_once.wait(TICK_SECONDS):
        if not any(instance.busy for instance in instances) or time.monotonic() > deadline:
            break
    for instance in instances:
        instance.stop()


def _capture_summary(config: dict | None) -> dict | None:
    if not config:
        return None
    on = config.get("EnableCapture", True)
    return {"EnableCapture": on, "CaptureStatus": "Started" if on else "Stopped", "KmsKeyId": config.get("KmsKeyId"),
            "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
            "DestinationS3Uri": config["DestinationS3Uri"]}


class Hosting:
    """All endpoints of the machine."""

    def __init__(self, machine: Machine, collection: Collection) -> None:
        self.machine, self.collection = machine, collection
        self._endpoints: dict[str, Endpoint] = {}

    def deploy(self, name: str, config: dict, desired: dict[str, dict] | None = None) -> None:
        """Bring an endpoint to a configuration; its status tells when it is done."""
        endpoint = self._endpoints.get(name.lower())
        if endpoint is None:
            endpoint = self._endpoints[name.lower()] = Endpoint(self.machine, self.collection, name)
        endpoint.work.put(lambda: endpoint.deploy(config, desired))

    def scale(self, name: str, wanted: dict[str, int]) -> None:
        """Change instance counts; the endpoint's status tells when it is done."""
        endpoint = self.serving(name)
        endpoint.work.put(lambda: endpoint.scale(wanted))

    def serving(self, name: str) -> Endpoint:
        """Return an endpoint that serves; raises AWS's ValidationError where there is none."""
        endpoint = self._endpoints.get(name.lower())
        if endpoint is None or not endpoint.variants:
            raise ServiceError("ValidationError", f"Endpoint {name} of account {self.machine.account_id} not found.")
        return endpoint

    def delete(self, name: str) -> None:
        """Stop an endpoint's processes."""
        if endpoint := self._endpoints.pop(name.lower(), None):
            endpoint.stop()

    def stop(self) -> None:
        """Stop all, side by side."""
        threads = [threading.Thread(target=endpoint.stop) for endpoint in self._endpoints.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._endpoints.clear()
