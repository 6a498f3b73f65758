"""What is installed is what the requirements say, to the last package, and they name nothing but packages and versions."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.markers import Marker, default_environment
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FOLDERS = [path for path in ROOT.iterdir() if path.is_dir() and path.name not in {".git", ".venv", "build", "tests"}]
FILES = sorted({*(ROOT / "requirements").glob("*.txt"), *(path for folder in FOLDERS for path in folder.rglob("*requirements*.txt"))})
PIN = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(\[[a-z,-]+\])?==(?P<version>[A-Za-z0-9.!+_-]+)( ; (?P<marker>.+))?")
ENVIRONMENTS = {  # as scripts/setup.sh and scripts/test.sh make them
    ".venv": ["requirements/local.txt"],
    "build/env/test": ["requirements/local.txt", "requirements/test.txt"],
    "build/env/image": ["container/requirements.txt", "requirements/pytest.txt"],
    "build/env/workflow": ["requirements/build.txt", "requirements/pytest.txt"],
    "build/env/console": ["requirements/console.txt"],
    "build/env/console-test": ["requirements/console.txt", "requirements/console-test.txt"],
    "build/env/notebooks": ["requirements/local.txt", "requirements/notebooks.txt"],
}
SEEDS = {"pip", "setuptools"}  # what python -m venv puts into .venv; it is no part of what runs


def lines(path: Path) -> Iterator[str]:
    """Yield what a requirements file asks for."""
    for line in path.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.strip()


def pins(files: list[str]) -> dict[str, str]:
    """Return versions by name, as far as they are for this Python and system."""
    found = {}
    for match in (PIN.fullmatch(line) for name in files for line in lines(ROOT / name)):
        assert match
        if not match["marker"] or Marker(match["marker"]).evaluate(default_environment()):
            found[canonicalize_name(match["name"])] = match["version"]
    return found


def installed(folder: Path) -> dict[str, str]:
    """Return the versions that an environment holds, by name."""
    return {canonicalize_name(item.metadata["Name"]): item.version for item in distributions(path=[str(folder)])}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_requirement_is_a_name_and_one_version(path: Path) -> None:
    """No range, no index, no address: the file means the same everywhere and tomorrow."""
    assert list(lines(path))
    assert [line for line in lines(path) if not PIN.fullmatch(line)] == []


def test_nothing_else_is_installed_anywhere() -> None:
    """Dockerfile, buildspec and scripts install files of requirements, and tools by their exact version."""
    installing = [ROOT / "container/Dockerfile", ROOT / "model/buildspec.yml", *(ROOT / "scripts").glob("*.sh")]
    found = [(path.name, line) for path in installing for line in path.read_text().splitlines()
             if re.search(r"\bpip (install|wheel)\b", line) and not line.lstrip().startswith("#")]
    assert len(found) >= 7
    allowed = re.compile(r"--requirement|\$\(grep '\^\w+==' requirements/|\b\w+==[\d.]+|\"\$\{arguments\[@\]\}\"")
    assert [item for item in found if not allowed.search(item[1])] == []


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_what_is_installed_is_what_is_pinned(name: str) -> None:
    here = sorted((ROOT / name).glob("lib/python3*/site-packages"))
    if not here:
        pytest.fail(f"{name} is not there: bash scripts/test.sh makes it")
    folder = here[-1]
    if not folder.match(f"python{sys.version_info.major}.{sys.version_info.minor}/site-packages"):
        pytest.fail(f"{name} is of another Python than this one: {folder.parent.name}")
    found, wanted = installed(folder), pins(ENVIRONMENTS[name])
    assert {package: version for package, version in found.items() if package not in SEEDS or package in wanted} == wanted
