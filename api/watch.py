"""The end of a release's watch: its endpoint still serves and really keeps what it is asked, and no alarm of the release is on.

With all traffic on it a version shows what a tenth does not. Once it has passed its endpoint may scale in.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from typing import Any

from api import scaling
from api.lifecycle import NotYet, Refused, Release, answer, check_endpoint, client, described

HOOK = "post-traffic"
LOOKS = 21  # for a first capture, of which S3 may hear minutes late; the state machine's Retry makes as many


def look(watch: dict[str, Any], looks: int) -> dict[str, str]:
    """Judge the release that a watch is about, report, and let its endpoint scale in where it stays; ``looks`` were in vain before."""
    environment = os.environ | {"ENDPOINT_NAME": watch["EndpointName"], "MODEL_RUN": watch["ModelRun"]}
    report = answer(watch, environment, HOOK, lambda release: checks(release, looks))
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


def checks(release: Release, looks: int) -> str:
    """Return what was proven, or refuse; raise NotYet where it may still come."""
    proven = [check_endpoint(release), quiet(release)]
    if release.capturing:
        proven.append(captured(release, looks))
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


def captured(release: Release, looks: int) -> str:
    """Return the newest capture since the deployment began, or, without one, since the endpoint is there; refuse when none has come."""
    if release.deployment_id:
        began = deployment(release.deployment_id)["createTime"]
    else:
        began = (described(release.endpoint_name) or {})["CreationTime"]
    if key := newest_capture(release, began):
        return f"the newest capture is {key}"
    missing = f"no capture of {release.endpoint_name} since {began:%H:%M:%S %Z}"
    if looks < LOOKS:
        raise NotYet(missing)
    raise Refused(f"{missing}, though it was asked: look for refused writes in /aws/sagemaker/Endpoints/{release.endpoint_name}; "
                  "without captures drift goes unseen")


def newest_capture(release: Release, began: datetime) -> str:
    """Return the key of the endpoint's newest capture that is not older than the deployment, empty when there is none."""
    pages = client("s3").get_paginator("list_objects_v2").paginate(
        Bucket=release.bucket, Prefix=f"captures/{release.endpoint_name}/")
    since = began.replace(microsecond=0)  # S3 keeps whole seconds
    found = [(item["LastModified"], item["Key"]) for page in pages for item in page.get("Contents", [])
             if item["LastModified"] >= since]
    return max(found)[1] if found else ""
