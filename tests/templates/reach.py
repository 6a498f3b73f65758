"""What CloudFormation's roles must reach, resource by resource: a right counts only where a statement grants it on the resource's own ARN.

Which actions a type needs stands in its schema (test_sufficiency.py), which ARNs an action takes in policy-sentry's list.
What the properties name besides (the role that a function gets, the key of a log group) must be reached as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from policy_sentry.querying.actions import get_action_data

from tests.templates.deployment import HERE, Deployment
from tests.templates.sources import listed

API = "arn:aws:apigateway:us-east-1::"
OWN = {  # of types whose ARN is another resource's, or made of more than one name: {Property} is a name, or the last part of an ARN
    "AWS::ApiGateway::ApiKey": [f"{API}/apikeys", f"{API}/apikeys/0a1b2c"],
    "AWS::ApiGateway::Deployment": [f"{API}/restapis/0a1b2c/deployments", f"{API}/restapis/0a1b2c/deployments/3d4e5f"],
    "AWS::ApiGateway::RestApi": [f"{API}/restapis", f"{API}/restapis/0a1b2c"],
    "AWS::ApiGateway::Stage": [f"{API}/restapis/0a1b2c/stages", f"{API}/restapis/0a1b2c/stages/prd"],
    "AWS::ApiGateway::UsagePlan": [f"{API}/usageplans", f"{API}/usageplans/0a1b2c"],
    "AWS::ApiGateway::UsagePlanKey": [f"{API}/usageplans/0a1b2c/keys", f"{API}/usageplans/0a1b2c/keys/3d4e5f"],
    "AWS::ApplicationAutoScaling::ScalableTarget": [f"arn:aws:application-autoscaling:{HERE}:scalable-target/0a1b2c"],
    "AWS::ApplicationAutoScaling::ScalingPolicy": [f"arn:aws:application-autoscaling:{HERE}:scalable-target/0a1b2c"],
    "AWS::CodeDeploy::DeploymentGroup": [f"arn:aws:codedeploy:{HERE}:deploymentgroup:{{ApplicationName}}/{{DeploymentGroupName}}",
                                         f"arn:aws:codedeploy:{HERE}:application:{{ApplicationName}}"],
    "AWS::EC2::VPCGatewayAttachment": [f"arn:aws:ec2:{HERE}:internet-gateway/{{InternetGatewayId}}", f"arn:aws:ec2:{HERE}:vpc/{{VpcId}}"],
    "AWS::EC2::Route": [f"arn:aws:ec2:{HERE}:route-table/{{RouteTableId}}"],
    "AWS::EC2::SubnetRouteTableAssociation": [f"arn:aws:ec2:{HERE}:route-table/{{RouteTableId}}", f"arn:aws:ec2:{HERE}:subnet/{{SubnetId}}"],
    "AWS::EFS::MountTarget": [f"arn:aws:elasticfilesystem:{HERE}:file-system/fs-0123456789abcdef0"],
    "AWS::Lambda::Alias": [f"arn:aws:lambda:{HERE}:function:{{FunctionName}}"],
    "AWS::Lambda::Permission": [f"arn:aws:lambda:{HERE}:function:{{FunctionName}}"],
    "AWS::Lambda::Version": [f"arn:aws:lambda:{HERE}:function:{{FunctionName}}"],
    "AWS::Logs::LogGroup": [f"arn:aws:logs:{HERE}:log-group:{{LogGroupName}}", f"arn:aws:logs:{HERE}:log-group:{{LogGroupName}}:*"],
    "AWS::S3::BucketPolicy": ["arn:aws:s3:::{Bucket}"],
    "AWS::SNS::Subscription": ["{TopicArn}"],
    "AWS::SNS::TopicPolicy": ["{Topics}"],
    "AWS::WAFv2::WebACLAssociation": [f"{API}/restapis/0a1b2c/stages/prd"],
}
TAKERS = {  # what begins a type's name -> the service that takes the role
    "AWS::CodeBuild": "codebuild", "AWS::CodeDeploy": "codedeploy", "AWS::CodePipeline": "codepipeline", "AWS::EC2::FlowLog": "vpc-flow-logs",
    "AWS::Events": "events", "AWS::Lambda": "lambda", "AWS::SageMaker": "sagemaker", "AWS::StepFunctions": "states",
}
# Of these, what stands in the properties is for the resource to use when it is there, and not for who makes it.
INNER = ("AssumeRolePolicyDocument", "Definition", "DefinitionString", "Environment", "EventPattern", "KeyPolicy", "Policies", "PolicyDocument", "Stages")


def own(deployment: Deployment, key: str) -> list[str]:
    """Return the ARNs by which a resource's own API calls know it."""
    kind, properties = (deployment.template["Resources"][key].get(part, {}) for part in ("Type", "Properties"))
    if "Custom::" in kind:
        return [deployment.of(properties["ServiceToken"])]
    if kind not in OWN:
        return [deployment.arn(key)]
    return [filled(written, deployment.of(properties)) for written in OWN[kind]]


