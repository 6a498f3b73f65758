"""A project with a run that waits for an answer, and the workflow's executions: files, functions and histories in AWS's own shapes."""

import json
from typing import Any

from tests.console.recorded_aws import ACCOUNT, Fault
from tests.console.recorded_project import NOW, PREFIX, STAGES, RecordedProject
from tests.console.workflow_definition import definition
from tests.console.workflow_events import START, training

BUCKET = f"{PREFIX}-{ACCOUNT}"
MACHINE = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:{PREFIX}-workflow"
EXECUTION = MACHINE.replace("stateMachine", "execution")
TO_APPROVAL = {name: STAGES[name] for name in ("Source", "Build", "Train", "DeployDev")}
PROOF = """<DescribeStackResourceResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStackResourceResult><StackResourceDetail>
<LogicalResourceId>Proof</LogicalResourceId><ResourceType>Custom::Proof</ResourceType><ResourceStatus>CREATE_COMPLETE</ResourceStatus>
<LastUpdatedTimestamp>2026-11-18T14:00:00Z</LastUpdatedTimestamp></StackResourceDetail></DescribeStackResourceResult></DescribeStackResourceResponse>"""
CAUSE = "AlgorithmError: the column total_day_minutes has no number in 3 of 3333 rows"
METRICS = {"auc": (0.8999, 0.0288), "accuracy": (0.96, 0.0097), "accuracy_best_constant_classifier": (0.856, 0.0163), "precision": (0.9483, 0.0285),
           "recall": (0.7639, 0.0512), "f1": (0.8462, 0.0353), "false_positive_rate": (0.007, 0.004), "log_loss": (0.1671, 0.0266)}
MORE = {"auc": (0.0095, 0.0141), "accuracy": (0.004, 0.0031), "precision": (0.0172, 0.021), "recall": (0.0139, 0.0163), "f1": (0.0154, 0.0127),
        "false_positive_rate": (-0.0023, 0.0023), "log_loss": (-0.0837, 0.0085)}


def measured(found: dict[str, tuple[float, float]]) -> dict[str, Any]:
    """Return metrics as evaluation.json has them."""
    return {name: {"value": value, "standard_deviation": deviation} for name, (value, deviation) in found.items()}


def evaluation() -> dict[str, Any]:
    """Return an evaluation beside a live model."""
    rates = [step / 40 for step in range(41)]
    live = {name: (value - MORE[name][0], deviation) for name, (value, deviation) in METRICS.items() if name in MORE}
    return {
        "dataset": {"item_count": 500, "target": "churn"},
        "binary_classification_metrics": measured(METRICS) | {
            "confusion_matrix": {"no": {"no": 425, "yes": 3}, "yes": {"no": 17, "yes": 55}},
            "receiver_operating_characteristic_curve": {"false_positive_rates": rates, "true_positive_rates": [rate ** 0.15 for rate in rates]}},
        "live_model": {"compared": True, "metrics": measured(live), "difference": measured(MORE)}}


