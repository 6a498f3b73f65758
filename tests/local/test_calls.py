"""The machine keeps what every role has asked for, allowed or not; users and the account itself are left out."""

import json
from contextlib import suppress

import boto3
from botocore.exceptions import ClientError

from tests.local.local_aws import LocalAws

TRUST = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "sts:AssumeRole"}]}
RIGHTS = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}]}


def kept(aws: LocalAws, role: str) -> list[list]:
    """Return what the machine keeps of a role."""
    lines = (json.loads(line) for line in (aws.data / "calls.jsonl").read_text().splitlines())
    return [line for line in lines if line[0] == role]


def test_each_action_of_a_role_is_kept_once_with_its_first_resource(aws: LocalAws) -> None:
    iam = aws.client("iam")
    arn = iam.create_role(RoleName="recorded", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName="recorded", PolicyName="rights", PolicyDocument=json.dumps(RIGHTS))
    session = aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    client = boto3.client("s3", endpoint_url=aws.endpoint_url, region_name="us-east-1", aws_access_key_id=session["AccessKeyId"],
                          aws_secret_access_key=session["SecretAccessKey"], aws_session_token=session["SessionToken"])
    for _ in range(2):
        client.list_buckets()
    for name in ("first-bucket", "second-bucket"):
        with suppress(ClientError):
            client.create_bucket(Bucket=name)
    assert kept(aws, "recorded") == [["recorded", "s3:ListAllMyBuckets", True, "*"],
                                     ["recorded", "s3:CreateBucket", False, "arn:aws:s3:::first-bucket"]]


def test_the_accounts_own_calls_are_left_out(aws: LocalAws) -> None:
    aws.client("s3").list_buckets()
    assert kept(aws, "root") == kept(aws, "") == []
