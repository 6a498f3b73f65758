"""What the local AWS says of its resources is true: it has them, with the template's values, and what is missing fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, WaiterError

from tests.local import network_reads as network
from tests.local import service_reads as services
from tests.local.altered_copy import repository, without_line
from tests.local.local_aws import LocalAws
from tests.local.stack_reading import ACCOUNT, SETTLED, Resource, Stack, differences

READS: dict[str, services.Read] = {
    "AWS::ApiGateway::Deployment": services.deployment,
    "AWS::ApiGateway::RestApi": services.rest_api,
    "AWS::ApiGateway::Stage": services.stage,
    "AWS::ApplicationAutoScaling::ScalableTarget": services.scalable_target,
    "AWS::ApplicationAutoScaling::ScalingPolicy": services.scaling_policy,
    "AWS::CloudWatch::Alarm": services.alarm,
    "AWS::CloudWatch::Dashboard": services.dashboard,
    "AWS::CodeBuild::Project": services.build,
    "AWS::CodeCommit::Repository": services.repository,
    "AWS::CodeDeploy::Application": services.application,
    "AWS::CodeDeploy::DeploymentGroup": services.deployment_group,
    "AWS::CodePipeline::Pipeline": services.pipeline,
    "AWS::EC2::FlowLog": network.flow_log,
    "AWS::EC2::InternetGateway": network.one("internet_gateways", "InternetGatewayIds", "InternetGateways"),
    "AWS::EC2::Route": network.route,
    "AWS::EC2::RouteTable": network.one("route_tables", "RouteTableIds", "RouteTables"),
    "AWS::EC2::SecurityGroup": network.security_group,
    "AWS::EC2::Subnet": network.one("subnets", "SubnetIds", "Subnets"),
    "AWS::EC2::SubnetRouteTableAssociation": network.association,
    "AWS::EC2::VPC": network.network,
    "AWS::EC2::VPCEndpoint": network.endpoint,
    "AWS::EC2::VPCGatewayAttachment": network.attachment,
    "AWS::ECR::Repository": services.images,
    "AWS::EFS::AccessPoint": network.access_point,
    "AWS::EFS::FileSystem": network.file_system,
    "AWS::EFS::MountTarget": network.mount_target,
    "AWS::Events::Rule": services.rule,
    "AWS::IAM::ManagedPolicy": services.managed_policy,
    "AWS::IAM::Role": services.role,
    "AWS::KMS::Alias": services.key_alias,
    "AWS::KMS::Key": services.key,
    "AWS::Lambda::Alias": services.function_alias,
    "AWS::Lambda::Function": services.function,
    "AWS::Lambda::Permission": services.permission,
    "AWS::Lambda::Version": services.version,
    "AWS::Logs::LogGroup": services.log_group,
    "AWS::S3::Bucket": services.bucket,
    "AWS::S3::BucketPolicy": services.bucket_policy,
    "AWS::SNS::Subscription": services.subscription,
    "AWS::SNS::Topic": services.topic,
    "AWS::SNS::TopicPolicy": services.topic_policy,
    "AWS::SSM::Parameter": services.parameter,
    "AWS::SageMaker::DataQualityJobDefinition": services.monitoring_definition,
    "AWS::SageMaker::Endpoint": services.sagemaker("Endpoint"),
    "AWS::SageMaker::EndpointConfig": services.sagemaker("EndpointConfig"),
    "AWS::SageMaker::Model": services.sagemaker("Model"),
    "AWS::SageMaker::MonitoringSchedule": services.monitoring_schedule,
    "AWS::ServiceCatalog::CloudFormationProduct": services.product,
    "AWS::ServiceCatalog::LaunchRoleConstraint": services.launch_constraint,
    "AWS::ServiceCatalog::Portfolio": services.portfolio,
    "AWS::ServiceCatalog::PortfolioPrincipalAssociation": services.principal_of_portfolio,
    "AWS::ServiceCatalog::PortfolioProductAssociation": services.product_in_portfolio,
    "AWS::StepFunctions::StateMachine": services.state_machine,
    "Custom::AccountSettings": services.account_settings,
    "Custom::Capacity": services.custom,
    "Custom::Proof": services.custom,
    "Custom::SampleData": services.sample_data,
    "Custom::Teardown": services.custom,
    "Custom::Watch": services.custom,
}
# What a release itself changes after its stacks stand: api/scaling.py lets watched production scale in.
RELEASED = {"AWS::ApplicationAutoScaling::ScalableTarget": {
    "SuspendedState": {"DynamicScalingInSuspended": False, "DynamicScalingOutSuspended": False, "ScheduledScalingSuspended": False}}}
UNKNOWN = "sha256:" + "0" * 64


def told(aws: LocalAws, resource: Resource) -> list[str]:
    """Return where a resource's service tells otherwise than the template."""
    try:
        answer = READS[resource.kind](aws, resource)
    except (ClientError, StopIteration, LookupError) as error:
        return [f"{resource}: {error!r}"]
    return [f"{resource}{text}" for text in differences(resource.properties | RELEASED.get(resource.kind, {}), answer)]


