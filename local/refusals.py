"""What SageMaker does on AWS and not on this machine, refused by name when it is asked for."""

from collections.abc import Iterator
from typing import Any

from local.service import ServiceError, UnsupportedError, value_at

# What AWS does and this machine does not: paths of requests, "[]" stands for each item, "=" for refused values.
REFUSED = {
    "CreateTrainingJob": (
        "AlgorithmSpecification.AlgorithmName", "AlgorithmSpecification.TrainingInputMode=Pipe",
        "InputDataConfig[].InputMode=Pipe", "InputDataConfig[].DataSource.FileSystemDataSource",
        "InputDataConfig[].DataSource.S3DataSource.S3DataType=ManifestFile,AugmentedManifestFile,Converse",
        "ResourceConfig.InstanceGroups", "DebugRuleConfigurations", "ProfilerRuleConfigurations", "RetryStrategy",
        "ServerlessJobConfig", "SessionChainingConfig", "TensorBoardOutputConfig", "MlflowConfig"),
    "CreateProcessingJob": (
        "ProcessingInputs[].DatasetDefinition",
        "ProcessingInputs[].S3Input.S3InputMode=Pipe", "ProcessingOutputConfig.Outputs[].FeatureStoreOutput",
        "ProcessingOutputConfig.Outputs[].S3Output.S3UploadMode=Continuous"),
    "CreateTransformJob": (
        "DataCaptureConfig", "DataProcessing.JoinSource=Input", "TransformInput.SplitType=RecordIO,TFRecord",
        "TransformInput.CompressionType=Gzip",
        "TransformInput.DataSource.S3DataSource.S3DataType=ManifestFile,AugmentedManifestFile"),
    "CreateModel": ("PrimaryContainer.ModelPackageName", "PrimaryContainer.AdditionalModelDataSources",
                    "PrimaryContainer.Mode=MultiModel"),
    "CreateEndpointConfig": (
        "ShadowProductionVariants", "AsyncInferenceConfig", "ExplainerConfig", "ProductionVariants[].ServerlessConfig",
        "ProductionVariants[].InstancePools", "ProductionVariants[].ManagedInstanceScaling"),
    "UpdateEndpoint": ("DeploymentConfig.RollingUpdatePolicy",),
}
LOCAL_PATHS = {"CreateTrainingJob": "/opt/ml/", "CreateProcessingJob": "/opt/ml/processing/"}
INSTANCES = {"CreateTrainingJob": "ResourceConfig.InstanceCount",
             "CreateProcessingJob": "ProcessingResources.ClusterConfig.InstanceCount",
             "CreateTransformJob": "TransformResources.InstanceCount"}


def refuse(operation: str, request: dict[str, Any]) -> None:
    """Raise UnsupportedError for what this machine does not do, naming the member."""
    for rule in REFUSED[operation]:
        path, _, values = rule.partition("=")
        for found in _values(request, path):
            if found and (not values or found in values.split(",")):
                raise UnsupportedError(f"{operation} with {path}{f' {found}' if values else ''}")
    for path in _local_paths(request):
        if not path.startswith(LOCAL_PATHS[operation]) or ".." in path.split("/"):
            raise ServiceError("ValidationException", f"{operation}: LocalPath {path} must be an absolute path below "
                                                      f"{LOCAL_PATHS[operation]}")
    if operation in INSTANCES and (value_at(request, INSTANCES[operation]) or 1) > 1:
        raise UnsupportedError(f"{operation} with {INSTANCES[operation]} above 1")


def _values(document: Any, path: str) -> list[Any]:
    head, each, rest = path.partition("[].")
    found = value_at(document, head)
    return [value for item in found or [] for value in _values(item, rest)] if each else [found]


def _local_paths(value: Any) -> Iterator[str]:
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if key == "LocalPath":
            yield item
        elif isinstance(item, dict | list):
            yield from _local_paths(item)
