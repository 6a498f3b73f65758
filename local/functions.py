"""Lambda functions as real processes: Python zips and images, through awslambdaric and a Runtime API of our own.

A zip runs on this server's interpreter, whatever Python version its Runtime names; its imports come from its own folder
and the packages that awslambdaric and boto3 live among. Memory sizes are reported, not enforced.
"""

import asyncio
import functools
import hashlib
import io
import json
import logging
import os
import queue
import random
import re
import secrets
import shutil
import signal
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar, copy_context
from dataclasses import replace
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.authorization import authorize
from local.engines.registry import ImageNotFoundError, Reference
from local.machine import AccessDeniedError, Credentials, Machine
from local.processes import Child
from local.runtime_api import Destination, Environment, Invocation, Key, Outcome, Pool, PoolFullError

logger = logging.getLogger("local")
_LAMBDA = "ministack.services.lambda_svc"
SEAMS: tuple[tuple[str, str], ...] = (
    ("ministack.core.iam_actions", "_lambda_action"),
    ("ministack.core.responses", "error_response_json"),
    ("ministack.core.responses", "json_response"),
    ("ministack.services.apigateway_v1", "_lambda_proxy_response"),
    ("ministack.services.apigateway_v1", "run_reentrant"),
    ("ministack.services.cloudformation.provisioners", "_RESOURCE_HANDLERS"),
    ("ministack.services.ecr", "_find_image"),
    ("ministack.services.efs", "_access_points"),
    (_LAMBDA, "_acquire_execution_slot"),
    (_LAMBDA, "_build_config"),
    (_LAMBDA, "_create_alias"),
    (_LAMBDA, "_create_function"),
    (_LAMBDA, "_effective_func_record_for_qualifier"),
    (_LAMBDA, "_emit_lambda_metrics"),
    (_LAMBDA, "_execute_function_dispatch"),
    (_LAMBDA, "_func_arn"),
    (_LAMBDA, "_functions"),
    (_LAMBDA, "_get_func_record_for_ref"),
    (_LAMBDA, "_get_function"),
    (_LAMBDA, "_inbound_invoke_depth"),
    (_LAMBDA, "_inflight"),
    (_LAMBDA, "_invoke"),
    (_LAMBDA, "_invoke_depth"),
    (_LAMBDA, "_qualifier_from_path_or_query"),
    (_LAMBDA, "_resolve_layer_zip"),
    (_LAMBDA, "_runtime_env_vars"),
    (_LAMBDA, "_throttle_response"),
    (_LAMBDA, "_update_alias"),
    (_LAMBDA, "_update_code"),
    (_LAMBDA, "_vpc_config_with_id"),
    (_LAMBDA, "invalidate_worker"),
    (_LAMBDA, "run_reentrant"),
)
PRINCIPAL = "lambda.amazonaws.com"
NETWORK_ACTIONS = ("CreateNetworkInterface", "DescribeNetworkInterfaces", "DeleteNetworkInterface", "DescribeSubnets",
                   "AssignPrivateIpAddresses", "UnassignPrivateIpAddresses")
INIT_SECONDS = 10.0
IDLE_SECONDS, LEAST_IDLE_SECONDS = 300.0, 60.0  # AWS time, and the least of wall time: a cold start is real work
MOST_THREADS = 1000  # AWS's limit of concurrent invocations: with fewer, functions that call functions would wait for each other
LARGEST_RESPONSE = 6 * 1024 * 1024 + 100
LOG_BATCH_SECONDS = 1.0  # a stream's first lines are written at once, those of the next second together
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
TLS_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE")
INTERNAL_ERROR = json.dumps({"message": "Internal server error"})
# (function, alias, version) of an invocation by HTTP, whose answer names the version that was chosen for it.
_chosen: ContextVar[tuple[str, str, str] | None] = ContextVar("chosen_version", default=None)


class FunctionError(Exception):
    """A function that cannot be made or started as it is configured; the message is AWS's or says what to change."""


def choose_version(alias: dict) -> str:
    """Return the version that the next invocation of an alias runs: each as often as its weight says."""
    point = random.random()
    for version, weight in ((alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}).items():
        point -= weight
        if point < 0:
            return version
    return alias["FunctionVersion"]


