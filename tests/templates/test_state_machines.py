"""Every state machine is one that Step Functions runs and whose requests the services take; each planted fault is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.templates.service_requests import operation
from tests.templates.sources import API, MONITORING, PIPELINE, ROOT
from tests.templates.state_machines import INTEGRATIONS, definitions, findings, tasks

BAD = sorted((Path(__file__).parent / "bad" / "state-machines").glob("*.yml"))


@pytest.mark.parametrize("name, count", [(PIPELINE, 1), (API, 2), (MONITORING, 1)])
def test_a_templates_state_machines_are_well(name: str, count: int) -> None:
    found = dict(definitions(ROOT / name))
    assert len(found) == count and all(list(tasks(machine)) for machine in found.values())
    assert [finding for machine in found.values() for finding in findings(machine)] == []


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_planted_fault_is_found_by_its_kind(path: Path) -> None:
    kind = path.read_text().splitlines()[0].removeprefix("# ")
    [(_, machine)] = definitions(path)
    assert {finding.split(":")[0] for finding in findings(machine)} == {kind}


def test_every_kind_of_finding_has_a_planted_fault() -> None:
    assert {path.read_text().split()[1] for path in BAD} == {"Graph", "Integration", "Path", "Request", "Value"}


@pytest.mark.parametrize("text, integration", INTEGRATIONS.items(), ids=str)
def test_an_integration_calls_an_operation_that_exists(text: str, integration: tuple[str, set[str], set[str]]) -> None:
    service, _, as_json = integration
    call = text.split(":")[1]
    assert as_json <= set(operation(service, call[0].upper() + call[1:]).input_shape.members)
