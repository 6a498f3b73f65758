"""Every policy is one that IAM reads as it was meant; each planted fault is found by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.templates.accepted_policies import ACCEPTED
from tests.templates.iam_policies import Finding, documents, findings
from tests.templates.sources import ROOT, TEMPLATES, resources

BAD = sorted((Path(__file__).parent / "bad" / "policies").glob("*.yml"))
FOUND = {name: list(findings(ROOT / name)) for name in TEMPLATES}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_templates_policies_are_well(name: str) -> None:
    assert [str(finding) for finding in FOUND[name] if not finding.accepted] == []


def test_no_acceptance_is_left_over() -> None:
    found = [finding for name in TEMPLATES for finding in FOUND[name]]
    assert {pattern for pattern in ACCEPTED if not any(finding.accepted_by(*pattern) for finding in found)} == set()


def test_every_policy_is_looked_at() -> None:
    places = {place.split("/")[1] for name in TEMPLATES for item in resources(name).values() for place, _ in documents(item.get("Properties", {}))}
    assert {"AssumeRolePolicyDocument", "KeyPolicy", "Policies", "PolicyDocument", "RepositoryPolicyText"} <= places


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_planted_fault_is_found_by_its_name(path: Path) -> None:
    kind = path.read_text().splitlines()[0].removeprefix("# ")
    assert {finding.kind for finding in findings(path) if not finding.accepted} == {kind}


def test_a_finding_is_accepted_of_its_holder_only() -> None:
    assert Finding("PruneRole", "", "RESOURCE_STAR", "ec2:CreateNetworkInterface").accepted
    assert not Finding("JobRole", "", "RESOURCE_STAR", "ec2:CreateNetworkInterface").accepted
