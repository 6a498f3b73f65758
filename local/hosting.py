"""SageMaker's endpoints: which fleet of instances takes which share of the traffic, and how that changes.

One thread an endpoint makes every change to it, so changes come one after the other; invocations only read.
"""

import http.client
import logging
import queue
import random
import shutil
import threading
import time
from collections.abc import Callable
from typing import Any

from local.fleets import INVOCATION_TIMEOUT, TICK_SECONDS, Fleet, Variant
from local.guardrails import RollbackError, Shift, StoppedError
from local.instances import HostingError, Instance, ModelFaultError
from local.machine import Machine
from local.resources import Collection
from local.service import ServiceError

logger = logging.getLogger("local")


class Endpoint:
    """One endpoint: the fleet that serves, the shares of the traffic, and the thread that changes and watches them."""

    def __init__(self, machine: Machine, collection: Collection, name: str) -> None:
        self.machine, self.collection, self.name = machine, collection, name
        self.folder = machine.data / "sagemaker" / "endpoint" / name.lower()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.fleet: Fleet | None = None
        self.route: tuple[tuple[Fleet, float], ...] = ()  # replaced as a whole: each invocation reads it once
        self.ended = threading.Event()
        self.work: queue.Queue[Callable[[], None]] = queue.Queue()
        self.thread = threading.Thread(target=self._run, name=f"endpoint {name}", daemon=True)
        self.thread.start()

    # Changes, made on the endpoint's thread

    def deploy(self, config: dict[str, Any], desired: dict[str, dict[str, Any]], deployment: dict[str, Any] | None, reason: str | None) -> None:
        """Start a configuration's instances beside those that serve, then let them take over, all at once or guarded."""
        fresh, old = Fleet(self.machine, self.name, self.folder, config, self.ended), self.fleet
        fresh.want(desired)
        shift = Shift(self, old, deployment, _role(old.config)) if old and deployment else None
        try:
            if shift:
                shift.alarms.check()
                self.tell_pending(fresh, "Creating")
            fresh.fill(self._tell)
            if shift:
                shift.run(fresh)
        except (HostingError, RollbackError) as error:
            return self._go_back(fresh, str(error))
        self.fleet, self.route = fresh, ((fresh, 1.0), (old, 0.0)) if shift and old else ((fresh, 1.0),)
        self._tell(_Config=config, EndpointConfigName=config["EndpointConfigName"], PendingDeploymentSummary=None,
                   DataCaptureConfig=_capture_summary(config.get("DataCaptureConfig")))
        if shift:
            shift.keep_old(fresh)
        self.route = ((fresh, 1.0),)
        self._tell(EndpointStatus="InService", FailureReason=reason)
        if old:
            old.retire()
        return None

    def _go_back(self, fresh: Fleet, reason: str) -> None:
        """Take all traffic back to the fleet that served, and end the one that should have."""
        if len(self.route) > 1 and self.fleet:
            self.route = ((self.fleet, 1.0),)
            self._tell(EndpointStatus="RollingBack")
        fresh.retire()
        self._fail(reason)

    def scale(self, desired: dict[str, dict[str, Any]]) -> None:
        """Change weights and instance counts of the variants that serve."""
        assert self.fleet is not None
        self.fleet.want(desired)
        self._tell()
        try:
            self.fleet.fill(self._tell)
            self._tell(EndpointStatus="InService")
        except HostingError as error:
            for variant in self.fleet.variants.values():
                variant.keep_ready()
            self._fail(str(error))

    def _tell(self, **members: Any) -> None:
        """Show what serves, and change members, unless the endpoint or the machine goes away."""
        if not self.ended.is_set() and not self.machine.stopping.is_set():
            shown = {"ProductionVariants": self.fleet.summaries()} if self.fleet else {}
            self.collection.change(self.name, **shown, **members)

    def tell_pending(self, fresh: Fleet, status: str, message: str | None = None) -> None:
        """Show the configuration on its way, and how far it has come."""
        state = {"Status": status, "StatusMessage": message, "StartTime": time.time()}
        self._tell(PendingDeploymentSummary={
            "EndpointConfigName": fresh.config["EndpointConfigName"], "StartTime": time.time(),
            "ProductionVariants": [each | {"VariantStatus": [state]} for each in fresh.summaries()]})

    def _fail(self, reason: str) -> None:
        """Failed where nothing serves; else the old instances stay and the reason tells of the update."""
        if not self.ended.is_set():
            logger.warning("endpoint %s: %s", self.name, reason)
        self._tell(EndpointStatus="InService" if self.fleet else "Failed", FailureReason=reason[:1024],
                   PendingDeploymentSummary=None)

    # The thread

    def _run(self) -> None:
        while not self.ended.is_set():
            try:
                work: Callable[[], None] | None = self.work.get(timeout=TICK_SECONDS)
            except queue.Empty:
                work = None
            try:
                (work or self._watch)()
            except StoppedError:
                return
            except Exception as error:
                logger.exception("endpoint %s", self.name)
                if work:
                    self._fail(f"InternalServerError: {error!r}")

    def _watch(self) -> None:
        if self.fleet:
            self.fleet.watch()

    def stop(self) -> None:
        """End the thread, the instances and what is buffered."""
        self.ended.set()
        self.thread.join(timeout=30)
        fleets = {fleet for fleet, _ in self.route}
        self.fleet, self.route = None, ()
        for fleet in fleets:
            fleet.retire()
        shutil.rmtree(self.folder, ignore_errors=True)

    # Invocations

    def choose(self, target: str | None) -> tuple[Variant, Instance]:
        """Return variant and instance of one request, which must release it, by the fleets' shares and their weights."""
        while True:
            route = self.route
            if not route:
                raise not_found(self.machine, self.name)
            [fleet] = random.choices([each for each, _ in route], [share for _, share in route])
            variant, instance = fleet.choose(target)
            if instance:
                return variant, instance
            if route is self.route:  # else the fleet left meanwhile
                self._measured(variant, 503, 0.0, 0.0)
                raise ServiceError("ServiceUnavailable", f"Endpoint {self.name} has no healthy instance of variant "
                                                         f"{variant.name}.", 503)

    def invoke(self, body: bytes, headers: dict[str, str], target: str | None,
               event: dict[str, Any]) -> tuple[str, http.client.HTTPMessage, bytes]:
        """Send one invocation; return variant, answer headers and body; raises ModelFaultError for a fault."""
        began = time.perf_counter()
        variant, instance = self.choose(target)
        sent, status = time.perf_counter(), 0
        try:
            status, answered, answer = instance.request("POST", "/invocations", body, headers, INVOCATION_TIMEOUT)
        finally:
            instance.release()
            self._measured(variant, status or 500, time.perf_counter() - sent, sent - began)
        if not 200 <= status < 300:
            raise ModelFaultError(status, answer.decode(errors="replace"))
        if variant.fleet.capture:
            variant.fleet.capture.record(variant.name, (headers.get("Content-Type", ""), body),
                                         (answered.get("Content-Type", ""), answer), event)
        return variant.name, answered, answer

    def _measured(self, variant: Variant, status: int, model_seconds: float, overhead_seconds: float) -> None:
        """Publish one invocation as SageMaker itself does, not with the role's rights; by fleet while there are two."""
        values = {"Invocations": 1, "InvocationsPerInstance": 1 / (len(variant.ready()) or 1),
                  "Invocation4XXErrors": int(400 <= status < 500), "Invocation5XXErrors": int(status >= 500),
                  "InvocationModelErrors": int(not 200 <= status < 300),
                  "ModelLatency": round(model_seconds * 1e6), "OverheadLatency": round(overhead_seconds * 1e6)}
        names = {"EndpointName": self.name, "VariantName": variant.name}
        by_fleet = [names | {"EndpointConfigName": variant.fleet.config["EndpointConfigName"]}] if len(self.route) > 1 else []
        self.machine.metrics.record("AWS/SageMaker", [names, *by_fleet], {
            name: (value, "Microseconds" if name.endswith("Latency") else "None") for name, value in values.items()})


