"""CodePipeline: pipelines of type V1 and V2 in SUPERSEDED mode; what a run does is in pipeline_run.py."""

import uuid
from typing import Any

from local.authorization import authorize_pass_role
from local.machine import Machine
from local.pipeline_actions import ACTIONS, page_of
from local.pipeline_records import RUNNING, Records
from local.pipeline_run import Run
from local.pipeline_structure import Kinds, check
from local.service import Call, Service, ServiceError, value_at

OVERRIDES = {"COMMIT_ID": "CodeCommit", "S3_OBJECT_VERSION_ID": "S3", "S3_OBJECT_KEY": "S3"}
INTERRUPTED = {"code": "JobFailed",
               "message": "interrupted: the local AWS was stopped during this action; retry the stage"}


class CodePipeline(Service):
    """Pipelines, their executions, approvals and transitions."""

    service_name = "codepipeline"
    pass_roles = {"CreatePipeline": ("pipeline.roleArn",), "UpdatePipeline": ("pipeline.roleArn",)}
    role_principal = "codepipeline.amazonaws.com"
    tag_action = "TagResource"
    waits_for_stacks = True

    def __init__(self, machine: Machine, kinds: Kinds = ACTIONS) -> None:
        super().__init__(machine)
        self.records, self._kinds = Records(machine), kinds
        self._runners = {key: kind.run for key, kind in kinds.items()}

    def resource_arn(self, operation: str, request: dict[str, Any]) -> str:
        """Return the ARN of the pipeline, stage or action that an operation is about."""
        if "resourceArn" in request:
            arn: str = request["resourceArn"]
            return arn
        name = request.get("name") or request.get("pipelineName") or value_at(request, "pipeline.name") or "*"
        return self.machine.arn("codepipeline", "/".join(
            [name, *(request[key] for key in ("stageName", "actionName") if key in request)]))

    def setup(self) -> None:
        """Fail the actions that a former machine left running, and go on with approvals and waiting executions."""
        records = self.records
        records.resume()
        for record in list(records.actions.values()):
            if record["status"] == "InProgress" and "token" not in record:
                records.end_action(record["actionExecutionId"], "Failed", INTERRUPTED)
        running = [execution for execution in records.executions.values() if execution["status"] in RUNNING]
        for name in records.pipelines:
            with records.change(records.pipelines, name) as pipeline:
                for stage, place in pipeline["stages"].items():  # a kill may have come between two documents
                    place["inside"] = next((
                        execution["pipelineExecutionId"] for execution in running if execution["pipelineName"] == name
                        and execution["stages"].get(stage, {}).get("status") == "InProgress"), None)
        for execution in sorted(running, key=lambda execution: execution["number"]):
            Run(records, self._runners, execution["pipelineExecutionId"]).start()

    def stop(self) -> None:
        """Wake all runs, so that they see the machine stop."""
        with self.records.changed:
            self.records.changed.notify_all()

    # Pipelines

    def create_pipeline(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        declaration, now = self._checked(request["pipeline"], call), self.machine.clock.now()
        name, tags = declaration["name"], request.get("tags", [])
        with self.records.changed:
            if name in self.records.pipelines:
                raise ServiceError("PipelineNameInUseException", f"A pipeline with the name '{name}' already exists in "
                                   f"account '{self.machine.account_id}'")
            declaration["version"] = 1
            self.records.pipelines[name] = {"declarations": [declaration], "created": now, "updated": now, "tags": tags,
                                            "stages": {}, "latestActions": {}, "started": 0}
        if all("defaultValue" in variable for variable in declaration.get("variables", [])):
            self._start(name, "CreatePipeline", call.principal)
        return {"pipeline": declaration, "tags": tags}

    def update_pipeline(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Add a version; executions under way keep theirs."""
        declaration = self._checked(request["pipeline"], call)
        self._pipeline(declaration["name"])
        with self.records.change(self.records.pipelines, declaration["name"]) as pipeline:
            declaration["version"] = len(pipeline["declarations"]) + 1
            pipeline["declarations"].append(declaration)
            pipeline["updated"] = self.machine.clock.now()
        return {"pipeline": declaration}

    def _checked(self, declaration: dict[str, Any], call: Call) -> dict[str, Any]:
        """Return a declaration with AWS's defaults, once it is valid and the caller may pass its roles."""
        check(declaration, self._kinds, self.machine.region)
        for stage in declaration["stages"]:
            for action in stage["actions"]:
                action.setdefault("runOrder", 1)
                if role := action.get("roleArn"):
                    authorize_pass_role(self.machine, call.access_key, role, self.role_principal)
        return {"pipelineType": "V1", "executionMode": "SUPERSEDED"} | declaration

    def get_pipeline(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        pipeline = self._pipeline(request["name"])
        version = request.get("version", len(pipeline["declarations"]))
        if not 0 < version <= len(pipeline["declarations"]):
            raise ServiceError("PipelineVersionNotFoundException", f"{request['name']} has no version {version}")
        return {"pipeline": pipeline["declarations"][version - 1], "metadata": {
            "pipelineArn": self.machine.arn("codepipeline", request["name"]),
            "created": pipeline["created"], "updated": pipeline["updated"]}}

    def list_pipelines(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"pipelines": [pipeline | pipeline["declarations"][-1] for pipeline in self.records.pipelines.values()]}

    def delete_pipeline(self, request: dict[str, Any], call: Call) -> None:
        """Forget a pipeline and its history; what runs is abandoned."""
        records, name = self.records, request["name"]
        with records.changed:
            for table in (records.actions, records.executions):
                for key in [key for key, document in table.items() if document["pipelineName"] == name]:
                    del table[key]
            records.pipelines.pop(name, None)
            records.changed.notify_all()

    def _pipeline(self, name: str) -> dict[str, Any]:
        if name not in self.records.pipelines:
            raise ServiceError("PipelineNotFoundException", f"Account '{self.machine.account_id}' does not have a "
                               f"pipeline with name '{name}'")
        return self.records.pipelines[name]

    def _stage(self, request: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the current declaration and the stage that a request names."""
        declaration = self._pipeline(request["pipelineName"])["declarations"][-1]
        stage = next((stage for stage in declaration["stages"] if stage["name"] == request["stageName"]), None)
        if stage is None:
            raise ServiceError("StageNotFoundException",
                               f"Pipeline {declaration['name']} has no stage {request['stageName']}")
        return declaration, stage

    # Executions

    def start_pipeline_execution(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        declaration = self._pipeline(request["name"])["declarations"][-1]
        overrides, token = request.get("sourceRevisions", []), request.get("clientRequestToken")
        given = {variable["name"]: variable["value"] for variable in request.get("variables", [])}
        for revision in overrides:
            _check_override(declaration, revision)
        _check_variables(declaration, given)
        trigger = ("CloudWatchEvent", call.source_arn) if call.source_arn else ("StartPipelineExecution", call.principal)
        with self.records.changed:
            same = [execution for execution in self._executions_of(request["name"])
                    if token and execution["clientRequestToken"] == token]
            started = same[0]["pipelineExecutionId"] if same else self._start(
                request["name"], *trigger, overrides, given, token)
        return {"pipelineExecutionId": started}

    def _start(self, name: str, trigger: str, detail: str, overrides: Any = (), values: dict[str, Any] | None = None,
               token: str | None = None) -> str:
        """Record an execution, let it walk and return its id."""
        records, execution_id, now = self.records, str(uuid.uuid4()), self.machine.clock.now()
        with records.changed:
            with records.change(records.pipelines, name) as pipeline:
                pipeline["started"] += 1
            declaration = pipeline["declarations"][-1]
            defaults = {variable["name"]: variable.get("defaultValue") for variable in declaration.get("variables", [])}
            records.executions[execution_id] = execution = {
                "pipelineName": name, "pipelineVersion": declaration["version"], "pipelineExecutionId": execution_id,
                "status": "InProgress", "startTime": now, "lastUpdateTime": now, "executionMode": "SUPERSEDED",
                "executionType": "STANDARD", "trigger": {"triggerType": trigger, "triggerDetail": detail},
                "number": pipeline["started"], "walk": 0, "overrides": list(overrides), "clientRequestToken": token,
                "values": defaults | (values or {}), "namespaces": {}, "artifacts": {}, "artifactRevisions": [],
                "stages": {}}
            records.announce("Pipeline", execution, "STARTED")
        Run(records, self._runners, execution_id).start()
        return execution_id

    def _executions_of(self, name: str) -> list[dict[str, Any]]:
        """Return the executions of a pipeline, oldest first."""
        self._pipeline(name)
        return [execution for execution in self.records.executions.values() if execution["pipelineName"] == name]

    def _execution(self, request: dict[str, Any]) -> dict[str, Any]:
        self._pipeline(request["pipelineName"])
        execution = self.records.executions.get(request["pipelineExecutionId"])
        if execution is None or execution["pipelineName"] != request["pipelineName"]:
            raise ServiceError("PipelineExecutionNotFoundException",
                               f"Pipeline {request['pipelineName']} has no execution {request['pipelineExecutionId']}")
        return execution

    def get_pipeline_execution(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        execution = self._execution(request)
        variables = [{"name": name, "resolvedValue": value} for name, value in execution["values"].items()]
        return {"pipelineExecution": execution | {"variables": variables}}

    def list_pipeline_executions(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        stage = value_at(request, "filter.succeededInStage.stageName")
        found = [execution | {"sourceRevisions": execution["artifactRevisions"]}
                 for execution in self._executions_of(request["pipelineName"])
                 if not stage or execution["stages"].get(stage, {}).get("status") == "Succeeded"]
        return {"pipelineExecutionSummaries": found[::-1]}

    def list_action_executions(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        self._pipeline(request["pipelineName"])
        wanted = (value_at(request, "filter.pipelineExecutionId")
                  or value_at(request, "filter.latestInPipelineExecution.pipelineExecutionId"))
        if wanted:
            self._execution(request | {"pipelineExecutionId": wanted})
        found = [record for record in self.records.actions.values() if record["pipelineName"] == request["pipelineName"]
                 and wanted in (None, record["pipelineExecutionId"])]
        if value_at(request, "filter.latestInPipelineExecution.startTimeRange") == "Latest":
            found = list({(record["stageName"], record["actionName"]): record for record in found}.values())
        return {"actionExecutionDetails": found[::-1]}

    def stop_pipeline_execution(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        records, execution_id, abandon = self.records, request["pipelineExecutionId"], request.get("abandon", False)
        with records.changed:
            status = self._execution(request)["status"]
            if status not in RUNNING:
                raise ServiceError("PipelineExecutionNotStoppableException",
                                   f"Execution {execution_id} is {status}; only one in progress can be stopped")
            if status == "Stopping" and not abandon:
                raise ServiceError("DuplicatedStopRequestException", f"Execution {execution_id} is stopping already")
            with records.change(records.executions, execution_id) as execution:
                execution["stopTrigger"] = {"reason": request.get("reason", "")}
                inside = any(stage["status"] == "InProgress" for stage in execution["stages"].values())
                execution["status"] = "Stopping"
            records.announce("Pipeline", execution, "STOPPING")
            if abandon or not inside:
                records.abandon(execution_id)
        return {"pipelineExecutionId": execution_id}

    def retry_stage_execution(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Go on from a stage that failed or was stopped; actions that succeeded stay, unless all are wanted."""
        records, execution_id, stage = self.records, request["pipelineExecutionId"], request["stageName"]
        with records.changed:
            self._check_retry(request)
            with records.change(records.executions, execution_id) as execution:
                state = execution["stages"][stage]
                kept = {} if request["retryMode"] == "ALL_ACTIONS" else {
                    name: action for name, action in state["actions"].items()
                    if records.actions[action]["status"] == "Succeeded"}
                state.update(actions=kept, retries=state.get("retries", 0) + 1)
                execution.update(status="InProgress", walk=execution["walk"] + 1)
            records.announce("Pipeline", execution, "RESUMED")
            records.enter(execution_id, stage, "RESUMED")
        Run(records, self._runners, execution_id).start()
        return {"pipelineExecutionId": execution_id}

    def _check_retry(self, request: dict[str, Any]) -> None:
        declaration, _ = self._stage(request)
        execution, stage, own = self._execution(request), request["stageName"], request["pipelineExecutionId"]
        status = execution["stages"].get(stage, {}).get("status")
        if status not in ("Failed", "Stopped"):
            raise ServiceError("StageNotRetryableException", f"Stage {stage} of execution {own} is "
                               f"{status or 'not reached'}; only a failed or stopped stage can be retried")
        if execution["pipelineVersion"] != declaration["version"]:
            raise ServiceError("StageNotRetryableException", f"The pipeline is at version {declaration['version']} and "
                               f"this execution at {execution['pipelineVersion']}; start a new execution")
        latest = self.records.stage(execution, stage).get("latest")
        if latest != own:
            raise ServiceError("NotLatestPipelineExecutionException",
                               f"Execution {latest} has entered stage {stage} since")

    # Approvals and transitions

    def put_approval_result(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        _, stage = self._stage(request)
        if request["actionName"] not in [action["name"] for action in stage["actions"]]:
            raise ServiceError("ActionNotFoundException", f"Stage {stage['name']} has no {request['actionName']}")
        records = self.records
        with records.changed:
            latest = self._pipeline(request["pipelineName"])["latestActions"]
            record = records.actions.get(latest.get(f"{stage['name']}/{request['actionName']}", ""), {})
            if record.get("token") != request["token"]:
                raise ServiceError("InvalidApprovalTokenException", "The token is not the one that the action asks for")
            if record["status"] != "InProgress" or "approval" in record:
                raise ServiceError("ApprovalAlreadyCompletedException", f"{request['actionName']} was answered already")
            with records.change(records.actions, record["actionExecutionId"]) as record:
                record.update(approval=request["result"], updatedBy=call.principal)
        return {"approvedAt": self.machine.clock.now()}

    def disable_stage_transition(self, request: dict[str, Any], call: Call) -> None:
        self._transition(request, call, enabled=False, disabledReason=request["reason"])

    def enable_stage_transition(self, request: dict[str, Any], call: Call) -> None:
        self._transition(request, call, enabled=True)

    def _transition(self, request: dict[str, Any], call: Call, **state: Any) -> None:
        """Open or close the way into a stage; the way out of one is the way into the next."""
        declaration, stage = self._stage(request)
        index = declaration["stages"].index(stage) + (request["transitionType"] == "Outbound")
        if index == len(declaration["stages"]):
            raise ServiceError("ValidationException", f"Stage {stage['name']} is the last: it has no way out")
        name = declaration["stages"][index]["name"]
        with self.records.change(self.records.pipelines, declaration["name"]) as pipeline:
            pipeline["stages"].setdefault(name, {})["transition"] = state | {
                "lastChangedBy": call.principal, "lastChangedAt": self.machine.clock.now()}

    # State

    def get_pipeline_state(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        with self.records.changed:
            pipeline = self._pipeline(request["name"])
            declaration = pipeline["declarations"][-1]
            return {"pipelineName": request["name"], "pipelineVersion": declaration["version"],
                    "created": pipeline["created"], "updated": pipeline["updated"],
                    "stageStates": [self._stage_state(pipeline, stage) for stage in declaration["stages"]]}

    def _stage_state(self, pipeline: dict[str, Any], stage: dict[str, Any]) -> dict[str, Any]:
        name = stage["name"]
        place = pipeline["stages"].get(name, {})
        state = {"stageName": name, "inboundTransitionState": {"enabled": True} | place.get("transition", {}),
                 "actionStates": [self._action_state(pipeline, name, action) for action in stage["actions"]]}
        if waiting := place.get("waiting"):
            inbound = {"pipelineExecutionId": waiting, "status": "InProgress", "type": "STANDARD"}
            state |= {"inboundExecution": inbound, "inboundExecutions": [inbound]}
        if latest := self.records.executions.get(place.get("latest") or ""):
            own = latest["stages"][name]
            stopping = latest["status"] == "Stopping" and own["status"] == "InProgress"
            state["latestExecution"] = {"pipelineExecutionId": latest["pipelineExecutionId"], "type": "STANDARD",
                                        "status": "Stopping" if stopping else own["status"]}
            if own.get("retries"):
                state["retryStageMetadata"] = {"manualStageRetryAttempt": own["retries"],
                                               "latestRetryTrigger": "ManualStageRetry"}
        return state

    def _action_state(self, pipeline: dict[str, Any], stage: str, action: dict[str, Any]) -> dict[str, Any]:
        kind = self._kinds[action["actionTypeId"]["category"], action["actionTypeId"]["provider"]]
        state = {"actionName": action["name"],
                 "entityUrl": page_of(kind, action.get("configuration", {}), self.machine.region)}
        record = self.records.actions.get(pipeline["latestActions"].get(f"{stage}/{action['name']}", ""))
        if record is None:
            return state
        result = record["output"]["executionResult"]
        revision = next((item for item in self.records.executions[record["pipelineExecutionId"]]["artifactRevisions"]
                         if item["actionName"] == action["name"]), None)
        if revision:
            state |= {"revisionUrl": revision["revisionUrl"], "currentRevision": revision | {
                "revisionChangeId": revision["revisionId"]}}
        return state | {"latestExecution": result | {
            "actionExecutionId": record["actionExecutionId"], "status": record["status"],
            "summary": result.get("externalExecutionSummary"), "lastStatusChange": record["lastUpdateTime"],
            "lastUpdatedBy": record.get("updatedBy"),
            "token": record.get("token") if record["status"] == "InProgress" else None}}

    # Tags

    def _tagged(self, request: dict[str, Any]) -> str:
        name: str = request["resourceArn"].split(":", 5)[5].split("/")[0]
        if name not in self.records.pipelines:
            raise ServiceError("ResourceNotFoundException", f"{request['resourceArn']} does not exist")
        return name

    def list_tags_for_resource(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"tags": self.records.pipelines[self._tagged(request)]["tags"]}

    def tag_resource(self, request: dict[str, Any], call: Call) -> None:
        with self.records.change(self.records.pipelines, self._tagged(request)) as pipeline:
            new = {tag["key"] for tag in request["tags"]}
            pipeline["tags"] = [tag for tag in pipeline["tags"] if tag["key"] not in new] + request["tags"]

    def untag_resource(self, request: dict[str, Any], call: Call) -> None:
        with self.records.change(self.records.pipelines, self._tagged(request)) as pipeline:
            pipeline["tags"] = [tag for tag in pipeline["tags"] if tag["key"] not in request["tagKeys"]]


def _check_override(declaration: dict[str, Any], revision: dict[str, Any]) -> None:
    """Raise ValidationException unless the source action takes a revision of that type."""
    name, kind = revision["actionName"], revision["revisionType"]
    action = next((action for action in declaration["stages"][0]["actions"] if action["name"] == name), None)
    if action is None or OVERRIDES.get(kind) != action["actionTypeId"]["provider"]:
        raise ServiceError("ValidationException", f"sourceRevisions: {name} is not a source action that takes {kind}")
    allowed = action.get("configuration", {}).get("AllowOverrideForS3ObjectKey", "false").lower() == "true"
    if kind == "S3_OBJECT_KEY" and not allowed:
        raise ServiceError("ValidationException",
                           f"sourceRevisions: action {name} does not set AllowOverrideForS3ObjectKey to true")


def _check_variables(declaration: dict[str, Any], given: dict[str, str]) -> None:
    """Raise ValidationException for variables that the pipeline does not have, or that have no value."""
    declared = {variable["name"]: variable for variable in declaration.get("variables", [])}
    unknown = sorted(given.keys() - declared.keys())
    unset = sorted(name for name, variable in declared.items() if name not in given and "defaultValue" not in variable)
    if unknown or unset:
        raise ServiceError("ValidationException", f"Pipeline variables of {declaration['name']}: not declared: "
                           f"{unknown}; without a value: {unset}")
