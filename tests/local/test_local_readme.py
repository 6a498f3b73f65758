"""local/README.md says of each service, type, action and integration whether it runs: no more, no less than there is."""

import importlib
import inspect
import re

import pytest

from local.gateway import NATIVE_SERVICES
from local.native_rights import RIGHTS
from local.pipeline_actions import ACTIONS
from local.service import Service
from local.stacks import TYPES
from local.workflow import OPTIMIZED
from tests.templates.expansion import VALUES, expanded
from tests.templates.sources import ROOT, TEMPLATES, resources

STATES = {"runs", "imitated", "refused"}
SECTIONS = ("Services", "Resource types", "Pipeline actions", "Step Functions integrations")


def table(section: str) -> dict[str, str]:
    """Return the state of each row of a section's table by the name in its first cell."""
    text = (ROOT / "local" / "README.md").read_text()
    part = re.split(r"^### ", text, flags=re.MULTILINE)
    [body] = [each for each in part if each.startswith(f"{section}\n")]
    return dict(re.findall(r"^\| `([^`]+)` \| (\w+) \|", body, flags=re.MULTILINE))


def used() -> set[str]:
    """Return the types that CloudFormation gets to see, SAM's expansion and the generated template included."""
    types = {item["Type"] for name in TEMPLATES for item in resources(name).values()}
    types |= {item["Type"] for name in VALUES for item in expanded(name)["Resources"].values()}
    types |= set(re.findall(r'"Type": "(AWS::\w+::\w+)"', (ROOT / "model" / "workflow_template.py").read_text()))
    return {"Custom::" if kind.startswith("Custom::") else kind for kind in types
            if not kind.startswith("AWS::Serverless::")}


def own_services() -> set[str]:
    """Return the names of the services in local/services."""
    names = [path.stem for path in (ROOT / "local" / "services").glob("*.py") if path.stem != "__init__"]
    modules = [importlib.import_module(f"local.services.{name}") for name in names]
    return {item.service_name for module in modules for _, item in inspect.getmembers(module, inspect.isclass)
            if issubclass(item, Service) and item is not Service}


@pytest.mark.parametrize("section", SECTIONS)
def test_every_row_is_in_one_of_three_states(section: str) -> None:
    rows = table(section)
    assert rows
    assert {name: state for name, state in rows.items() if state not in STATES} == {}


def test_the_generated_template_is_looked_at() -> None:
    assert "AWS::StepFunctions::StateMachine" in used()


def test_every_type_of_a_template_is_in_the_table() -> None:
    assert used() - table("Resource types").keys() == set()


def test_the_table_of_types_is_what_the_machine_provides() -> None:
    assert {name for name, state in table("Resource types").items() if state != "refused"} == {*TYPES, *RIGHTS}


def test_the_table_of_services_is_what_the_machine_has() -> None:
    assert table("Services").keys() == own_services() | set(NATIVE_SERVICES.split(","))


def test_the_table_of_actions_is_what_a_pipeline_takes() -> None:
    assert table("Pipeline actions").keys() == {f"{category}/{provider}" for category, provider in ACTIONS}


def test_the_table_of_integrations_is_what_a_workflow_may_call() -> None:
    assert table("Step Functions integrations").keys() == {"aws-sdk:"} | {":".join(each) for each in OPTIMIZED}


def test_the_commands_are_those_of_the_machine() -> None:
    from local.__main__ import COMMANDS

    text = (ROOT / "local" / "README.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", text.split("## How it works")[0], flags=re.MULTILINE)) == set(COMMANDS)