def not_found(machine: Machine, name: str) -> ServiceError:
    """Return AWS's error for an endpoint that does not serve."""
    return ServiceError("ValidationError", f"Endpoint {name} of account {machine.account_id} not found.")


def _role(config: dict[str, Any]) -> str:
    """Return the role that an endpoint of a configuration has: that of its first model."""
    role: str = config["_Models"][config["ProductionVariants"][0]["ModelName"]]["ExecutionRoleArn"]
    return role


def _capture_summary(config: dict[str, Any] | None) -> dict[str, Any] | None:
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

    def deploy(self, name: str, config: dict[str, Any], desired: dict[str, dict[str, Any]] | None = None, deployment: dict[str, Any] | None = None,
               reason: str | None = None) -> None:
        """Bring an endpoint to a configuration; its status tells when it is done, with a reason to be shown then."""
        endpoint = self._endpoints.get(name.lower())
        if endpoint is None:
            endpoint = self._endpoints[name.lower()] = Endpoint(self.machine, self.collection, name)
        endpoint.work.put(lambda: endpoint.deploy(config, desired or {}, deployment, reason))

    def scale(self, name: str, desired: dict[str, dict[str, Any]]) -> None:
        """Change weights at once and instance counts; the endpoint's status tells when it is done."""
        endpoint = self.serving(name)
        endpoint.work.put(lambda: endpoint.scale(desired))

    def serving(self, name: str) -> Endpoint:
        """Return an endpoint that serves; raises AWS's ValidationError where there is none."""
        endpoint = self._endpoints.get(name.lower())
        if endpoint is None or not endpoint.route:
            raise not_found(self.machine, name)
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
