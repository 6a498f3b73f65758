"""What is found in policies and right all the same: (role or resource, kind, subject), as patterns, with the reason."""

from __future__ import annotations

IN_ITS_NETWORK = "a function in a network: Lambda checks these without naming a resource before it takes the function"
ONLY_STANDARD = "the other resource is one that the project does not have: express executions, or runs of a Map state"
ACCEPTED = {
    ("*", "MISMATCHED_TYPE_BUT_USABLE", "*StringEquals*Arn"): "equals: an access point's whole ARN is compared, as EFS's own examples do",
    ("ApiRole", "RESOURCE_STAR", "ec2:*"): IN_ITS_NETWORK,
    ("PruneRole", "RESOURCE_STAR", "ec2:*"): IN_ITS_NETWORK,
    ("QueryTrainingRole", "RESOURCE_STAR", "ec2:*"): IN_ITS_NETWORK,
    ("LaunchRole", "RESOURCE_STAR", "s3:GetObject"): "Service Catalog's copy of the template: the condition names the tag it has",
    ("ApiLogsRole", "RESOURCE_STAR", "logs:*"): "one role for an account's APIs, of whatever name, with what API Gateway asks for",
    ("DeploymentRole", "RESOURCE_STAR", "cloudwatch:DescribeAlarms"): "DescribeAlarms lists over the account",
    ("PostTrafficRole", "RESOURCE_STAR", "cloudwatch:DescribeAlarms"): "DescribeAlarms lists over the account",
    ("LaunchRole", "RESOURCE_POLICY_PRIVILEGE_ESCALATION", "*"): "it makes the projects' buckets, with the policy that refuses requests without TLS",
    ("*", "INVALID_ARN", "Account expected*"): "the transform of SAM is AWS's: its ARN has aws where others have an account",
    ("*", "RESOURCE_MISMATCH", "states:DescribeExecution"): ONLY_STANDARD,
    ("*", "RESOURCE_MISMATCH", "states:ListExecutions"): ONLY_STANDARD,
    ("*", "RESOURCE_MISMATCH", "codedeploy:PutLifecycleEventHookExecutionStatus"):
        "CodeDeploy's own reference of permissions, and SAM's examples of hooks, name the deployment group",
    ("Key", "UNKNOWN_CONDITION_FOR_ACTION", "*kms:EncryptionContext:aws:logs:arn for action kms:DescribeKey"):
        "CloudWatch Logs' own example; describing has no context, so it is simply not allowed",
    ("Key", "MISMATCHED_TYPE", "*ArnLike*"): "CloudWatch Logs' own example: the context holds an ARN",
    ("*", "DEPENDENT_ACTION", "cloudformation:DescribeStacks needs cloudformation:ListStacks"): "only without a stack's name",
    ("*", "DEPENDENT_ACTION", "lambda:CreateFunction needs lambda:PassCapacityProvider"): "no function has a capacity provider",
    ("LaunchRole", "DEPENDENT_ACTION", "ec2:CreateFlowLogs needs ecs:*"): "the flow log is of the network, not of a cluster's tasks",
    ("DeployRole", "DEPENDENT_ACTION", "wafv2:*WebACL* needs [!w]*"): "the ACL stands before API Gateway's stage; the others are for other kinds of resources",
    ("DeployRole", "DEPENDENT_ACTION", "wafv2:*WebACL needs wafv2:*PermissionPolicy"): "the ACL is the account's own, none that another account shares",
    ("DeployRole", "DEPENDENT_ACTION", "states:* needs states:PublishStateMachineVersion"): "no state machine has versions",
    ("*", "DEPENDENT_ACTION", "ec2:CreateNetworkInterface needs ec2:CreateTags"): "Lambda's interfaces have no tags",
    ("*", "DEPENDENT_ACTION", "application-autoscaling:RegisterScalableTarget needs application-autoscaling:TagResource"): "the targets have no tags",
    ("*", "NO_SOURCE", "lambda.amazonaws.com"): "Lambda documents no source for execution roles; a role can be given to its own account's functions only",
    ("*", "NO_SOURCE", "cloudformation.amazonaws.com"): "CloudFormation documents no source for service roles; its own account's stacks only can be given one",
    ("LaunchRole", "NO_SOURCE", "servicecatalog.amazonaws.com"): "Service Catalog documents no source for launch roles",
    ("ApiLogsRole", "NO_SOURCE", "apigateway.amazonaws.com"): "API Gateway documents no source for the account's role",
}
