"""A CodeDeploy deployment of a Lambda alias under way: hooks, traffic in steps, alarms watched throughout, the way back.

It acts with the deployment group's service role alone. While traffic moves, the alias stays on the current version and
the new one has a weight; only the last step changes the alias's version.
"""

import json
import logging
import secrets
import string
import threading
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from local.alias_traffic import ALL_AT_ONCE, EVENTS, PREDEFINED, steps
from local.machine import AccessDeniedError, Machine

logger = logging.getLogger("local")
PRINCIPAL = "codedeploy.amazonaws.com"
ACTIVE = ("Created", "Queued", "InProgress")
HOOK_SECONDS = 3600.0
POLL_SECONDS = 10.0  # at the latest: alarms, reports and requests to stop wake a deployment
LEAST_POLL_SECONDS = 0.1  # of wall time, however fast the clock
ROLLBACK = "codeDeployRollback"
ROLLBACK_ON = {"ALARM_ACTIVE": "DEPLOYMENT_STOP_ON_ALARM", "MANUAL_STOP": "DEPLOYMENT_STOP_ON_REQUEST"}
ENDED = {"Succeeded": "Success", "Failed": "Failure", "Stopped": "Stop"}  # status -> the word of notifications
SERVICES = {"lambda": "AWSLambda", "cloudwatch": "AmazonCloudWatch"}


class HaltError(Exception):
    """The deployment ends before its time: with which status, CodeDeploy's error code and message."""

    def __init__(self, status: str, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class MachineStopped(Exception):
    """The machine is going down: its next start settles the deployment."""


class Deployments:
    """All deployments: their documents, and the ones under way."""

    def __init__(self, machine: Machine) -> None:
        self.machine, self.table = machine, machine.store.table("codedeploy-deployments")
        self._under_way: dict[str, Deployment] = {}

    def add(self, document: dict[str, Any], name: str = "") -> str:
        """Record a deployment that has not begun, and return its id."""
        name = name or new_id()
        self.table[name] = document | {
            "deploymentId": name, "status": "Created", "createTime": self.machine.clock.now(), "reports": {}, "weight": 0.0,
            "computePlatform": "Lambda", "events": [{"lifecycleEventName": event, "status": "Pending"} for event in EVENTS]}
        return name

    def launch(self, name: str) -> None:
        """Let a deployment run on a thread of its own."""
        deployment = self._under_way[name] = Deployment(self, name)
        threading.Thread(target=deployment.run, daemon=True, name=f"deployment-{name}").start()

    def ended(self, name: str) -> None:
        """Forget a deployment that is no longer under way."""
        self._under_way.pop(name, None)

    def wake(self, name: str = "") -> None:
        """Let a deployment (or all) look at once at what it waits for."""
        for deployment in list(self._under_way.values()):
            if name in ("", deployment.name):
                deployment.woken.set()

    def active_of(self, application: str, group: str) -> str | None:
        """Return the deployment of a group that has not ended."""
        return next((name for name, document in self.table.items() if document["status"] in ACTIVE and
                     (document["applicationName"], document["deploymentGroupName"]) == (application, group)), None)

    def settle(self) -> None:
        """Fail what a former run of the machine left under way, and put each alias back before anybody asks."""
        for name, document in list(self.table.items()):
            if document["status"] in ACTIVE:
                rollback = Deployment(self, name).end(HaltError(
                    "Failed", "INTERNAL_ERROR", "interrupted: the local AWS was stopped during this deployment"), force=True)
                if rollback:
                    Deployment(self, rollback).run()


def new_id() -> str:
    """Return an id as CodeDeploy makes them."""
    return "d-" + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(9))


