"""The templates keep the house's rules, and each rule is broken by a template made for it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.templates.sources import ROOT

BAD = sorted((Path(__file__).parent / "bad" / "house-rules").glob("*.yml"))
RULES = re.findall(r"^rule (\w+)", (Path(__file__).parent / "house.guard").read_text(), re.MULTILINE)
pytestmark = [pytest.mark.slow, pytest.mark.npm]


def guard(*templates: Path) -> tuple[int, str]:
    """Return what scripts/guard.sh ends with and says, but that it gets cfn-guard, as a first run does."""
    done = subprocess.run(["bash", str(ROOT / "scripts" / "guard.sh"), *map(str, templates)], capture_output=True, text=True, check=False)
    return done.returncode, re.sub(r"^guard: getting .*\n", "", done.stdout + done.stderr, flags=re.MULTILINE)


def test_the_templates_keep_the_rules() -> None:
    assert guard() == (0, "")


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_planted_fault_breaks_its_rule(path: Path) -> None:
    rule = path.read_text().splitlines()[0].removeprefix("# ")
    status, said = guard(path)
    assert status != 0
    assert set(re.findall(r"house\.guard/(\w+) +FAIL", said)) == {rule}


def test_every_rule_is_broken_by_a_planted_fault() -> None:
    assert {path.read_text().split()[1] for path in BAD} == set(RULES)
