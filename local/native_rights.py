"""The rights that CloudFormation's role needs for the types that ministack provides.

ministack provisions these types without asking IAM. Each line says what AWS asks for: the ARN of the resource
(``{Property}`` or ``{Property.Member}`` from the template, the generated name where it is left out), and the actions of
create, update and delete; ``action?Property`` is needed only when the template sets the property; ``action*`` has no
resource level, ``action@ARN`` has another resource. Source: the handlers' permissions of CloudFormation's resource schemas, less what
they do for properties that these templates leave out.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from local import access_logs
from local.encryption import reading
from local.engines.registry import Reference
from local.machine import Machine

DEFAULTS = {"Path": "/"}  # of properties that a template may leave out; all other names are made up
REPOSITORY_KEY = "kms|{EncryptionConfiguration.KmsKey}?EncryptionConfiguration.KmsKey"
SERVICE_ROLES = "role/aws-service-role"


@dataclass(frozen=True)
class Rights:
    """What one type needs, by phase."""

    arn: str
    create: str
    update: str
    delete: str
    passes: dict[str, str] = field(default_factory=dict)  # path of a role in the properties -> the service taking it
    more: Callable[[Machine, dict[str, Any]], Iterator[tuple[str, str]]] | None = None  # what create and update need besides, or why not

    def needed(self, phase: str, machine: Machine, properties: dict[str, Any], default_name: str) -> Iterator[tuple[str, str]]:
        """Yield (action, ARN) of a phase."""
        arn = _arn(self.arn, machine, properties, default_name)
        for written in getattr(self, phase).split():
            word, _, condition = written.partition("?")
            action, _, other = word.rstrip("*").partition("@")
            if not condition or _value(properties, condition):
                yield action, "*" if word.endswith("*") else _arn(other, machine, properties, default_name) if other else arn
        if self.more and phase != "delete":
            yield from self.more(machine, properties)

    def context(self, machine: Machine) -> dict[str, str]:
        """Return what conditions see of the service that makes the resource in its caller's name."""
        service = self.arn.partition("|")[0]
        return {"kms:ViaService": f"{service}.{machine.region}.amazonaws.com", "kms:GrantIsForAWSResource": "true",
                "iam:AWSServiceName": f"{service}.amazonaws.com"}

    def passed_roles(self, properties: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield (role ARN, service principal) for every role that the properties hand to a service."""
        for path, principal in self.passes.items():
            for role in _values(properties, path.split(".")):
                yield role, principal


def _values(value: Any, path: list[str]) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _values(item, path)
    elif isinstance(value, dict) and path:
        yield from _values(value.get(path[0]), path[1:])
    elif isinstance(value, str):
        yield value


def _value(properties: dict[str, Any], path: str) -> Any:
    """Return a property, or a member of one by its path."""
    found: Any = properties
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _arn(template: str, machine: Machine, properties: dict[str, Any], default_name: str) -> str:
    if template == "*":
        return template

    def fill(match: re.Match[str]) -> str:
        found = _value(properties, match[1]) or DEFAULTS.get(match[1], default_name)
        value = str(found[0] if isinstance(found, list) else found)
        if match[1] == "FunctionName" and ":function:" in value:
            return value.partition(":function:")[2].split(":")[0]
        return value if template == match[0] else value.rpartition(":")[2]  # a property that is an ARN, or names a part of one

    text = re.sub(r"\{([\w.]+)\}", fill, template)
    if text.startswith("arn:"):
        return text
    service, _, resource = text.partition("|")
    region, account = {"s3": ("", ""), "iam": ("", machine.account_id), "apigateway": (machine.region, "")}.get(
        service, ("" if resource.startswith("dashboard/") else machine.region, machine.account_id))
    return f"arn:aws:{service}:{region}:{account}:{resource}"


def _ec2(kind: str, create: str, update: str, delete: str) -> Rights:
    return Rights(f"ec2|{kind}/new", create, update, delete)  # EC2 chooses the id


def _api(collection: str) -> Rights:
    return Rights(f"apigateway|{collection}", "apigateway:POST apigateway:GET apigateway:PATCH?MethodSettings "
                  "apigateway:PUT@apigateway|/tags/new?Tags", "apigateway:PATCH apigateway:GET", "apigateway:DELETE")


def _of_function(machine: Machine, properties: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what Lambda asks of who gives it code, a network and a file system."""
    code = properties.get("Code", {})
    if bucket := code.get("S3Bucket"):
        version = code.get("S3ObjectVersion")
        yield f"s3:GetObject{'Version' if version else ''}", f"arn:aws:s3:::{bucket}/{code['S3Key']}"
        yield from reading(machine, bucket, code["S3Key"], version)
    if uri := code.get("ImageUri"):
        repository = machine.arn("ecr", f"repository/{Reference.parse(uri).repository}")
        yield from ((f"ecr:{right}", repository) for right in (
            "GetRepositoryPolicy", "BatchGetImage", "GetDownloadUrlForLayer"))
    if key := properties.get("KmsKeyArn"):
        yield from ((f"kms:{right}", key) for right in ("CreateGrant", "Encrypt", "Decrypt"))
    if properties.get("VpcConfig"):
        yield from ((f"ec2:Describe{kind}", "*") for kind in ("SecurityGroups", "Subnets", "Vpcs"))
    if properties.get("FileSystemConfigs"):
        yield "elasticfilesystem:DescribeMountTargets", machine.arn("elasticfilesystem", "file-system/any")


RIGHTS: dict[str, Rights] = {
    "Custom::": Rights("{ServiceToken}", "lambda:InvokeFunction", "lambda:InvokeFunction", "lambda:InvokeFunction"),
    "AWS::IAM::Role": Rights(
        "iam|role{Path}{RoleName}",
        "iam:CreateRole iam:PutRolePolicy?Policies iam:AttachRolePolicy?ManagedPolicyArns iam:TagRole?Tags iam:GetRole",
        "iam:UpdateAssumeRolePolicy iam:PutRolePolicy?Policies iam:AttachRolePolicy?ManagedPolicyArns",
        "iam:DeleteRole iam:DeleteRolePolicy?Policies iam:DetachRolePolicy?ManagedPolicyArns"),
    "AWS::IAM::ManagedPolicy": Rights(
        "iam|policy{Path}{ManagedPolicyName}", "iam:CreatePolicy iam:GetPolicy iam:GetPolicyVersion",
        "iam:CreatePolicyVersion iam:DeletePolicyVersion iam:GetPolicy iam:ListPolicyVersions",
        "iam:DeletePolicy iam:DeletePolicyVersion iam:GetPolicy iam:ListPolicyVersions"),
    "AWS::IAM::Policy": Rights("*", "iam:PutRolePolicy?Roles", "iam:PutRolePolicy?Roles", "iam:DeleteRolePolicy?Roles"),
    "AWS::Logs::LogGroup": Rights(
        "logs|log-group:{LogGroupName}",
        "logs:CreateLogGroup logs:PutRetentionPolicy?RetentionInDays logs:AssociateKmsKey?KmsKeyId logs:TagResource?Tags "
        "logs:DescribeLogGroups*",
        "logs:PutRetentionPolicy?RetentionInDays", "logs:DeleteLogGroup"),
    "AWS::Lambda::Function": Rights(
        "lambda|function:{FunctionName}", "lambda:CreateFunction lambda:TagResource?Tags lambda:GetFunction",
        "lambda:UpdateFunctionCode lambda:UpdateFunctionConfiguration lambda:GetFunction", "lambda:DeleteFunction",
        {"Role": "lambda.amazonaws.com"}, _of_function),
    "AWS::Lambda::Version": Rights("lambda|function:{FunctionName}", "lambda:PublishVersion lambda:GetFunctionConfiguration",
                                   "", ""),
    "AWS::Lambda::Alias": Rights("lambda|function:{FunctionName}", "lambda:CreateAlias", "lambda:UpdateAlias",
                                 "lambda:DeleteAlias"),
    "AWS::Lambda::Permission": Rights("lambda|function:{FunctionName}", "lambda:AddPermission",
                                      "lambda:AddPermission lambda:RemovePermission", "lambda:RemovePermission"),
    "AWS::SSM::Parameter": Rights("ssm|parameter{Name}", "ssm:PutParameter ssm:AddTagsToResource?Tags ssm:GetParameters",
                                  "ssm:PutParameter ssm:GetParameters", "ssm:DeleteParameter"),
    "AWS::StepFunctions::StateMachine": Rights(
        "states|stateMachine:{StateMachineName}", "states:CreateStateMachine states:TagResource?Tags states:DescribeStateMachine",
        "states:UpdateStateMachine", "states:DeleteStateMachine", {"RoleArn": "states.amazonaws.com"}),
    "AWS::ApiGateway::RestApi": _api("/restapis"),
    "AWS::ApiGateway::Deployment": _api("/restapis/{RestApiId}/deployments"),
    "AWS::ApiGateway::Stage": replace(_api("/restapis/{RestApiId}/stages"), more=access_logs.check_template),
    "AWS::ApiGateway::GatewayResponse": Rights(
        "apigateway|/restapis/{RestApiId}/gatewayresponses/{ResponseType}", "apigateway:PUT apigateway:GET",
        "apigateway:PUT apigateway:GET", "apigateway:DELETE"),
    "AWS::ApiGateway::ApiKey": _api("/apikeys"),
    "AWS::ApiGateway::UsagePlan": _api("/usageplans"),
    "AWS::ApiGateway::UsagePlanKey": _api("/usageplans/{UsagePlanId}/keys"),
    "AWS::KMS::Key": Rights("kms|key/new", "kms:CreateKey* kms:EnableKeyRotation?EnableKeyRotation kms:TagResource?Tags",
                            "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"),
    "AWS::KMS::Alias": Rights("kms|{AliasName}", "kms:CreateAlias", "kms:UpdateAlias", "kms:DeleteAlias"),
    "AWS::S3::Bucket": Rights(
        "s3|{BucketName}",
        "s3:CreateBucket s3:PutBucketVersioning?VersioningConfiguration s3:PutEncryptionConfiguration?BucketEncryption "
        "s3:PutBucketNotification?NotificationConfiguration "
        "s3:PutBucketPublicAccessBlock?PublicAccessBlockConfiguration s3:PutBucketTagging?Tags "
        "s3:PutLifecycleConfiguration?LifecycleConfiguration",
        "s3:PutBucketVersioning?VersioningConfiguration s3:PutEncryptionConfiguration?BucketEncryption",
        "s3:DeleteBucket"),
    "AWS::S3::BucketPolicy": Rights("s3|{Bucket}", "s3:PutBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"),
    "AWS::SNS::Topic": Rights("sns|{TopicName}", "sns:CreateTopic sns:TagResource?Tags", "sns:SetTopicAttributes",
                              "sns:DeleteTopic"),
    "AWS::SNS::TopicPolicy": Rights("sns|{Topics}", "sns:SetTopicAttributes", "sns:SetTopicAttributes",
                                    "sns:SetTopicAttributes"),
    "AWS::SNS::Subscription": Rights("sns|{TopicArn}", "sns:Subscribe", "sns:SetSubscriptionAttributes",
                                     "sns:Unsubscribe"),
    "AWS::ECR::Repository": Rights(
        "ecr|repository/{RepositoryName}",
        "ecr:CreateRepository ecr:TagResource?Tags ecr:SetRepositoryPolicy?RepositoryPolicyText "
        f"kms:CreateGrant@{REPOSITORY_KEY} kms:DescribeKey@{REPOSITORY_KEY}",
        "ecr:PutImageScanningConfiguration ecr:PutImageTagMutability ecr:SetRepositoryPolicy?RepositoryPolicyText",
        "ecr:DeleteRepository ecr:ListImages?EmptyOnDelete ecr:BatchDeleteImage?EmptyOnDelete "
        f"kms:RetireGrant@{REPOSITORY_KEY}"),
    "AWS::Events::Rule": Rights("events|rule/{Name}", "events:PutRule events:PutTargets?Targets",
                                "events:PutRule events:PutTargets?Targets", "events:DeleteRule events:RemoveTargets",
                                {"Targets.RoleArn": "events.amazonaws.com"}),
    "AWS::CloudWatch::Alarm": Rights(
        "cloudwatch|alarm:{AlarmName}", "cloudwatch:PutMetricAlarm cloudwatch:TagResource?Tags", "cloudwatch:PutMetricAlarm",
        "cloudwatch:DeleteAlarms"),
    "AWS::CloudWatch::Dashboard": Rights(
        "cloudwatch|dashboard/{DashboardName}", "cloudwatch:PutDashboard cloudwatch:GetDashboard",
        "cloudwatch:PutDashboard cloudwatch:GetDashboard", "cloudwatch:DeleteDashboards"),
    "AWS::EFS::FileSystem": Rights("elasticfilesystem|file-system/new",
                                   "elasticfilesystem:CreateFileSystem* elasticfilesystem:DescribeFileSystems "
                                   "kms:CreateGrant@kms|{KmsKeyId}?KmsKeyId kms:DescribeKey@kms|{KmsKeyId}?KmsKeyId "
                                   "kms:GenerateDataKeyWithoutPlaintext@kms|{KmsKeyId}?KmsKeyId elasticfilesystem:PutFileSystemPolicy?FileSystemPolicy",
                                   "elasticfilesystem:UpdateFileSystem elasticfilesystem:PutFileSystemPolicy?FileSystemPolicy",
                                   "elasticfilesystem:DeleteFileSystem"),
    "AWS::EFS::MountTarget": Rights(
        "elasticfilesystem|file-system/{FileSystemId}", "elasticfilesystem:CreateMountTarget elasticfilesystem:DescribeMountTargets "
        "ec2:CreateNetworkInterface@ec2|network-interface/new "
        f"iam:CreateServiceLinkedRole@iam|{SERVICE_ROLES}/elasticfilesystem.amazonaws.com/AWSServiceRoleForAmazonElasticFileSystem",
        "elasticfilesystem:ModifyMountTargetSecurityGroups", "elasticfilesystem:DeleteMountTarget"),
    "AWS::EFS::AccessPoint": Rights(
        "elasticfilesystem|file-system/{FileSystemId}", "elasticfilesystem:CreateAccessPoint "
        "elasticfilesystem:DescribeAccessPoints@elasticfilesystem|access-point/new", "", ""),
    "AWS::EC2::VPC": _ec2("vpc", "ec2:CreateVpc ec2:ModifyVpcAttribute ec2:CreateTags?Tags", "ec2:ModifyVpcAttribute",
                          "ec2:DeleteVpc"),
    "AWS::EC2::Subnet": _ec2("subnet", "ec2:CreateSubnet ec2:CreateTags?Tags", "ec2:ModifySubnetAttribute",
                             "ec2:DeleteSubnet"),
    "AWS::EC2::InternetGateway": _ec2("internet-gateway", "ec2:CreateInternetGateway ec2:CreateTags?Tags", "",
                                      "ec2:DeleteInternetGateway"),
    "AWS::EC2::VPCGatewayAttachment": _ec2("internet-gateway", "ec2:AttachInternetGateway", "",
                                           "ec2:DetachInternetGateway"),
    "AWS::EC2::RouteTable": _ec2("route-table", "ec2:CreateRouteTable ec2:CreateTags?Tags", "", "ec2:DeleteRouteTable"),
    "AWS::EC2::Route": _ec2("route-table", "ec2:CreateRoute", "ec2:ReplaceRoute", "ec2:DeleteRoute"),
    "AWS::EC2::SubnetRouteTableAssociation": _ec2("route-table", "ec2:AssociateRouteTable",
                                                  "ec2:ReplaceRouteTableAssociation", "ec2:DisassociateRouteTable"),
    "AWS::EC2::SecurityGroup": _ec2(
        "security-group",
        "ec2:CreateSecurityGroup ec2:AuthorizeSecurityGroupIngress?SecurityGroupIngress "
        "ec2:AuthorizeSecurityGroupEgress?SecurityGroupEgress ec2:CreateTags?Tags",
        "ec2:AuthorizeSecurityGroupIngress?SecurityGroupIngress", "ec2:DeleteSecurityGroup"),
    "AWS::EC2::FlowLog": replace(
        _ec2("vpc-flow-log", "ec2:CreateFlowLogs ec2:DescribeFlowLogs* ec2:CreateTags?Tags", "ec2:DescribeFlowLogs*",
             "ec2:DeleteFlowLogs"), passes={"DeliverLogsPermissionArn": "vpc-flow-logs.amazonaws.com"}),
    "AWS::WAFv2::WebACLAssociation": Rights(
        "{WebACLArn}", "wafv2:AssociateWebACL wafv2:GetWebACL wafv2:GetWebACLForResource@{ResourceArn} "
        "apigateway:SetWebACL@{ResourceArn}", "wafv2:AssociateWebACL wafv2:GetWebACL wafv2:GetWebACLForResource@{ResourceArn} "
        "apigateway:SetWebACL@{ResourceArn}", "wafv2:DisassociateWebACL@{ResourceArn} apigateway:SetWebACL@{ResourceArn}"),
    "AWS::EC2::VPCEndpoint": _ec2(
        "vpc-endpoint", "ec2:CreateVpcEndpoint ec2:DescribeVpcEndpoints* "
        "route53:AssociateVPCWithHostedZone@arn:aws:route53:::hostedzone/new?PrivateDnsEnabled",
        "ec2:ModifyVpcEndpoint", "ec2:DeleteVpcEndpoints"),
}
