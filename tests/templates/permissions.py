"""What every role is granted, what its resources need, what it has used, and why it has the rest.

Granted stands in the templates. Needed stands in the resource schemas, for the roles in which CloudFormation acts. Used
stands in docs/permissions.json: what a project's whole life asked for on the local AWS. A right that is neither needed
nor used says behind a # why it is there, in its line of the template.

`python -m tests.templates.permissions [CALLS]` writes docs/permissions.md; scripts/permissions.py is its command.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cfnlint.decode import cfn_yaml

from tests.templates.sources import ROOT, TEMPLATES, listed, rights
from tests.templates.test_sufficiency import ACTORS, covered, permissions

KEPT, PAGE = ROOT / "docs" / "permissions.json", ROOT / "docs" / "permissions.md"
REASON = re.compile(r"\s#\s+(.+)$")
HEAD = """# What each role may do, needs and uses

Written by `python scripts/permissions.py`; do not edit it. A right is *needed* where a resource schema of CloudFormation says that
creating, reading, updating or deleting a resource of the role's stacks calls it, and *used* where a project's life on the
[local AWS](../local/README.md) asked for it: two releases, drift and its retraining, going back, deletion
(`tests/local/test_permissions.py`). Every other right has its reason, which stands beside it in the template.
"""


@dataclass(frozen=True)
class Right:
    """One action that a statement grants a role."""

    sid: str
    action: str
    needed: tuple[str, ...]  # resource types, without AWS::
    used: bool
    reason: str

    @property
    def explained(self) -> bool:
        """Whether anything speaks for the right."""
        return bool(self.needed or self.used or self.reason)

    def why(self) -> str:
        """Return the last column of the page: the reason, where it is what the right stands on."""
        return "" if self.needed or self.used else self.reason or "**unexplained**"


@dataclass(frozen=True)
class Role:
    """A role of a template, and how its sessions are called."""

    template: str
    key: str
    name: re.Pattern[str]

    @property
    def title(self) -> str:
        """The role's name in recordings and on the page."""
        return f"{self.template} {self.key}"

    def granted(self, used: list[str]) -> Iterator[Right]:
        """Yield the rights in the order of the template."""
        path = ROOT / self.template
        lines, found = path.read_text().splitlines(), cfn_yaml.load(str(path))["Resources"]
        types = sorted(ACTORS[self.key][1]) if self.key in ACTORS else []
        for statement in rights(found, self.key):
            for action in listed(statement["Action"]):
                needed = tuple(kind.removeprefix("AWS::") for kind in types if any(
                    covered(each, {str(action)}) for each in permissions(kind)))
                yield Right(str(statement["Sid"]), str(action), needed, any(covered(each, {str(action)}) for each in used),
                            reason(lines[action.start_mark.line]))


def reason(line: str) -> str:
    """Return what a line of a template says behind its #."""
    found = REASON.search(line)
    return found[1] if found else ""


def all_roles() -> list[Role]:
    """Return the roles of all templates; a role without a name has a generated one, which holds its logical id."""
    found = []
    for template in TEMPLATES:
        for key, resource in cfn_yaml.load(str(ROOT / template))["Resources"].items():
            if resource["Type"] == "AWS::IAM::Role":
                name: Any = resource["Properties"].get("RoleName")
                ending = re.escape(name["Fn::Sub"].rpartition("}-")[2]) if name else ""
                found.append(Role(template, str(key), re.compile(rf".+-p-[a-z0-9]+-{ending}" if name else rf".+-{key}-\w+")))
    return found


def used(calls: Path) -> dict[str, list[str]]:
    """Return the allowed actions of every role of the templates from a machine's recording."""
    found: dict[str, set[str]] = {role.title: set() for role in all_roles()}
    for line in calls.read_text().splitlines():
        name, action, allowed, _ = json.loads(line)
        for role in all_roles() if allowed else []:
            if role.name.fullmatch(name):
                found[role.title].add(action)
    return {title: sorted(actions) for title, actions in found.items()}


def table() -> dict[Role, list[Right]]:
    """Return every role with its rights, by the kept recording."""
    kept = json.loads(KEPT.read_text())
    return {role: list(role.granted(kept.get(role.title, []))) for role in all_roles()}


def page(found: dict[Role, list[Right]]) -> str:
    """Return docs/permissions.md."""
    counts = [(sum(right.used for right in rows), sum(bool(right.needed) and not right.used for right in rows),
               sum(not right.needed and not right.used and bool(right.reason) for right in rows),
               sum(not right.explained for right in rows)) for rows in found.values()]
    text = [HEAD, "| role | template | granted | used | needed only | with a reason | unexplained |", "|---|---|---:|---:|---:|---:|---:|"]
    text += [f"| {role.key} | {role.template} | {len(rows)} | {' | '.join(map(str, count))} |"
             for (role, rows), count in zip(found.items(), counts, strict=True)]
    text.append(f"| all | | {sum(map(len, found.values()))} | {' | '.join(map(str, map(sum, zip(*counts, strict=True))))} |")
    for role, rows in found.items():
        text += ["", f"## {role.key} ({role.template})", "", "| statement | action | used | needed by | why else |", "|---|---|---|---|---|"]
        text += [f"| {right.sid} | `{right.action}` | {'yes' if right.used else ''} | {', '.join(right.needed)} | {right.why()} |"
                 for right in rows]
    return "\n".join(text) + "\n"


def unexplained(found: dict[Role, list[Right]]) -> list[str]:
    """Return the rights for which nothing speaks."""
    return [f"{role.title}: {right.sid}: {right.action}" for role, rows in found.items() for right in rows if not right.explained]


def main(arguments: list[str]) -> int:
    """Take over a recording if one is given, and write the page."""
    if arguments:
        KEPT.write_text(json.dumps(used(Path(arguments[0])), indent=1) + "\n")
    found = table()
    PAGE.write_text(page(found))
    for missing in unexplained(found):
        print(f"permissions: {missing} is neither needed nor used; remove it, or say why behind a # in its line", file=sys.stderr)
    return 1 if unexplained(found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
