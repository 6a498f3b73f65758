"""CodeDeploy's deployments of the API: what moved from which version to which, its hooks with their reasons, how it ended."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from console.account import Project
from console.faults import gone

ACTIVE = ("Created", "Queued", "InProgress", "Baking", "Ready")
AT_ONCE = 25  # that one call describes
SETTLED = timedelta(minutes=1)  # by then what a hook has logged can be read
GOING_BACK = "scripts/rollback.sh goes back to a former run"
EVENTS = {"BeforeAllowTraffic": "pre-traffic", "AllowTraffic": "", "AfterAllowTraffic": "post-traffic"}  # and the function that is asked
_ended: dict[tuple[str, str], "Deployment"] = {}  # what has ended changes no more
_lock = threading.Lock()


@dataclass(frozen=True)
class Step:
    """One step of a deployment: a hook, or the move of the traffic."""

    event: str
    hook: str  # the function that is asked; blank for the move
    status: str
    started: datetime | None
    ended: datetime | None
    reason: str = ""


@dataclass(frozen=True)
class Deployment:
    """One deployment of the API's alias."""

    id: str
    kind: str  # release, going back, or rollback: CodeDeploy's own way back
    status: str
    created: datetime
    ended: datetime | None
    reason: str
    way: str  # how the traffic moves: the configuration's name
    current: int = 0
    target: int = 0
    weight: float = 0.0  # percent of the traffic that the target has been given
    steps: tuple[Step, ...] = ()

    @property
    def active(self) -> bool:
        """Return whether it is under way."""
        return self.status in ACTIVE


def deployments(project: Project, most: int) -> tuple[Deployment, ...]:
    """Return the newest deployments, the newest first; none before the first release."""
    codedeploy = project.client("codedeploy")
    try:
        names = codedeploy.list_deployments(applicationName=project.api, deploymentGroupName=project.api)["deployments"]
    except ClientError as error:
        if gone(error) or error.response["Error"]["Code"].endswith("DoesNotExistException"):
            return ()
        raise
    if not names:
        return ()
    infos = codedeploy.batch_get_deployments(deploymentIds=names[:AT_ONCE])["deploymentsInfo"]
    newest = sorted(infos, key=lambda info: info["createTime"], reverse=True)[:most]
    with ThreadPoolExecutor(most) as pool:
        return tuple(pool.map(lambda info: _deployment(project, info), newest))


def _deployment(project: Project, info: dict[str, Any]) -> Deployment:
    key = project.bucket, info["deploymentId"]
    with _lock:
        if key in _ended:
            return _ended[key]
    found = Deployment(
        info["deploymentId"], _kind(info), info["status"], info["createTime"], info.get("completeTime"),
        info.get("errorInformation", {}).get("message", ""), info.get("deploymentConfigName", "").removeprefix("CodeDeployDefault."))
    target = _target(project, found.id)
    if target:
        moved = target["lambdaFunctionInfo"]
        steps = tuple(_step(event) for event in target.get("lifecycleEvents", []))
        found = replace(found, current=int(moved["currentVersion"]), target=int(moved["targetVersion"]),
                        weight=100 * moved.get("targetVersionWeight", 0.0), steps=_with_reasons(project, found, steps))
    if found.ended and datetime.now(UTC) - found.ended > SETTLED:
        with _lock:
            _ended[key] = found
    return found


def _kind(info: dict[str, Any]) -> str:
    if info.get("creator") == "codeDeployRollback":
        return "rollback"
    return "going back" if info.get("description") == GOING_BACK else "release"


def _target(project: Project, deployment: str) -> dict[str, Any] | None:
    """Return what CodeDeploy says of the alias that it moves; None where it has not begun."""
    codedeploy = project.client("codedeploy")
    try:
        [name] = codedeploy.list_deployment_targets(deploymentId=deployment)["targetIds"]
        found: dict[str, Any] = codedeploy.get_deployment_target(deploymentId=deployment, targetId=name)["deploymentTarget"]["lambdaTarget"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "DeploymentNotStartedException":
            return None
        raise
    except ValueError:  # no target yet
        return None
    return found


def _step(event: dict[str, Any]) -> Step:
    name = event["lifecycleEventName"]
    return Step(name, EVENTS.get(name, ""), event["status"], event.get("startTime"), event.get("endTime"),
                event.get("diagnostics", {}).get("message", ""))


def _with_reasons(project: Project, deployment: Deployment, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return the steps with what the hooks themselves say: CodeDeploy keeps which one has failed, and no words."""
    if deployment.kind != "release":
        return steps
    return tuple(replace(step, reason=_said(project, deployment, step.hook) or step.reason)
                 if step.hook and step.status in ("Succeeded", "Failed") else step for step in steps)


def _said(project: Project, deployment: Deployment, hook: str) -> str:
    """Return the reason in a hook's log; blank where it has none."""
    try:
        events = project.client("logs").filter_log_events(
            logGroupName=f"/aws/lambda/{project.prefix}-{hook}", startTime=int(deployment.created.timestamp() * 1000),
            filterPattern=f'"{deployment.id}"', limit=50)["events"]
    except ClientError as error:
        if gone(error):
            return ""
        raise
    reports = [report for event in events if (report := _report(event["message"])) and report.get("deployment") == deployment.id]
    return str(reports[-1].get("reason", "")) if reports else ""


def _report(message: str) -> dict[str, Any]:
    """Return the report that a line of a hook's log holds; empty for any other line."""
    try:
        found = json.loads(message[message.index("{"):])
    except ValueError:
        return {}
    return found if isinstance(found, dict) and "hook" in found else {}
