"""Python environments for images' requirements, kept by what they hold so that each is installed once."""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.engines.requirements import Requirement

# what pip, uv and TLS need to reach an index; nothing else of this process is handed to an installation
PASSED = re.compile(r"PIP_\w+|UV_\w+|\w*_CA_BUNDLE|SSL_CERT_\w+|HTTPS?_PROXY|NO_PROXY|HOME|PATH|TMPDIR", re.IGNORECASE)
LINES_OF_A_FAILURE = 12


class InstallationError(Exception):
    """A requirements file that cannot be installed; the message holds the installer's last lines."""


def settings() -> dict[str, str]:
    """Return the environment for an installation, with pip's own index where uv has none."""
    env = {name: value for name, value in os.environ.items() if PASSED.fullmatch(name)}
    if "PIP_CERT" in env:
        env.setdefault("SSL_CERT_FILE", env["PIP_CERT"])
    if "UV_DEFAULT_INDEX" not in env and (index := env.get("PIP_INDEX_URL") or _configured_index(env)):
        env["UV_DEFAULT_INDEX"] = index
    return env


def _configured_index(env: dict[str, str]) -> str:
    asked = subprocess.run([sys.executable, "-m", "pip", "config", "get", "global.index-url"],
                           env=env, capture_output=True, check=False, text=True)
    return asked.stdout.strip() if asked.returncode == 0 else ""


@dataclass(frozen=True)
class Environments:
    """The folder of all environments of this person's machines."""

    folder: Path

    def python(self, requirements: list[Requirement]) -> Path:
        """Return an interpreter with the requirements installed; raises InstallationError."""
        home = self.folder / _key(requirements)
        interpreter, complete = home / "bin" / "python", home / "complete"
        if not complete.exists():
            with self._alone(home.name):
                if not complete.exists():
                    shutil.rmtree(home, ignore_errors=True)  # what a killed installation left
                    _install(home, interpreter, requirements)
                    complete.touch()
        return interpreter

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """Keep other builds, also of other processes, from the same environment."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _key(requirements: list[Requirement]) -> str:
    content = [sys.version_info[:2], sysconfig.get_platform(), [(each.text, each.alone) for each in requirements]]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]


def _install(home: Path, interpreter: Path, requirements: list[Requirement]) -> None:
    env = settings()
    _uv(["venv", "--quiet", "--python", sys.executable, str(home)], env, "an empty environment")
    for requirement in requirements:
        file = home / "requirements.txt"
        file.write_text(requirement.text)
        _uv(["pip", "install", "--quiet", "--python", str(interpreter), "--requirement", str(file),
             *["--no-deps"] * requirement.alone], env, requirement.file)


def _uv(arguments: list[str], env: dict[str, str], what: str) -> None:
    done = subprocess.run([sys.executable, "-m", "uv", *arguments], env=env, capture_output=True, check=False, text=True)
    if done.returncode:
        lines = (done.stderr + done.stdout).strip().splitlines()[-LINES_OF_A_FAILURE:]
        raise InstallationError(f"{what} cannot be installed. Change it, or reach the package index:\n"
                                + "\n".join(lines))
