"""The workflow's state machine, without what its tasks are asked to do."""

from typing import Any

STEPS = {  # state -> what it calls; the branch of the training after the one of the baseline
    "CreateExperiment": "lambda:invoke", "PrepareData": "sagemaker:createProcessingJob.sync", "Baseline": "sagemaker:createProcessingJob.sync",
    "Train": "sagemaker:createTrainingJob.sync", "SaveModel": "sagemaker:createModel", "Evaluate": "sagemaker:createProcessingJob.sync",
    "QueryEvaluation": "lambda:invoke", "Golden": "sagemaker:createTransformJob.sync", "GoldenRecords": "lambda:invoke", "QueryTraining": "lambda:invoke"}


def chain(names: list[str]) -> dict[str, Any]:
    """Return tasks that follow each other, each with the Fail state of its name."""
    states: dict[str, Any] = {}
    for name, after in zip(names, [*names[1:], ""], strict=True):
        states[name] = {"Type": "Task", "Resource": f"arn:aws:states:::{STEPS[name]}", **({"Next": after} if after else {"End": True}),
                        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": f"{name}Failed"}]}
        states[f"{name}Failed"] = {"Type": "Fail", "Error": f"{name}Failed"}
    return {"StartAt": names[0], "States": states}


def definition() -> dict[str, Any]:
    """Return the definition: two branches after the data is prepared, one of them from the training past the gate to the promotion."""
    names = list(STEPS)
    training, after = chain(names[3:7]), chain(names[7:])
    training["States"] |= after["States"] | {
        "Gate": {"Type": "Choice", "Default": "GateFailed", "Choices": [
            {"Variable": "$.Value", "NumericGreaterThanEqualsPath": "$.Threshold", "Next": "Golden"}]},
        "GateFailed": {"Type": "Fail", "Error": "GateFailed"}}
    training["States"]["QueryEvaluation"] = training["States"]["QueryEvaluation"] | {"Next": "Gate"}
    training["States"]["QueryEvaluation"].pop("End")
    whole = chain(names[:2])
    whole["States"]["PrepareData"]["Next"] = "BaselineAndTrain"
    whole["States"]["PrepareData"].pop("End")
    whole["States"]["BaselineAndTrain"] = {"Type": "Parallel", "Branches": [chain(["Baseline"]), training], "End": True}
    return whole