class Deployment:
    """One deployment."""

    def __init__(self, deployments: Deployments, name: str) -> None:
        self.name, self.woken = name, threading.Event()
        self._all, self._machine, self._table = deployments, deployments.machine, deployments.table

    def run(self) -> None:
        """Go through the lifecycle; whatever ends it early is recorded, and rolled back as the deployment is told."""
        halt = None
        try:
            self._change(status="InProgress", startTime=self._machine.clock.now())
            self._announce("Start")
            self._prepare()
            for event, act in zip(EVENTS, (self._ask_hook, self._move_traffic, self._ask_hook), strict=True):
                self._event(event, act)
        except MachineStopped:
            return
        except HaltError as error:
            halt = error
        except Exception as error:
            logger.exception("deployment %s", self.name)
            halt = HaltError("Failed", "INTERNAL_ERROR", f"{type(error).__name__}: {error}")
        if halt and self._machine.stopping.is_set():
            return  # the endpoint went away first: the next start settles it
        rollback = self.end(halt)
        self._all.ended(self.name)
        if rollback:
            self._all.launch(rollback)

    def end(self, halt: HaltError | None, force: bool = False) -> str | None:
        """Record the end, and in the same moment the rollback that it asks for; return the rollback's id."""
        rollback = None
        with self._table.edit(self.name) as document:
            document.update(status=halt.status if halt else "Succeeded", completeTime=self._machine.clock.now())
            for event in document["events"]:
                event["status"] = {"Pending": "Skipped", "InProgress": "Failed"}.get(event["status"], event["status"])
            if halt:
                document["errorInformation"] = {"code": halt.code, "message": str(halt)}
                if "began" in document and (force or _rolls_back(document, halt.code)):
                    rollback = self._all.add(_way_back(document, name := new_id()), name)
                    document["rollbackInfo"] = {
                        "rollbackDeploymentId": rollback, "rollbackMessage": f"Deployment {self.name} terminated. "
                        f"Automatic rollback is triggered with a DeploymentId {rollback}."}
        self._announce(ENDED[document["status"]])
        if rollback:
            self._notify("DeploymentRollback", document)
        return rollback

    # The lifecycle

    def _prepare(self) -> None:
        """Halt unless the alias is where the AppSpec says that it is."""
        self._check()
        document = self._table[self.name]
        shift = document["shift"]
        alias = self._call("lambda", "get_alias", FunctionName=shift["function"], Name=shift["alias"])
        if document["creator"] != ROLLBACK and alias["FunctionVersion"] != shift["current"]:
            raise HaltError(
                "Failed", "INVALID_LAMBDA_CONFIGURATION", "The deployment failed because the AppSpec file that specifies the "
                "AWS Lambda deployment configuration is missing or has an invalid configuration. The Lambda function alias "
                f"version does not match the current version in AppSpec file: {shift['function']}:{shift['alias']} is on "
                f"version {alias['FunctionVersion']}, CurrentVersion is {shift['current']}.")
        self._change(began=True)

    def _event(self, name: str, act: Callable[[str], None]) -> None:
        self._mark(name, status="InProgress", startTime=self._machine.clock.now())
        try:
            act(name)
        except HaltError as halt:
            self._mark(name, status="Failed", endTime=self._machine.clock.now(), diagnostics={
                "errorCode": "UnknownError", "scriptName": "", "message": str(halt), "logTail": ""})
            raise
        self._mark(name, status="Succeeded", endTime=self._machine.clock.now())

    def _ask_hook(self, event: str) -> None:
        """Invoke an event's function, and wait until it reports; its own failure is no report."""
        function = self._table[self.name]["shift"]["hooks"].get(event)
        if function is None:
            return
        execution = secrets.token_urlsafe(32)
        with self._table.edit(self.name) as document:
            document["reports"][execution] = "InProgress"
        self._call("lambda", "invoke", FunctionName=function, InvocationType="Event", Payload=json.dumps(
            {"DeploymentId": self.name, "LifecycleEventHookExecutionId": execution}))

        def report() -> str:
            report: str = self._table[self.name]["reports"][execution]
            return report

        if not self._watch(HOOK_SECONDS, lambda: report() != "InProgress") or report() != "Succeeded":
            said = "did not report within an hour" if report() == "InProgress" else f"reported {report()}"
            raise HaltError("Failed", "HOOK_EXECUTION_FAILURE", "The deployment failed because one or more of the lifecycle "
                            f"event validation functions failed. {event}: {function} {said}.")

    def _move_traffic(self, _: str) -> None:
        document = self._table[self.name]
        shift = document["shift"]
        for percent, seconds in steps(document["routing"]):
            last = percent == 100
            self._call("lambda", "update_alias", FunctionName=shift["function"], Name=shift["alias"],
                       FunctionVersion=shift["target" if last else "current"],
                       RoutingConfig={"AdditionalVersionWeights": {} if last else {shift["target"]: percent / 100}})
            self._change(weight=percent / 100)
            self._watch(seconds, lambda: False)

    # What may end it

    def _watch(self, seconds: float, done: Callable[[], bool]) -> bool:
        """Wait ``seconds`` of AWS time or until ``done``, and say whether it is; halts where the deployment must end."""
        clock, started = self._machine.clock, time.monotonic()
        poll = max(POLL_SECONDS, LEAST_POLL_SECONDS * clock.speed)
        while True:
            self.woken.clear()  # before it looks, so that nothing that happens meanwhile is slept over
            self._check()
            if done():
                return True
            left = seconds - (time.monotonic() - started) * clock.speed
            if left <= 0:
                return False
            clock.wait(min(left, poll), self.woken)

    def _check(self) -> None:
        """Halt for a request to stop or an alarm."""
        if self._machine.stopping.is_set():
            raise MachineStopped
        document = self._table[self.name]
        if "stopped" in document:
            raise HaltError("Stopped", "MANUAL_STOP", f"The deployment was stopped by {document['stopped']['by']}.")
        settings = document["alarmConfiguration"]
        names = [alarm["name"] for alarm in settings.get("alarms", [])] if settings.get("enabled") else []
        if names and (active := self._active(names, settings.get("ignorePollAlarmFailure", False))):
            raise HaltError("Stopped", "ALARM_ACTIVE", "One or more alarms have been activated according to the Amazon "
                            "CloudWatch metrics you selected, and the affected deployments have been stopped. Activated "
                            f"alarms: {' '.join(f'<{name}>' for name in active)}")

    def _active(self, names: list[str], tolerant: bool) -> list[str]:
        """Return the alarms that are in ALARM."""
        try:
            found = self._call("cloudwatch", "describe_alarms", AlarmNames=names, AlarmTypes=["MetricAlarm", "CompositeAlarm"])
            states = {alarm["AlarmName"]: alarm["StateValue"] for kind in ("MetricAlarms", "CompositeAlarms")
                      for alarm in found.get(kind, [])}
            if missing := sorted(set(names) - states.keys()):
                raise HaltError("Failed", "CODEDEPLOY_RESOURCE_CANNOT_BE_FOUND",
                                f"The alarms {', '.join(missing)} of the deployment group do not exist.")
        except HaltError:
            if tolerant:
                return []
            raise
        return [name for name in names if states[name] == "ALARM"]

    def _call(self, service: str, operation: str, **request: Any) -> Any:
        """Call a service with the group's role; a refusal halts the deployment."""
        role = self._table[self.name]["serviceRoleArn"]
        try:
            client = self._machine.client(service, self._machine.session(role, PRINCIPAL, "CodeDeploy"))
            return getattr(client, operation)(**request)
        except AccessDeniedError as error:
            raise HaltError("Failed", "IAM_ROLE_MISSING", str(error)) from error
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
            if "AccessDenied" in code:
                raise HaltError("Failed", "IAM_ROLE_PERMISSIONS", f"The IAM role {role} does not give you permission to perform "
                                f"operations in the following AWS service: {SERVICES.get(service, service)}. Contact your AWS "
                                "administrator if you need help. If you are an AWS administrator, you can grant permissions "
                                f"to your users or groups by creating IAM policies. {message}") from error
            raise HaltError("Failed", "INVALID_LAMBDA_FUNCTION" if service == "lambda" else "INTERNAL_ERROR",
                            f"{operation}: {message}") from error

    # What is known of it

    def _change(self, **members: Any) -> None:
        with self._table.edit(self.name) as document:
            document.update(members)

    def _mark(self, event: str, **members: Any) -> None:
        with self._table.edit(self.name) as document:
            document["events"][EVENTS.index(event)].update(members)

    def _announce(self, word: str) -> None:
        """Publish a state: on EventBridge, and to the topics of the group's triggers."""
        document = self._table[self.name]
        application, group = document["applicationName"], document["deploymentGroupName"]
        self._machine.emit("aws.codedeploy", "CodeDeploy Deployment State-change Notification", {
            "region": self._machine.region, "application": application, "deploymentGroup": group, "deploymentId": self.name,
            "state": word.upper(), "instanceGroupId": document["deploymentGroupId"]},
            [self._machine.arn("codedeploy", f"application:{application}"),
             self._machine.arn("codedeploy", f"deploymentgroup:{application}/{group}")])
        self._notify(f"Deployment{word}", document)

    def _notify(self, event: str, document: dict[str, Any]) -> None:
        status = {"Created": "CREATED", "InProgress": "CREATED"}.get(document["status"], document["status"].upper())
        error = document.get("errorInformation")
        for trigger in document["triggerConfigurations"]:
            if event not in trigger.get("triggerEvents", []):
                continue
            message: dict[str, Any] = {"region": self._machine.region, "accountId": self._machine.account_id, "status": status,
                       "eventTriggerName": trigger["triggerName"], "deploymentId": self.name,
                       **{key: document[key] for key in ("applicationName", "deploymentGroupName")},
                       **{key: time.strftime("%a %b %d %H:%M:%S UTC %Y", time.gmtime(document[key]))
                          for key in ("createTime", "completeTime") if key in document}}
            if error:
                message["errorInformation"] = json.dumps({"ErrorCode": error["code"], "ErrorMessage": error["message"]})
            if "rollbackInfo" in document:
                message["rollbackInformation"] = json.dumps(document["rollbackInfo"])
            try:
                self._call("sns", "publish", TopicArn=trigger["triggerTargetArn"], Message=json.dumps(message),
                           Subject=f"{status}: AWS CodeDeploy {self.name} in {self._machine.region} to "
                                   f"{document['applicationName']}"[:100])
            except HaltError as refusal:  # a notification that cannot be sent ends no deployment
                logger.warning("deployment %s: trigger %s: %s", self.name, trigger["triggerName"], refusal)


