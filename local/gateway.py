"""The endpoint: ministack on 127.0.0.1 with our services inside, started and stopped as one."""

import asyncio
import os
import signal
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from local.machine import Machine
from local.serving import server

NATIVE_SERVICES = ("s3,sqs,sns,dynamodb,lambda,iam,sts,secretsmanager,logs,ssm,events,monitoring,states,apigateway,"
                   "cloudformation,kms,ecr,ec2,elasticfilesystem,scheduler,tagging,wafv2")
SETTLE_SECONDS = 3.0  # for which the start waits for the end of what was interrupted
ASGI = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


def configure(machine: Machine) -> None:
    """Set what ministack reads from the environment when it is imported."""
    scratch = machine.data / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = str(scratch)
    native = machine.data / "native"
    os.environ.update({
        "GATEWAY_PORT": str(machine.port), "BIND_HOST": "127.0.0.1", "MINISTACK_HOST": "localhost",
        "AUTH": "true", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "MINISTACK_REGION": machine.region, "MINISTACK_ACCOUNT_ID": machine.account_id,
        "SERVICES": NATIVE_SERVICES, "LAMBDA_EXECUTOR": "local", "TMPDIR": str(scratch),
        # both would open ports of their own
        "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0",
        "PERSIST_STATE": "1", "STATE_DIR": str(native), "S3_PERSIST": "1", "S3_DATA_DIR": str(native / "s3"),
        "SFN_WAIT_SCALE": str(1 / machine.clock.speed), "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING")})


class Gateway:
    """All services of one machine behind one port."""

    def __init__(self, machine: Machine) -> None:
        configure(machine)
        import ministack.app as native

        from local import seams
        from local.alarms import Alarms
        from local.durability import Durability
        from local.engines.process import ProcessEngine
        from local.functions import Functions
        from local.services import handlers

        seams.check()
        self.machine, self._native = machine, native
        machine.processes.reap()
        machine.engine = ProcessEngine(machine)
        self._services, self._handlers, self._routes = handlers(machine)
        self._functions, machine.alarms = Functions(machine), Alarms(machine)
        self._durability = Durability(machine, native, NATIVE_SERVICES.split(","))
        self._install()

    def _install(self) -> None:
        """Put our services and repairs at the seams."""
        from ministack.core.iam_actions import SERVICE_TO_IAM_NAMESPACE

        from local import (
            access_logs,
            api_metrics,
            async_invocations,
            authorization,
            calls,
            cloudformation,
            completion,
            dashboards,
            encryption,
            events,
            function_versions,
            gateway_responses,
            interrupted_stacks,
            log_patterns,
            metrics,
            native_types,
            retention,
            s3_events,
            sam,
            schedules,
            unsigned,
            workflow,
        )
        from local.engines import layers

        for name, handler in self._handlers.items():
            self._native.SERVICE_HANDLERS[name] = handler
            self._native.SERVICE_REGISTRY.setdefault(name, {"module": name})
            SERVICE_TO_IAM_NAMESPACE.pop(name, None)  # ours ask IAM themselves, with the resource's ARN
        for part in (calls, metrics, retention, access_logs, api_metrics, authorization, cloudformation, completion, dashboards,
                     encryption, events, schedules, sam, workflow, layers, async_invocations, function_versions, native_types,
                     log_patterns):
            part.install(self.machine)
        self._functions.install()
        gateway_responses.install(self.machine)
        self.machine.alarms.install()
        interrupted_stacks.install(self.machine)
        s3_events.install(self.machine)
        unsigned.install(self.machine, self._services)
        self._durability.install()  # last, so that its answers are the last

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Serve what is not an AWS API (git) by its path, and hand on the rest."""
        for prefix, route in self._routes.items():
            if scope["type"] == "http" and scope["path"].startswith(prefix):
                await route(scope, receive, send)
                return
        await self._native.app(scope, receive, send)

    def run(self, ready: Callable[[], None]) -> None:
        """Serve until SIGINT or SIGTERM, then end every process that was started."""
        loop = asyncio.new_event_loop()  # asyncio.run would wait for threads, and some wait for what will never come
        asyncio.set_event_loop(loop)
        loop.run_until_complete(self._serve(ready))

    async def _serve(self, ready: Callable[[], None]) -> None:
        endpoint = server(self, self.machine.port)
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        saver = asyncio.create_task(self._durability.sweep())
        announcer = asyncio.create_task(self._announce(ready))

        async def asked_to_stop() -> None:
            await stop.wait()
            try:
                await self._durability.freeze()
                await asyncio.to_thread(self._stop_services)  # their last logs and captures still need the endpoint
                await self._durability.close()
            finally:
                endpoint.should_exit = True

        stopper = asyncio.create_task(asked_to_stop())
        try:
            await endpoint.serve()
        finally:
            stopper.cancel()
            announcer.cancel()
            saver.cancel()
            await asyncio.to_thread(self._stop_processes)

    async def _announce(self, ready: Callable[[], None]) -> None:
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.machine.port)
                writer.close()
                settling = asyncio.create_task(self._settle())
                await asyncio.wait((settling,), timeout=SETTLE_SECONDS)
                self.machine.alarms.start()
                ready()
                return await settling
            await asyncio.sleep(0.02)

    async def _settle(self) -> None:
        """End what a former machine left under way: first what stacks wait for, then stacks, then who waits for them."""
        from local import interrupted_stacks, s3_events, workflow

        for waits in (False, True):
            for service in self._services:
                if service.waits_for_stacks == waits:
                    await asyncio.to_thread(service.setup)
            if not waits:
                workflow.settle()
                await interrupted_stacks.settle(self.machine)
        s3_events.resume(self.machine)

    def _stop_services(self) -> None:
        self.machine.stopping.set()
        for service in self._services:
            service.stop()
        self._functions.stop()

    def _stop_processes(self) -> None:
        self.machine.processes.stop_all()
        self.machine.store.close()


def cache_folder() -> Path:
    """Return where environments live that survive a reset (they are named by what they hold)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ml-delivery"
