"""How each type of resource is read from its service: its Describe answer under the template's names of properties."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

from tests.local.local_aws import LocalAws
from tests.local.stack_reading import ANY, PREFIX, Resource

Read = Callable[[LocalAws, Resource], dict[str, Any]]


def plain_tags(tags: Any) -> list[dict[str, str]]:
    """Return tags of any service's form as Key and Value."""
    if isinstance(tags, dict):
        return [{"Key": key, "Value": value} for key, value in tags.items()]
    return [{"Key": tag.get("TagKey", tag.get("Key", tag.get("key"))),
             "Value": tag.get("TagValue", tag.get("Value", tag.get("value")))} for tag in tags or []]


# ---------------------------------------------------------------------- storage, notices, rights

def role(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    iam, name = aws.client("iam"), resource.physical_id
    found = iam.get_role(RoleName=name)["Role"]
    policies = [iam.get_role_policy(RoleName=name, PolicyName=policy)
                for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]]
    boundary = found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    attached = [policy["PolicyArn"] for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]]
    return found | {"Policies": policies, "ManagedPolicyArns": attached, "PermissionsBoundary": boundary}


def managed_policy(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    iam, name = aws.client("iam"), {"PolicyArn": resource.physical_id}
    found = iam.get_policy(**name)["Policy"]
    version = iam.get_policy_version(**name, VersionId=found["DefaultVersionId"])["PolicyVersion"]
    return found | {"ManagedPolicyName": found["PolicyName"], "PolicyDocument": version["Document"]}


def key(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    kms, name = aws.client("kms"), {"KeyId": resource.physical_id}
    return kms.describe_key(**name)["KeyMetadata"] | {
        "EnableKeyRotation": kms.get_key_rotation_status(**name)["KeyRotationEnabled"],
        "KeyPolicy": kms.get_key_policy(**name, PolicyName="default")["Policy"],
        "Tags": plain_tags(kms.list_resource_tags(**name)["Tags"])}


def key_alias(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    aliases = aws.client("kms").list_aliases(KeyId=resource.properties["TargetKeyId"])["Aliases"]
    return next(alias for alias in aliases if alias["AliasName"] == resource.physical_id)


def bucket(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    s3, name = aws.client("s3"), {"Bucket": resource.physical_id}
    rules = s3.get_bucket_encryption(**name)["ServerSideEncryptionConfiguration"]["Rules"]
    encryption = [rule | {"ServerSideEncryptionByDefault": rule["ApplyServerSideEncryptionByDefault"]} for rule in rules]
    notices = s3.get_bucket_notification_configuration(**name)
    bridge = {"EventBridgeConfiguration": {"EventBridgeEnabled": "EventBridgeConfiguration" in notices}}
    return {"BucketName": resource.physical_id, "VersioningConfiguration": s3.get_bucket_versioning(**name),
            "BucketEncryption": {"ServerSideEncryptionConfiguration": encryption},
            "PublicAccessBlockConfiguration": s3.get_public_access_block(**name)["PublicAccessBlockConfiguration"],
            "NotificationConfiguration": bridge,
            "LifecycleConfiguration": s3.get_bucket_lifecycle_configuration(**name),
            "Tags": s3.get_bucket_tagging(**name)["TagSet"]}


def bucket_policy(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    name = resource.properties["Bucket"]
    return {"Bucket": name, "PolicyDocument": aws.client("s3").get_bucket_policy(Bucket=name)["Policy"]}


def topic(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    sns = aws.client("sns")
    return sns.get_topic_attributes(TopicArn=resource.physical_id)["Attributes"] | {
        "TopicName": resource.physical_id.rpartition(":")[2],
        "Tags": sns.list_tags_for_resource(ResourceArn=resource.physical_id)["Tags"]}


def topic_policy(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    [arn] = resource.properties["Topics"]
    return {"Topics": [arn], "PolicyDocument": aws.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]}


def subscription(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    found = aws.client("sns").list_subscriptions_by_topic(TopicArn=resource.properties["TopicArn"])["Subscriptions"]
    return next(each for each in found if each["SubscriptionArn"] == resource.physical_id)


def log_group(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    logs, name = aws.client("logs"), resource.physical_id
    found = next(group for group in logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
                 if group["logGroupName"] == name)
    tags = logs.list_tags_for_resource(resourceArn=found["arn"].removesuffix(":*"))["tags"]
    return found | {"Tags": plain_tags(tags)}


def rule(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    events = aws.client("events")
    found = events.describe_rule(Name=resource.physical_id)
    return found | {"Targets": events.list_targets_by_rule(Rule=resource.physical_id)["Targets"],
                    "Tags": events.list_tags_for_resource(ResourceARN=found["Arn"])["Tags"]}


# ---------------------------------------------------------------------- source, build, pipeline, workflow

def repository(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    codecommit, name = aws.client("codecommit"), resource.properties["RepositoryName"]
    found = codecommit.get_repository(repositoryName=name)["repositoryMetadata"]
    branch = codecommit.get_branch(repositoryName=name, branchName=resource.properties["Code"]["BranchName"])["branch"]
    return found | {"Tags": plain_tags(codecommit.list_tags_for_resource(resourceArn=found["Arn"])["tags"]),
                    "Code": {"BranchName": branch["branchName"], "S3": ANY}}


def images(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    ecr, name = aws.client("ecr"), resource.physical_id
    found = ecr.describe_repositories(repositoryNames=[name])["repositories"][0]
    policy = resource.properties.get("RepositoryPolicyText") and ecr.get_repository_policy(repositoryName=name)["policyText"]
    return found | {"RepositoryPolicyText": policy, "EmptyOnDelete": ANY,
                    "Tags": ecr.list_tags_for_resource(resourceArn=found["repositoryArn"])["tags"]}


def build(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    return aws.client("codebuild").batch_get_projects(names=[resource.physical_id])["projects"][0]


def pipeline(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    codepipeline = aws.client("codepipeline")
    found = codepipeline.get_pipeline(name=resource.physical_id)
    tags = codepipeline.list_tags_for_resource(resourceArn=found["metadata"]["pipelineArn"])["tags"]
    return found["pipeline"] | {"Tags": tags}


def state_machine(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    states = aws.client("stepfunctions")
    found = states.describe_state_machine(stateMachineArn=resource.physical_id)
    definition, values = resource.properties.get("DefinitionString"), resource.properties.get("DefinitionSubstitutions", {})
    left = [name for name in values if f"${{{name}}}" in found["definition"]]
    return {"StateMachineName": found["name"], "StateMachineType": found["type"], "RoleArn": found["roleArn"],
            "Definition": json.loads(found["definition"]),
            "DefinitionString": ANY if values and not left else found["definition"] or definition,
            "DefinitionSubstitutions": ANY if not left else f"{left} are left in the definition",
            "Tags": plain_tags(states.list_tags_for_resource(resourceArn=resource.physical_id)["tags"])}


# ---------------------------------------------------------------------- functions and the API

def function(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    found = aws.client("lambda").get_function(FunctionName=resource.physical_id)
    configuration, code = found["Configuration"], resource.properties["Code"]
    if "S3Key" in code:
        content = aws.client("s3").get_object(Bucket=code["S3Bucket"], Key=code["S3Key"])["Body"].read()
        same = base64.b64encode(hashlib.sha256(content).digest()).decode() == configuration["CodeSha256"]
        told = code if same else "other code than the template's"
    else:
        told = found["Code"]
    image = configuration.get("ImageConfigResponse", {}).get("ImageConfig")
    return configuration | {"Code": told, "ImageConfig": image, "Tags": plain_tags(found.get("Tags", {}))}


def version(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    name, _, number = resource.physical_id.rpartition(":")
    return aws.client("lambda").get_function_configuration(FunctionName=name, Qualifier=number)


def function_alias(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    name, _, alias = resource.physical_id.rpartition(":")
    found = aws.client("lambda").get_alias(FunctionName=name, Name=alias)
    return found | {"FunctionName": name.rpartition(":")[2]}


def permission(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    wanted = resource.properties
    name, _, alias = wanted["FunctionName"].partition("function:")[2].partition(":")
    policy = json.loads(aws.client("lambda").get_policy(FunctionName=name, **({"Qualifier": alias} if alias else {}))["Policy"])
    statement = next(each for each in policy["Statement"] if each["Action"] == wanted["Action"])
    source = next(iter((statement.get("Condition") or {"": {}}).values())).get("AWS:SourceArn")
    principal = statement["Principal"]
    return {"FunctionName": wanted["FunctionName"], "Action": statement["Action"], "SourceArn": source,
            "Principal": principal.get("Service") if isinstance(principal, dict) else principal}


def rest_api(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    gateway, name = aws.client("apigateway"), resource.physical_id
    found = gateway.get_rest_api(restApiId=name)
    methods = {item["path"]: {method.lower(): gateway.get_method(restApiId=name, resourceId=item["id"], httpMethod=method)
                              for method in item.get("resourceMethods", {})}
               for item in gateway.get_resources(restApiId=name)["items"]}
    told = {path: {method: {"x-amazon-apigateway-integration": {
        "type": found["methodIntegration"]["type"], "httpMethod": found["methodIntegration"]["httpMethod"],
        "uri": found["methodIntegration"]["uri"]}, "responses": ANY, "security": _security(found)}
        for method, found in each.items()} for path, each in methods.items()}
    kinds = found.get("binaryMediaTypes", [])
    refusals = {item["responseType"]: item for item in gateway.get_gateway_responses(restApiId=name)["items"] if not item["defaultResponse"]}
    return found | {"Body": {"paths": told, "x-amazon-apigateway-gateway-responses": refusals, "openapi": ANY, "info": {"title": found["name"], "version": ANY},
                             "components": ANY, "x-amazon-apigateway-binary-media-types": kinds},
                    "Parameters": {"endpointConfigurationTypes": found["endpointConfiguration"].get("types")},
                    "BinaryMediaTypes": [kind.replace("/", "~1") for kind in kinds],
                    "Tags": plain_tags(found.get("tags", {}))}


def _security(method: dict) -> list[dict]:
    """Return an OpenAPI method's security for what API Gateway says of it."""
    return {"AWS_IAM": [{"signature": []}]}.get(method["authorizationType"], [{"key": []}] if method["apiKeyRequired"] else [])


def deployment(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    api = resource.properties["RestApiId"]
    found = aws.client("apigateway").get_deployment(restApiId=api, deploymentId=resource.physical_id)
    return found | {"RestApiId": api, "StageName": ANY}


def stage(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    api = resource.properties["RestApiId"]
    found = aws.client("apigateway").get_stage(restApiId=api, stageName=resource.physical_id)
    settings = [{"ResourcePath": "/*", "HttpMethod": "*"} | each for each in found.get("methodSettings", {}).values()]
    return found | {"RestApiId": api, "MethodSettings": settings, "AccessLogSetting": found.get("accessLogSettings"), "Tags": plain_tags(found.get("tags", {}))}


# ---------------------------------------------------------------------- models

def sagemaker(noun: str) -> Read:
    def read(aws: LocalAws, resource: Resource) -> dict[str, Any]:
        client, name = aws.client("sagemaker"), resource.physical_id.rpartition("/")[2]
        found = {"Model": client.describe_model, "EndpointConfig": client.describe_endpoint_config,
                 "Endpoint": client.describe_endpoint}[noun](**{f"{noun}Name": name})
        return found | {"DeploymentConfig": found.get("LastDeploymentConfig"), "Tags": client.list_tags(ResourceArn=found[f"{noun}Arn"])["Tags"]}

    return read


# ---------------------------------------------------------------------- the release

def application(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    return aws.client("codedeploy").get_application(applicationName=resource.physical_id)["application"] | {
        "Tags": _codedeploy_tags(aws, f"application:{resource.physical_id}")}


def deployment_group(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    name = resource.properties["ApplicationName"]
    return aws.client("codedeploy").get_deployment_group(
        applicationName=name, deploymentGroupName=resource.physical_id)["deploymentGroupInfo"] | {
        "Tags": _codedeploy_tags(aws, f"deploymentgroup:{name}/{resource.physical_id}")}


def _codedeploy_tags(aws: LocalAws, name: str) -> list[dict[str, str]]:
    return plain_tags(aws.client("codedeploy").list_tags_for_resource(ResourceArn=f"arn:aws:codedeploy:{PREFIX}:{name}")["Tags"])


def alarm(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    cloudwatch = aws.client("cloudwatch")
    [found] = cloudwatch.describe_alarms(AlarmNames=[resource.physical_id])["MetricAlarms"]
    return found | {"Tags": cloudwatch.list_tags_for_resource(ResourceARN=found["AlarmArn"])["Tags"]}


def dashboard(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    return aws.client("cloudwatch").get_dashboard(DashboardName=resource.physical_id)


def monitoring_definition(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    client, name = aws.client("sagemaker"), resource.physical_id.rpartition("/")[2]
    found = client.describe_data_quality_job_definition(JobDefinitionName=name)
    return found | {"Tags": client.list_tags(ResourceArn=found["JobDefinitionArn"])["Tags"]}


def monitoring_schedule(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    client, name = aws.client("sagemaker"), resource.physical_id.rpartition("/")[2]
    found = client.describe_monitoring_schedule(MonitoringScheduleName=name)
    return found | {"Tags": client.list_tags(ResourceArn=found["MonitoringScheduleArn"])["Tags"]}


def parameter(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    ssm, name = aws.client("ssm"), resource.physical_id
    tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
    [told] = ssm.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": [name]}])["Parameters"]
    return told | ssm.get_parameter(Name=name)["Parameter"] | {"Tags": {tag["Key"]: tag["Value"] for tag in tags}}


def scalable_target(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    place, dimension, namespace = resource.physical_id.split("|")
    [found] = aws.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace=namespace, ResourceIds=[place], ScalableDimension=dimension)["ScalableTargets"]
    return found


def scaling_policy(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    [found] = aws.client("application-autoscaling").describe_scaling_policies(
        ServiceNamespace="sagemaker", PolicyNames=[resource.physical_id])["ScalingPolicies"]
    return found | {"ScalingTargetId": "|".join(found[name] for name in ("ResourceId", "ScalableDimension", "ServiceNamespace"))}


# ---------------------------------------------------------------------- the organization's product

def portfolio(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    found = aws.client("servicecatalog").describe_portfolio(Id=resource.physical_id)
    return found["PortfolioDetail"] | {"Tags": found.get("Tags", [])}


def product(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    catalog = aws.client("servicecatalog")
    found = catalog.describe_product_as_admin(Id=resource.physical_id)
    view = found["ProductViewDetail"]["ProductViewSummary"]
    versions = [catalog.describe_provisioning_artifact(
        ProductId=resource.physical_id, ProvisioningArtifactId=each["Id"]) for each in found["ProvisioningArtifactSummaries"]]
    told = [each["ProvisioningArtifactDetail"] | {"Info": each["Info"] | {"LoadTemplateFromURL": each["Info"].get(
        "TemplateUrl")}} for each in versions]
    return view | {"Description": view["ShortDescription"], "ProvisioningArtifactParameters": told,
                   "Tags": found.get("Tags", [])}


def product_in_portfolio(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    wanted = resource.properties
    found = aws.client("servicecatalog").list_portfolios_for_product(ProductId=wanted["ProductId"])["PortfolioDetails"]
    return {"ProductId": wanted["ProductId"], "PortfolioId": next(each["Id"] for each in found
                                                                  if each["Id"] == wanted["PortfolioId"])}


def principal_of_portfolio(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    portfolio_id = resource.properties["PortfolioId"]
    found = aws.client("servicecatalog").list_principals_for_portfolio(PortfolioId=portfolio_id)["Principals"]
    return {"PortfolioId": portfolio_id} | found[0]


def launch_constraint(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    found = aws.client("servicecatalog").describe_constraint(Id=resource.physical_id)
    detail = found["ConstraintDetail"]
    return detail | {"RoleArn": json.loads(found["ConstraintParameters"])["RoleArn"]}


# ---------------------------------------------------------------------- what the project's own functions make

def sample_data(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    wanted = resource.properties
    found = aws.client("s3").head_object(Bucket=wanted["BucketName"], Key=wanted["Key"])
    return dict.fromkeys(wanted, ANY) | {"KmsKeyArn": found["SSEKMSKeyId"]}


def account_settings(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    groups, wanted = aws.client("logs"), resource.properties
    found = {name: groups.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0] for name in wanted["LogGroupNames"]}
    [days] = {group["retentionInDays"] for group in found.values()}
    return custom(aws, resource) | {"ApiLogsRoleArn": aws.client("apigateway").get_account()["cloudwatchRoleArn"],
                                    "RetentionInDays": days}


def custom(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    called = aws.client("lambda").get_function(FunctionName=resource.properties["ServiceToken"])
    return dict.fromkeys(resource.properties, ANY) | {"ServiceToken": called["Configuration"]["FunctionArn"]}
