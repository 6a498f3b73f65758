"""cfn-lint finds nothing in what is deployed, and finds each planted fault by its own rule."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from cfnlint.api import ManualArgs, lint_file

from tests.templates.expansion import write
from tests.templates.sources import ROOT, TEMPLATES

REGIONS = yaml.safe_load((ROOT / ".cfnlintrc").read_text())["regions"]
BAD = sorted((Path(__file__).parent / "bad" / "cfn-lint").glob("*.yml"))


def findings(path: Path) -> set[str]:
    """Return the rules that fire, each with its message."""
    matches = lint_file(path, config=ManualArgs(regions=REGIONS, include_checks=["I"]))
    return {f"{match.rule.id} {match.message}" for match in matches}


def test_the_templates_are_linted_for_eight_regions() -> None:
    assert len(REGIONS) >= 8 and {"us-east-1", "eu-west-1"} <= set(REGIONS)


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_has_no_findings(name: str) -> None:
    assert findings(ROOT / name) == set()


@pytest.fixture(scope="module")
def as_deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The templates as they are deployed: packaged, then expanded by SAM."""
    folder = tmp_path_factory.mktemp("deployed")
    write(folder)
    return folder


@pytest.mark.parametrize("name", ["studio", "pipeline", "functions", "deploy-model-prd", "monitoring"])
def test_a_template_has_no_findings_as_it_is_deployed(name: str, as_deployed: Path) -> None:
    assert json.loads((as_deployed / f"{name}.json").read_text())["Resources"]
    assert findings(as_deployed / f"{name}.json") == set()


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_planted_fault_is_found_by_its_own_rule(path: Path) -> None:
    rule = path.read_text().splitlines()[0].removeprefix("# ")
    assert {finding.split()[0] for finding in findings(path)} == {rule}