def filled(written: str, properties: dict[str, Any]) -> str:
    """Return an ARN with its {Property}: the value where that is all of it, a function's name where that is given as an ARN."""

    def value(found: re.Match[str]) -> str:
        text = str(listed(properties[found[1]])[0])
        return text if written == found[0] else text.partition(":function:")[2].split(":")[0] or text

    return re.sub(r"\{(\w+)\}", value, written)


def mentioned(properties: Any) -> Iterator[str]:
    """Yield the ARNs that properties name for the service, those of roles and keys above all."""
    if isinstance(properties, str) and properties.startswith("arn:"):
        yield properties
    for key, item in properties.items() if isinstance(properties, dict) else enumerate(properties) if isinstance(properties, list) else ():
        if key not in INNER:
            yield from mentioned(item)


@cache
def forms(action: str) -> tuple[str, ...]:
    """Return the patterns of the ARNs that an action takes; none when it takes no resource, or is not known."""
    service, _, name = action.partition(":")
    if service == "apigateway":  # its actions are HTTP's methods, and the list has those on the second version's resources only
        return (f"{re.escape(API)}/.+",)
    found = {row["resource_arn_format"] for row in (get_action_data(service, name) or {service: []})[service]}
    here = {"${Partition}": "aws", "${Region}": "us-east-1", "${Account}": "123456789012"}
    patterns = []
    for form in sorted(found - {"*"}):
        filled = re.sub(r"\$\{\w+\}", lambda part: here.get(part[0], part[0]), form)
        patterns.append(re.sub(r"\\\$\\\{\w+\\\}", ".+", re.escape(filled)))
    return tuple(patterns)


def takes(action: str, arn: str) -> bool:
    """Return whether an action may be asked for on an ARN; only roles that services made are made for them."""
    if action == "iam:CreateServiceLinkedRole" and ":role/aws-service-role/" not in arn:
        return False
    return any(re.fullmatch(form, arn) for form in forms(action))


def grants(statement: dict[str, Any], action: str, arn: str, kind: str) -> bool:
    """Return whether a resolved statement allows an action on an ARN; a role that is passed, for the type's service."""
    if not any(fnmatchcase(action.lower(), pattern.lower()) for pattern in listed(statement["Action"])):
        return False
    if not any(fnmatchcase(arn, pattern) for pattern in listed(statement["Resource"])):
        return False
    services = listed(statement.get("Condition", {}).get("StringEquals", {}).get("iam:PassedToService", []))
    taker = next((service for start, service in TAKERS.items() if kind.startswith(start)), "")
    return action != "iam:PassRole" or f"{taker}.amazonaws.com" in services


def unreached(statements: list[dict[str, Any]], needed: set[str], deployment: Deployment, key: str) -> Iterator[str]:
    """Yield what a role may call on other resources than this one, or than what it names."""
    resource = deployment.template["Resources"][key]
    properties = deployment.of(resource.get("Properties", {}))
    candidates = list(dict.fromkeys([*own(deployment, key), *mentioned(properties)]))
    for action in sorted(needed):
        for arn in candidates:
            if takes(action, arn) and not any(
                    grants(statement, action, arn, resource["Type"]) for statement in statements):
                yield f"{action} on {arn}"
