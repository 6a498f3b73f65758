"""A stack whose deletion fails keeps what the failed resource depends on, so that the deletion can be repeated."""

import json

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


def test_what_a_failed_resource_depends_on_stays_for_the_repetition(aws: LocalAws) -> None:
    stacks, s3 = aws.client("cloudformation"), aws.client("s3")
    stacks.create_stack(StackName=NAME, TemplateBody=TEMPLATE)
    stacks.get_waiter("stack_create_complete").wait(StackName=NAME, WaiterConfig={"Delay": 1})
    s3.put_object(Bucket=BUCKET, Key="in-the-way", Body=b"")

    def status() -> str:
        return str(stacks.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])

    stack = stacks.describe_stacks(StackName=NAME)["Stacks"][0]["StackId"]
    stacks.delete_stack(StackName=NAME)
    until(lambda: status() == "DELETE_FAILED", "the failure", 30)
    assert left(aws) == {"Bucket", "Needed", "Another", "NeededThroughAnother"}
    s3.delete_object(Bucket=BUCKET, Key="in-the-way")
    stacks.delete_stack(StackName=NAME)
    until(lambda: status() == "DELETE_COMPLETE", "the deletion", 30)
