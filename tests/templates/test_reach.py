"""The rights of the roles that CloudFormation acts in are on the resources of their stacks, and on what these name."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.templates.deployment import PREFIX, Deployment
from tests.templates.expansion import deployed
from tests.templates.reach import own, takes, unreached
from tests.templates.sources import API, ENDPOINT, PIPELINE, STAGES, STUDIO, branches, rights, template
from tests.templates.test_sufficiency import ACTORS, NEVER_CALLED, covered, permissions

WORKFLOW: dict[str, Any] = {"Resources": {"Workflow": {"Type": "AWS::StepFunctions::StateMachine", "Properties": {  # a build makes it
    "StateMachineName": f"{PREFIX}-workflow", "RoleArn": f"arn:aws:iam::123456789012:role/{PREFIX}-workflow"}}}}
ROLES = {"LaunchRole": STUDIO, "DeployRole": PIPELINE}
STACKS = {
    "LaunchRole": [Deployment(deployed(PIPELINE), "SC-123456789012-pp-0a1b2c3d4e5f6")],
    "DeployRole": [
        Deployment(WORKFLOW, f"{PREFIX}-workflow"),
        *(Deployment(deployed(name), f"{PREFIX}-{'api' if name == API else Path(name).stem}") for name in STAGES if name != ENDPOINT),
        Deployment(deployed(ENDPOINT), f"{PREFIX}-01234567-prd", ModelName=f"{PREFIX}-01234567-p"),
        Deployment(deployed(ENDPOINT), f"{PREFIX}-live-prd", ModelName=f"{PREFIX}-01234567-p", EndpointName=f"{PREFIX}-live-p")],
}
CASES = [pytest.param(role, stack, key, id=f"{role}-{key}") for role, stacks in STACKS.items() for stack in stacks for key in stack.template["Resources"]]


def statements(role: str) -> list[dict[str, Any]]:
    """Return what a role is allowed, resolved."""
    deployment = Deployment(template(ROLES[role]))
    return [deployment.of(side) for statement in rights(deployment.template["Resources"], role) for side in branches(statement)]


STATEMENTS = {role: statements(role) for role in ROLES}


@cache
def needed(role: str, kind: str) -> set[str]:
    """Return the actions that the role is granted for a type."""
    if "Custom::" in kind:
        return {"lambda:InvokeFunction"}
    return {action for action in permissions(kind) if covered(action, ACTORS[role][0]) and not covered(action, set(NEVER_CALLED))}


@pytest.mark.parametrize("role, deployment, key", CASES)
def test_a_right_is_on_the_resource_that_needs_it(role: str, deployment: Deployment, key: str) -> None:
    kind = deployment.template["Resources"][key]["Type"]
    actions, arns = needed(role, kind), own(deployment, key)
    assert [arn for arn in arns if not arn.startswith("arn:")] == [], f"{kind} has no ARN in deployment.py or reach.py; add it"
    lacking = list(unreached(STATEMENTS[role], actions, deployment, key))
    assert lacking == [], f"{role} lacks rights for {kind}: a statement has to name {', '.join(lacking)}"
    assert any(takes(action, arn) for action in actions for arn in arns), f"{kind}: none of its actions takes its ARN"


ELSEWHERE = "another-model-p-zyx987"


@pytest.mark.parametrize("old, new, key, expected", [
    (PREFIX, ELSEWHERE, "ExperimentFunction", f"lambda:CreateFunction on arn:aws:lambda:us-east-1:123456789012:function:{PREFIX}-experiment"),
    (PREFIX, ELSEWHERE, "ExperimentRole", f"iam:CreateRole on arn:aws:iam::123456789012:role/{PREFIX}/{PREFIX}-experiment"),
    ("lambda.amazonaws.com", "ec2.amazonaws.com", "ExperimentFunction", f"iam:PassRole on arn:aws:iam::123456789012:role/{PREFIX}/{PREFIX}-experiment"),
    ("key/01234567", "key/other", "QueryTrainingFunction", "kms:Decrypt on arn:aws:kms:us-east-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"),
])
def test_a_right_on_something_else_does_not_count(old: str, new: str, key: str, expected: str) -> None:
    functions = STACKS["DeployRole"][1]
    statements = json.loads(json.dumps(STATEMENTS["DeployRole"]).replace(old, new))
    kind = functions.template["Resources"][key]["Type"]
    assert expected in list(unreached(statements, needed("DeployRole", kind), functions, key))
    assert expected not in list(unreached(STATEMENTS["DeployRole"], needed("DeployRole", kind), functions, key))
