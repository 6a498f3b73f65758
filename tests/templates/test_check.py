"""scripts/check.sh fails on each thing that it must refuse, planted in a copy of the tree, and names the finding."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.templates.sources import ROOT

BAD = Path(__file__).parent / "bad"
ROW = re.compile(r"\| `([\w-]+)` \| `([^`]+)`.*\| (.+) \|")
# All are tried by the steps' own tests, much faster; here one of each is enough.
SAMPLED = ("cfn-lint", "state-machines", "policies", "checkov", "house-rules")


class Place(NamedTuple):
    """Where a folder's files are planted, and the step that must find them."""

    target: str
    step: str


PLACES = {found[1]: Place(found[2], found[3]) for found in ROW.finditer((BAD / "README.md").read_text())}
PLANTED = [pytest.param(path, marks=[pytest.mark.npm] if path.parent.name == "house-rules" else [])
           for folder in sorted(path for path in BAD.iterdir() if path.is_dir())
           for path in sorted(path for path in folder.iterdir() if path.name != "README.md")[: 1 if folder.name in SAMPLED else None]]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree that shares its environments; what was found clean here is known to be clean there."""
    checked(ROOT, "nonesuch")  # makes the environments where they are to stay
    copy = tmp_path_factory.mktemp("tree")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0"):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    (copy / "build" / "check").mkdir(parents=True)
    (copy / "build" / "env").symlink_to(ROOT / "build" / "env")
    (copy / ".venv").symlink_to(ROOT / ".venv")
    if (ROOT / "build" / "mypy").is_dir():
        shutil.copytree(ROOT / "build" / "mypy", copy / "build" / "mypy")
    subprocess.run(["git", "init", "--quiet"], cwd=copy, check=True)
    (copy / "build" / "check" / "no-secrets").touch()
    return copy


def checked(tree: Path, step: str) -> subprocess.CompletedProcess[str]:
    """Run one step of the check."""
    return subprocess.run(["bash", "scripts/check.sh", "--full", step], cwd=tree, check=False, capture_output=True, text=True, timeout=300)


def finding(path: Path) -> str:
    """Return what the finding is called: the first line's comment, or the file's name where the format has no comments."""
    first = path.read_text().splitlines()[0]
    return first.removeprefix("# ") if first.startswith("# ") else path.stem


def test_every_folder_of_what_must_fail_is_planted() -> None:
    assert {path.name for path in BAD.iterdir() if path.is_dir()} == set(PLACES)


def test_every_step_refuses_something() -> None:
    steps = re.findall(r'^ *check "(.+?)" ', (ROOT / "scripts" / "check.sh").read_text(), re.MULTILINE)
    assert len(steps) > 15
    assert set(steps) == {place.step for place in PLACES.values()}


@pytest.mark.slow
@pytest.mark.parametrize("path", PLANTED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_check_names_what_is_planted(path: Path, tree: Path) -> None:
    place = PLACES[path.parent.name]
    name = path.name.replace("-", "_") if path.suffix == ".py" else path.name
    target = tree / place.target.replace("NAME", name)
    before = target.read_bytes() if target.exists() else None
    shutil.copy(path, target)
    try:
        done = checked(tree, place.step)
    finally:
        target.unlink() if before is None else target.write_bytes(before)
    assert done.returncode == 1, done.stderr
    assert f"check: {place.step} FAILED" in done.stderr
    assert finding(path) in done.stderr


def test_a_word_that_no_step_has_is_misuse(tree: Path) -> None:
    done = checked(tree, "nonesuch")
    assert done.returncode == 2 and "no step's name holds nonesuch" in done.stderr
