"""A stack whose deletion fails keeps what the failed resource depends on, so that the deletion can be repeated."""

import json
from collections.abc import Iterator

import pytest

from tests.local.local_aws import LocalAws
from tests.local.project_runs import until

NAME, BUCKET = "deletion", "deletion-that-fails"
PARAMETER = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "any"}}
TEMPLATE = json.dumps({"Resources": {
    "Needed": PARAMETER, "Free": PARAMETER, "NeededThroughAnother": PARAMETER,
    "Another": {**PARAMETER, "DependsOn": "NeededThroughAnother"},
    "Bucket": {"Type": "AWS::S3::Bucket", "DependsOn": ["Needed", "Another"], "Properties": {"BucketName": BUCKET}}}})


def left(aws: LocalAws) -> set[str]:
    """Return the logical ids of what the stack still has."""
    found = aws.client("cloudformation").list_stack_resources(StackName=NAME)["StackResourceSummaries"]
    return {each["LogicalResourceId"] for each in found if each["ResourceStatus"] != "DELETE_COMPLETE"}


@pytest.fixture
def role(aws: LocalAws) -> Iterator[str]:
    """A role for the stack that may do everything but delete a bucket."""
    iam, named = aws.client("iam"), {"RoleName": NAME}
    trust = {"Effect": "Allow", "Principal": {"Service": "cloudformation.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam.create_role(**named, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
    for policy, effect, action in (("all", "Allow", "*"), ("no-deletion", "Deny", "s3:DeleteBucket")):
        iam.put_role_policy(**named, PolicyName=policy, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": effect, "Action": action, "Resource": "*"}]}))
    yield f"arn:aws:iam::000000000000:role/{NAME}"
    iam.delete_role_policy(**named, PolicyName="all")
    iam.delete_role(**named)


def test_what_a_failed_resource_depends_on_stays_for_the_repetition(aws: LocalAws, role: str) -> None:
    stacks = aws.client("cloudformation")
    stack = stacks.create_stack(StackName=NAME, TemplateBody=TEMPLATE, RoleARN=role)["StackId"]

    def settles(status: str) -> None:
        until(lambda: stacks.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"] == status, status, 30)

    settles("CREATE_COMPLETE")
    stacks.delete_stack(StackName=NAME)
    settles("DELETE_FAILED")
    assert left(aws) == {"Bucket", "Needed", "Another", "NeededThroughAnother"}
    aws.client("iam").delete_role_policy(RoleName=NAME, PolicyName="no-deletion")
    stacks.delete_stack(StackName=NAME)
    settles("DELETE_COMPLETE")
