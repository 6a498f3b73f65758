"""Policies as IAM will read them: roles', managed ones, trust policies and those of resources.

`python -m tests.templates.iam_policies TEMPLATE...` prints what is wrong, a finding a line, and exits 1 if anything is.
parliament knows which action takes which resource and condition; policy-sentry, whose list is newer, which actions
there are and which need others. What is found and right all the same is in accepted_policies.py.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from policy_sentry.querying.actions import get_action_data, get_dependent_actions

from tests.templates.accepted_policies import ACCEPTED
from tests.templates.deployment import Deployment
from tests.templates.sources import branches, listed, rights, template

with warnings.catch_warnings():  # pkg_resources, and patterns that are not written raw
    warnings.simplefilter("ignore")
    import parliament

OF_RESOURCES = ("AssumeRolePolicyDocument", "FileSystemPolicy", "KeyPolicy", "RepositoryPolicyText")  # whose resource is the one that carries them
SOURCES = {"aws:sourceaccount", "aws:sourcearn", "kms:encryptioncontext:aws:logs:arn"}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong in a policy."""

    holder: str
    place: str
    kind: str
    subject: str

    def __str__(self) -> str:
        return f"{self.holder}{self.place}: {self.kind}: {self.subject}"

    @property
    def accepted(self) -> bool:
        """Whether it is right all the same."""
        return any(self.accepted_by(*pattern) for pattern in ACCEPTED)

    def accepted_by(self, holder: str, kind: str, subject: str) -> bool:
        """Return whether patterns of holder, kind and subject match."""
        return fnmatchcase(self.holder, holder) and self.kind == kind and fnmatchcase(self.subject, subject)


def findings(path: Path) -> Iterator[Finding]:
    """Yield what is wrong in a template's policies, each thing once."""
    deployment = Deployment(template(path))
    for holder, resource in deployment.template["Resources"].items():
        for place, document in documents(resource.get("Properties", {})):
            resolved = [deployment.of(statement) for item in listed(document["Statement"]) for statement in branches(item)]
            for kind, subject in dict.fromkeys(of_policy(place, document | {"Statement": resolved})):
                yield Finding(holder, place, kind, subject)
        if resource["Type"] == "AWS::IAM::Role":
            yield from (Finding(holder, "", "DEPENDENT_ACTION", subject) for subject in dependents(deployment.template["Resources"], holder))


def documents(node: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (where it stands, policy) of every policy below a resource's properties."""
    if isinstance(node, dict) and "Statement" in node:
        yield place, node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from documents(value, f"{place}/{key}")
    elif isinstance(node, list):
        for item in node:
            yield from documents(item, f"{place}/{item['PolicyName']}" if isinstance(item, dict) and "PolicyName" in item else place)


def of_policy(place: str, document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (kind, subject) of what is wrong in one policy."""
    implied = any(name in place for name in OF_RESOURCES)
    statements = [with_known_actions({"Resource": "*"} | item if implied else item) for item in document["Statement"]]
    named = {action for item in statements for action in listed(item.get("Action", []))}
    for found in parliament.analyze_policy_string(json.dumps(document | {"Statement": statements})).findings:
        if not (implied and found.issue == "RESOURCE_STAR"):
            yield from ((found.issue, subject) for subject in subjects(found, named))
    for item in document["Statement"]:
        yield from (("NO_SOURCE", service) for service in unbounded(item))
        yield from (("ALL_BUT", name) for name in ("NotAction", "NotPrincipal", "NotResource") if name in item and item["Effect"] == "Allow")


def with_known_actions(statement: dict[str, Any]) -> dict[str, Any]:
    """Return a statement without the actions that only policy-sentry knows; parliament looks no further at one that it does not know."""
    actions = [action for action in listed(statement.get("Action", [])) if "*" in action or not only_new(action)]
    return statement | {"Action": actions} if actions else statement


def only_new(action: str) -> bool:
    """Return whether an action exists and parliament has not heard of it."""
    try:
        parliament.expand_action(action)
    except parliament.UnknownActionException:
        return exists(action)
    except parliament.UnknownPrefixException:
        return False
    return False


def exists(action: str) -> bool:
    """Return whether policy-sentry knows an action."""
    service, _, name = action.partition(":")
    return bool(get_action_data(service, name))


def subjects(found: Any, named: set[str]) -> Iterator[str]:
    """Yield what a finding of parliament's is about: actions one by one, else its own words."""
    if found.issue == "RESOURCE_STAR":
        yield from found.detail
    elif found.issue == "RESOURCE_MISMATCH":
        lost = {item["action"] for item in found.detail}
        yield from sorted(lost & named)
        yield from sorted(action for action in named if "*" in action and expansion(action) <= lost)
    else:
        yield str(found.detail or found.location)


def expansion(action: str) -> set[str]:
    """Return the actions that a pattern stands for."""
    return {f"{item['service']}:{item['action']}" for item in parliament.expand_action(action)}


def unbounded(statement: dict[str, Any]) -> Iterator[str]:
    """Yield the services that a statement lets in for whichever account they act."""
    principal, conditions = statement.get("Principal"), statement.get("Condition", {})
    keys = {key.lower() for condition in conditions.values() for key in condition}
    if statement["Effect"] == "Allow" and isinstance(principal, dict) and not keys & SOURCES:
        yield from listed(principal.get("Service", []))


def dependents(resources: dict[str, Any], role: str) -> Iterator[str]:
    """Yield (action: what it needs besides) where a role may call the one and not the other."""
    granted = {action for statement in rights(resources, role) for action in listed(statement.get("Action", []))}
    for action in sorted(granted):
        for needed in get_dependent_actions([action]) if "*" not in action and exists(action) else []:
            if not any(fnmatchcase(needed.lower(), pattern.lower()) for pattern in granted):
                yield f"{action} needs {needed}"


if __name__ == "__main__":
    wrong = [f"{path} {finding}" for path in sys.argv[1:] for finding in findings(Path(path)) if not finding.accepted]
    print(*wrong, sep="\n")
    sys.exit(bool(wrong))
