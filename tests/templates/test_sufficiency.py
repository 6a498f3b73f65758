"""The roles that CloudFormation acts in suffice for every resource of their stacks.

What a resource's handler may call stands in its schema. The lists are supersets: what a role lacks of
them stands below with the reason why it is never called for these templates.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from tests.templates.expansion import deployed
from tests.templates.sources import PIPELINE, STAGES, STUDIO, listed, resources, rights

# CodeBuild's project has no schema with handlers; these are its API's operations.
BY_HAND = {"AWS::CodeBuild::Project": {"codebuild:BatchGetProjects", "codebuild:CreateProject", "codebuild:DeleteProject",
                                       "codebuild:UpdateProject", "iam:PassRole"}}
NEVER_CALLED = {
    "application-autoscaling:*ScheduledAction": "nothing is scaled by the clock",
    "amplify:*": "the firewall stands before an API of API Gateway",
    "apigateway:UpdateRestApiPolicy": "the API has no resource policy",
    "apprunner:*": "the firewall stands before an API of API Gateway",
    "appsync:*": "the firewall stands before an API of API Gateway",
    "autoscaling:DescribeTags": "flow logs are of a network, not of what scales",
    "bedrock-agentcore:*": "the firewall stands before an API of API Gateway",
    "codedeploy:RegisterOnPremisesInstance": "the deployments are of a function, not of servers",
    "cloudwatch:GetMetricData": "the scaling follows a metric of SageMaker's, no expression",
    "codecommit:PutRepositoryTriggers": "pushes are heard through EventBridge, not by triggers",
    "codecommit:UpdateRepositoryEncryptionKey": "the repository keeps CodeCommit's key",
    "codepipeline:DisableStageTransition": "no transition is closed by the template",
    "codepipeline:EnableStageTransition": "no transition is closed by the template",
    "codepipeline:StartPipelineExecution": "an update does not restart the pipeline (RestartExecutionOnUpdate)",
    "codestar-connections:*": "the sources are CodeCommit and S3",
    "cognito-idp:*": "the firewall stands before an API of API Gateway",
    "ec2:*SubnetCidrBlock": "no IPv6",
    "ec2:*VerifiedAccess*": "the firewall stands before an API of API Gateway",
    "ec2:*VpnGateway*": "the gateway is an internet gateway",
    "ec2:CreateVpcEncryptionControl": "the network asks for no encryption control",
    "ec2:DescribeInstances": "looks for instances that hold a group; there are none",
    "ec2:ModifyVpcTenancy": "the tenancy is never changed",
    "ecr:*LifecyclePolicy": "the repositories have no lifecycle policy",
    "elasticfilesystem:DeleteFileSystemPolicy": "the file system's policy stays",
    "elasticfilesystem:*ReplicationConfiguration": "the file system is not replicated",
    "elasticfilesystem:DeleteTags": "superseded by UntagResource",
    "elasticfilesystem:PutBackupPolicy": "copies are not backed up",
    "elasticfilesystem:PutLifecycleConfiguration": "the file system has no lifecycle",
    "elasticfilesystem:UpdateFileSystemProtection": "the protection keeps its default",
    "elasticloadbalancing:*": "the firewall stands before an API of API Gateway",
    "firehose:*": "log groups are delivered nowhere",
    "iam:*tachGroupPolicy": "policies are given to roles",
    "iam:*tachRolePolicy": "policies of the stages' roles are inline, none is attached",
    "iam:*tachUserPolicy": "policies are given to roles",
    "iam:DeleteRolePermissionsBoundary": "a boundary is never taken off",
    "kms:Disable*": "the key and its rotation stay on",
    "kms:EnableKey": "the key is never off",
    "kms:ScheduleKeyDeletion": "the key is retained",
    "lambda:*CodeSigningConfig": "no code signing",
    "lambda:*ProvisionedConcurrencyConfig": "no provisioned concurrency",
    "lambda:AssociateRuntimeAlias": "the runtime is not pinned",
    "lambda:GetLayerVersion": "no layers",
    "lambda:PassCapacityProvider": "no capacity provider",
    "lambda:*FunctionConcurrency": "no reserved concurrency",
    "lambda:PutFunctionRecursionConfig": "recursion keeps its default",
    "lambda:PutFunctionScalingConfig": "no scaling of instances",
    "lambda:PutRuntimeManagementConfig": "the runtime is not pinned",
    "logs:*BearerTokenAuthentication": "no bearer tokens",
    "logs:*LogDelivery": "log groups are delivered nowhere, and flow logs go to a log group in a role",
    "logs:DeleteDataProtectionPolicy": "no data protection policy",
    "logs:PutDataProtectionPolicy": "no data protection policy",
    "logs:*IndexPolic*": "no field indexes",
    "logs:*ResourcePolicy": "no resource policy",
    "logs:PutLogGroupDeletionProtection": "log groups go with their stack",
    "s3:REST.PUT.OBJECT": "log groups are delivered nowhere",
    "s3:*Abac": "the bucket keeps its default",
    "s3:*Metadata*": "no metadata tables",
    "s3:*Object*": "the bucket's handler writes and deletes no objects here, and the bucket has no lock",
    "s3:Delete*": "no setting of the bucket is ever taken off, and the bucket is retained",
    "s3:Put*Acl": "no ACLs",
    "s3:PutA*Configuration": "no acceleration, no analytics",
    "s3:PutBucketCORS": "no cross-origin access",
    "s3:PutBucketLogging": "no access logs",
    "s3:PutBucketOwnershipControls": "the bucket's owner owns all, by default",
    "s3:PutBucketWebsite": "no website",
    "s3:PutI*Configuration": "no tiering, no inventory",
    "s3:PutMetricsConfiguration": "no request metrics",
    "s3:Put*Replication*": "the bucket is not replicated",
    "s3files:ListMountTargets": "the file system is EFS",
    "s3tables:*": "no metadata tables",
    "sns:PutDataProtectionPolicy": "no data protection policy",
    "vpc-lattice:*": "the endpoints are to S3 and SageMaker",
    "vpce:AllowMultiRegion": "the endpoints are to services of the region",
    "lambda:PublishVersion": "the custom resources' functions have no versions",
    "kms:GenerateDataKey": "a key encrypts the environment of the custom resources' functions, not their code",
    "wafv2:*PermissionPolicy": "the web ACL is the account's own",
}


@cache
def permissions(kind: str) -> set[str]:
    """Return what CloudFormation may call for a type, by its schema."""
    if kind in BY_HAND:
        return BY_HAND[kind]
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(region="us-east-1", resource_type=kind).schema
    parts = [schema["handlers"].get(operation, {}) for operation in ("create", "read", "update", "delete")]
    return {action for part in [*parts, schema.get("tagging", {})] for action in part.get("permissions", [])}


def covered(action: str, patterns: set[str]) -> bool:
    """Return whether one of the patterns matches; IAM does not look at upper and lower case."""
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)


def granted(template: str, role: str) -> set[str]:
    """Return the actions that a role may call."""
    return {action for statement in rights(resources(template), role) for action in listed(statement["Action"])}


MADE = [{"Type": "AWS::StepFunctions::StateMachine"}, *(item for name in STAGES for item in deployed(name)["Resources"].values())]
ACTORS = {
    "DeployRole": (granted(PIPELINE, "DeployRole"), {item["Type"] for item in MADE if "Custom::" not in item["Type"]}),
    "LaunchRole": (granted(STUDIO, "LaunchRole"), {item["Type"] for item in resources(PIPELINE).values() if "Custom::" not in item["Type"]}),
}
CASES = [(actor, kind) for actor, (_, kinds) in ACTORS.items() for kind in sorted(kinds)]


@pytest.mark.parametrize("actor, kind", CASES)
def test_the_role_may_do_what_the_type_needs(actor: str, kind: str) -> None:
    needed = permissions(kind)
    assert needed, f"{kind} has no handlers in its schema; add it to BY_HAND"
    lacking = {action for action in needed if not covered(action, ACTORS[actor][0] | set(NEVER_CALLED))}
    assert lacking == set(), f"{actor} lacks rights for {kind}: grant them, or give a reason in NEVER_CALLED"


def test_no_reason_is_left_over() -> None:
    lacking = {action for actor, kind in CASES for action in permissions(kind) if not covered(action, ACTORS[actor][0])}
    assert {pattern for pattern in NEVER_CALLED if not any(covered(action, {pattern}) for action in lacking)} == set()


@pytest.mark.parametrize("actor", ACTORS)
def test_the_role_holds_nothing_that_no_resource_needs(actor: str) -> None:
    actions, kinds = ACTORS[actor]
    needed = {action for kind in kinds for action in permissions(kind)} | BEYOND[actor]
    assert {action for action in actions if not any(covered(need, {action}) for need in needed)} == set()


BEYOND = {  # what the schemas leave out
    "DeployRole": {
        "cloudformation:CreateChangeSet",  # the SAM transform
        "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:GetRepositoryPolicy",  # Lambda takes an image in the caller's name
        "lambda:InvokeFunction",  # custom resources
        "sagemaker:UpdateEndpointWeightsAndCapacities",  # Application Auto Scaling asks whether its caller might scale himself
    },
    "LaunchRole": {
        *(f"cloudformation:{verb}" for verb in (
            "CreateStack", "DeleteStack", "DescribeStackEvents", "DescribeStacks", "GetTemplateSummary", "SetStackPolicy", "TagResource",
            "UntagResource", "UpdateStack", "ValidateTemplate")),  # Service Catalog makes the stack
        "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",  # a mount target's
        "ec2:DescribeAvailabilityZones",  # Fn::GetAZs
        "ecr:BatchDeleteImage", "ecr:ListImages",  # EmptyOnDelete
        "lambda:InvokeFunction",  # custom resources
        "route53:AssociateVPCWithHostedZone",  # the private name of the interface endpoint
    },
}
