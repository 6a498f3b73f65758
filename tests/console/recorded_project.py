"""A project's pipeline in AWS's own shapes: runs with what started them, stages, actions, logs."""

import copy
from typing import Any

from tests.console.recorded_aws import ACCOUNT, Fault, RecordedAws

NAME, ID = "churn-demo", "p-0123456789ab"
PREFIX = f"demo-churn-{ID}"
STAGES = {
    "Source": ["Code", "Data"], "Build": ["Build"], "Train": ["Functions", "Workflow", "Run"],
    "DeployDev": ["Endpoint", "Approval"], "DeployPrd": ["Endpoint", "Api", "Monitoring"],
}
NOW = 1_795_000_000.0
RULE = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/{PREFIX}-"
RETRAINING = f"arn:aws:sts::{ACCOUNT}:assumed-role/{PREFIX}-retraining/{PREFIX}-retraining"
CAUSES = (("CloudWatchEvent", f"{RULE}push"), ("CloudWatchEvent", f"{RULE}upload"), ("CloudWatchEvent", f"{RULE}schedule"),
          ("StartPipelineExecution", RETRAINING), ("StartPipelineExecution", f"arn:aws:iam::{ACCOUNT}:user/anna"),
          ("CreatePipeline", f"arn:aws:iam::{ACCOUNT}:user/anna"))
PAGE = 100


def run_id(number: int) -> str:
    """Return the id of the run of a number; the newest has the greatest."""
    return f"{number:08x}-1111-4222-8333-444444444444"


def run(number: int, status: str = "Succeeded") -> dict[str, Any]:
    """Return a run as ListPipelineExecutions has it."""
    kind, detail = CAUSES[number % len(CAUSES)]
    started = NOW + number * 3600
    return {
        "pipelineExecutionId": run_id(number), "status": status, "startTime": started, "lastUpdateTime": started + 100 + number,
        "trigger": {"triggerType": kind, "triggerDetail": detail}, "sourceRevisions": [
            {"actionName": "Code", "revisionId": f"{number:08x}{'c' * 32}", "revisionSummary": f"Change {number} of the model\n\nwith its reasons"},
            {"actionName": "Data", "revisionId": f"{number:08x}-version", "revisionSummary": "Amazon S3 version id: x"}]}