class Functions:
    """Runs ministack's Lambda functions, and repairs what it says about them."""

    def __init__(self, machine: Machine) -> None:
        from ministack.services import lambda_svc

        self._machine, self._svc = machine, lambda_svc
        self._folder = machine.data / "functions"
        self._pool = Pool()
        self._threads = ThreadPoolExecutor(MOST_THREADS, "invocation")
        self._logs = FunctionLogs(machine)
        self._unpacking = threading.Lock()

    def install(self) -> None:
        """Put this executor at ministack's seams."""
        from ministack.core import iam_actions
        from ministack.services import apigateway_v1
        from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

        shutil.rmtree(self._folder / "environments", ignore_errors=True)
        svc = self._svc
        svc._execute_function_dispatch = self.execute
        svc._emit_lambda_metrics = lambda *args, **kwargs: None  # ours are emitted where functions run
        svc._inbound_invoke_depth = inbound_depth
        svc.invalidate_worker = self.forget
        for name in ("_acquire_execution_slot", "_get_func_record_for_ref", "_build_config", "_create_function",
                     "_update_code", "_get_function", "_create_alias", "_update_alias", "_invoke"):
            setattr(svc, name, functools.partial(getattr(self, name), getattr(svc, name)))
        apigateway_v1._lambda_proxy_response = proxy_response
        svc.run_reentrant = apigateway_v1.run_reentrant = self._on_thread
        iam_actions._lambda_action = functools.partial(alias_action, iam_actions._lambda_action)
        handlers = _RESOURCE_HANDLERS["AWS::Lambda::Function"]
        for phase in ("create", "update", "delete"):
            handlers[phase] = functools.partial(getattr(self, f"_{phase}_of_stack"), handlers[phase])
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

    async def _on_thread(self, run: Callable, *arguments: Any, thread_name: str = "") -> Any:
        """Run an invocation on a thread that is kept for the next one; ministack starts one for each."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, copy_context().run, run, *arguments)

    def execute(self, func: dict, config: dict, event: Any, request_id: str, started: float) -> dict:
        """Run one invocation, of whatever origin; return ministack's result record."""
        func, config, qualifier = self._executed(func, config)
        key = (config["FunctionName"], config["Version"], config["RevisionId"], config["CodeSha256"])
        try:
            environment = self._pool.acquire(key, lambda: self._start(func, config))
        except PoolFullError as error:
            self._metrics(config["FunctionName"], qualifier, config["Version"], {"Throttles": 1})
            return self._svc._throttle_response("ConcurrentInvocationLimitExceeded", f"Rate Exceeded: {error}")
        except Exception as error:  # whatever keeps an environment from starting fails this invocation, not the server
            logger.warning("function %s did not start: %s", config["FunctionName"], error)
            self._metrics(config["FunctionName"], qualifier, config["Version"], {"Invocations": 1, "Errors": 1})
            return {"body": error_body(type(error).__name__, str(error)), "error": True, "log": str(error)}
        return self._run(key, environment, config, qualifier, Invocation(
            request_id, json.dumps(event).encode(), self._svc._func_arn(config["FunctionName"])
            + (f":{qualifier}" if qualifier else ""), float(config["Timeout"]), trace(self._svc._invoke_depth.get())))

    def _executed(self, func: dict, config: dict) -> tuple[dict, dict, str]:
        """Return the record and configuration of the version to run, and the qualifier that the caller named."""
        qualifier = "".join(config["FunctionArn"].split(":")[7:8])
        base = self._svc._functions.get(config["FunctionName"]) or func
        alias = base.get("aliases", {}).get(qualifier)
        if alias is None:
            return func, config, qualifier
        chosen = _chosen.get()
        version = chosen[2] if chosen and chosen[:2] == (config["FunctionName"], qualifier) else choose_version(alias)
        return *self._svc._effective_func_record_for_qualifier(base, version), qualifier

    def _run(self, key: Key, environment: Environment, config: dict, qualifier: str,
             invocation: Invocation) -> dict:
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

    # Starting

    def _start(self, func: dict, config: dict) -> Environment:
        identity = secrets.token_hex(16)
        credentials = self._machine.session(config["Role"], PRINCIPAL, config["FunctionName"])
        day = time.strftime("%Y/%m/%d", time.gmtime())
        stream = Destination(log_group(config), f"{day}/[{config['Version']}]{identity}", credentials)
        folder = self._folder / "environments" / identity
        variables = self._variables(config, credentials, stream, folder)
        start = self._start_image if config["PackageType"] == "Image" else self._start_zip
        return Environment(folder, stream, lambda address, log: start(
            func, config, variables | {"AWS_LAMBDA_RUNTIME_API": address}, log))

    def _start_zip(self, func: dict, config: dict, variables: dict[str, str], log: Path) -> Child:
        task = self._unpacked(func["code_zip"])
        layers = [self._unpacked(code) / "python" for layer in config.get("Layers") or []
                  if (code := self._svc._resolve_layer_zip(layer))]
        libraries = [path for layer in layers for path in (layer, *layer.glob("lib/python3.*/site-packages"))]
        path = [str(each) for each in (task, *libraries)] + [variables.get("PYTHONPATH", "")]
        defaults = {"PATH": f"{Path(sys.executable).parent}:{SYSTEM_PATH}", "LANG": "en_US.UTF-8", "TZ": ":UTC"}
        variables = defaults | variables | {
            "PYTHONPATH": os.pathsep.join(filter(None, path)), "LAMBDA_TASK_ROOT": str(task),
            "_HANDLER": config["Handler"], "AWS_EXECUTION_ENV": f"AWS_Lambda_{config['Runtime']}"}
        return self._machine.processes.start([sys.executable, "-m", "awslambdaric", config["Handler"]], env=variables,
                                             cwd=task, log=log, name=f"function {config['FunctionName']}")

    def _start_image(self, func: dict, config: dict, variables: dict[str, str], log: Path) -> Child:
        engine = self._machine.engine
        assert engine is not None
        image = engine.image(resolved_uri(config))
        overrides = (config.get("ImageConfigResponse") or {}).get("ImageConfig") or {}
        if overrides.get("WorkingDirectory"):
            image = replace(image, workdir=overrides["WorkingDirectory"])
        command = overrides.get("Command") or image.cmd
        variables = {"TZ": ":UTC"} | variables | {"_HANDLER": command[0] if command else ""}
        return engine.start(image, command, base=log.parent / "tmp", env=variables, log=log,
                            name=f"function {config['FunctionName']}", entrypoint=overrides.get("EntryPoint") or None)

    def _unpacked(self, code: bytes) -> Path:
        """Return the folder of a zip's content, made once for each content and put in place whole."""
        folder = self._folder / "code" / hashlib.sha256(code).hexdigest()
        with self._unpacking:
            if not folder.exists():
                work = folder.with_suffix(".new")
                shutil.rmtree(work, ignore_errors=True)
                zipfile.ZipFile(io.BytesIO(code)).extractall(work)
                work.rename(folder)
        return folder

    def _variables(self, config: dict, credentials: Credentials, stream: Destination, folder: Path) -> dict[str, str]:
        """Return what a Lambda function finds in its environment, and nothing of the server's but where TLS looks."""
        scratch, machine, settings = str(folder / "tmp"), self._machine, config.get("LoggingConfig") or {}
        mounts = self._mounts(config, credentials)
        own = {name: mounted(value, mounts) for name, value in self._svc._runtime_env_vars(config).items()}
        form = {"AWS_LAMBDA_LOG_FORMAT": settings.get("LogFormat", "Text"),
                "AWS_LAMBDA_LOG_LEVEL": settings.get("ApplicationLogLevel", "")}
        return {name: os.environ[name] for name in TLS_VARIABLES if name in os.environ} | own | {
            "AWS_ENDPOINT_URL": machine.endpoint_url,
            "AWS_REGION": machine.region, "AWS_DEFAULT_REGION": machine.region,
            "AWS_LAMBDA_FUNCTION_NAME": config["FunctionName"], "AWS_LAMBDA_FUNCTION_VERSION": config["Version"],
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config["MemorySize"]), "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": stream.group, "AWS_LAMBDA_LOG_STREAM_NAME": stream.name,
            "HOME": scratch, "TMPDIR": scratch,  # /tmp is an environment's own, and so is the home folder
        } | credentials.environment() | {name: value for name, value in form.items() if value}

    def _mounts(self, config: dict, credentials: Credentials) -> dict[str, Path]:
        """Return the folder that stands for each mount path of the function."""
        from ministack.services import efs

        folders = {}
        for mount in config.get("FileSystemConfigs") or []:
            point = efs._access_points.get(mount["Arn"].rpartition("/")[2])
            if point is None:
                raise FunctionError(f"function {config['FunctionName']} mounts {mount['Arn']}, which does not exist")
            authorize(self._machine, credentials.access_key, "elasticfilesystem:ClientMount",
                      self._machine.arn("elasticfilesystem", f"file-system/{point['FileSystemId']}"),
                      {"elasticfilesystem:AccessPointArn": mount["Arn"]})
            root = (point.get("RootDirectory") or {}).get("Path", "/")
            folder = self._machine.data / "efs" / point["FileSystemId"] / root.lstrip("/")
            folder.mkdir(parents=True, exist_ok=True)
            folders[mount["LocalMountPath"]] = folder
        return folders

    # Repairs of the API: each takes what ministack had at this place first

    def _acquire_execution_slot(self, inner: Any, func: dict, config: dict) -> tuple[str | None, str | None]:
        """Count concurrency for all versions of a function together, and publish it."""
        name, qualifier = config["FunctionName"], "".join(config["FunctionArn"].split(":")[7:8])
        slot, limit = inner(self._svc._functions.get(name) or func, config)
        running = self._svc._inflight.get(slot, 1)
        self._metrics(name, qualifier, "", {"Throttles": 1} if slot is None else {"ConcurrentExecutions": running})
        return slot, limit

    async def _invoke(self, inner: Any, name: str, event: Any, headers: dict, path_qualifier: str | None = None,
                      query: dict | None = None) -> tuple:
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

    def _create_alias(self, inner: Any, name: str, data: dict) -> tuple:
        return self._refused_alias(name, data, "$LATEST") or inner(name, data)

    def _update_alias(self, inner: Any, name: str, alias: str, data: dict) -> tuple:
        known = (self._svc._functions.get(name) or {}).get("aliases", {}).get(alias) or {"FunctionVersion": "$LATEST"}
        return self._refused_alias(name, data, known["FunctionVersion"]) or inner(name, alias, data)

    def _refused_alias(self, name: str, data: dict, current: str) -> tuple | None:
        """Return Lambda's refusal of an alias whose versions or weights cannot be, None where they can."""
        from ministack.core.responses import error_response_json

        func, version = self._svc._functions.get(name), data.get("FunctionVersion", current)
        weights = (data.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        unknown = [each for each in (version, *weights) if func and each not in ("$LATEST", *func["versions"])]
        if unknown:
            return error_response_json("ResourceNotFoundException",
                                       f"Function not found: {self._svc._func_arn(name)}:{unknown[0]}", 404)
        if weights and ("$LATEST" in (version, *weights) or version in weights or len(weights) > 1
                        or not all(0 <= weight <= 1 for weight in weights.values())):
            return error_response_json("InvalidParameterValueException", "RoutingConfig: an alias points to one more version,"
                                       " another one than its own and not $LATEST, with a weight of 0 to 1", 400)
        return None

    def _get_func_record_for_ref(self, inner: Any, function_ref: str) -> tuple[dict | None, dict | None, str]:
        """Keep the qualifier that API Gateway, Step Functions and others name, so that aliases count for them too."""
        record, config, name = inner(function_ref)
        start = 7 if function_ref.startswith("arn:") else 1
        qualifier = "".join(function_ref.split(":")[start:start + 1])
        if config and qualifier:
            config = config | {"FunctionArn": f"{self._svc._func_arn(name)}:{qualifier}"}
        return record, config, name

    def _build_config(self, inner: Any, name: str, data: dict, code_zip: bytes | None = None) -> dict:
        config = inner(name, data, code_zip)
        uri = (data.get("Code") or {}).get("ImageUri")
        return config | self._checked({**config, "ImageUri": uri}, code_zip)

    def _create_function(self, inner: Any, data: dict) -> tuple:
        return refusing(inner, data)

    def _update_code(self, inner: Any, name: str, data: dict) -> tuple:
        func = self._svc._functions.get(name)
        if func is None or "ImageUri" not in data:
            return inner(name, data)
        return refusing(self._update_image, inner, func["config"], name, data)

    def _update_image(self, inner: Any, config: dict, name: str, data: dict) -> tuple:
        former = config["CodeSha256"]
        config["CodeSha256"] = image_digest(data["ImageUri"])
        response = inner(name, data)
        if response[0] >= 400:
            config["CodeSha256"] = former
        return response

    def _get_function(self, inner: Any, name: str, qualifier: str | None = None) -> tuple:
        from ministack.core.responses import json_response

        status, headers, body = inner(name, qualifier)
        document = json.loads(body)
        if status >= 400 or document["Configuration"]["PackageType"] != "Image":
            return status, headers, body
        document["Code"]["ResolvedImageUri"] = resolved_uri(document["Configuration"])
        return json_response(document)

    def _checked(self, config: dict, code_zip: bytes | None) -> dict:
        """Return what to add to a new function's configuration; raises FunctionError for what cannot run."""
        if config.get("FileSystemConfigs") and not config["VpcConfig"].get("SubnetIds"):
            raise FunctionError("Function must be configured to execute in a VPC to reference access point "
                                + config["FileSystemConfigs"][0]["Arn"])
        if config["VpcConfig"].get("SubnetIds"):
            self._check_network_rights(config["Role"])
        if config["PackageType"] == "Image":
            return {"CodeSha256": image_digest(config["ImageUri"])}
        if not config["Runtime"].startswith("python"):
            raise FunctionError(f"Runtime {config['Runtime']} does not run on this machine: use Python or an image")
        if not code_zip:
            raise FunctionError("Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The"
                                f" specified key does not exist. (code of function {config['FunctionName']})")
        return {}

    def _check_network_rights(self, role: str) -> None:
        """Raise FunctionError unless the role may make and remove the network interfaces that Lambda needs."""
        key = self._machine.session(role, PRINCIPAL, "Lambda").access_key
        for action in NETWORK_ACTIONS:
            try:
                authorize(self._machine, key, f"ec2:{action}")
            except AccessDeniedError as error:
                raise FunctionError("The provided execution role does not have permissions to call "
                                    f"{action} on EC2 (AccessDenied: {error})") from error

    # CloudFormation's functions, of which ministack keeps fewer properties than its API does

    def _create_of_stack(self, inner: Any, logical_id: str, props: dict, stack_name: str) -> tuple[str, dict]:
        name, attributes = inner(logical_id, props, stack_name)
        try:
            self._complete(name, props)
        except FunctionError:
            del self._svc._functions[name]
            raise
        return name, attributes

    def _update_of_stack(self, inner: Any, physical_id: str, old: dict, new: dict, *args: Any) -> tuple[str, dict]:
        name, attributes = inner(physical_id, old, new, *args)
        self._complete(name, new)
        return name, attributes

    def _delete_of_stack(self, inner: Any, physical_id: str, *args: Any) -> Any:
        self.forget(physical_id)
        return inner(physical_id, *args)

    def _complete(self, name: str, props: dict) -> None:
        func = self._svc._functions[name]
        config = func["config"]
        config["VpcConfig"] = self._svc._vpc_config_with_id(props.get("VpcConfig"))
        for key in ("FileSystemConfigs", "DeadLetterConfig", "KMSKeyArn"):
            config.pop(key, None)
            if props.get(key):
                config[key] = props[key]
        limit = props.get("ReservedConcurrentExecutions")
        func["concurrency"] = None if limit is None else int(limit)
        config.update(self._checked(config, func["code_zip"]))


class FunctionLogs:
    """Writes functions' output to CloudWatch Logs with the functions' own rights: without them there are no logs."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._lines: queue.SimpleQueue[tuple[Destination, list[dict]] | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True, name="lambda-logs").start()

    def write(self, stream: Destination, lines: list[str]) -> None:
        """Have lines written soon; the caller does not wait."""
        now = int(time.time() * 1000)
        self._lines.put((stream, [{"timestamp": now, "message": line} for line in lines if line]))

    def stop(self) -> None:
        """Write no more."""
        self._lines.put(None)

    def _run(self) -> None:
        while (first := self._lines.get()) is not None:
            batches = {first[0]: first[1]}
            with suppress(queue.Empty):
                while (entry := self._lines.get_nowait()) is not None:
                    batches.setdefault(entry[0], []).extend(entry[1])
            for stream, events in batches.items():
                self._put(stream, events)
            self._machine.stopping.wait(LOG_BATCH_SECONDS)

    def _put(self, stream: Destination, events: list[dict]) -> None:
        client = self._machine.client("logs", stream.credentials)
        try:
            if not stream.exists:
                self._create(client, stream)
            for first in range(0, len(events), 1000):
                client.put_log_events(logGroupName=stream.group, logStreamName=stream.name,
                                      logEvents=events[first:first + 1000])
        except ClientError:  # a right is missing, or somebody deleted the stream
            stream.exists = False
        except BotoCoreError:  # the endpoint is stopping
            return

    @staticmethod
    def _create(client: Any, stream: Destination) -> None:
        names = {"logGroupName": stream.group, "logStreamName": stream.name}
        with suppress(client.exceptions.ResourceAlreadyExistsException):
            try:
                client.create_log_stream(**names)
            except client.exceptions.ResourceNotFoundException:
                client.create_log_group(logGroupName=stream.group)
                client.create_log_stream(**names)
        stream.exists = True


def refusing(inner: Any, *args: Any) -> tuple:
    """Call an API operation and answer a FunctionError as Lambda does."""
    from ministack.core.responses import error_response_json

    try:
        return inner(*args)
    except FunctionError as error:
        return error_response_json("InvalidParameterValueException", str(error), 400)


def image_digest(uri: str) -> str:
    """Return the hex digest of an image in ECR; raises FunctionError when there is none."""
    from ministack.services import ecr

    with suppress(ImageNotFoundError):
        reference = Reference.parse(uri)
        image = ecr._find_image(reference.repository, reference.image_id)
        if image is not None:
            return image["imageDigest"].removeprefix("sha256:")
    raise FunctionError(f"Source image {uri} does not exist. Provide a valid source image.")


def resolved_uri(config: dict) -> str:
    """Return the image that a function was given, by digest: a tag that moves later changes nothing."""
    reference = Reference.parse(config["ImageUri"])
    return f"{reference.registry}/{reference.repository}@sha256:{config['CodeSha256']}"


def mounted(value: str, mounts: dict[str, Path]) -> str:
    """Return a variable's value with a mount path at its start replaced by the folder that stands for it."""
    for path, folder in mounts.items():
        if value == path or value.startswith(path + "/"):
            return str(folder) + value.removeprefix(path)
    return value


def log_group(config: dict) -> str:
    """Return the log group that a function writes to."""
    return (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"


def trace(depth: int) -> str:
    """Return a trace header that carries how often functions have called functions, as Lambda's lineage does."""
    return (f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)};Parent={secrets.token_hex(8)};Sampled=0;"
            f"Lineage=local:{depth}")


