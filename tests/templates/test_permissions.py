"""Rights are least: docs/permissions.md tells of every right, and none of them is without a reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.templates import permissions
from tests.templates.permissions import KEPT, PAGE, Right, Role, all_roles, page, table, unexplained, used
from tests.templates.test_sufficiency import covered


@pytest.fixture(scope="module")
def found() -> dict[Role, list[Right]]:
    """Every role with its rights."""
    return table()


def test_every_right_is_needed_or_used_or_has_a_reason(found: dict[Role, list[Right]]) -> None:
    assert unexplained(found) == [], "remove the right, or say why behind a # in its line"


def test_the_page_is_what_the_templates_and_the_recording_say(found: dict[Role, list[Right]]) -> None:
    assert PAGE.read_text() == page(found), "python scripts/permissions.py writes the page anew"


def test_the_recording_is_of_these_roles_and_of_rights_that_they_have(found: dict[Role, list[Right]]) -> None:
    kept = json.loads(KEPT.read_text())
    assert list(kept) == [role.title for role in found]
    for role, rights in found.items():
        granted = {right.action for right in rights}
        assert {action for action in kept[role.title] if not covered(action, granted)} <= ALWAYS_ALLOWED, role.title


ALWAYS_ALLOWED = {"sts:GetCallerIdentity"}  # by every policy


def test_sessions_belong_to_one_role_each() -> None:
    named = {"demo-churn-p-abc123-retirement": "RetirementRole", "demo-churn-p-abc123-retirement-events": "RetirementEventsRole",
             "demo-churn-p-abc123-monitoring": "MonitoringRole", "demo-churn-p-abc123-monitoring-plan": "PlanRole",
             "an-organization-LaunchRole-1A2B3C": "LaunchRole", "demo-churn-p-abc123-api": "ApiRole"}
    for name, key in named.items():
        assert [role.key for role in all_roles() if role.name.fullmatch(name)] == [key]


TEMPLATE = """
Resources:
  SeedRole:
    Type: AWS::IAM::Role
    Properties:
      RoleName: !Sub ${Prefix}-seed
      Policies:
        - PolicyName: seed
          PolicyDocument:
            Statement:
              - Sid: ReadAndWrite # says what it is for
                Effect: Allow
                Action:
                  - s3:GetObject
                  - s3:PutObject # for those who ask
                  - s3:Delete*
                Resource: '*'
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Role:
    """The role of a template of its own."""
    (tmp_path / "small.yml").write_text(TEMPLATE)
    monkeypatch.setattr(permissions, "ROOT", tmp_path)
    monkeypatch.setattr(permissions, "TEMPLATES", ["small.yml"])
    [role] = all_roles()
    return role


def test_a_right_without_use_or_reason_is_named(small: Role) -> None:
    rights = list(small.granted(["s3:GetObject"]))
    assert [(right.action, right.used, right.reason) for right in rights] == [
        ("s3:GetObject", True, ""), ("s3:PutObject", False, "for those who ask"), ("s3:Delete*", False, "")]
    assert unexplained({small: rights}) == ["small.yml SeedRole: ReadAndWrite: s3:Delete*"]
    assert "| ReadAndWrite | `s3:Delete*` |  |  | **unexplained** |" in page({small: rights})


def test_a_star_is_used_when_an_action_that_it_stands_for_is(small: Role) -> None:
    assert unexplained({small: list(small.granted(["s3:GetObject", "s3:DeleteObjectVersion"]))}) == []


def test_a_recording_counts_what_was_allowed_to_a_project(small: Role, tmp_path: Path) -> None:
    calls = tmp_path / "calls.jsonl"
    lines = [["a-b-p-1-seed", "s3:GetObject", True, "arn:x"], ["a-b-p-2-seed", "s3:DeleteObject", True, "arn:x"],
             ["a-b-p-1-seed", "s3:PutObject", False, "arn:x"], ["a-b-p-1-seeder", "s3:ListBucket", True, "arn:x"]]
    calls.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert used(calls) == {"small.yml SeedRole": ["s3:DeleteObject", "s3:GetObject"]}
