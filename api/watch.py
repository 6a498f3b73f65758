"""The end of a release's watch: its endpoint still serves and really keeps what it is asked, and no alarm of the release is on.

With all traffic on it a version shows what a tenth does not. Once it has passed its endpoint may scale in.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from typing import Any

from api import scaling
from api.lifecycle import Refused, Release, answer, check_endpoint, client, described
from api.pause import Pause

HOOK = "post-traffic"


def look(watch: dict[str, Any], pause: Pause) -> dict[str, str]:
    """Judge the release that a watch is about, report, and let its endpoint scale in where it stays."""
    environment = os.environ | {"ENDPOINT_NAME": watch["EndpointName"], "MODEL_RUN": watch["ModelRun"]}
    report = answer(watch, environment, HOOK, lambda release: checks(release, pause))
    if stays(watch, report["status"]):
        changed = scaling.allow_scale_in(watch["EndpointName"], True)
        print(json.dumps({"level": "INFO", "scale in": changed}))
    return report


def stays(watch: dict[str, Any], status: str) -> bool:
    """Return whether the release keeps the traffic: without a deployment there is nothing else, a failed one goes back."""
    if "DeploymentId" not in watch:
        return True
    return status == "Succeeded" and deployment(watch["DeploymentId"])["status"] not in ("Failed", "Stopped")


def deployment(deployment_id: str) -> dict[str, Any]:
    """Return what CodeDeploy says of a deployment."""
    found: dict[str, Any] = client("codedeploy").get_deployment(deploymentId=deployment_id)["deploymentInfo"]
    return found


def checks(release: Release, pause: Pause) -> str:
    """Return what was proven, or refuse."""
    proven = [check_endpoint(release), quiet(release)]
    if release.capturing:
        proven.append(captured(release, pause))
    return "; ".join(proven)


def quiet(release: Release) -> str:
    """Return that no alarm of the deployment group is on, or refuse."""
    name = f"{release.name_prefix}-api"
    group = client("codedeploy").get_deployment_group(applicationName=name, deploymentGroupName=name)["deploymentGroupInfo"]
    names = [alarm["name"] for alarm in group["alarmConfiguration"]["alarms"]]
    found = client("cloudwatch").describe_alarms(AlarmNames=names, StateValue="ALARM")["MetricAlarms"]
    if found:
        raise Refused("; ".join(f"alarm {alarm['AlarmName']}: {alarm['StateReason']}" for alarm in found))
    return f"none of {len(names)} alarms is on"


def captured(release: Release, pause: Pause) -> str:
    """Return the newest capture since the deployment began, or, without one, since the endpoint is there; refuse when none comes."""
    if release.deployment_id:
        began = deployment(release.deployment_id)["createTime"]
    else:
        began = (described(release.endpoint_name) or {})["CreationTime"]
    while not (key := newest_capture(release, began)):
        if not pause():
            name = release.endpoint_name
            raise Refused(f"no capture of {name} since {began:%H:%M:%S %Z}, though it was asked: look for refused writes in "
                          f"/aws/sagemaker/Endpoints/{name}; without captures drift goes unseen")
    return f"the newest capture is {key}"


def newest_capture(release: Release, began: datetime) -> str:
    """Return the key of the endpoint's newest capture that is not older than the deployment, empty when there is none."""
    pages = client("s3").get_paginator("list_objects_v2").paginate(
        Bucket=release.bucket, Prefix=f"captures/{release.endpoint_name}/")
    since = began.replace(microsecond=0)  # S3 keeps whole seconds
    found = [(item["LastModified"], item["Key"]) for page in pages for item in page.get("Contents", [])
             if item["LastModified"] >= since]
    return max(found)[1] if found else ""
