"""checkov finds nothing in what is deployed but what has a reason, and finds each planted fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.templates.accepted_security import ACCEPTED
from tests.templates.security_scan import Finding, findings
from tests.templates.sources import ROOT, TEMPLATES

BAD = sorted(path for path in (Path(__file__).parent / "bad").glob("checkov*/*") if path.name != "README.md")


@pytest.fixture(scope="module")
def found() -> list[Finding]:
    """What checkov says of the templates, the image and the planted faults, all in one run."""
    return findings([*(ROOT / name for name in TEMPLATES), ROOT / "container" / "Dockerfile", *BAD])


@pytest.fixture(scope="module")
def deployed(found: list[Finding]) -> list[Finding]:
    """What it says of the templates and the image."""
    return [finding for finding in found if "/bad/" not in finding.file]


def test_templates_and_image_are_well(deployed: list[Finding]) -> None:
    assert [str(finding) for finding in deployed if not finding.accepted] == []


def test_no_acceptance_is_left_over(deployed: list[Finding]) -> None:
    assert {pattern for pattern in ACCEPTED if not any(finding.accepted_by(*pattern) for finding in deployed)} == set()


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.name)
def test_a_planted_fault_is_found_by_its_check(path: Path, found: list[Finding]) -> None:
    check = path.read_text().splitlines()[0].removeprefix("# ")
    assert check in {finding.check for finding in found if finding.file.endswith(path.name) and not finding.accepted}


def test_a_file_that_cannot_be_read_fails(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text("Resources: [")
    with pytest.raises(RuntimeError, match="could not read"):
        findings([broken])
