"""The place of one build: its folders, its programs, its variables; nothing of the server's but what is listed."""

import glob
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import zipfile
from fnmatch import fnmatch
from io import BytesIO
from pathlib import Path

from local.buildspec import Files
from local.machine import Credentials, Machine

# what pip, uv and TLS need of this machine's settings
INHERITED = re.compile(r"(PIP|UV)_\w+|\w*CA_?(BUNDLE|INFO)|(NIX_)?SSL_CERT_\w+|(HTTPS?|NO|ALL)_PROXY", re.IGNORECASE)
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NOT_PRIVILEGED = ("Cannot connect to the Docker daemon. This build is not privileged: "
                  "set the environment's PrivilegedMode of the CodeBuild project")
# Runs one command as if all commands shared one shell: variables, functions and folder are handed on by files.
RUNNER = r"""
if [ -f "$1/shell" ]; then . "$1/shell" 2>/dev/null; cd "$(cat "$1/folder")"; fi
export CODEBUILD_BUILD_SUCCEEDING=$2
__codebuild_leave() {
    pwd > "$1/folder"
    declare -p | grep -Ev '^declare -([^ ]*r|[^ ]+ (BASH|DIRSTACK|FUNCNAME|GROUPS|PIPESTATUS|_=))' > "$1/shell"
    declare -f >> "$1/shell"
    env -0 > "$1/environment"
}
trap '__codebuild_status=$?; __codebuild_leave "'"$1"'"; exit $__codebuild_status' EXIT
. "$1/command"
"""


class Workspace:
    """Folders ``src``, ``bin``, ``home`` and ``tmp`` and a Python environment of the build's own."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self._machine, self.folder = machine, folder

    def prepare(self, privileged: bool) -> None:
        """Make the folders, the programs of the PATH and the build's own Python."""
        for name in ("src", "bin", "home", "tmp", "state"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        aws = Path(sys.executable).parent / "aws"
        for name, program in (("aws", aws), ("git", shutil.which("git")), ("bash", shutil.which("bash"))):
            self._front(name, f'exec {shlex.quote(str(program))} "$@"')
        if privileged:
            self._machine.engine.install_docker(self.folder / "bin")  # type: ignore[union-attr] # the engine is there before builds are
        else:
            self._front("docker", f"echo {shlex.quote(NOT_PRIVILEGED)} >&2; exit 1")
        self._make_python()

    def _front(self, name: str, script: str) -> None:
        """Put a program on the PATH that runs one of this machine's."""
        front = self.folder / "bin" / name
        front.write_text(f"#!/bin/sh\n{script}\n")
        front.chmod(0o755)

    def _make_python(self) -> None:
        """Make an environment that a build may install into; without uv, or its cache, it takes longer."""
        environment = os.environ | {"UV_CACHE_DIR": self._caches()["UV_CACHE_DIR"]}
        target = str(self.folder / "python")
        words = ["-m", "uv", "venv", "--quiet", "--seed", "--python", sys.executable, target]
        made = subprocess.run([sys.executable, *words], env=environment, capture_output=True, check=False)
        if made.returncode:
            subprocess.run([sys.executable, "-m", "venv", "--clear", target], check=True, capture_output=True)

    def _caches(self) -> dict[str, str]:
        return {name: os.environ.get(name) or str(self._machine.cache / folder)
                for name, folder in (("UV_CACHE_DIR", "uv"), ("PIP_CACHE_DIR", "pip"))}

    def variables(self, credentials: Credentials) -> dict[str, str]:
        """Return the variables that every build has."""
        own = Path.home() / ".config" / "pip" / "pip.conf"
        inherited = {key: value for key, value in os.environ.items() if INHERITED.fullmatch(key)}
        home, region = self.folder / "home", self._machine.region
        return ({"PIP_CONFIG_FILE": str(own)} if own.exists() else {}) | inherited | self._caches() | {
            "PATH": f"{self.folder / 'bin'}:{self.folder / 'python' / 'bin'}:{SYSTEM_PATH}",
            "HOME": str(home), "TMPDIR": str(self.folder / "tmp"), "LANG": "C.UTF-8", "SHELL": "/bin/bash",
            "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1,localhost"])),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1", "GIT_CONFIG_NOSYSTEM": "1", "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self._machine.endpoint_url, "AWS_REGION": region, "AWS_DEFAULT_REGION": region,
            "CODEBUILD_SRC_DIR": str(self.source())} | credentials.environment()

    def source(self, identifier: str = "") -> Path:
        """Return the folder of the primary or of a secondary source."""
        return self.folder / (f"src-{identifier}" if identifier else "src")

    def arguments(self, command: str, succeeding: bool, one_shell: bool) -> list[str]:
        """Return how to run a command after the ones before it."""
        state = self.folder / "state"
        if not one_shell:
            (state / "shell").unlink(missing_ok=True)
        (state / "command").write_text(command + "\n")
        return ["bash", "-c", RUNNER, "bash", str(state), "01"[succeeding]]

    def exported(self) -> dict[str, str]:
        """Return the exported variables as the last command left them."""
        file = self.folder / "state" / "environment"
        pairs = file.read_text(errors="replace").split("\0") if file.exists() else []
        return {key: value for key, _, value in (pair.partition("=") for pair in pairs) if key}

    def link_cache(self, patterns: list[str], kept: Path) -> None:
        """Make the folders of a buildspec's cache paths links to folders that outlive the build."""
        for pattern in patterns:
            plain = re.split(r"/?[*?\[]", pattern, maxsplit=1)[0]
            home = re.sub(r"^(/root|~|\$HOME)(?=/|$)", str(self.folder / "home"), plain)
            place = self.source() / home
            if place.is_relative_to(self.folder) and place != self.source() and not place.exists():
                target = kept / plain.strip("/~$").replace("/", "-")
                target.mkdir(parents=True, exist_ok=True)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(target)

    def remove(self) -> None:
        """Delete everything."""
        shutil.rmtree(self.folder, ignore_errors=True)


def unpack(archive: bytes, folder: Path) -> None:
    """Unpack a zip with its executable files and links."""
    with zipfile.ZipFile(BytesIO(archive)) as files:
        for entry in files.infolist():
            mode = entry.external_attr >> 16
            if stat.S_ISLNK(mode):
                place = folder / entry.filename
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(files.read(entry).decode())
            else:
                place = Path(files.extract(entry, folder))
                place.chmod(place.stat().st_mode | mode & 0o111)


def collect(artifact: Files, source: Path) -> dict[str, Path]:
    """Return an artifact's files by their names inside it; raises FileNotFoundError in CodeBuild's words."""
    bases = sorted(glob.glob(artifact.base, root_dir=source)) if artifact.base else ["."]  # noqa: PTH207 - a Path's glob refuses what leads upwards
    if not bases:
        raise FileNotFoundError(f"no matching base directory path found for {artifact.base}")
    found = {}
    for base in (source / each for each in bases):
        for pattern in artifact.patterns:
            wide = f"{pattern}/*" if pattern.endswith("**") else pattern
            for name in glob.glob(wide, root_dir=base, recursive=True, include_hidden=True):  # noqa: PTH207 - finds what is hidden, too
                if (base / name).is_file() and not any(fnmatch(name, each) for each in artifact.excluded):
                    found[Path(name).name if artifact.flat or Path(name).is_absolute() else name] = base / name
    if not found:
        raise FileNotFoundError(f"no matching artifact paths found for {', '.join(artifact.patterns)}")
    return found


def pack(files: dict[str, Path]) -> bytes:
    """Return files as a zip."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        for name, path in sorted(files.items()):
            archive.write(path, name)
    return buffer.getvalue()