class RecordedProject(RecordedAws):
    """A project whose pipeline is as its fields say; what a person does to it changes them."""

    def __init__(self, runs: int = 3) -> None:
        super().__init__()
        self.runs = [run(number) for number in range(runs, 0, -1)]
        self.status = "CreateCompleted"
        self.actions: dict[str, list[dict[str, Any]]] = {each["pipelineExecutionId"]: self.done(each, STAGES) for each in self.runs}
        self.stage_status: dict[str, str] = dict.fromkeys(STAGES, "Succeeded")
        self.lines: list[str] = []
        self.answers = {
            "GetCallerIdentity": {}, "ListProjects": self._projects, "DescribeProject": self._project, "ListPipelines": self._pipelines,
            "ListPipelineExecutions": self._runs, "GetPipelineExecution": self._run, "GetPipelineState": self._state,
            "ListActionExecutions": self._actions, "RetryStageExecution": self._retry, "StopPipelineExecution": self._stop,
            "ListProcessingJobs": {"ProcessingJobSummaries": []}, "ListTrainingJobs": self._training, "ListTransformJobs": {"TransformJobSummaries": []},
            "DescribeLogGroups": self._groups, "DescribeLogStreams": self._streams, "GetLogEvents": self._events, "FilterLogEvents": self._found}

    @staticmethod
    def done(each: dict[str, Any], stages: dict[str, list[str]], last: str = "Succeeded", error: str = "") -> list[dict[str, Any]]:
        """Return the actions of a run, oldest first; the last one has the status ``last``."""
        names = [(stage, action) for stage, actions in stages.items() for action in actions]
        found = []
        for index, (stage, action) in enumerate(names):
            begun = each["startTime"] + 10 * index
            final = index == len(names) - 1
            result: dict[str, Any] = {"externalExecutionId": f"{PREFIX}-build:{each['pipelineExecutionId'][:8]}"} if stage == "Build" else {}
            if final and error:
                result["errorDetails"] = {"code": "JobFailed", "message": error}
            found.append({
                "pipelineExecutionId": each["pipelineExecutionId"], "actionExecutionId": f"{stage}-{action}-{index}", "stageName": stage,
                "actionName": action, "startTime": begun, "lastUpdateTime": begun + 9.5, "status": last if final else "Succeeded",
                "output": {"executionResult": result}})
        return found

    def under_way(self, status: str, stages: dict[str, list[str]], last: str, error: str = "") -> dict[str, Any]:
        """Let the newest run be at the last of the stages given; return it."""
        newest = self.runs[0]
        newest["status"] = status
        self.actions[newest["pipelineExecutionId"]] = self.done(newest, stages, last, error)
        self.stage_status = dict.fromkeys(stages, "Succeeded") | {list(stages)[-1]: last}
        return newest

    def _projects(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"ProjectSummaryList": [{
            "ProjectName": NAME, "ProjectArn": f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:project/{NAME}", "ProjectId": ID,
            "ProjectDescription": "Who will leave?", "CreationTime": NOW, "ProjectStatus": self.status}]}

    def _project(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["ProjectName"] != NAME:
            raise Fault("ValidationException", f"Project with name {request['ProjectName']} does not exist")
        return {"ProjectName": NAME, "ProjectArn": "arn", "ProjectId": ID, "ProjectStatus": self.status, "CreationTime": NOW,
                "ServiceCatalogProvisioningDetails": {"ProductId": "prod-1"}}

    def _pipelines(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"pipelines": [{"name": "others"}, {"name": PREFIX}] if self.status == "CreateCompleted" else []}

    def _runs(self, request: dict[str, Any]) -> dict[str, Any]:
        start, count = int(request.get("nextToken", 0)), min(request.get("maxResults", PAGE), PAGE)
        more = {"nextToken": str(start + count)} if start + count < len(self.runs) else {}
        return {"pipelineExecutionSummaries": self.runs[start:start + count], **more}

    def _one(self, request: dict[str, Any]) -> dict[str, Any]:
        wanted = request.get("pipelineExecutionId") or request["filter"]["pipelineExecutionId"]
        for each in self.runs:
            if each["pipelineExecutionId"] == wanted:
                return each
        raise Fault("PipelineExecutionNotFoundException", f"no execution {wanted}")

    def _run(self, request: dict[str, Any]) -> dict[str, Any]:
        found = self._one(request)
        revisions = [{**each, "name": {"Code": "SourceCode", "Data": "DataSource"}[each["actionName"]]} for each in found["sourceRevisions"]]
        return {"pipelineExecution": {key: found[key] for key in ("pipelineExecutionId", "status", "trigger")} | {"artifactRevisions": revisions}}

    def _actions(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"actionExecutionDetails": copy.deepcopy(self.actions[self._one(request)["pipelineExecutionId"]])[::-1]}

    def _state(self, request: dict[str, Any]) -> dict[str, Any]:
        newest = self.runs[0]["pipelineExecutionId"] if self.runs else None
        return {"pipelineName": PREFIX, "stageStates": [
            {"stageName": stage, "inboundTransitionState": {"enabled": True}, "actionStates": [{"actionName": name} for name in names],
             **({"latestExecution": {"pipelineExecutionId": newest, "status": self.stage_status[stage]}} if newest and stage in self.stage_status else {})}
            for stage, names in STAGES.items()]}

    def _retry(self, request: dict[str, Any]) -> dict[str, Any]:
        found = self._one(request)
        if found["status"] not in ("Failed", "Stopped"):
            raise Fault("StageNotRetryableException", "it has not failed")
        self.under_way("InProgress", {**{name: STAGES[name] for name in self.stage_status}}, "InProgress")
        return {"pipelineExecutionId": request["pipelineExecutionId"]}

    def _stop(self, request: dict[str, Any]) -> dict[str, Any]:
        found = self._one(request)
        if found["status"] != "InProgress":
            raise Fault("PipelineExecutionNotStoppableException", "it has ended")
        found.update(status="Stopped", stopTrigger={"reason": request["reason"]})
        return {"pipelineExecutionId": request["pipelineExecutionId"]}

    def _training(self, request: dict[str, Any]) -> dict[str, Any]:
        name = f"{request['NameContains']}-train-0a1b"
        return {"TrainingJobSummaries": [{"TrainingJobName": name, "TrainingJobArn": "arn", "CreationTime": NOW, "TrainingJobStatus": "Completed"}]}

    def _groups(self, request: dict[str, Any]) -> dict[str, Any]:
        wanted = f"/aws/lambda/{PREFIX}-api"
        return {"logGroups": [{"logGroupName": wanted}] if wanted.startswith(request["logGroupNamePrefix"]) else []}

    def _streams(self, request: dict[str, Any]) -> dict[str, Any]:
        if not self.lines:
            raise Fault("ResourceNotFoundException", "The specified log group does not exist.")
        found = [request["logStreamNamePrefix"]] if "logStreamNamePrefix" in request else ["2026/11/21/[5]abc", "2026/11/21/[4]abc"]
        return {"logStreams": [{"logStreamName": name, "lastEventTimestamp": 10 - place} for place, name in enumerate(found)]}

    def _events(self, request: dict[str, Any]) -> dict[str, Any]:
        kind, _, place = request.get("nextToken", f"b/{len(self.lines)}").partition("/")
        limit, at = request["limit"], int(place)
        start, end = (at, min(at + limit, len(self.lines))) if kind == "f" else (max(at - limit, 0), at)
        return {"events": [self._event(index) for index in range(start, end)], "nextForwardToken": f"f/{end}", "nextBackwardToken": f"b/{start}"}

    def _found(self, request: dict[str, Any]) -> dict[str, Any]:
        wanted = request["filterPattern"].strip('"')
        return {"events": [{"eventId": str(index), **self._event(index)} for index, line in enumerate(self.lines) if wanted in line], "searchedLogStreams": []}

    def _event(self, index: int) -> dict[str, Any]:
        return {"timestamp": int(NOW * 1000) + index, "message": self.lines[index], "ingestionTime": int(NOW * 1000)}
