"""Runs images as plain processes of this machine."""

import json
import os
import re
import shlex
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from local.engines import registry
from local.engines.environments import Environments
from local.engines.image import unpack
from local.engines.registry import ImageError, Pulled, Reference
from local.engines.requirements import Requirement
from local.machine import ROOT, Credentials, Machine
from local.processes import Child

SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
# an absolute path inside a longer value: at its start or after a separator, and no part of an address (s3://...)
ABSOLUTE_PATH = re.compile(r"(?<![^\s:=,;'\"(\[])/(?!/)[^\s:=,;'\")\]]*")
FRONT = """#!/bin/sh
# the build's docker: this machine's own front
UV_CACHE_DIR="${{UV_CACHE_DIR:-{uv_cache}}}"
export UV_CACHE_DIR
exec {python} -I -c {program} "$@"
"""
PROGRAM = "import sys; sys.path.insert(0, {root!r}); from local.engines.docker import main; sys.exit(main({folder!r}))"


@dataclass(frozen=True)
class Image:
    """A pulled image, ready to run."""

    digest: str
    root: Path
    env: dict[str, str]
    workdir: str
    entrypoint: list[str]
    cmd: list[str]
    python: Path


class ProcessEngine:
    """The default engine: files unpacked to a folder, packages in an environment of their own, no container."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._environments = Environments(machine.cache / "environments")

    def install_docker(self, folder: Path) -> Path:
        """Write the command ``docker`` for builds into ``folder``, which the build's PATH must begin with."""
        uv_cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uv"
        program = PROGRAM.format(root=str(Path(__file__).parents[2]), folder=str(self._environments.folder.resolve()))
        front = folder / "docker"
        folder.mkdir(parents=True, exist_ok=True)
        front.write_text(FRONT.format(uv_cache=os.environ.get("UV_CACHE_DIR", uv_cache),
                                      python=shlex.quote(sys.executable), program=shlex.quote(program)))
        front.chmod(0o755)
        return front

    def image(self, uri: str, credentials: Credentials = ROOT) -> Image:
        """Pull an image with the caller's rights; raises ImageError, InstallationError, or botocore's ClientError."""
        reference = Reference.parse(uri)
        if (reference.account, reference.region) != (self._machine.account_id, self._machine.region):
            raise registry.ImageNotFoundError(f"Requested image {uri} not found: this machine has the registry of"
                                              f" {self._machine.account_id} in {self._machine.region} and no other.")
        pulled = registry.pull(self._machine.client("ecr", credentials), uri)
        folder = self._unpacked(pulled)
        document = json.loads((folder / "config.json").read_text())
        if "requirements" not in document:
            raise ImageError(f"Image {uri} was not built by this machine's docker. Build it here, then push it.")
        config = document["config"]
        return Image(pulled.digest, folder / "root", dict(pair.split("=", 1) for pair in config["Env"]),
                     config["WorkingDir"], config["Entrypoint"], config["Cmd"],
                     self._environments.python([Requirement(**each) for each in document["requirements"]]))

    def _unpacked(self, pulled: Pulled) -> Path:
        """Return the folder of the image's files, made once and put in place whole."""
        folder = self._machine.data / "images" / pulled.digest.removeprefix("sha256:")
        if folder.exists():
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=folder.parent, prefix="new-"))
        try:
            unpack([pulled.read(layer) for layer in pulled.manifest["layers"]], work / "root")
            (work / "config.json").write_bytes(pulled.read(pulled.manifest["config"]))
            work.rename(folder)
        except OSError:
            if not folder.exists():  # else another thread was first
                raise
        finally:
            shutil.rmtree(work, ignore_errors=True)
        return folder

    def start(self, image: Image, arguments: list[str], *, base: Path, env: dict[str, str], log: Path | IO[bytes],
              name: str, entrypoint: list[str] | None = None) -> Child:
        """Start the image's program; ``base`` stands for /opt/ml, output is appended to ``log``."""
        def localised(value: str) -> str:
            return ABSOLUTE_PATH.sub(lambda path: _on_this_machine(path[0], image.root, base), value)

        words = [*(image.entrypoint if entrypoint is None else entrypoint), *arguments]
        if not arguments and entrypoint is None:
            words += image.cmd
        variables = {key: localised(value) for key, value in (image.env | env).items()}
        variables |= {"PATH": f"{image.python.parent}:{SYSTEM_PATH}", "HOME": str(base),
                      "SAGEMAKER_BASE_DIR": str(base)}
        words = [localised(word) for word in words]
        program = shutil.which(words[0], path=variables["PATH"]) if words else None
        if program is None:
            raise ImageError(f'image {image.digest}: exec: "{words[0] if words else ""}": executable file not found in'
                             " $PATH. ENTRYPOINT and CMD must name a program of its requirements or of this machine.")
        directory = image.root / image.workdir.lstrip("/")
        directory.mkdir(parents=True, exist_ok=True)
        base.mkdir(parents=True, exist_ok=True)
        return self._machine.processes.start([program, *words[1:]], env=variables, cwd=directory, log=log, name=name)


def _on_this_machine(path: str, root: Path, base: Path) -> str:
    """Return where a path of the image is on this machine; one that the image does not hold stays."""
    if path == "/opt/ml" or path.startswith("/opt/ml/"):
        return str(base) + path.removeprefix("/opt/ml")
    inside = root / path.lstrip("/")
    return str(inside) if path != "/" and inside.exists() else path
