"""The instances that serve one endpoint configuration: started beside others, replaced when they crash, drained at their end."""

import itertools
import logging
import random
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.capture import Capture
from local.encryption import authorize_volume
from local.instances import PRINCIPAL, HostingError, Instance, Place
from local.logs import LogStream
from local.machine import AccessDeniedError, Machine
from local.service import ServiceError
from local.transfer import TransferError

logger = logging.getLogger("local")
TICK_SECONDS = 0.25
INVOCATION_TIMEOUT = 60.0


class Variant:
    """The instances of one production variant."""

    def __init__(self, fleet: "Fleet", config: dict[str, Any], model: dict[str, Any]) -> None:
        self.fleet, self.model, self.config = fleet, model, config
        self.name = config["VariantName"]
        self.weight: float = config.get("InitialVariantWeight", 1.0)
        self.count: int = config.get("InitialInstanceCount", 1)
        self.instances: list[Instance] = []
        self._restarts, self._next_start = 0, 0.0
        self._turn = itertools.count()

    def new_instance(self) -> Instance:
        """Start another instance; it takes no requests before it is ready."""
        fleet, name = self.fleet, f"i-{uuid.uuid4().hex[:17]}"
        folder = fleet.folder / name
        folder.mkdir(parents=True)
        credentials = fleet.machine.session(self.model["ExecutionRoleArn"], PRINCIPAL, "SageMaker")
        authorize_volume(fleet.machine, credentials.access_key, fleet.config.get("KmsKeyId"))
        log = LogStream(fleet.machine.client("logs", credentials), folder / "log",
                        f"/aws/sagemaker/Endpoints/{fleet.name}", f"{self.name}/{name}")
        instance = Instance(fleet.machine, self.model, Place(folder, log, f"{fleet.name}/{self.name}"))
        instance.start()
        self.instances = [*self.instances, instance]
        return instance

    def scale(self) -> None:
        """Start or drain instances until there are as many as wanted; new ones are not waited for."""
        while len(self.instances) < self.count:
            self.new_instance()
        surplus, self.instances = self.instances[self.count:], self.instances[:self.count]
        retire(surplus, self.fleet.ended)

    def keep_ready(self) -> None:
        """Give up the instances that are not ready: what was wanted more than those cannot be had."""
        given_up = [instance for instance in self.instances if not instance.ready]
        self.instances = self.ready()
        self.count = max(1, len(self.instances))
        retire(given_up, self.fleet.ended)

    def ready(self) -> list[Instance]:
        """Return the instances that may take requests."""
        return [instance for instance in self.instances if instance.ready]

    def pick(self) -> Instance | None:
        """Return the next ready instance in turn, taken for one request, which must release it."""
        ready = self.ready()
        first = next(self._turn)
        return next((instance for offset in range(len(ready))
                     if (instance := ready[(first + offset) % len(ready)]).acquire()), None)

    def renew(self) -> None:
        """Replace what has ended, later each time so that a broken model does not keep the machine busy."""
        for instance in self.instances:
            if not instance.alive():
                logger.warning("endpoint %s: an instance of %s ended and is replaced:\n%s", self.fleet.name,
                               self.name, instance.place.log.tail())
                self.instances = [other for other in self.instances if other is not instance]
                instance.stop()
        if len(self.instances) < self.count and time.monotonic() > self._next_start:
            self._next_start = time.monotonic() + min(60, 2**self._restarts)
            self._restarts += 1
            self.new_instance()

    def summary(self) -> dict[str, Any]:
        """Return the variant as DescribeEndpoint shows it."""
        image = self.model.get("PrimaryContainer", self.model.get("Containers", [{}])[0])["Image"]
        digest = self.instances[0].digest if self.instances else ""
        repository = image.partition("@")[0].rpartition("/")
        resolved = f"{repository[0]}/{repository[2].partition(':')[0]}@{digest}"
        return {"VariantName": self.name, "CurrentWeight": self.weight, "DesiredWeight": self.weight,
                "CurrentInstanceCount": len(self.ready()), "DesiredInstanceCount": self.count,
                "DeployedImages": [{"SpecifiedImage": image, "ResolvedImage": resolved,
                                    "ResolutionTime": time.time()}]}


