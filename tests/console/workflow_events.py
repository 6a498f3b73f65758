"""Histories of the workflow's kind of state machine, as Step Functions tells them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.console.workflow_definition import STEPS

JOBS = {"createProcessingJob.sync": "ProcessingJobName", "createTrainingJob.sync": "TrainingJobName", "createTransformJob.sync": "TransformJobName",
        "createModel": "ModelName", "invoke": "FunctionName"}
KINDS = {"BaselineAndTrain": "Parallel", "Gate": "Choice"}
START = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)


class History:
    """Events in the order of the calls, a second apart; each names the one that it follows."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.add("ExecutionStarted", 0)

    def add(self, kind: str, after: int, details: str = "", **values: Any) -> int:
        """Add an event after another one; return its number."""
        number = len(self.events) + 1
        self.events.append({"id": number, "type": kind, "timestamp": START + timedelta(seconds=number), "previousEventId": after,
                            **({f"{details}EventDetails": values} if details else {})})
        return number

    def enter(self, kind: str, name: str, after: int, **given: Any) -> int:
        """Enter a state."""
        return self.add(f"{kind}StateEntered", after, "stateEntered", name=name, input=json.dumps(given))

    def leave(self, kind: str, name: str, after: int, **result: Any) -> int:
        """Leave a state."""
        return self.add(f"{kind}StateExited", after, "stateExited", name=name, output=json.dumps(result))

    def ask(self, after: int, resource: str, **parameters: Any) -> int:
        """Schedule a task."""
        service = "lambda" if resource == "invoke" else "sagemaker"
        return self.add("TaskScheduled", after, "taskScheduled", resourceType=service, resource=resource, region="us-east-1",
                        parameters=json.dumps(parameters))

    def fail(self, after: int, error: str, cause: str) -> int:
        """Let a task fail."""
        return self.add("TaskFailed", after, "taskFailed", resourceType="sagemaker", resource="createTrainingJob.sync", error=error, cause=cause)


def interleaved() -> list[dict[str, Any]]:
    """Return the history of two branches at once: training is tried again, and the other branch ends meanwhile."""
    history = History()
    both = history.enter("Parallel", "BaselineAndTrain", 0)
    started = history.add("ParallelStateStarted", both)
    baseline = history.enter("Task", "Baseline", started, RunId="1")
    train = history.enter("Task", "Train", started, RunId="1")
    baseline = history.ask(baseline, "createProcessingJob.sync", ProcessingJobName="demo-1-baseline-abcd")
    train = history.ask(train, "createTrainingJob.sync", TrainingJobName="demo-1-train-abcd")
    train = history.fail(train, "SageMaker.ResourceLimitExceededException", "no instance left")
    baseline = history.add("TaskSucceeded", baseline, "taskSucceeded", resourceType="sagemaker", resource="createProcessingJob.sync")
    train = history.ask(train, "createTrainingJob.sync", TrainingJobName="demo-1-train-abcd")
    history.leave("Task", "Baseline", baseline, Done=True)
    return history.events


def failed() -> list[dict[str, Any]]:
    """Return the history of a training that failed, was caught and ended all; the other branch was under way."""
    history = History()
    both = history.enter("Parallel", "BaselineAndTrain", 0)
    started = history.add("ParallelStateStarted", both)
    baseline = history.ask(history.enter("Task", "Baseline", started), "createProcessingJob.sync", ProcessingJobName="demo-1-baseline-abcd")
    train = history.ask(history.enter("Task", "Train", started), "createTrainingJob.sync", TrainingJobName="demo-1-train-abcd")
    train = history.leave("Task", "Train", history.fail(train, "States.TaskFailed", "the data has no column churn"))
    history.enter("Fail", "TrainFailed", train)
    history.add("TaskStateAborted", baseline)
    history.add("ExecutionFailed", both, "executionFailed", error="TrainFailed", cause="the data has no column churn")
    return history.events


def training(jobs: str, given: dict[str, Any], stop: str = "", cause: str = "") -> list[dict[str, Any]]:
    """Return the history of a whole training; with ``stop`` it is in that state, or has failed there where there is a cause."""
    history, names = History(), list(STEPS)
    last = {"": 0}
    for name in [*names[:2], "BaselineAndTrain", *names[2:7], "Gate", *names[7:]]:
        branch = "" if name in (*names[:2], "BaselineAndTrain") else "baseline" if name == "Baseline" else "train"
        kind = KINDS.get(name, "Task")
        last[branch] = history.enter(kind, name, last.get(branch, last[""]), **given)
        if name in STEPS:
            resource = STEPS[name].rpartition(":")[2]
            last[branch] = history.ask(last[branch], resource, **{JOBS[resource]: f"{jobs}-{name.lower()}-0a1b"})
        if name == stop:
            break
        if kind != "Parallel":
            last[branch] = history.leave(kind, name, last[branch], Done=True)
    if cause:
        last["train"] = history.leave("Task", stop, history.fail(last["train"], "States.TaskFailed", cause))
        history.enter("Fail", f"{stop}Failed", last["train"])
        history.add("ExecutionFailed", last[""], "executionFailed", error=f"{stop}Failed", cause=cause)
    elif not stop:
        history.leave("Parallel", "BaselineAndTrain", last[""], ModelUri="s3://model")
    return history.events
