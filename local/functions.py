"""Lambda functions as real processes: Python zips and images, through awslambdaric and a Runtime API of our own."""

import asyncio
import functools
import json
import logging
import random
import re
import secrets
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import Any

from local.function_environments import Environments
from local.function_logs import FunctionLogs, exit_reason, peak_memory, report
from local.function_records import FunctionRecords
from local.machine import Machine
from local.runtime_api import Environment, Invocation, Key, Outcome, Pool, PoolFullError

logger = logging.getLogger("local")
_LAMBDA = "ministack.services.lambda_svc"
SEAMS: tuple[tuple[str, str], ...] = (
    ("ministack.core.iam_actions", "_lambda_action"),
    ("ministack.services.apigateway_v1", "_lambda_proxy_response"),
    ("ministack.services.apigateway_v1", "run_reentrant"),
    (_LAMBDA, "_acquire_execution_slot"),
    (_LAMBDA, "_effective_func_record_for_qualifier"),
    (_LAMBDA, "_emit_lambda_metrics"),
    (_LAMBDA, "_execute_function_dispatch"),
    (_LAMBDA, "_func_arn"),
    (_LAMBDA, "_functions"),
    (_LAMBDA, "_inbound_invoke_depth"),
    (_LAMBDA, "_inflight"),
    (_LAMBDA, "_invoke"),
    (_LAMBDA, "_invoke_depth"),
    (_LAMBDA, "_qualifier_from_path_or_query"),
    (_LAMBDA, "_throttle_response"),
    (_LAMBDA, "invalidate_worker"),
    (_LAMBDA, "run_reentrant"),
)
INIT_SECONDS = 10.0
IDLE_SECONDS, LEAST_IDLE_SECONDS = 300.0, 60.0  # AWS time, and the least of wall time: a cold start is real work
MOST_THREADS = 1000  # AWS's limit of concurrent invocations: with fewer, functions that call functions would wait for each other
LARGEST_RESPONSE = 6 * 1024 * 1024 + 100
INTERNAL_ERROR = json.dumps({"message": "Internal server error"})
# (function, alias, version) of an invocation by HTTP, whose answer names the version that was chosen for it.
_chosen: ContextVar[tuple[str, str, str] | None] = ContextVar("chosen_version", default=None)


def choose_version(alias: dict[str, Any]) -> str:
    """Return the version that the next invocation of an alias runs: each as often as its weight says."""
    point = random.random()
    weights: dict[str, float] = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    for version, weight in weights.items():
        point -= weight
        if point < 0:
            return version
    published: str = alias["FunctionVersion"]
    return published


