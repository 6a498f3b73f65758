"""The training workflow: experiment, data, baseline beside train .. gate .. golden records, promotion.

The definition holds what is one for the project (roles, key, functions); what differs from run to
run is in the execution's input (model/workflow_input.py), so that one state machine serves all runs.
Job names end in four hex digits of the execution's name, `R-<uuid>`: a retried stage runs under a new
name and so never meets the jobs of the first try.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from model import jobs
from model.states import Catch, CausedFail, Chain, Choice, ChoiceRule, Graph, Retry, SelectingParallel, SelectingTask, State

# Step Functions gives a throttled call the generic name AmazonSageMakerException, which other refusals
# share: these are tried again, too. It costs 35 s before a wrong request fails.
SAGEMAKER_BUSY = {"error_equals": ["ThrottlingException", "SageMaker.AmazonSageMakerException"],
                  "interval_seconds": 5, "max_attempts": 3, "backoff_rate": 2.0}
# Another run's job may hold the last instance that the quota allows.
SAGEMAKER_FULL = {"error_equals": ["SageMaker.ResourceLimitExceededException"],
                  "interval_seconds": 60, "max_attempts": 3, "backoff_rate": 1.0}
LAMBDA_BUSY = {"error_equals": ["Lambda.TooManyRequestsException", "Lambda.ServiceException",
                                "Lambda.AWSLambdaException", "Lambda.SdkClientException"],
               "interval_seconds": 2, "max_attempts": 4, "backoff_rate": 2.0}
# A function's first mount of the file system takes long, and mount targets come up after their stack.
EFS_AWAY = {"error_equals": ["Lambda.EFSMountConnectivityException", "Lambda.EFSMountTimeoutException",
                             "Lambda.EFSMountFailureException", "Lambda.EFSIOException", "ArtifactsUnavailable"],
            "interval_seconds": 15, "max_attempts": 4, "backoff_rate": 2.0}


@dataclass(frozen=True)
class Project:
    """What the definition takes from the project."""

    name_prefix: str
    job_role_arn: str
    kms_key_arn: str
    timeout_minutes: int


def definition(project: Project) -> dict[str, Any]:
    """Return the state machine in Amazon States Language; `${AWS::Partition}` is left to CloudFormation."""
    both = SelectingParallel("BaselineAndTrain", {"Evaluation.$": "$[1].QueryEvaluation", "Promotion.$": "$[1].QueryTraining"})
    both.add_branch(Chain([baseline(project)]))
    both.add_branch(train_to_gate(project))
    chain = Chain([create_experiment(project), prepare_data(project), both])
    return dict(Graph(chain, comment="Prepares data, trains, judges and promotes one model.").to_dict())


def task(name: str, resource: str, parameters: dict[str, Any], retries: list[dict[str, Any]],
         kept: dict[str, str] | None = None, **fields: Any) -> State:
    """Return a Task that tries again what passes and ends anything else in the Fail state of its name."""
    step = SelectingTask(name, kept or {}, resource=resource, parameters=parameters, **fields)
    for retry in retries:
        step.add_retry(Retry(**retry))
    failed = CausedFail(f"{name}Failed", "$.Caught.Cause")
    step.add_catch(Catch(error_equals=["States.ALL"], result_path="$.Caught", next_step=failed))
    return step


def sagemaker(name: str, call: str, parameters: dict[str, Any], kept: dict[str, str] | None = None, **fields: Any) -> State:
    """Return a Task that calls SageMaker."""
    resource = f"arn:${{AWS::Partition}}:states:::sagemaker:{call}"
    return task(name, resource, parameters, [SAGEMAKER_BUSY, SAGEMAKER_FULL], kept, **fields)


def function(project: Project, name: str, suffix: str, payload: dict[str, Any],
             kept: dict[str, str] | None = None, retries: tuple[dict[str, Any], ...] = ()) -> State:
    """Return a Task that calls one of the project's functions."""
    parameters = {"FunctionName": f"{project.name_prefix}-{suffix}", "Payload": payload}
    return task(name, "arn:${AWS::Partition}:states:::lambda:invoke", parameters, [LAMBDA_BUSY, *retries], kept)


def create_experiment(project: Project) -> State:
    """Return the state that makes the experiment and this run's trial."""
    return function(project, "CreateExperiment", "experiment",
                    {"ExperimentName.$": "$.ExperimentName", "TrialName.$": "$.TrialName", "Tags.$": "$.Tags"})