def _rolls_back(document: dict[str, Any], code: str) -> bool:
    """Whether a deployment that ended with ``code`` is rolled back: as who stopped it says, else as it is configured."""
    if document["creator"] == ROLLBACK:
        return False
    if code == "MANUAL_STOP" and document["stopped"]["rollback"] is not None:
        return bool(document["stopped"]["rollback"])
    settings = document["autoRollbackConfiguration"]
    return bool(settings.get("enabled")) and ROLLBACK_ON.get(code, "DEPLOYMENT_FAILURE") in settings.get("events", [])


def _way_back(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the deployment that puts the alias on its former version, at once, asking neither hooks nor alarms."""
    kept = ("applicationName", "deploymentGroupName", "deploymentGroupId", "serviceRoleArn", "triggerConfigurations",
            "deploymentStyle", "revision")
    shift = document["shift"]
    if document["creator"] != ROLLBACK:  # an interrupted way back is gone again, not turned round
        shift = shift | {"current": shift["target"], "target": shift["current"], "hooks": {}}
    return {key: document[key] for key in kept} | {
        "creator": ROLLBACK, "deploymentConfigName": ALL_AT_ONCE, "routing": PREDEFINED[ALL_AT_ONCE], "shift": shift,
        "alarmConfiguration": {}, "autoRollbackConfiguration": {}, "rollbackInfo": {
            "rollbackTriggeringDeploymentId": document["deploymentId"],
            "rollbackMessage": f"Deployment {name} is triggered to roll back deployment {document['deploymentId']}."}}
