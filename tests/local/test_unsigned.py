"""Who signs nothing is refused by each service in AWS's words, and what needs no signature, or has it elsewhere, is not."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.local_aws import LocalAws

TOKEN = "00000000-0000-0000-0000-000000000000"
JSON = ("MissingAuthenticationTokenException", 400, "Missing Authentication Token")
REST = ("MissingAuthenticationTokenException", 403, "Missing Authentication Token")
FORM = ("MissingAuthenticationToken", 403, "Request is missing Authentication Token")
# service, operation, request, the error
REFUSED: list[tuple[str, str, dict[str, Any], tuple[str, int, str]]] = [
    ("sagemaker", "list_projects", {}, JSON),
    ("sagemaker-runtime", "invoke_endpoint", {"EndpointName": "any", "Body": "1"}, REST),
    ("codecommit", "list_repositories", {}, JSON),
    ("codebuild", "list_projects", {}, JSON),
    ("codepipeline", "put_approval_result", {
        "pipelineName": "any", "stageName": "any", "actionName": "any", "token": TOKEN,
        "result": {"status": "Approved", "summary": "why not"}}, JSON),
    ("codedeploy", "list_applications", {}, JSON),
    ("servicecatalog", "list_portfolios", {}, JSON),
    ("application-autoscaling", "describe_scalable_targets", {"ServiceNamespace": "sagemaker"}, JSON),
    ("kms", "list_keys", {}, JSON),
    ("logs", "describe_log_groups", {}, JSON),
    ("stepfunctions", "list_state_machines", {}, JSON),
    ("ecr", "describe_repositories", {}, JSON),
    ("events", "list_rules", {}, JSON),
    ("lambda", "list_functions", {}, REST),
    ("sts", "assume_role", {"RoleArn": "arn:aws:iam::000000000000:role/any", "RoleSessionName": "nobody"}, FORM),
    ("iam", "list_user_policies", {"UserName": "any"}, FORM),
    ("sns", "list_topics", {}, FORM),
    ("cloudformation", "describe_stacks", {}, FORM),
    ("s3", "list_buckets", {}, ("AccessDenied", 403, "Access Denied")),
    ("s3", "create_bucket", {"Bucket": "nobodys"}, ("AccessDenied", 403, "Access Denied")),
    ("s3", "list_objects_v2", {"Bucket": "unsigned"}, ("AccessDenied", 403, "Access Denied")),
    ("s3", "get_object", {"Bucket": "unsigned", "Key": "sealed"}, ("AccessDenied", 403, "Access Denied")),
    ("s3", "get_object", {"Bucket": "unsigned", "Key": "none"}, ("AccessDenied", 403, "Access Denied")),
    ("s3", "put_object", {"Bucket": "unsigned", "Key": "sealed", "Body": "mine"}, ("AccessDenied", 403, "Access Denied"))]


@pytest.fixture(scope="module")
def bucket(aws: LocalAws) -> Iterator[str]:
    """A bucket with a key of its own, and an object in it."""
    s3, kms = aws.client("s3"), aws.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    s3.create_bucket(Bucket="unsigned")
    s3.put_bucket_encryption(Bucket="unsigned", ServerSideEncryptionConfiguration={"Rules": [
        {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}]})
    s3.put_object(Bucket="unsigned", Key="sealed", Body="a secret's place")
    yield "unsigned"
    s3.delete_object(Bucket="unsigned", Key="sealed")
    s3.delete_bucket(Bucket="unsigned")
    kms.schedule_key_deletion(KeyId=key)


@pytest.mark.parametrize(("service", "operation", "request_", "error"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_each_service_says_that_a_signature_is_missing(aws: LocalAws, bucket: str, service: str, operation: str,
                                                       request_: dict[str, Any], error: tuple[str, int, str]) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(aws.called_by().client(service), operation)(**request_)
    answer = refused.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]) == error


def refusal(request: urllib.request.Request) -> tuple[int, Any, bytes]:
    """Return status, headers and body of the answer to a request that is refused."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    with refused.value as answer:
        return answer.code, answer.headers, answer.read()


def test_a_request_is_not_looked_at_before_its_signature_is(aws: LocalAws) -> None:
    request = urllib.request.Request(aws.endpoint_url, data=b"{not JSON", headers={
        "X-Amz-Target": "CodePipeline_20150709.PutApprovalResult", "Content-Type": "application/x-amz-json-1.1"})
    status, _, told = refusal(request)
    assert status == 400
    assert b"MissingAuthenticationTokenException" in told


def test_a_link_that_holds_its_signature_opens_what_it_was_made_for(aws: LocalAws, bucket: str) -> None:
    link = aws.client("s3").generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "sealed"})
    with urllib.request.urlopen(link, timeout=30) as answer:
        assert answer.read() == b"a secret's place"
    identity = aws.client("sts").generate_presigned_url("get_caller_identity")
    with urllib.request.urlopen(identity, timeout=30) as answer:
        assert b"<Account>000000000000</Account>" in answer.read()


def test_git_is_asked_to_sign_in(aws: LocalAws) -> None:
    status, headers, _ = refusal(urllib.request.Request(f"{aws.endpoint_url}/v1/repos/any/info/refs?service=git-receive-pack"))
    assert status == 401
    assert headers["WWW-Authenticate"].startswith("Basic ")