class Fleet:
    """The variants of one endpoint configuration, and what they capture."""

    def __init__(self, machine: Machine, name: str, folder: Path, config: dict[str, Any], ended: threading.Event) -> None:
        self.machine, self.name, self.folder, self.config, self.ended = machine, name, folder, config, ended
        self.variants = {each["VariantName"]: Variant(self, each, config["_Models"][each["ModelName"]])
                         for each in config["ProductionVariants"]}
        self.capture: Capture | None = None

    def want(self, desired: dict[str, dict[str, Any]]) -> None:
        """Change weights (at once) and counts (when the fleet is filled) of the variants named."""
        for name in desired.keys() & self.variants.keys():
            variant, members = self.variants[name], desired[name]
            variant.weight = members.get("DesiredWeight", variant.weight)
            variant.count = members.get("DesiredInstanceCount", variant.count)

    def fill(self, tell: Callable[[], None]) -> None:
        """Scale the variants, wait until all are ready and tell of each; raises HostingError naming the one that is not."""
        for variant in self.variants.values():
            try:
                variant.scale()
            except (HostingError, TransferError, ClientError, BotoCoreError, AccessDeniedError) as error:
                raise HostingError(f"The production variant {variant.name}: {error}") from error
        for variant in self.variants.values():
            try:
                for instance in variant.instances:
                    if not instance.ready:
                        instance.wait_until_ready(self.ended)
                        tell()
            except HostingError as error:
                raise HostingError(f"The primary container for production variant {variant.name} {error}") from error
        self.capture = self.capture or self._new_capture()

    def _new_capture(self) -> Capture | None:
        wanted = self.config.get("DataCaptureConfig") or {}
        if not wanted or not wanted.get("EnableCapture", True):
            return None
        role = self.config["_Models"][self.config["ProductionVariants"][0]["ModelName"]]["ExecutionRoleArn"]
        return Capture(self.machine, self.name, wanted, role)

    def choose(self, target: str | None) -> tuple[Variant, Instance | None]:
        """Return the variant (by weight, or the one asked for) and the instance whose turn it is, taken for one request."""
        if target and target not in self.variants:
            raise ServiceError("ValidationError", f"Variant {target} not found for endpoint {self.name}.")
        variants = [self.variants[target]] if target else list(self.variants.values())
        weights = [1.0] if target else [variant.weight for variant in variants]
        if not any(weights):
            raise ServiceError("ValidationError", f"All variants of endpoint {self.name} have weight 0.")
        variant = random.choices(variants, weights)[0]
        return variant, variant.pick()

    def summaries(self) -> list[dict[str, Any]]:
        """Return the variants as DescribeEndpoint shows them."""
        return [variant.summary() for variant in self.variants.values()]

    def watch(self) -> None:
        """Replace what has ended, ship logs and captures."""
        for variant in self.variants.values():
            variant.renew()
            for instance in variant.instances:
                instance.place.log.ship()
        if self.capture:
            self.capture.flush_if_due()

    def retire(self) -> None:
        """End the fleet after the requests under way have been answered."""
        retire([instance for variant in self.variants.values() for instance in variant.instances], self.ended)
        if self.capture:
            self.capture.flush()


def retire(instances: list[Instance], at_once: threading.Event) -> None:
    """End instances: they take no more requests, and those under way are answered before."""
    for instance in instances:
        instance.leave()
    deadline = time.monotonic() + INVOCATION_TIMEOUT
    while any(instance.busy for instance in instances) and time.monotonic() < deadline and not at_once.wait(TICK_SECONDS):
        pass
    for instance in instances:
        instance.stop()