def inbound_depth(headers: dict) -> int:
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


def exit_reason(code: int) -> str:
    """Return how Lambda words the end of a runtime."""
    if code == 0:
        return "Runtime exited without providing a reason"
    status = f"signal: {(signal.strsignal(-code) or str(-code)).lower()}" if code < 0 else f"exit status {code}"
    return f"Runtime exited with error: {status}"


def report(outcome: Outcome, invocation: Invocation, config: dict, output: str, memory: str,
           init_seconds: float | None) -> list[str]:
    """Return the lines that Lambda logs for one invocation."""
    request, milliseconds = f"RequestId: {invocation.request_id}", outcome.seconds * 1000
    lines = [f"START {request} Version: {config['Version']}", *output.splitlines()]
    if outcome.kind == "timeout":
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        lines.append(f"{stamp}.000Z {invocation.request_id} Task timed out after {invocation.timeout:.2f} seconds")
    elif outcome.kind == "exit":
        lines.append(f"{request} Error: {exit_reason(outcome.exit_code)}")
    summary = [f"REPORT {request}", f"Duration: {milliseconds:.2f} ms", f"Billed Duration: {int(milliseconds) + 1} ms",
               f"Memory Size: {config['MemorySize']} MB"]
    if memory:
        summary.append(f"Max Memory Used: {memory} MB")
    if init_seconds is not None:
        summary.append(f"Init Duration: {init_seconds * 1000:.2f} ms")
    return [*lines, f"END {request}", "\t".join(summary)]


def peak_memory(pid: int) -> str:
    """Return the most megabytes that a process has held; empty where the kernel does not tell."""
    with suppress(OSError):
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        return str(int(found[1]) // 1024) if found else ""
    return ""


def alias_action(inner: Any, method: str, path: str) -> str | None:
    """Return the IAM action of a Lambda request; ministack takes each that names an alias for ListAliases."""
    named = re.search(r"/functions/[^/]+/aliases/[^/]+$", path)
    return {"GET": "GetAlias", "PUT": "UpdateAlias", "DELETE": "DeleteAlias"}.get(method) if named else inner(method, path)


def proxy_response(result: dict) -> tuple[dict, None]:
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