class Functions:
    """Runs ministack's Lambda functions."""

    def __init__(self, machine: Machine) -> None:
        from ministack.services import lambda_svc

        self._machine, self._svc = machine, lambda_svc
        self._environments, self._records = Environments(machine), FunctionRecords(machine)
        self._pool = Pool()
        self._threads = ThreadPoolExecutor(MOST_THREADS, "invocation")
        self._logs = FunctionLogs(machine)

    def install(self) -> None:
        """Put this executor at ministack's seams."""
        from ministack.core import iam_actions
        from ministack.services import apigateway_v1

        self._environments.clear()
        svc = self._svc
        svc._execute_function_dispatch = self.execute
        svc._emit_lambda_metrics = lambda *args, **kwargs: None  # ours are emitted where functions run
        svc._inbound_invoke_depth = inbound_depth
        svc.invalidate_worker = self.forget
        for name in ("_acquire_execution_slot", "_invoke"):
            setattr(svc, name, functools.partial(getattr(self, name), getattr(svc, name)))
        apigateway_v1._lambda_proxy_response = proxy_response
        svc.run_reentrant = apigateway_v1.run_reentrant = self._on_thread
        iam_actions._lambda_action = functools.partial(alias_action, iam_actions._lambda_action)
        self._records.install()
        threading.Thread(target=self._end_idle_regularly, daemon=True, name="lambda-idle").start()

    def stop(self) -> None:
        """End every environment."""
        self._logs.stop()
        self._pool.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def forget(self, func_name: str, qualifier: str | None = None, **_: Any) -> None:
        """End the idle environments of a function that was changed or deleted."""
        self._pool.end_idle(lambda key, _: key[0] == func_name and qualifier in (None, key[1]))

    def _end_idle_regularly(self) -> None:
        longest = max(LEAST_IDLE_SECONDS, self._machine.clock.scaled(IDLE_SECONDS))
        while not self._machine.stopping.wait(longest / 10):
            self._pool.end_idle(lambda _, each: time.monotonic() - each.idle_since > longest)

    # Invoking

    async def _on_thread(self, run: Callable[..., Any], *arguments: Any, thread_name: str = "") -> Any:
        """Run an invocation on a thread that is kept for the next one; ministack starts one for each."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, copy_context().run, run, *arguments)

    def execute(self, func: dict[str, Any], config: dict[str, Any], event: Any, request_id: str, started: float) -> dict[str, Any]:
        """Run one invocation, of whatever origin; return ministack's result record."""
        func, config, qualifier = self._executed(func, config)
        key = (config["FunctionName"], config["Version"], config["RevisionId"], config["CodeSha256"])
        try:
            environment = self._pool.acquire(key, lambda: self._environments.start(func, config))
        except PoolFullError as error:
            self._metrics(config["FunctionName"], qualifier, config["Version"], {"Throttles": 1})
            answer: dict[str, Any] = self._svc._throttle_response("ConcurrentInvocationLimitExceeded", f"Rate Exceeded: {error}")
            return answer
        except Exception as error:  # noqa: BLE001 - whatever keeps an environment from starting fails this invocation, not the server
            logger.warning("function %s did not start: %s", config["FunctionName"], error)
            self._metrics(config["FunctionName"], qualifier, config["Version"], {"Invocations": 1, "Errors": 1})
            return {"body": error_body(type(error).__name__, str(error)), "error": True, "log": str(error)}
        return self._run(key, environment, config, qualifier, Invocation(
            request_id, json.dumps(event).encode(), self._svc._func_arn(config["FunctionName"])
            + (f":{qualifier}" if qualifier else ""), float(config["Timeout"]), trace(self._svc._invoke_depth.get())))

    def _executed(self, func: dict[str, Any], config: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], str]:
        """Return the record and configuration of the version to run, and the qualifier that the caller named."""
        qualifier = "".join(config["FunctionArn"].split(":")[7:8])
        base = self._svc._functions.get(config["FunctionName"]) or func
        alias = base.get("aliases", {}).get(qualifier)
        if alias is None:
            return func, config, qualifier
        chosen = _chosen.get()
        version = chosen[2] if chosen and chosen[:2] == (config["FunctionName"], qualifier) else choose_version(alias)
        return *self._svc._effective_func_record_for_qualifier(base, version), qualifier

    def _run(self, key: Key, environment: Environment, config: dict[str, Any], qualifier: str,
             invocation: Invocation) -> dict[str, Any]:
        first = environment.init_seconds is None
        try:
            outcome = environment.invoke(invocation, INIT_SECONDS + invocation.timeout)
            lines = report(outcome, invocation, config, environment.printed(), peak_memory(environment.pid),
                           environment.init_seconds if first else None)
        finally:
            self._pool.release(key, environment)
        self._logs.write(environment.stream, lines)
        body, failed = answer(outcome, invocation)
        self._metrics(config["FunctionName"], qualifier, config["Version"], {
            "Invocations": 1, "Errors": int(failed), "Throttles": 0, "Duration": round(outcome.seconds * 1000, 2)})
        result = {"body": body, "log": "\n".join(lines) + "\n"}
        return result | ({"error": True} if failed else {})

    def _metrics(self, name: str, qualifier: str, version: str, values: dict[str, float]) -> None:
        """Publish to each set of dimensions that Lambda publishes to."""
        resource = {"FunctionName": name, "Resource": f"{name}:{qualifier}" if qualifier else name}
        sets = [{"FunctionName": name}, resource]
        if version and qualifier not in ("", "$LATEST", version):
            sets.append(resource | {"ExecutedVersion": version})
        self._machine.metrics.record("AWS/Lambda", sets, {
            metric: (value, "Milliseconds" if metric == "Duration" else "Count") for metric, value in values.items()})

    # Repairs of how ministack invokes: each takes what it had at this place first

    def _acquire_execution_slot(self, inner: Any, func: dict[str, Any], config: dict[str, Any]) -> tuple[str | None, str | None]:
        """Count concurrency for all versions of a function together, and publish it."""
        name, qualifier = config["FunctionName"], "".join(config["FunctionArn"].split(":")[7:8])
        slot, limit = inner(self._svc._functions.get(name) or func, config)
        running = self._svc._inflight.get(slot, 1)
        self._metrics(name, qualifier, "", {"Throttles": 1} if slot is None else {"ConcurrentExecutions": running})
        return slot, limit

    async def _invoke(self, inner: Callable[..., Awaitable[tuple[Any, ...]]], name: str, event: Any, headers: dict[str, Any], path_qualifier: str | None = None,
                      query: dict[str, Any] | None = None) -> tuple[Any, ...]:
        """Choose an alias's version before all else, so that the answer's header names the one that ran."""
        qualifier = self._svc._qualifier_from_path_or_query(path_qualifier, query)
        alias = (self._svc._functions.get(name) or {}).get("aliases", {}).get(qualifier)
        if alias is None:
            return await inner(name, event, headers, path_qualifier, query)
        _chosen.set((name, qualifier, version := choose_version(alias)))
        try:
            status, answered, body = await inner(name, event, headers, path_qualifier, query)
        finally:
            _chosen.set(None)
        named = {"X-Amz-Executed-Version": version} if "X-Amz-Executed-Version" in answered else {}
        return status, answered | named, body


