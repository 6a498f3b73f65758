"""The same project in two regions of an account, side by side. A machine is one region with an IAM and S3 of its own, so
what the account has only once is compared by name.
"""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from tests.local.inventory import RETAINED, SERVICE_ROLE, inventory, kinds
from tests.local.local_aws import LocalAws, running
from tests.local.new_projects import publish
from tests.local.project_runs import until
from tests.local.test_several_projects import ORGANIZATION, Released, owned, release

pytestmark = pytest.mark.slow
REGIONS = ("us-east-1", "eu-central-1")
TITLE = "beta"
ACCOUNT_WIDE = {"roles", "policies", "buckets"}
GENERATED = re.compile(r"-[0-9A-F]{13}$")  # by CloudFormation, on AWS at random; what a template names itself could be taken
# The role of Studio's users, scaling's own and the local AWS's outbox are the account's, whatever the region.
OF_ACCOUNT = {("roles", f"{ORGANIZATION}-studio"), SERVICE_ROLE, ("buckets", "local-outbox")}


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, LocalAws]]:
    """The account's two regions."""
    with ExitStack() as stack:
        yield {region: stack.enter_context(running(tmp_path_factory.mktemp(region), region)) for region in REGIONS}


@pytest.fixture(scope="module")
def projects(regions: dict[str, LocalAws]) -> dict[str, Released]:
    """The project in each region, from the same form and with the same data, released at the same time."""
    def released(aws: LocalAws) -> Released:
        publish(aws, ORGANIZATION, f"{ORGANIZATION}-templates-{aws.region}")
        return release(aws, TITLE)

    with ThreadPoolExecutor(len(REGIONS)) as crowd:
        return dict(zip(REGIONS, crowd.map(released, regions.values()), strict=True))


@pytest.mark.parametrize("region", REGIONS)
def test_each_region_answers_from_a_run_of_its_own(projects: dict[str, Released], region: str) -> None:
    status, run, [prediction] = projects[region].ask()
    assert (status, run, prediction["label"]) == (200, projects[region].run, "no")
    assert len({released.run for released in projects.values()}) == len(REGIONS)


def test_no_account_wide_name_is_taken_twice(projects: dict[str, Released]) -> None:
    one, other = ({thing for thing in inventory(released.aws) if thing[0] in ACCOUNT_WIDE} for released in projects.values())
    assert kinds(one) == kinds(other) == ACCOUNT_WIDE
    assert {(kind, name) for kind, name in one & other if not GENERATED.search(name)} == OF_ACCOUNT


def documents(aws: LocalAws) -> dict[str, list[Any]]:
    """Return every role's policies, its own and those attached to it."""
    iam, found = aws.client("iam"), {}
    for role in [role["RoleName"] for page in iam.get_paginator("list_roles").paginate() for role in page["Roles"]]:
        found[role] = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
                       for name in iam.list_role_policies(RoleName=role)["PolicyNames"]]
        for attached in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
            version = iam.get_policy(PolicyArn=attached["PolicyArn"])["Policy"]["DefaultVersionId"]
            found[role].append(iam.get_policy_version(PolicyArn=attached["PolicyArn"], VersionId=version)["PolicyVersion"]["Document"])
    return found


@pytest.mark.parametrize("region", REGIONS)
def test_no_role_has_rights_in_another_region(projects: dict[str, Released], region: str) -> None:
    granted = documents(projects[region].aws)
    places = {role: set(re.findall(r'"arn:aws:[\w-]+:([^:"]*):', json.dumps(policies))) - {"", region}
              for role, policies in granted.items()}
    assert len([role for role, policies in granted.items() if region in json.dumps(policies)]) > 15
    assert {role: elsewhere for role, elsewhere in places.items() if elsewhere} == {}


def test_deleting_it_in_one_region_leaves_it_in_the_other(projects: dict[str, Released]) -> None:
    gone, left = projects.values()
    mine, before, answer = owned(gone, inventory(gone.aws)), inventory(left.aws), left.ask()
    sagemaker = gone.aws.client("sagemaker")
    sagemaker.delete_project(ProjectName=TITLE)
    until(lambda: sagemaker.describe_project(ProjectName=TITLE)["ProjectStatus"] == "DeleteCompleted", "the deletion")
    assert kinds(mine & inventory(gone.aws)) <= RETAINED
    assert {kind for kind, _ in mine - inventory(gone.aws)} > {"roles", "networks", "stacks", "endpoints"}
    assert before - inventory(left.aws) == set()
    assert left.ask() == answer
