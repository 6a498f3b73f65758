"""A project without a network of its own: NetworkMode none leaves out VPC and EFS, and the API answers all the same."""

import pytest

from tests.local.local_aws import LocalAws
from tests.local.project_runs import Project

pytestmark = pytest.mark.slow
NETWORK = ("AWS::EC2::", "AWS::EFS::")


def test_the_release_succeeds_and_judges_the_sample_customers_right(release_without_network: dict) -> None:
    assert {step["status"] for step in release_without_network["steps"]} == {"succeeded"}
    assert [int(probability >= 0.5) for probability in release_without_network["predictions"]] == [0, 0, 1, 0, 0]


def test_no_stack_of_the_project_has_a_network_or_a_file_system(aws: LocalAws, release_without_network: dict) -> None:
    cloudformation = aws.client("cloudformation")
    stacks = Project(aws, release_without_network["name"]).stacks()
    assert len(stacks) == 7
    types = [resource["ResourceType"] for stack in stacks
             for resource in cloudformation.describe_stack_resources(StackName=stack)["StackResources"]]
    assert [kind for kind in types if kind.startswith(NETWORK)] == []


def test_its_functions_are_attached_to_nothing(aws: LocalAws, release_without_network: dict) -> None:
    functions = [found for found in aws.client("lambda").list_functions()["Functions"]
                 if found["FunctionName"].startswith(release_without_network["name"])]
    assert len(functions) == 17
    assert [found["FunctionName"] for found in functions
            if found.get("VpcConfig", {}).get("SubnetIds") or found.get("FileSystemConfigs")] == []