def stacks(aws: LocalAws, name: str) -> list[str]:
    """Return the organization's stack, the project's, and those of its stages."""
    pages = aws.client("cloudformation").get_paginator("list_stacks").paginate()
    every = [stack["StackName"] for page in pages for stack in page["StackSummaries"]
             if stack["StackStatus"] in SETTLED]
    product = aws.client("sagemaker").describe_project(ProjectName="churn-demo")["ServiceCatalogProvisionedProductDetails"]
    return ["ml-delivery", f"SC-{ACCOUNT}-{product['ProvisionedProductId']}",
            *sorted(stack for stack in every if stack.startswith(f"{name}-"))]


def test_each_resource_of_each_stack_tells_the_templates_values(aws: LocalAws, first_release: dict) -> None:
    found = stacks(aws, first_release["name"])
    assert {"functions", "workflow", "dev", "prd", "api"} <= {stack.rpartition("-")[2] for stack in found}
    wrong = [text for stack in found for resource in Stack(aws, stack).read() for text in told(aws, resource)]
    assert not wrong, "\n".join(wrong)


def test_a_value_that_is_not_the_templates_is_seen(aws: LocalAws, first_release: dict) -> None:
    name, logs = first_release["name"], aws.client("logs")
    group = f"/aws/lambda/{name}-experiment"
    resource = next(each for each in Stack(aws, f"{name}-functions").read() if each.physical_id == group)
    assert not told(aws, resource)
    logs.put_retention_policy(logGroupName=group, retentionInDays=7)
    try:
        assert told(aws, resource) == [f"{resource}.RetentionInDays: 7 instead of 30"]
    finally:
        logs.put_retention_policy(logGroupName=group, retentionInDays=30)


# ---------------------------------------------------------------------- what is missing fails

@pytest.fixture
def unknown_model(aws: LocalAws, first_release: dict) -> Iterator[str]:
    """A model like the one in production, but of an image that nobody pushed."""
    sagemaker = aws.client("sagemaker")
    good = next(model["ModelName"] for model in sagemaker.list_models(NameContains=first_release["name"])["Models"]
                if model["ModelName"].endswith("-p"))
    model = sagemaker.describe_model(ModelName=good)
    container = model["PrimaryContainer"] | {"Image": f"{model['PrimaryContainer']['Image'].partition('@')[0]}@{UNKNOWN}"}
    sagemaker.create_model(ModelName="unknown-image", PrimaryContainer=container,
                           ExecutionRoleArn=model["ExecutionRoleArn"])
    sagemaker.create_endpoint_config(EndpointConfigName="unknown-image", ProductionVariants=[
        {"VariantName": "AllTraffic", "ModelName": "unknown-image", "InstanceType": "ml.m5.large",
         "InitialInstanceCount": 1}])
    yield "unknown-image"
    sagemaker.delete_endpoint(EndpointName="unknown-image")
    sagemaker.get_waiter("endpoint_deleted").wait(EndpointName="unknown-image", WaiterConfig={"Delay": 1})
    sagemaker.delete_endpoint_config(EndpointConfigName="unknown-image")
    sagemaker.delete_model(ModelName="unknown-image")


def test_an_endpoint_of_an_unknown_digest_fails_naming_it(aws: LocalAws, unknown_model: str) -> None:
    sagemaker = aws.client("sagemaker")
    sagemaker.create_endpoint(EndpointName=unknown_model, EndpointConfigName=unknown_model)
    with pytest.raises(WaiterError):
        sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=unknown_model, WaiterConfig={"Delay": 1})
    found = sagemaker.describe_endpoint(EndpointName=unknown_model)
    assert found["EndpointStatus"] == "Failed"
    assert UNKNOWN in found["FailureReason"]


def test_a_function_cannot_be_given_an_unknown_digest(aws: LocalAws, first_release: dict) -> None:
    functions, name = aws.client("lambda"), f"{first_release['name']}-api"
    before = functions.get_function(FunctionName=name)["Code"]["ImageUri"]
    with pytest.raises(ClientError, match=UNKNOWN):
        functions.update_function_code(FunctionName=name, ImageUri=f"{before.partition('@')[0]}@{UNKNOWN}")
    assert functions.get_function(FunctionName=name)["Code"]["ImageUri"] == before


@pytest.mark.slow
def test_a_package_missing_from_the_requirements_fails_the_training_job(aws: LocalAws, tmp_path: Path) -> None:
    copy = repository(tmp_path / "copy")
    without_line(copy / "container" / "requirements.txt", "scikit-learn==")
    outcome, report = aws.demo(tmp_path / "report.json", "--organization", "org-package", "--project", "package",
                               "--prefix", "package", cwd=copy)
    assert outcome.returncode == 1
    assert "Train/Run" in outcome.stderr and "No module named 'sklearn'" in outcome.stderr
    sagemaker = aws.client("sagemaker")
    [job] = sagemaker.list_training_jobs(NameContains=report["name"])["TrainingJobSummaries"]
    reason = sagemaker.describe_training_job(TrainingJobName=job["TrainingJobName"])["FailureReason"]
    assert "AlgorithmError" in reason and "No module named 'sklearn'" in reason
