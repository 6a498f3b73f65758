"""The requests of the workflow's SageMaker calls, as Step Functions' Parameters.

A key that ends in `.$` is a path into the execution's input or a function of it.
"""

from __future__ import annotations

from typing import Any, Protocol

PROCESSING_FOLDER = "/opt/ml/processing"
CHECKPOINT_FOLDER = "/opt/ml/checkpoints"
ATTEMPT = "States.ArrayGetItem(States.StringSplit($$.Execution.Name, '-'), 2)"


class Owner(Protocol):
    """What a job needs to know of its project."""

    @property
    def job_role_arn(self) -> str:
        """The role that jobs run under."""

    @property
    def kms_key_arn(self) -> str:
        """The key that outputs are encrypted with."""


def formatted(template: str, *arguments: str) -> str:
    """Return a States.Format call."""
    return f"States.Format({', '.join([repr(template), *arguments])})"


def under_run(path: str) -> str:
    """Return the S3 address of something in the run's folder."""
    return formatted(f"{{}}/{path}", "$.Prefix")


def job_name(step: str) -> str:
    """Return the name of this execution's job for a step."""
    return formatted(f"{{}}-{step}-{{}}", "$.JobPrefix", ATTEMPT)


def model_name() -> str:
    """Return the name of this execution's model."""
    return formatted("{}-{}", "$.JobPrefix", ATTEMPT)


def common(step: str) -> dict[str, Any]:
    """Return what every job carries: its tags and its place in the experiment."""
    return {
        "Tags.$": "$.Tags",
        "ExperimentConfig": {
            "ExperimentName.$": "$.ExperimentName",
            "TrialName.$": "$.TrialName",
            "TrialComponentDisplayName": step,
        },
    }


def processing(owner: Owner, step: str, arguments: list[str], inputs: list[dict[str, Any]], outputs: dict[str, str]) -> dict[str, Any]:
    """Return createProcessingJob's parameters; outputs map a folder of the container to one of the run."""
    return {
        "ProcessingJobName.$": job_name(step),
        "AppSpecification": {"ImageUri.$": "$.ModelImageUri", "ContainerArguments": arguments},
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": {
            "Outputs": [processing_output(name, folder) for name, folder in outputs.items()],
            "KmsKeyId": owner.kms_key_arn,
        },
        "ProcessingResources": {"ClusterConfig.$": "$.Processing.ClusterConfig"},
        "StoppingCondition": {"MaxRuntimeInSeconds.$": "$.MaxRuntimeInSeconds"},
        "NetworkConfig": {"EnableNetworkIsolation": True},
        "RoleArn": owner.job_role_arn,
        **common(step),
    }


def run_inputs(inputs: dict[str, tuple[str, str]]) -> list[dict[str, Any]]:
    """Return processing inputs from folders of the run: {name: (folder in the run, folder in the container)}."""
    return [processing_input(name, under_run(source), folder) for name, (source, folder) in inputs.items()]


def processing_input(name: str, uri: str, folder: str) -> dict[str, Any]:
    """Return one input of a processing job."""
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri.$": uri,
            "LocalPath": f"{PROCESSING_FOLDER}/{folder}",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
        },
    }


def processing_output(name: str, folder: str) -> dict[str, Any]:
    """Return one output of a processing job."""
    return {
        "OutputName": name,
        "S3Output": {
            "S3Uri.$": under_run(folder),
            "LocalPath": f"{PROCESSING_FOLDER}/output/{name}",
            "S3UploadMode": "EndOfJob",
        },
    }


def training(owner: Owner) -> dict[str, Any]:
    """Return createTrainingJob's parameters."""
    return {
        "TrainingJobName.$": job_name("train"),
        "AlgorithmSpecification": {"TrainingImage.$": "$.ModelImageUri", "TrainingInputMode": "File"},
        "HyperParameters.$": "$.HyperParameters",
        "InputDataConfig": [channel(name) for name in ("train", "validation", "schema")],
        "OutputDataConfig": {"S3OutputPath.$": under_run("model"), "KmsKeyId": owner.kms_key_arn},
        "ResourceConfig.$": "$.Training.ResourceConfig",
        "StoppingCondition.$": "$.Training.StoppingCondition",
        "EnableManagedSpotTraining.$": "$.Training.ManagedSpot",
        # What an interrupted spot training goes on from; a retried stage of the same run, too.
        "CheckpointConfig": {"S3Uri.$": under_run("checkpoints"), "LocalPath": CHECKPOINT_FOLDER},
        "EnableNetworkIsolation": True,
        "RoleArn": owner.job_role_arn,
        **common("train"),
    }


def channel(name: str) -> dict[str, Any]:
    """Return one input channel of the training job."""
    return {
        "ChannelName": name,
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "S3Prefix",
                "S3Uri.$": under_run(f"data/{name}/"),
                "S3DataDistributionType": "FullyReplicated",
            },
        },
        "InputMode": "File",
    }


def model(owner: Owner) -> dict[str, Any]:
    """Return createModel's parameters; the transform job reads and writes under this model's role.

    serving.answer is not among them: golden records hold label and probability, which is what the API asks for.
    """
    return {
        "ModelName.$": model_name(),
        "PrimaryContainer": {
            "Image.$": "$.ModelImageUri",
            "ModelDataUrl.$": "$.Train.ModelArtifactUri",
            "Environment": {"MODEL_RUN.$": "$.RunId"},
        },
        "ExecutionRoleArn": owner.job_role_arn,
        "EnableNetworkIsolation": True,
        "Tags.$": "$.Tags",
    }


def transform(owner: Owner) -> dict[str, Any]:
    """Return createTransformJob's parameters: the golden rows in one request, since only the first line names the columns."""
    return {
        "TransformJobName.$": job_name("golden"),
        "ModelName.$": model_name(),
        "MaxConcurrentTransforms": 1,
        "BatchStrategy": "SingleRecord",
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri.$": under_run("golden/golden.csv")}},
            "ContentType": "text/csv",
            "SplitType": "None",
        },
        "TransformOutput": {
            "S3OutputPath.$": under_run("golden/transform"),
            "Accept": "application/jsonlines",
            "AssembleWith": "None",
            "KmsKeyId": owner.kms_key_arn,
        },
        "TransformResources.$": "$.Transform.Resources",
        **common("golden"),
    }
