"""Sets what an account has once in a region and this system needs, where nobody has set it: the role in which API Gateway
writes logs, and an end to the logs of SageMaker's jobs, which all projects share.

What is set is somebody's choice and stays. So does all of it when the resource is deleted: other APIs may log by then.
"""

from __future__ import annotations

import time
from contextlib import suppress
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

import response

CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "max_attempts": 5})
ATTEMPTS, PAUSE_SECONDS = 12, 5  # a role that has just been made is refused until IAM knows it everywhere


@cache
def client(service: str) -> Any:
    """Return a service's client, made once."""
    return boto3.client(service, config=CONFIG)


def handler(event: dict[str, Any], context: Any) -> None:
    """Answer CloudFormation once, whatever happens."""
    properties, physical_id = event["ResourceProperties"], "account-settings"
    try:
        if event["RequestType"] != "Delete":
            let_apis_log(properties["ApiLogsRoleArn"])
            for name in properties["LogGroupNames"]:
                end_logs(name, int(properties["RetentionInDays"]))
    except Exception as error:  # noqa: BLE001 - the answer is what matters: without it the stack hangs
        print(f"{event['RequestType']} failed: {error!r}")
        response.send(event, "FAILED", physical_id, f"the account's settings for logs could not be made: {error}")
        return
    response.send(event, "SUCCESS", physical_id)


def let_apis_log(role: str) -> None:
    """Give API Gateway a role for its logs, unless it has one."""
    if found := client("apigateway").get_account().get("cloudwatchRoleArn"):
        print(f"API Gateway logs as {found}")
        return
    for attempt in range(1, ATTEMPTS + 1):
        try:
            client("apigateway").update_account(patchOperations=[{"op": "replace", "path": "/cloudwatchRoleArn", "value": role}])
            return
        except ClientError as error:
            if error.response["Error"]["Code"] != "BadRequestException" or attempt == ATTEMPTS:
                raise
            time.sleep(PAUSE_SECONDS)


def end_logs(name: str, days: int) -> None:
    """Give a log group an end, unless it has one; one that is not there yet is made, or its service would make it without."""
    logs = client("logs")
    groups = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    group = next((group for group in groups if group["logGroupName"] == name), None)
    if group is None:
        with suppress(logs.exceptions.ResourceAlreadyExistsException):  # a job was faster
            logs.create_log_group(logGroupName=name)
    if not group or "retentionInDays" not in group:
        logs.put_retention_policy(logGroupName=name, retentionInDays=days)
