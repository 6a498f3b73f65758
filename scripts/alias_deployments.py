"""CodeDeploy's deployments of a project's API: the one that goes back, and those that must end before."""

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from going_back import RollbackError, Version

GOING_BACK = "scripts/rollback.sh goes back to a former run"
ACTIVE = ["Created", "Queued", "InProgress", "Baking", "Ready"]
LOOK_SECONDS = 0.2


class AliasDeployments:
    """The deployments of one project's API."""

    def __init__(self, codedeploy: Any, name: str, tell: Callable[[str], None]) -> None:
        self._codedeploy, self._tell = codedeploy, tell
        self._group = {"applicationName": f"{name}-api", "deploymentGroupName": f"{name}-api"}
        self._function = f"{name}-api"

    def stop_release(self) -> tuple[bool, bool]:
        """Stop a release that is under way; return whether a deployment is, and whether this has stopped one."""
        found = self._codedeploy.list_deployments(**self._group, includeOnlyStatuses=ACTIVE)["deployments"]
        stopped = False
        for deployment in found:
            info = self._codedeploy.get_deployment(deploymentId=deployment)["deploymentInfo"]
            if info.get("creator") == "codeDeployRollback" or info.get("description") == GOING_BACK:
                continue  # on its way back already
            stopped |= self._stop(deployment)
        return bool(found), stopped

    def _stop(self, deployment: str) -> bool:
        try:
            self._codedeploy.stop_deployment(deploymentId=deployment, autoRollbackEnabled=True)
        except ClientError as error:
            if error.response["Error"]["Code"] == "DeploymentAlreadyCompletedException":
                return False
            raise
        self._tell(f"stopped deployment {deployment}: its traffic goes back to the version before")
        return True

    def move(self, current: Version, wanted: Version) -> None:
        """Move all traffic from one version to another at once, whatever alarms say: they may be why."""
        content = json.dumps({"version": 0.0, "Resources": [{self._function: {
            "Type": "AWS::Lambda::Function", "Properties": {
                "Name": self._function, "Alias": "live", "CurrentVersion": str(current.number),
                "TargetVersion": str(wanted.number)}}}]})
        deployment = self._codedeploy.create_deployment(
            **self._group, description=GOING_BACK, deploymentConfigName="CodeDeployDefault.LambdaAllAtOnce",
            overrideAlarmConfiguration={"enabled": False}, autoRollbackConfiguration={"enabled": False},
            revision={"revisionType": "AppSpecContent", "appSpecContent": {
                "content": content, "sha256": hashlib.sha256(content.encode()).hexdigest()}})["deploymentId"]
        while (info := self._codedeploy.get_deployment(deploymentId=deployment)["deploymentInfo"])["status"] in ACTIVE:
            time.sleep(LOOK_SECONDS)
        if info["status"] != "Succeeded":
            why = info.get("errorInformation", {}).get("message", "no reason given")
            raise RollbackError(f"deployment {deployment} of {self._function} is {info['status']}: {why} Run this again.")
