"""The table of CloudFormation types that our services provide.

A type is the calls of its service: create, read, update and delete made through a client with the rights of the
stack's role, so that IAM decides as it does on AWS. Properties become request members by the service's own model.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore import xform_name
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from botocore.model import Shape

from local.machine import Credentials, Machine
from local.service import value_at

POLL_SECONDS = 0.2
GONE = ("NotFound", "DoesNotExist", "Could not find", "does not exist", "cannot be found")


class ResourceError(Exception):
    """A resource could not be created, changed or deleted; the message is the service's."""


@dataclass(frozen=True)
class Waiting:
    """How a type settles: the status's path in the read answer, the good value, the failed ones, the reason."""

    status: str
    good: str
    bad: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class ResourceType:
    """One CloudFormation type as calls of a service; paths are dotted paths into answers."""

    service: str
    create: str
    delete: str
    key: str  # the request member that names the resource in read, update and delete
    id: str  # path of that name in the create request or answer
    read: str = ""
    read_key: str = ""  # where it differs from key
    update: str = ""
    update_key: str = ""  # where it differs from key
    ref: str = ""  # path of Ref in the read answer; the name itself where empty
    name: str = ""  # the property that CloudFormation fills in when a template leaves it out
    parent: str = ""  # the property that names what it belongs to, where key is two members
    tagged: str = ""  # the resource part of the ARN that takes changed tags, where an update does not
    attributes: dict[str, str] = field(default_factory=dict)  # Fn::GetAtt name -> path in the read answer
    replaced_on: tuple[str, ...] = ()
    refused: dict[str, str] = field(default_factory=dict)  # a property whose change is not available here -> why
    waiting: Waiting | None = None
    request: Callable[[dict[str, Any]], dict[str, Any]] = dict  # properties -> what the create request takes
    changed: Callable[[dict[str, Any]], dict[str, Any]] | None = None  # properties -> what the update request takes, where it differs
    after: Callable[[Machine, str, dict[str, Any]], None] | None = None  # what follows the create call

    @property
    def named_by_members(self) -> bool:
        """Whether several members of the create request are the name."""
        return "|" in self.key and not self.parent

    def joined(self, properties: dict[str, Any]) -> str:
        """Return that name."""
        request = self.request(properties)
        return "|".join(str(request.get(part)) for part in self.key.split("|"))


def _pipeline(properties: dict[str, Any]) -> dict[str, Any]:
    inner = {key: value for key, value in properties.items() if key not in ("Tags", "RestartExecutionOnUpdate")}
    return {"pipeline": inner, "tags": properties.get("Tags", [])}


def _repository(properties: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in properties.items() if key != "Code"}


def _seed_repository(machine: Machine, name: str, properties: dict[str, Any]) -> None:
    """Make the first commit of a repository from the archive that its Code property names."""
    from local.services.codecommit import seed

    if code := properties.get("Code"):
        place = code["S3"]
        version = {"VersionId": place["ObjectVersion"]} if place.get("ObjectVersion") else {}
        answer = machine.client("s3").get_object(Bucket=place["Bucket"], Key=place["Key"], **version)
        seed(machine, name, code.get("BranchName", "main"), answer["Body"].read())


def _changed_group(properties: dict[str, Any]) -> dict[str, Any]:
    """Return what UpdateDeploymentGroup takes; what a template no longer sets is emptied."""
    empty: dict[str, Any] = {"AlarmConfiguration": {}, "AutoRollbackConfiguration": {}, "TriggerConfigurations": []}
    return empty | {key: value for key, value in properties.items() if key not in ("DeploymentGroupName", "Tags")}


def _scaling_policy(properties: dict[str, Any]) -> dict[str, Any]:
    """Return what PutScalingPolicy takes; a template may name the target by what Ref gives of it."""
    named = {key: value for key, value in properties.items() if key != "ScalingTargetId"}
    names = ("ResourceId", "ScalableDimension", "ServiceNamespace")
    return dict(zip(names, properties.get("ScalingTargetId", "").split("|"), strict=False)) | named


def _product(properties: dict[str, Any]) -> dict[str, Any]:
    artifact, *more = properties["ProvisioningArtifactParameters"]
    if more:
        raise ResourceError("AWS::ServiceCatalog::CloudFormationProduct with several provisioning artifacts at once "
                            "is not available on this machine")
    return properties | {"ProductType": "CLOUD_FORMATION_TEMPLATE", "IdempotencyToken": _token(),
                         "ProvisioningArtifactParameters": artifact | {"Type": "CLOUD_FORMATION_TEMPLATE"}}


