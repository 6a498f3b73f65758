"""What the stack's role is asked for by a type depends on what the template sets, and says which service asks."""

from pathlib import Path

import pytest

from local.clock import Clock
from local.machine import Machine
from local.native_rights import RIGHTS

KEY = "arn:aws:kms:us-east-1:000000000000:key/1234"
LINKED = "arn:aws:iam::000000000000:role/aws-service-role/elasticfilesystem.amazonaws.com/AWSServiceRoleForAmazonElasticFileSystem"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine that nothing runs on."""
    return Machine(data=tmp_path, port=0, clock=Clock(), cache=tmp_path)


@pytest.mark.parametrize(("kind", "phase", "properties", "asked"), [
    ("AWS::ECR::Repository", "create", {"EncryptionConfiguration": {"EncryptionType": "KMS", "KmsKey": KEY}},
     {("kms:CreateGrant", KEY), ("kms:DescribeKey", KEY)}),
    ("AWS::ECR::Repository", "delete", {"EncryptionConfiguration": {"EncryptionType": "KMS", "KmsKey": KEY}}, {("kms:RetireGrant", KEY)}),
    ("AWS::ECR::Repository", "create", {}, set()),
    ("AWS::EFS::FileSystem", "create", {"KmsKeyId": KEY},
     {("kms:CreateGrant", KEY), ("kms:DescribeKey", KEY), ("kms:GenerateDataKeyWithoutPlaintext", KEY)}),
    ("AWS::EFS::FileSystem", "create", {}, set()),
    ("AWS::EFS::MountTarget", "create", {"FileSystemId": "fs-1"}, {("iam:CreateServiceLinkedRole", LINKED)}),
    ("AWS::EC2::VPCEndpoint", "create", {"PrivateDnsEnabled": True},
     {("route53:AssociateVPCWithHostedZone", "arn:aws:route53:::hostedzone/new")}),
    ("AWS::EC2::VPCEndpoint", "create", {}, set())])
def test_rights_in_other_services_are_asked_for_when_the_template_calls_for_them(
        machine: Machine, kind: str, phase: str, properties: dict, asked: set[tuple[str, str]]) -> None:
    found = set(RIGHTS[kind].needed(phase, machine, properties, "any"))
    assert {right for right in found if right[0].split(":")[0] in ("kms", "iam", "route53")} == asked


def test_conditions_see_the_service_that_asks(machine: Machine) -> None:
    assert RIGHTS["AWS::ECR::Repository"].context(machine)["kms:ViaService"] == "ecr.us-east-1.amazonaws.com"
    assert RIGHTS["AWS::EFS::MountTarget"].context(machine)["iam:AWSServiceName"] == "elasticfilesystem.amazonaws.com"
