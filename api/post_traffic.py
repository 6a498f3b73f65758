"""CodeDeploy's hook once a new version takes all traffic: it starts the watch, which reports in its stead.

The watch calls this function again when its time has come. As a custom resource it starts the watch where no deployment does: for a
first release, and for one to which scripts/rollback.sh has gone back.
"""

from __future__ import annotations

import json
import os
from typing import Any

from api import custom_resource, watch
from api.lifecycle import EXECUTION, Refused, Release, answer, start


def handler(event: dict[str, Any], context: Any) -> dict[str, str]:
    """Answer CodeDeploy, CloudFormation or the state machine; what is returned is for the log."""
    if "Watch" in event:
        return watch.look(event["Watch"], event["Looks"])
    if "LifecycleEventHookExecutionId" in event:
        return begin(event)
    custom_resource.answer(event, lambda: without_deployment(event))
    return {"resource": event["LogicalResourceId"]}


def begin(event: dict[str, Any]) -> dict[str, str]:
    """Start the watch for a deployment; where that fails report it."""
    try:
        return {"watch": begun(event["DeploymentId"], os.environ["ENDPOINT_NAME"], os.environ["MODEL_RUN"], {
            name: event[name] for name in ("DeploymentId", EXECUTION)})}
    except Exception as error:  # noqa: BLE001
        reason = f"the watch could not be started: {error!r}"

    def refuse(_: Release) -> str:
        raise Refused(reason)

    return answer(event, os.environ, watch.HOOK, refuse)


def without_deployment(event: dict[str, Any]) -> str:
    """Start the watch of a release that no hook watches, and say so."""
    properties = event["ResourceProperties"]
    if event["RequestType"] != "Create" and properties["Shifting"] == "yes":
        return "the deployment's hook starts the watch"
    return begun(event["RequestId"], properties["EndpointName"], properties["RunId"], {})


def begun(name: str, endpoint: str, run: str, deployment: dict[str, str]) -> str:
    """Start the state machine; it holds all that it needs, since another release may change this function's environment."""
    start("WATCH_MACHINE_ARN", name, {"Seconds": int(os.environ["WATCH_SECONDS"]), "EndpointName": endpoint, "ModelRun": run} | deployment)
    print(json.dumps({"level": "INFO", "watch": name, "endpoint": endpoint, "seconds": os.environ["WATCH_SECONDS"]} | deployment))
    return f"watch {name} of {endpoint} has begun"