def _changed_product(properties: dict[str, Any]) -> dict[str, Any]:
    """Return what UpdateProduct takes."""
    kept = {key: value for key, value in properties.items() if key not in ("ProvisioningArtifactParameters", "Tags")}
    return kept | {"AddTags": properties.get("Tags", [])}


def _launch_constraint(properties: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in properties.items() if key in ("PortfolioId", "ProductId", "Description")}
    return kept | {"Type": "LAUNCH", "IdempotencyToken": _token(),
                   "Parameters": json.dumps({"RoleArn": properties["RoleArn"]})}


def _with_token(properties: dict[str, Any]) -> dict[str, Any]:
    return properties | {"IdempotencyToken": _token()}


def _token() -> str:
    return f"cloudformation-{time.time_ns()}"


def _monitoring(*members: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return how to leave out the properties that only tell of a schedule or definition."""
    return lambda properties: {key: value for key, value in properties.items() if key in ("Tags", *members)}


MONITORED = (
    *(f"DataQuality{part}" for part in ("AppSpecification", "BaselineConfig", "JobInput", "JobOutputConfig")),
    "JobDefinitionName", "JobResources", "NetworkConfig", "RoleArn", "StoppingCondition")


def _new_endpoint(properties: dict[str, Any]) -> dict[str, Any]:
    """Return what CreateEndpoint takes; the others are an update's."""
    return {key: value for key, value in properties.items() if key not in UPDATE_ONLY}


UPDATE_ONLY = ("RetainDeploymentConfig", "RetainAllVariantProperties", "ExcludeRetainedVariantProperties")
ENDPOINT_SETTLES = Waiting("EndpointStatus", "InService", ("Failed", "OutOfService"), "FailureReason")

TYPES: dict[str, ResourceType] = {
    "AWS::SageMaker::Model": ResourceType(
        "sagemaker", "CreateModel", "DeleteModel", "ModelName", "ModelName", read="DescribeModel", name="ModelName",
        attributes={"ModelName": "ModelName", "ModelArn": "ModelArn"}, ref="ModelArn",
        replaced_on=("ModelName", "ExecutionRoleArn", "PrimaryContainer", "Containers", "VpcConfig",
                     "EnableNetworkIsolation", "InferenceExecutionConfig")),
    "AWS::SageMaker::EndpointConfig": ResourceType(
        "sagemaker", "CreateEndpointConfig", "DeleteEndpointConfig", "EndpointConfigName", "EndpointConfigName",
        read="DescribeEndpointConfig", name="EndpointConfigName", ref="EndpointConfigArn",
        attributes={"EndpointConfigName": "EndpointConfigName", "EndpointConfigArn": "EndpointConfigArn"},
        replaced_on=("EndpointConfigName", "ProductionVariants", "DataCaptureConfig", "KmsKeyId", "VpcConfig",
                     "ShadowProductionVariants", "AsyncInferenceConfig", "ExecutionRoleArn",
                     "EnableNetworkIsolation")),
    "AWS::SageMaker::Endpoint": ResourceType(
        "sagemaker", "CreateEndpoint", "DeleteEndpoint", "EndpointName", "EndpointName", read="DescribeEndpoint",
        update="UpdateEndpoint", name="EndpointName", ref="EndpointArn",
        attributes={"EndpointName": "EndpointName", "EndpointArn": "EndpointArn"}, replaced_on=("EndpointName",),
        waiting=ENDPOINT_SETTLES, request=_new_endpoint, changed=dict),
    "AWS::SageMaker::DataQualityJobDefinition": ResourceType(
        "sagemaker", "CreateDataQualityJobDefinition", "DeleteDataQualityJobDefinition", "JobDefinitionName", "JobDefinitionName",
        read="DescribeDataQualityJobDefinition", name="JobDefinitionName", ref="JobDefinitionArn", request=_monitoring(*MONITORED),
        attributes={name: name for name in ("JobDefinitionArn", "JobDefinitionName", "CreationTime")}, replaced_on=MONITORED),
    "AWS::SageMaker::MonitoringSchedule": ResourceType(
        "sagemaker", "CreateMonitoringSchedule", "DeleteMonitoringSchedule", "MonitoringScheduleName", "MonitoringScheduleName",
        read="DescribeMonitoringSchedule", update="UpdateMonitoringSchedule", name="MonitoringScheduleName",
        ref="MonitoringScheduleArn", request=_monitoring("MonitoringScheduleName", "MonitoringScheduleConfig"),
        attributes={"MonitoringScheduleArn": "MonitoringScheduleArn"}, replaced_on=("MonitoringScheduleName",)),
    "AWS::CodeCommit::Repository": ResourceType(
        "codecommit", "CreateRepository", "DeleteRepository", "repositoryName", "repositoryName",
        read="GetRepository", ref="repositoryMetadata.repositoryId", name="RepositoryName",
        attributes={"Arn": "repositoryMetadata.Arn", "Name": "repositoryMetadata.repositoryName",
                    "CloneUrlHttp": "repositoryMetadata.cloneUrlHttp",
                    "CloneUrlSsh": "repositoryMetadata.cloneUrlSsh"},
        replaced_on=("RepositoryName",), request=_repository, after=_seed_repository),
    "AWS::CodeBuild::Project": ResourceType(
        "codebuild", "CreateProject", "DeleteProject", "name", "name", read="BatchGetProjects",
        read_key="names", update="UpdateProject", name="Name", attributes={"Arn": "projects.arn"}, replaced_on=("Name",)),
    "AWS::CodeDeploy::Application": ResourceType(
        "codedeploy", "CreateApplication", "DeleteApplication", "applicationName", "applicationName", read="GetApplication",
        name="ApplicationName", replaced_on=("ApplicationName", "ComputePlatform"), tagged="application:{name}"),
    "AWS::CodeDeploy::DeploymentConfig": ResourceType(
        "codedeploy", "CreateDeploymentConfig", "DeleteDeploymentConfig", "deploymentConfigName", "deploymentConfigName",
        read="GetDeploymentConfig", name="DeploymentConfigName",
        replaced_on=("DeploymentConfigName", "ComputePlatform", "TrafficRoutingConfig")),
    "AWS::CodeDeploy::DeploymentGroup": ResourceType(
        "codedeploy", "CreateDeploymentGroup", "DeleteDeploymentGroup", "applicationName|deploymentGroupName", "",
        read="GetDeploymentGroup", update="UpdateDeploymentGroup", update_key="applicationName|currentDeploymentGroupName",
        changed=_changed_group, name="DeploymentGroupName", parent="ApplicationName",
        ref="deploymentGroupInfo.deploymentGroupName", attributes={"Id": "deploymentGroupInfo.deploymentGroupId"},
        replaced_on=("ApplicationName", "DeploymentGroupName"), tagged="deploymentgroup:{parent}/{name}"),
    "AWS::CodePipeline::Pipeline": ResourceType(
        "codepipeline", "CreatePipeline", "DeletePipeline", "name", "pipeline.name", read="GetPipeline",
        update="UpdatePipeline", name="Name", attributes={"Version": "pipeline.version"}, replaced_on=("Name",),
        request=_pipeline),
    "AWS::ApplicationAutoScaling::ScalableTarget": ResourceType(
        "application-autoscaling", "RegisterScalableTarget", "DeregisterScalableTarget",
        "ResourceId|ScalableDimension|ServiceNamespace", "", read="DescribeScalableTargets",
        read_key="ResourceIds|ScalableDimension|ServiceNamespace", update="RegisterScalableTarget",
        replaced_on=("ResourceId", "ScalableDimension", "ServiceNamespace")),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ResourceType(
        "application-autoscaling", "PutScalingPolicy", "DeleteScalingPolicy",
        "PolicyName|ResourceId|ScalableDimension|ServiceNamespace", "", read="DescribeScalingPolicies",
        read_key="PolicyNames|ResourceId|ScalableDimension|ServiceNamespace", update="PutScalingPolicy",
        ref="ScalingPolicies.PolicyARN", attributes={"Arn": "ScalingPolicies.PolicyARN"}, request=_scaling_policy,
        replaced_on=("PolicyName", "ResourceId", "ScalableDimension", "ServiceNamespace", "ScalingTargetId")),
    "AWS::ServiceCatalog::Portfolio": ResourceType(
        "servicecatalog", "CreatePortfolio", "DeletePortfolio", "Id", "PortfolioDetail.Id", read="DescribePortfolio",
        update="UpdatePortfolio", attributes={"PortfolioName": "PortfolioDetail.DisplayName"}, request=_with_token),
    "AWS::ServiceCatalog::CloudFormationProduct": ResourceType(
        "servicecatalog", "CreateProduct", "DeleteProduct", "Id", "ProductViewDetail.ProductViewSummary.ProductId",
        read="DescribeProductAsAdmin", update="UpdateProduct", changed=_changed_product,
        refused={"ProvisioningArtifactParameters": "AWS would delete the version that the template no longer lists. Add another "
                                                   "one with CreateProvisioningArtifact"},
        attributes={"ProductName": "ProductViewDetail.ProductViewSummary.Name",
                    "ProvisioningArtifactIds": "ProvisioningArtifactSummaries.Id"}, request=_product),
    "AWS::ServiceCatalog::PortfolioProductAssociation": ResourceType(
        "servicecatalog", "AssociateProductWithPortfolio", "DisassociateProductFromPortfolio", "ProductId|PortfolioId",
        "", replaced_on=("PortfolioId", "ProductId", "SourcePortfolioId")),
    "AWS::ServiceCatalog::PortfolioPrincipalAssociation": ResourceType(
        "servicecatalog", "AssociatePrincipalWithPortfolio", "DisassociatePrincipalFromPortfolio",
        "PortfolioId|PrincipalARN", "", replaced_on=("PortfolioId", "PrincipalARN", "PrincipalType")),
    "AWS::ServiceCatalog::LaunchRoleConstraint": ResourceType(
        "servicecatalog", "CreateConstraint", "DeleteConstraint", "Id", "ConstraintDetail.ConstraintId",
        read="DescribeConstraint", replaced_on=("PortfolioId", "ProductId"), request=_launch_constraint),
}


class Provisioner:
    """Makes, changes and deletes resources of one type with the rights of ``credentials``."""

    def __init__(self, machine: Machine, kind: ResourceType, credentials: Credentials) -> None:
        self.machine, self.kind = machine, kind
        self.client: BaseClient = machine.client(kind.service, credentials)

    def create(self, properties: dict[str, Any], default_name: str) -> tuple[str, dict[str, Any]]:
        """Create the resource and wait until it has settled; return its physical id and attributes."""
        if self.kind.name and not properties.get(self.kind.name):
            properties = properties | {self.kind.name: default_name.lower()}
        request = self._request(self.kind.create, self.kind.request(properties))
        answer = self._call(self.kind.create, request)
        name = self._identify(request, answer)
        try:
            if self.kind.after:
                self.kind.after(self.machine, name, properties)
            return self._settled(name)
        except Exception:
            self.delete(name)
            raise

    def name_of(self, physical_id: str, properties: dict[str, Any]) -> str:
        """Return the name that the service knows a resource by; the physical id is what Ref gives."""
        if self.kind.named_by_members:
            return self.kind.joined(properties)
        name = properties.get(self.kind.name) or physical_id.rpartition("/")[2]  # of an address the last part counts
        return f"{properties[self.kind.parent]}|{name}" if self.kind.parent else name

    def check_change(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        """Raise where an update changes what this machine cannot change."""
        for name, reason in self.kind.refused.items():
            if old.get(name) != new.get(name):
                raise ResourceError(f"A change of {name} is not available on this machine: {reason}")

    def update(self, name: str, properties: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Change the resource in place, where its type allows that."""
        if self.kind.tagged and properties.get("Tags"):
            resource = self.kind.tagged.format(name=name.rpartition("|")[2], parent=properties.get(self.kind.parent))
            self._call("TagResource", {"ResourceArn": self.machine.arn(self.kind.service, resource),
                                       "Tags": properties["Tags"]})
        if self.kind.tagged and not self.kind.update:
            return self._settled(name)
        if not self.kind.update:
            raise ResourceError(f"{self.kind.create.removeprefix('Create')} cannot be changed in place: "
                                f"only {', '.join(self.kind.replaced_on)} (by replacement)")
        shaped = (self.kind.changed or self.kind.request)({**properties, **self._named(name)})
        request = self._request(self.kind.update, shaped)
        known = self._shape(self.kind.update).members
        self._call(self.kind.update, request | {key: value for key, value in _members(
            self.kind.update_key or self.kind.key, name).items() if key in known})
        return self._settled(name)

    def _named(self, name: str) -> dict[str, Any]:
        return {self.kind.name: name.rpartition("|")[2]} if self.kind.name else {}

    def delete(self, name: str) -> None:
        """Delete the resource; one that is gone is no error."""
        request = _members(self.kind.key, name)
        try:
            self._call(self.kind.delete, self._request(self.kind.delete, request))
            while self.kind.waiting and self.kind.read and not self.machine.stopping.wait(POLL_SECONDS):
                self._call(self.kind.read, request)
        except ResourceError as error:
            if not any(word in str(error) for word in GONE):
                raise

    def _settled(self, name: str) -> tuple[str, dict[str, Any]]:
        if not self.kind.read:
            return name, {}
        while True:
            answer = self._read(name)
            waiting = self.kind.waiting
            status = value_at(answer, waiting.status) if waiting else None
            failed = waiting is not None and status == waiting.good and value_at(answer, waiting.reason)  # an update, undone
            if failed:
                raise ResourceError(f"{name} could not be changed: {failed}")
            if waiting is None or status == waiting.good:
                reference = value_at(answer, self.kind.ref) if self.kind.ref else name
                return str(reference), {key: found for key, path in self.kind.attributes.items()
                                        if (found := value_at(answer, path)) is not None}
            if status in waiting.bad:
                raise ResourceError(f"{name} is {status}: {value_at(answer, waiting.reason)}")
            if self.machine.stopping.wait(POLL_SECONDS):
                raise ResourceError(f"{name}: the local AWS was stopped while it was {status}")

    def _read(self, name: str) -> dict[str, Any]:
        answer = self._call(self.kind.read, self._request(self.kind.read, _members(self.kind.read_key or self.kind.key, name)))
        return {key: value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else value
                for key, value in answer.items()}

    def _identify(self, request: dict[str, Any], answer: dict[str, Any]) -> str:
        if "|" in self.kind.key:
            return "|".join(request[part] for part in self.kind.key.split("|"))
        found = value_at(answer, self.kind.id) or value_at(request, self.kind.id)
        return str(found[0] if isinstance(found, list) else found)

    def _shape(self, operation: str) -> Any:
        return self.client.meta.service_model.operation_model(operation).input_shape

    def _request(self, operation: str, properties: dict[str, Any]) -> dict[str, Any]:
        converted: dict[str, Any] = convert(self._shape(operation), properties, operation)
        return converted

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self.client, xform_name(operation))(**request)
            return answer
        except ClientError as error:
            raise ResourceError(f"{error.response['Error']['Message']} (Service: {self.kind.service}; "
                                f"Error Code: {error.response['Error']['Code']})") from error


def _members(key: str, name: str) -> dict[str, str]:
    """Return the request members that name a resource."""
    return dict(zip(key.split("|"), name.split("|"), strict=True))


def convert(shape: Shape, value: Any, path: str) -> Any:
    """Return template values as a request of ``shape``: names matched without case, scalars given their type."""
    if shape.type_name == "structure":
        members = {name.lower(): name for name in shape.members}
        unknown = [key for key in value if key.lower() not in members and key != "Tags"]
        if unknown:
            raise ResourceError(f"{path}: {', '.join(unknown)} is not available on this machine")
        return {members[key.lower()]: convert(shape.members[members[key.lower()]], item, f"{path}.{key}")
                for key, item in value.items() if key.lower() in members}
    if shape.type_name == "list":
        return [convert(shape.member, item, path) for item in (value if isinstance(value, list) else [value])]
    if shape.type_name == "map":
        pairs = value if isinstance(value, dict) else {tag["Key"]: tag["Value"] for tag in value}
        return {key: convert(shape.value, item, f"{path}.{key}") for key, item in pairs.items()}
    return SCALARS.get(shape.type_name, lambda scalar: scalar)(value)


def _text(value: Any) -> str:
    """Return a scalar as CloudFormation hands it to a service."""
    if isinstance(value, dict | list):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


SCALARS: dict[str, Callable[[Any], Any]] = {
    "string": _text, "integer": int, "long": int, "float": float, "double": float,
    "boolean": lambda value: str(value).lower() == "true"}