class RecordedTraining(RecordedProject):
    """A project whose newest run waits for an answer, beside the one before it, which serves."""

    def __init__(self, runs: int = 3) -> None:
        super().__init__(runs)
        self.new, self.live = self.runs[0], self.runs[1]
        self.token: str | None = "token-1"
        self.given: dict[str, Any] = {}  # the answer
        self.failed_at = self.at = ""  # the state in which the newest execution failed, or is
        self.under_way("InProgress", TO_APPROVAL, "InProgress")
        for run in self.runs:
            self._made_of(run)
        self.answers |= {
            "PutApprovalResult": self._put, "DescribeStackResource": PROOF, "ListExecutions": self._executions, "DescribeExecution": self._execution,
            "GetExecutionHistory": self._history, "DescribeStateMachineForExecution": self._machine, "DescribeStateMachine": self._machine}
        self.contents[f"/2015-03-31/functions/{PREFIX}-api/configuration"] = json.dumps(
            {"Environment": {"Variables": {"MODEL_RUN": self.live["pipelineExecutionId"]}}}).encode()
        self.file(self.new, "evaluation/evaluation.json", json.dumps(evaluation()))
        record = {"features": {"state": "TN"}, "prediction": {"label": "yes", "probability": 0.8977}}
        self.file(self.new, "golden/records.jsonl", f"{json.dumps(record)}\n" * 20)

    def file(self, run: dict[str, Any], name: str, text: str) -> None:
        """Lay a file into the folder of a run."""
        self.contents[f"/{BUCKET}/runs/{run['pipelineExecutionId']}/{name}"] = text.encode()

    def _made_of(self, run: dict[str, Any]) -> None:
        outputs = {
            "Code": {"CommitId": run["sourceRevisions"][0]["revisionId"], "CommitMessage": run["sourceRevisions"][0]["revisionSummary"]},
            "Data": {"BucketName": BUCKET, "ObjectKey": "data-source.zip", "VersionId": run["sourceRevisions"][1]["revisionId"]},
            "Build": {"MODEL_IMAGE_URI": f"model@sha256:{'a' * 64}"}}
        for action in self.actions[run["pipelineExecutionId"]]:
            action["output"]["outputVariables"] = outputs.get(action["actionName"], {})
            if action["actionName"] == "Approval":
                action["input"] = {"configuration": {"CustomData": "Shall this model be put into production?"}}
        leaves = {"max_leaf_nodes": 8} if run is self.new else {}
        self.file(run, "config/config.json", json.dumps({"training": {"estimator": "HistGradientBoosting", "hyperparameters": leaves}}))

    def _state(self, request: dict[str, Any]) -> dict[str, Any]:
        found = super()._state(request)
        latest = {"actionExecutionId": self._approval()["actionExecutionId"], "status": self._approval()["status"], "lastStatusChange": NOW,
                  **({"token": self.token} if self.token else {"summary": self.given["summary"], "lastUpdatedBy": self.given["by"]})}
        found["stageStates"][3]["actionStates"][1]["latestExecution"] = latest
        return found

    def _approval(self) -> dict[str, Any]:
        return next(action for action in self.actions[self.new["pipelineExecutionId"]] if action["actionName"] == "Approval")

    def _put(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["token"] != self.token:
            raise Fault("InvalidApprovalTokenException", "The approval request already received a response or has expired.")
        self.answer_as("anna", request["result"])
        return {"approvedAt": NOW}

    def answer_as(self, who: str, result: dict[str, str]) -> None:
        """Answer the question, whoever does."""
        approved, by = result["status"] == "Approved", f"arn:aws:iam::{ACCOUNT}:user/{who}"
        self.token, self.given = None, result | {"by": by}
        action = self._approval() | {"status": "Succeeded" if approved else "Failed", "updatedBy": by}
        action["output"] = action["output"] | {"executionResult": {"externalExecutionSummary": result["summary"]}}
        actions = self.actions[self.new["pipelineExecutionId"]]
        actions[actions.index(self._approval())] = action
        self.stage_status = dict.fromkeys(TO_APPROVAL, "Succeeded") | ({"DeployPrd": "InProgress"} if approved else {"DeployDev": "Failed"})

    # ------------------------------------------------------------------ the workflow

    def _executions(self, request: dict[str, Any]) -> dict[str, Any]:
        start, count = int(request.get("nextToken", 0)), request["maxResults"]
        more = {"nextToken": str(start + count)} if start + count < len(self.runs) else {}
        return {"executions": [self._listed(run) for run in self.runs[start:start + count]], **more}

    def _listed(self, run: dict[str, Any]) -> dict[str, Any]:
        name = f"{run['pipelineExecutionId'][:8]}-Train-Run-5"
        status = "SUCCEEDED" if run is not self.new else "FAILED" if self.failed_at else "RUNNING" if self.at else "SUCCEEDED"
        ended = {} if status == "RUNNING" else {"stopDate": run["startTime"] + 95}
        return {"executionArn": f"{EXECUTION}:{name}", "stateMachineArn": MACHINE, "name": name, "status": status,
                "startDate": run["startTime"] + 60, **ended}

    def _of(self, request: dict[str, Any]) -> dict[str, Any]:
        for run in self.runs:
            if request["executionArn"] == self._listed(run)["executionArn"]:
                return run
        raise Fault("ExecutionDoesNotExist", f"Execution Does Not Exist: '{request['executionArn']}'")

    def _execution(self, request: dict[str, Any]) -> dict[str, Any]:
        run = self._of(request)
        given = {"RunId": run["pipelineExecutionId"], "MetricName": "auc", "Threshold": 0.85, "Comparison": "at least"}
        if run is self.new:
            given["LiveModelUri"] = f"s3://{BUCKET}/runs/{self.live['pipelineExecutionId']}/model/model.tar.gz"
        return self._listed(run) | {"input": json.dumps(given)}

    def _machine(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"stateMachineArn": MACHINE, "name": f"{PREFIX}-workflow", "definition": json.dumps(definition()), "roleArn": f"arn:aws:iam::{ACCOUNT}:role/x",
                "updateDate": NOW, "creationDate": NOW, "type": "STANDARD"}

    def _history(self, request: dict[str, Any]) -> dict[str, Any]:
        run = self._of(request)
        stop = (self.at or self.failed_at) if run is self.new else ""
        given = {"RunId": run["pipelineExecutionId"], "Prefix": f"s3://{BUCKET}/runs/{run['pipelineExecutionId']}"}
        events = training(f"{PREFIX}-{run['pipelineExecutionId'][:8]}", given, stop, CAUSE if stop and self.failed_at else "")
        return {"events": [event | {"timestamp": (event["timestamp"] - START).total_seconds() + run["startTime"] + 60} for event in events]}