def prepare_data(project: Project) -> State:
    """Return the job that splits the data and keeps the golden rows."""
    inputs = {"data": ("data/input/", "input/data"), "config": ("config/", "input/config")}
    outputs = {"train": "data/train", "validation": "data/validation", "test": "data/test", "schema": "data/schema",
               "baseline": "baseline/data", "golden": "golden"}
    return sagemaker("PrepareData", "createProcessingJob.sync",
                     jobs.processing(project, "prepare", ["prepare"], jobs.run_inputs(inputs), outputs))


def baseline(project: Project) -> State:
    """Return the job that describes the training data for monitoring."""
    inputs = {"baseline": ("baseline/data/", "input/baseline"), "schema": ("data/schema/", "input/schema"),
              "config": ("config/", "input/config")}
    return sagemaker("Baseline", "createProcessingJob.sync",
                     jobs.processing(project, "baseline", ["monitor", "baseline"], jobs.run_inputs(inputs), {"baseline": "baseline"}))


def train_to_gate(project: Project) -> Chain:
    """Return the branch from training to the gate, and past it to promotion."""
    gate = Choice("Gate")
    gate.add_choice(good_enough(), Chain([golden(project), golden_records(project), query_training(project)]))
    gate.default_choice(CausedFail("GateFailed", jobs.formatted(
        "The model is not good enough: {} is {}, the gate in model/config.yml asks for {} {}",
        "$.QueryEvaluation.Metric", "$.QueryEvaluation.Value", "$.Comparison", "$.Threshold")))
    return Chain([train(project), save_model(project), evaluate(project), query_evaluation(project), gate])


def good_enough() -> Any:
    """Return the rule that lets a model pass: its metric is on the right side of the threshold, or on it."""
    value, threshold = "$.QueryEvaluation.Value", "$.Threshold"
    return ChoiceRule.Or([
        ChoiceRule.And([ChoiceRule.StringEquals("$.Comparison", "at least"),
                        ChoiceRule.NumericGreaterThanEqualsPath(value, threshold)]),
        ChoiceRule.And([ChoiceRule.StringEquals("$.Comparison", "at most"),
                        ChoiceRule.NumericLessThanEqualsPath(value, threshold)]),
    ])


def train(project: Project) -> State:
    """Return the training job; it keeps the address of the model archive."""
    return sagemaker("Train", "createTrainingJob.sync", jobs.training(project),
                     {"ModelArtifactUri.$": "$.ModelArtifacts.S3ModelArtifacts"})


def save_model(project: Project) -> State:
    """Return the call that makes the candidate a SageMaker model."""
    return sagemaker("SaveModel", "createModel", jobs.model(project))


def evaluate(project: Project) -> State:
    """Return the job that judges the candidate on the test data, beside the live model where there is one."""
    inputs = [jobs.processing_input("model", "$.Train.ModelArtifactUri", "input/model"),
              *jobs.run_inputs({"test": ("data/test/", "input/test")}),
              jobs.processing_input("live", "$.LiveModelUri", "input/live")]
    return sagemaker("Evaluate", "createProcessingJob.sync",
                     jobs.processing(project, "evaluate", ["evaluate"], inputs, {"evaluation": "evaluation"}))


def query_evaluation(project: Project) -> State:
    """Return the state that reads the gate's metric from the evaluation."""
    payload = {"EvaluationUri.$": jobs.under_run("evaluation/evaluation.json"), "Metric.$": "$.MetricName"}
    kept = {f"{name}.$": f"$.Payload.{name}" for name in ("Metric", "Value", "StandardDeviation")}
    return function(project, "QueryEvaluation", "query-evaluation", payload, kept)


def golden(project: Project) -> State:
    """Return the job that asks the candidate for the golden rows' predictions; a transform job has no time limit of its own."""
    return sagemaker("Golden", "createTransformJob.sync", jobs.transform(project), timeout_seconds=project.timeout_minutes * 60)


def golden_records(project: Project) -> State:
    """Return the state that joins golden rows and predictions."""
    return function(project, "GoldenRecords", "transform-header", {
        "InputUri.$": jobs.under_run("golden/golden.csv"),
        "OutputUri.$": jobs.under_run("golden/transform/golden.csv.out"),
        "RecordsUri.$": jobs.under_run("golden/records.jsonl"),
    })


def query_training(project: Project) -> State:
    """Return the state that promotes the candidate: from here on it may be deployed."""
    payload = {
        "RunId.$": "$.RunId",
        "ModelArtifactUri.$": "$.Train.ModelArtifactUri",
        "ModelUri.$": jobs.under_run("model/model.tar.gz"),
        "InferenceUri.$": jobs.under_run("inference"),
        "KmsKeyArn": project.kms_key_arn,
    }
    kept = {f"{name}.$": f"$.Payload.{name}" for name in ("ModelUri", "InferenceUri")}
    return function(project, "QueryTraining", "query-training", payload, kept, (EFS_AWAY,))
