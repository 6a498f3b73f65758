"""CodeDeploy for compute platform Lambda; what a deployment does is in alias_deployment.py."""

import dataclasses
import re
import uuid
from collections.abc import Callable
from typing import Any

from local.alias_deployment import ACTIVE, PRINCIPAL, Deployments
from local.alias_traffic import ALL_AT_ONCE, DEFAULTS, PREDEFINED, TrafficError, check_routing, shift_of
from local.machine import AccessDeniedError, Machine
from local.service import Call, Service, ServiceError, UnsupportedError
from local.store import Table

STYLE = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
TARGET_STATUS = {"Created": "Pending", "Stopped": "Failed"}
NEEDED = (("GetDeploymentConfig", "deploymentconfig:{config}"), ("GetApplicationRevision", "application:{application}"),
          ("RegisterApplicationRevision", "application:{application}"))


class CodeDeploy(Service):
    """Applications, deployment groups, deployment configurations and deployments."""

    service_name = "codedeploy"
    pass_roles = {"CreateDeploymentGroup": ("serviceRoleArn",), "UpdateDeploymentGroup": ("serviceRoleArn",)}
    role_principal = PRINCIPAL
    tag_action = "TagResource"

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.deployments = Deployments(machine)
        machine.on_alarm.append(self.deployments.wake)
        self._applications, self._groups, self._configs = (
            machine.store.table(f"codedeploy-{name}") for name in ("applications", "groups", "configs"))

    def setup(self) -> None:
        """Fail the deployments that a former machine left running; their aliases go back."""
        self.deployments.settle()

    def stop(self) -> None:
        """Wake all deployments, so that they see the machine stop."""
        self.deployments.wake()

    def resource_arn(self, operation: str, request: dict[str, Any]) -> str:
        """Return the ARN of the application, group or configuration that an operation is about."""
        if "ResourceArn" in request:
            arn: str = request["ResourceArn"]
            return arn
        document = self.deployments.table.get(request.get("deploymentId", ""), {}) | request
        application = document.get("applicationName")
        group = document.get("currentDeploymentGroupName") or document.get("deploymentGroupName")
        if operation.endswith("DeploymentConfig"):
            return self.machine.arn("codedeploy", f"deploymentconfig:{request['deploymentConfigName']}")
        if not application:
            return "*"
        if group or operation.endswith("DeploymentGroups"):
            return self.machine.arn("codedeploy", f"deploymentgroup:{application}/{group or '*'}")
        return self.machine.arn("codedeploy", f"application:{application}")

    # Applications

    def create_application(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        name = request["applicationName"]
        _only_lambda(request)
        if name in self._applications:
            raise ServiceError("ApplicationAlreadyExistsException", f"Application already exists with name: {name}")
        self._applications[name] = {
            "applicationName": name, "applicationId": str(uuid.uuid4()), "createTime": self.machine.clock.now(),
            "computePlatform": "Lambda", "linkedToGitHub": False, "tags": request.get("tags", [])}
        return {"applicationId": self._applications[name]["applicationId"]}

    def get_application(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"application": _found(self._applications, request["applicationName"], "Application", "application")}

    def list_applications(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"applications": list(self._applications)}

    def delete_application(self, request: dict[str, Any], call: Call) -> None:
        """Delete an application with its groups; one that is gone is no error."""
        name = request["applicationName"]
        for key in [key for key, group in self._groups.items() if group["applicationName"] == name]:
            del self._groups[key]
        self._applications.pop(name, None)

    # Deployment configurations

    def create_deployment_config(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        name, routing = request["deploymentConfigName"], request.get("trafficRoutingConfig") or {}
        _only_lambda(request)
        if name in self._configs:
            raise ServiceError("DeploymentConfigAlreadyExistsException",
                               f"Deployment Configuration already exists with name: {name}")
        if name.startswith(DEFAULTS):
            raise ServiceError("InvalidDeploymentConfigNameException", f"{name}: names with {DEFAULTS} are CodeDeploy's own")
        try:
            check_routing(routing)
        except TrafficError as error:
            raise ServiceError("InvalidTrafficRoutingConfigurationException", str(error)) from error
        self._configs[name] = {
            "deploymentConfigName": name, "deploymentConfigId": str(uuid.uuid4()), "computePlatform": "Lambda",
            "createTime": self.machine.clock.now(), "trafficRoutingConfig": routing}
        return {"deploymentConfigId": self._configs[name]["deploymentConfigId"]}

    def get_deployment_config(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"deploymentConfigInfo": self._config(request["deploymentConfigName"])}

    def list_deployment_configs(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"deploymentConfigsList": [*PREDEFINED, *self._configs]}

    def delete_deployment_config(self, request: dict[str, Any], call: Call) -> None:
        name = request["deploymentConfigName"]
        if name in PREDEFINED:
            raise ServiceError("InvalidOperationException", f"{name} is CodeDeploy's own and cannot be deleted")
        if users := [key for key, group in self._groups.items() if group["deploymentConfigName"] == name]:
            raise ServiceError("DeploymentConfigInUseException", f"{name} is in use by {', '.join(users)}")
        self._configs.pop(name, None)

    def _config(self, name: str) -> dict[str, Any]:
        if name in PREDEFINED:
            return {"deploymentConfigName": name, "deploymentConfigId": name, "computePlatform": "Lambda", "createTime": 0.0,
                    "trafficRoutingConfig": PREDEFINED[name]}
        return _found(self._configs, name, "DeploymentConfig", "Deployment Configuration")

    # Deployment groups

    def create_deployment_group(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        name = f"{request['applicationName']}/{request['deploymentGroupName']}"
        self.get_application(request, call)
        if name in self._groups:
            raise ServiceError("DeploymentGroupAlreadyExistsException", "Deployment group already exists with name: "
                               f"{request['deploymentGroupName']}")
        self._groups[name] = self._checked({
            "deploymentGroupId": str(uuid.uuid4()), "computePlatform": "Lambda", "deploymentConfigName": ALL_AT_ONCE,
            "deploymentStyle": {}, "alarmConfiguration": {}, "autoRollbackConfiguration": {}, "triggerConfigurations": [],
            "tags": []} | request)
        return {"deploymentGroupId": self._groups[name]["deploymentGroupId"]}

    def _checked(self, group: dict[str, Any]) -> dict[str, Any]:
        """Return a group that can work; raises CodeDeploy's error for what cannot."""
        self._config(group["deploymentConfigName"])
        if group["deploymentStyle"] != STYLE:
            raise ServiceError("InvalidDeploymentStyleException", "For Lambda deployment group, deployment type can be set to "
                               "BLUE_GREEN with deployment option with WITH_TRAFFIC_CONTROL only")
        try:
            self.machine.session(group["serviceRoleArn"], PRINCIPAL, "CodeDeploy")
        except AccessDeniedError as error:
            raise ServiceError("InvalidRoleException", "AWS CodeDeploy does not have the permissions required to assume the "
                               f"role {group['serviceRoleArn']}. {error}") from error
        if len(group["alarmConfiguration"].get("alarms", [])) > 10:
            raise ServiceError("AlarmsLimitExceededException", "A deployment group can have 10 alarms")
        rollback = group["autoRollbackConfiguration"]
        if rollback.get("enabled") and not rollback.get("events"):
            raise ServiceError("InvalidAutoRollbackConfigException", "autoRollbackConfiguration is enabled and names no events")
        return group

    def update_deployment_group(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Change a group; a deployment under way keeps what it was given."""
        group = self._group(request | {"deploymentGroupName": request["currentDeploymentGroupName"]})
        name = request.get("newDeploymentGroupName") or group["deploymentGroupName"]
        new = self._checked(group | {key: value for key, value in request.items() if key in group})
        del self._groups[f"{request['applicationName']}/{group['deploymentGroupName']}"]
        self._groups[f"{request['applicationName']}/{name}"] = new | {"deploymentGroupName": name}
        return {"hooksNotCleanedUp": []}

    def get_deployment_group(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        group = self._group(request)
        past = self._deployments_of(request)
        good = [document for document in past if document["status"] == "Succeeded"]
        last = {member: documents[-1] for member, documents in (
            ("lastAttemptedDeployment", past), ("lastSuccessfulDeployment", good)) if documents}
        revision = {"targetRevision": past[-1]["revision"]} if past else {}
        return {"deploymentGroupInfo": group | revision | {
            member: document | {"endTime": document.get("completeTime")} for member, document in last.items()}}

    def list_deployment_groups(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        self.get_application(request, call)
        names = [group["deploymentGroupName"] for group in self._groups.values()
                 if group["applicationName"] == request["applicationName"]]
        return {"applicationName": request["applicationName"], "deploymentGroups": names}

    def delete_deployment_group(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        self._groups.pop(f"{request['applicationName']}/{request['deploymentGroupName']}", None)
        return {"hooksNotCleanedUp": []}

    def _group(self, request: dict[str, Any]) -> dict[str, Any]:
        self.get_application(request, None)  # type: ignore[arg-type] # the operation does not look at its caller
        group = self._groups.get(f"{request['applicationName']}/{request.get('deploymentGroupName')}")
        if group is None:
            raise ServiceError("DeploymentGroupDoesNotExistException",
                               f"No Deployment Group found for name: {request.get('deploymentGroupName')}")
        return group

    # Deployments

    def create_deployment(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Start a deployment; a group has one at a time."""
        group = self._group(request)
        config = self._config(request.get("deploymentConfigName") or group["deploymentConfigName"])
        for action, resource in NEEDED:
            call.authorize(f"codedeploy:{action}", self.machine.arn("codedeploy", resource.format(
                config=config["deploymentConfigName"], application=group["applicationName"])))
        if "revision" not in request:
            raise ServiceError("RevisionRequiredException", "Revision is required")
        try:
            shift = shift_of(request["revision"])
        except TrafficError as error:
            raise ServiceError("InvalidRevisionException", str(error)) from error
        names = ("applicationName", "deploymentGroupName", "deploymentGroupId", "serviceRoleArn", "triggerConfigurations",
                 "deploymentStyle", "alarmConfiguration", "autoRollbackConfiguration")
        overrides = {member: request[given] for member, given in (
            ("alarmConfiguration", "overrideAlarmConfiguration"), ("autoRollbackConfiguration",) * 2) if given in request}
        document = {name: group[name] for name in names} | overrides | {
            "creator": "user", "description": request.get("description"), "revision": request["revision"],
            "deploymentConfigName": config["deploymentConfigName"], "routing": config["trafficRoutingConfig"],
            "shift": dataclasses.asdict(shift)}
        with self.machine.store.lock:
            if active := self.deployments.active_of(group["applicationName"], group["deploymentGroupName"]):
                raise ServiceError("DeploymentLimitExceededException", f"The Deployment Group '{group['deploymentGroupName']}' "
                                   f"already has an active Deployment '{active}'")
            name = self.deployments.add(document)
        self.deployments.launch(name)
        return {"deploymentId": name}

    def get_deployment(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        document = self._deployment(request)
        counts = dict.fromkeys(("Pending", "InProgress", "Succeeded", "Failed", "Skipped", "Ready"), 0)
        counts[TARGET_STATUS.get(document["status"], document["status"])] = 1
        return {"deploymentInfo": document | {"deploymentOverview": counts}}

    def batch_get_deployments(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"deploymentsInfo": [self.get_deployment({"deploymentId": name}, call)["deploymentInfo"]
                                    for name in request["deploymentIds"]]}

    def list_deployments(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """List deployments, the newest first."""
        if "deploymentGroupName" in request:
            self._group(request)
        wanted, times = request.get("includeOnlyStatuses"), request.get("createTimeRange", {})
        return {"deployments": [document["deploymentId"] for document in reversed(self._deployments_of(request))
                                if (not wanted or document["status"] in wanted)
                                and times.get("start", 0) <= document["createTime"] <= times.get("end", float("inf"))]}

    def stop_deployment(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        name = self._deployment(request)["deploymentId"]
        with self.deployments.table.edit(name) as document:
            if document["status"] not in ACTIVE:
                raise ServiceError("DeploymentAlreadyCompletedException", f"The deployment {name} is {document['status']}")
            document["stopped"] = {"by": call.principal, "rollback": request.get("autoRollbackEnabled")}
        self.deployments.wake(name)
        return {"status": "Pending", "statusMessage": f"Deployment {name} is being stopped."}

    def list_deployment_targets(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"targetIds": [self._deployment(request)["shift"]["function"]]}

    def get_deployment_target(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        document = self._deployment(request)
        shift, now = document["shift"], document.get("completeTime") or self.machine.clock.now()
        if request["targetId"] not in (shift["function"], f"{shift['function']}:{shift['alias']}"):
            raise ServiceError("DeploymentTargetDoesNotExistException",
                               f"Deployment {document['deploymentId']} has no target {request['targetId']}")
        status = TARGET_STATUS.get(document["status"], document["status"])
        return {"deploymentTarget": {"deploymentTargetType": "LambdaFunction", "lambdaTarget": {
            "deploymentId": document["deploymentId"], "targetId": shift["function"], "status": status, "lastUpdatedAt": now,
            "targetArn": self.machine.arn("lambda", f"function:{shift['function']}:{shift['alias']}"),
            "lifecycleEvents": document["events"], "lambdaFunctionInfo": {
                "functionName": shift["function"], "functionAlias": shift["alias"], "currentVersion": shift["current"],
                "targetVersion": shift["target"], "targetVersionWeight": document["weight"]}}}}

    def batch_get_deployment_targets(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"deploymentTargets": [self.get_deployment_target(request | {"targetId": name}, call)["deploymentTarget"]
                                      for name in request["targetIds"]]}

    def put_lifecycle_event_hook_execution_status(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Take a hook's report; each is taken once."""
        name, status = self._deployment(request)["deploymentId"], request.get("status")
        execution = request.get("lifecycleEventHookExecutionId", "")
        if status not in ("Succeeded", "Failed"):
            raise ServiceError("InvalidLifecycleEventHookExecutionStatusException",
                               f"A hook reports Succeeded or Failed, not {status}")
        with self.deployments.table.edit(name) as document:
            if execution not in document["reports"]:
                raise ServiceError("InvalidLifecycleEventHookExecutionIdException",
                                   f"Deployment {name} asked no hook with this lifecycleEventHookExecutionId")
            if document["reports"][execution] != "InProgress" or document["status"] not in ACTIVE:
                raise ServiceError("LifecycleEventAlreadyCompletedException", "The lifecycle event is complete already")
            document["reports"][execution] = status
        self.deployments.wake(name)
        return {"lifecycleEventHookExecutionId": execution}

    def _deployment(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request.get("deploymentId", "")
        if not re.fullmatch(r"d-[A-Z0-9]{9}", name):
            raise ServiceError("InvalidDeploymentIdException", f"{name!r} is no deployment id")
        return _found(self.deployments.table, name, "Deployment", "deployment")

    def _deployments_of(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the deployments of a request's application and group, oldest first."""
        return sorted((document for document in self.deployments.table.values() if all(
            request.get(key) in (None, document[key]) for key in ("applicationName", "deploymentGroupName"))),
            key=lambda document: document["createTime"])

    # Tags

    def list_tags_for_resource(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        table, key = self._tagged(request["ResourceArn"])
        return {"Tags": table[key]["tags"]}

    def tag_resource(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        new = {tag["Key"] for tag in request["Tags"]}
        return self._change_tags(request, lambda tags: [tag for tag in tags if tag["Key"] not in new] + request["Tags"])

    def untag_resource(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return self._change_tags(request, lambda tags: [tag for tag in tags if tag["Key"] not in request["TagKeys"]])

    def _change_tags(self, request: dict[str, Any], change: Callable[[list[Any]], list[Any]]) -> dict[str, Any]:
        table, key = self._tagged(request["ResourceArn"])
        with table.edit(key) as document:
            document["tags"] = change(document["tags"])
        return {}

    def _tagged(self, arn: str) -> tuple[Table, str]:
        kind, _, key = arn.split(":", 5)[-1].partition(":")
        table, noun = ((self._groups, "DeploymentGroup") if kind == "deploymentgroup" else (self._applications, "Application"))
        _found(table, key, noun, kind)
        return table, key


def _found(table: Table, name: str, noun: str, words: str) -> dict[str, Any]:
    """Return a document; raises the service's error where there is none."""
    if name not in table:
        raise ServiceError(f"{noun}DoesNotExistException", f"No {words} found for name: {name}")
    return table[name]


def _only_lambda(request: dict[str, Any]) -> None:
    platform = request.get("computePlatform", "Server")
    if platform != "Lambda":
        raise UnsupportedError(f"CodeDeploy for compute platform {platform}")
