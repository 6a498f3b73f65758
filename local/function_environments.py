"""Functions' execution environments as processes: the code, the variables and the folders that each starts with.

A zip runs on this server's interpreter, whatever Python version its Runtime names; its imports come from its own folder
and the packages that awslambdaric and boto3 live among. Memory sizes are reported, not enforced.
"""

import hashlib
import io
import os
import secrets
import shutil
import sys
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from local.authorization import authorize
from local.function_logs import log_group
from local.function_records import PRINCIPAL, FunctionError, resolved_uri
from local.machine import Credentials, Machine
from local.processes import Child
from local.runtime_api import Destination, Environment

SEAMS: tuple[tuple[str, str], ...] = (
    ("ministack.services.efs", "_access_points"),
    ("ministack.services.lambda_svc", "_resolve_layer_zip"),
    ("ministack.services.lambda_svc", "_runtime_env_vars"),
)
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
TLS_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE")


class Environments:
    """Starts environments, with the rights of the function's role."""

    def __init__(self, machine: Machine) -> None:
        from ministack.services import lambda_svc

        self._machine, self._svc = machine, lambda_svc
        self._folder = machine.data / "functions"
        self._unpacking = threading.Lock()

    def clear(self) -> None:
        """Remove what the environments of a former run have left."""
        shutil.rmtree(self._folder / "environments", ignore_errors=True)

    def start(self, func: dict[str, Any], config: dict[str, Any]) -> Environment:
        """Return a new environment of a version; it starts when it is first invoked."""
        identity = secrets.token_hex(16)
        credentials = self._machine.session(config["Role"], PRINCIPAL, config["FunctionName"])
        day = time.strftime("%Y/%m/%d", time.gmtime())
        stream = Destination(log_group(config), f"{day}/[{config['Version']}]{identity}", credentials)
        folder = self._folder / "environments" / identity
        variables = self._variables(config, credentials, stream, folder)
        start = self._start_image if config["PackageType"] == "Image" else self._start_zip
        return Environment(folder, stream, lambda address, log: start(
            func, config, variables | {"AWS_LAMBDA_RUNTIME_API": address}, log))

    def _start_zip(self, func: dict[str, Any], config: dict[str, Any], variables: dict[str, str], log: Path) -> Child:
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

    def _start_image(self, func: dict[str, Any], config: dict[str, Any], variables: dict[str, str], log: Path) -> Child:
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

    def _variables(self, config: dict[str, Any], credentials: Credentials, stream: Destination, folder: Path) -> dict[str, str]:
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

    def _mounts(self, config: dict[str, Any], credentials: Credentials) -> dict[str, Path]:
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


def mounted(value: str, mounts: dict[str, Path]) -> str:
    """Return a variable's value with a mount path at its start replaced by the folder that stands for it."""
    for path, folder in mounts.items():
        if value == path or value.startswith(path + "/"):
            return str(folder) + value.removeprefix(path)
    return value