def trace(depth: int) -> str:
    """Return a trace header that carries how often functions have called functions, as Lambda's lineage does."""
    return (f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)};Parent={secrets.token_hex(8)};Sampled=0;"
            f"Lineage=local:{depth}")


def inbound_depth(headers: dict[str, Any]) -> int:
    """Return the number of functions that a request has come through; every SDK hands the header on."""
    lineage = re.search(r"Lineage=local(?::|%3A)(\d+)", headers.get("x-amzn-trace-id") or "")
    return int(lineage[1]) if lineage else 0


def answer(outcome: Outcome, invocation: Invocation) -> tuple[Any, bool]:
    """Return an invocation's payload as Lambda words it, and whether it is an error."""
    if outcome.kind in ("error", "init"):
        return json.loads(outcome.body), True
    if outcome.kind == "response" and len(outcome.body) > LARGEST_RESPONSE:
        return error_body("Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload "
                          f"size ({LARGEST_RESPONSE} bytes)."), True
    if outcome.kind == "response":
        try:
            return json.loads(outcome.body), False
        except ValueError:  # a runtime other than Python's may answer anything
            return outcome.body, False
    request = f"RequestId: {invocation.request_id} Error: "
    if outcome.kind == "timeout":
        return error_body("Sandbox.Timedout", f"{request}Task timed out after {invocation.timeout:.2f} seconds"), True
    return error_body("Runtime.ExitError", request + exit_reason(outcome.exit_code)), True


def error_body(error_type: str, message: str) -> dict[str, str]:
    """Return an error as Lambda itself reports one."""
    return {"errorType": error_type, "errorMessage": message}


def alias_action(inner: Any, method: str, path: str) -> str | None:
    """Return the IAM action of a Lambda request; ministack takes each that names an alias for ListAliases."""
    named = re.search(r"/functions/[^/]+/aliases/[^/]+$", path)
    return {"GET": "GetAlias", "PUT": "UpdateAlias", "DELETE": "DeleteAlias"}.get(method) if named else inner(method, path)


def proxy_response(result: dict[str, Any]) -> tuple[dict[str, Any], None]:
    """Return what API Gateway answers: 500 when Lambda refuses, 502 when the function fails or answers out of form."""
    payload: Any = result.get("body")
    if result.get("throttle"):
        return {"statusCode": 500, "body": INTERNAL_ERROR}, None
    if result.get("error") or not well_formed(payload):
        return {"statusCode": 502, "body": INTERNAL_ERROR}, None
    return payload | {"statusCode": int(payload["statusCode"]), "body": payload.get("body") or ""}, None


def well_formed(payload: Any) -> bool:
    """Whether a function's answer has the form of the Lambda proxy integration."""
    return (isinstance(payload, dict) and str(payload.get("statusCode")).isdigit()
            and 100 <= int(payload["statusCode"]) <= 599
            and isinstance(payload.get("body"), str | None)
            and all(isinstance(payload.get(key), dict | None) for key in ("headers", "multiValueHeaders")))
