"""CodeDeploy's hook once a new version takes all traffic: its endpoint still serves, and really keeps what it is asked."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from api.lifecycle import Refused, Release, answer, check_endpoint, client

PAUSE_SECONDS = 5
MARGIN_MILLISECONDS = 30_000  # of the function's time, to report in


def handler(event: dict[str, Any], context: Any) -> dict[str, str]:
    """Answer CodeDeploy's event."""

    def pause() -> bool:
        if context.get_remaining_time_in_millis() < MARGIN_MILLISECONDS:
            return False
        time.sleep(PAUSE_SECONDS)
        return True

    return answer(event, os.environ, "post-traffic", lambda release: checks(release, pause))


def checks(release: Release, pause: Callable[[], bool]) -> str:
    """Return what was proven, or refuse; ``pause`` waits a while and says whether there is time to look again."""
    endpoint = check_endpoint(release)
    if not release.capturing:
        return endpoint
    began = client("codedeploy").get_deployment(deploymentId=release.deployment_id)["deploymentInfo"]["createTime"]
    while not (key := newest_capture(release, began)):
        if not pause():
            raise Refused(f"no capture of {release.endpoint_name} since the deployment began at {began:%H:%M:%S %Z}, though it was asked: "
                          f"look for refused writes in /aws/sagemaker/Endpoints/{release.endpoint_name}; without captures drift goes unseen")
    return f"{endpoint}; the newest capture is {key}"


def newest_capture(release: Release, began: datetime) -> str:
    """Return the key of the endpoint's newest capture that is not older than the deployment, empty when there is none."""
    pages = client("s3").get_paginator("list_objects_v2").paginate(
        Bucket=release.bucket, Prefix=f"captures/{release.endpoint_name}/")
    since = began.replace(microsecond=0)  # S3 keeps whole seconds
    found = [(item["LastModified"], item["Key"]) for page in pages for item in page.get("Contents", [])
             if item["LastModified"] >= since]
    return max(found)[1] if found else ""
