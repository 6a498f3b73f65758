"""All that there is in a local AWS, as its own services list it: to be compared before and after."""

import jmespath

from tests.local.local_aws import LocalAws
from tests.local.project_runs import KINDS

Inventory = set[tuple[str, str]]  # kind and name, id or ARN
# kind, service, operation, where the ids are, and what the operation has to be told
MORE: tuple[tuple[str, str, str, str, dict[str, str]], ...] = (
    ("models", "sagemaker", "list_models", "Models[].ModelName", {}),
    ("training jobs", "sagemaker", "list_training_jobs", "TrainingJobSummaries[].TrainingJobName", {}),
    ("processing jobs", "sagemaker", "list_processing_jobs", "ProcessingJobSummaries[].ProcessingJobName", {}),
    ("transform jobs", "sagemaker", "list_transform_jobs", "TransformJobSummaries[].TransformJobName", {}),
    ("experiments", "sagemaker", "list_experiments", "ExperimentSummaries[].ExperimentName", {}),
    ("trials", "sagemaker", "list_trials", "TrialSummaries[].TrialName", {}),
    ("trial components", "sagemaker", "list_trial_components", "TrialComponentSummaries[].TrialComponentName", {}),
    ("job definitions", "sagemaker", "list_data_quality_job_definitions",
     "JobDefinitionSummaries[].MonitoringJobDefinitionName", {}),
    ("monitoring schedules", "sagemaker", "list_monitoring_schedules",
     "MonitoringScheduleSummaries[].MonitoringScheduleName", {}),
    ("projects", "sagemaker", "list_projects", "ProjectSummaryList[?ProjectStatus!='DeleteCompleted'].ProjectName", {}),
    ("scalable targets", "application-autoscaling", "describe_scalable_targets", "ScalableTargets[].ResourceId",
     {"ServiceNamespace": "sagemaker"}),
    ("scaling policies", "application-autoscaling", "describe_scaling_policies", "ScalingPolicies[].PolicyARN",
     {"ServiceNamespace": "sagemaker"}),
    ("deployment applications", "codedeploy", "list_applications", "applications[]", {}),
    ("deployment configurations", "codedeploy", "list_deployment_configs", "deploymentConfigsList[]", {}),
    ("portfolios", "servicecatalog", "list_portfolios", "PortfolioDetails[].Id", {}),
    ("products", "servicecatalog", "search_products_as_admin", "ProductViewDetails[].ProductViewSummary.ProductId", {}),
    ("provisioned products", "servicecatalog", "search_provisioned_products", "ProvisionedProducts[].Id", {}),
    ("stacks", "cloudformation", "describe_stacks", "Stacks[].StackName", {}),
    ("layers", "lambda", "list_layers", "Layers[].LayerName", {}),
    ("event sources", "lambda", "list_event_source_mappings", "EventSourceMappings[].UUID", {}),
    ("API ids", "apigateway", "get_rest_apis", "items[].id", {}),
    ("API keys", "apigateway", "get_api_keys", "items[].id", {}),
    ("usage plans", "apigateway", "get_usage_plans", "items[].id", {}),
    ("users", "iam", "list_users", "Users[].UserName", {}),
    ("policies", "iam", "list_policies", "Policies[].Arn", {"Scope": "Local"}),
    ("parameters", "ssm", "describe_parameters", "Parameters[].Name", {}),
    ("keys", "kms", "list_keys", "Keys[].KeyId", {}),
    ("subscriptions", "sns", "list_subscriptions", "Subscriptions[].SubscriptionArn", {}),
    ("queues", "sqs", "list_queues", "QueueUrls[]", {}),
    ("secrets", "secretsmanager", "list_secrets", "SecretList[].Name", {}),
    ("tables", "dynamodb", "list_tables", "TableNames[]", {}),
    ("schedules", "scheduler", "list_schedules", "Schedules[].Arn", {}),
    ("alarms", "cloudwatch", "describe_alarms", "[MetricAlarms, CompositeAlarms][][].AlarmName", {}),
    ("dashboards", "cloudwatch", "list_dashboards", "DashboardEntries[].DashboardName", {}),
    ("file systems", "efs", "describe_file_systems", "FileSystems[].FileSystemId", {}),
    ("access points", "efs", "describe_access_points", "AccessPoints[].AccessPointId", {}),
    ("networks", "ec2", "describe_vpcs", "Vpcs[].VpcId", {}),
    ("subnets", "ec2", "describe_subnets", "Subnets[].SubnetId", {}),
    ("internet gateways", "ec2", "describe_internet_gateways", "InternetGateways[].InternetGatewayId", {}),
    ("route tables", "ec2", "describe_route_tables", "RouteTables[].RouteTableId", {}),
    ("security groups", "ec2", "describe_security_groups", "SecurityGroups[].GroupId", {}),
    ("network endpoints", "ec2", "describe_vpc_endpoints", "VpcEndpoints[].VpcEndpointId", {}),
    ("network interfaces", "ec2", "describe_network_interfaces", "NetworkInterfaces[].NetworkInterfaceId", {}))
# What the deletion of a project declares to keep (docs/clean-up.md).
RETAINED = {"buckets", "keys", "models", "training jobs", "processing jobs", "transform jobs", "experiments", "trials",
            "trial components"}
# The service's own role in the account, which comes with the first endpoint that scales and belongs to no project.
SERVICE_ROLE = ("roles", "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint")


def inventory(aws: LocalAws) -> Inventory:
    """Return everything of the account in its region."""
    found: Inventory = set()
    for kind, service, operation, path, told in (*((*each, {}) for each in KINDS), *MORE):
        client = aws.client(service)
        if client.can_paginate(operation):
            names = client.get_paginator(operation).paginate(**told).search(path)
        else:
            names = jmespath.search(path, getattr(client, operation)(**told))
        found |= {(kind, name) for name in names if name}
    return found


def named(things: Inventory, name: str) -> Inventory:
    """Return what has a name in its own."""
    return {(kind, thing) for kind, thing in things if name in thing}


def kinds(things: Inventory) -> set[str]:
    """Return the kinds of what was found."""
    return {kind for kind, _ in things}
