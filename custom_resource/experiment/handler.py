"""Makes the project's experiment and the run's trial; what exists already is left as it is."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from lineage import already_there, project_tags


@cache
def sagemaker() -> Any:
    """Return the client, made once."""
    return boto3.client("sagemaker", config=Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "max_attempts": 5}))


def handler(event: dict[str, Any], context: Any) -> dict[str, str]:
    """Take ExperimentName, TrialName and Tags; return the two names."""
    experiment, trial, tags = event["ExperimentName"], event["TrialName"], event["Tags"]
    make(sagemaker().create_experiment, ExperimentName=experiment, Tags=project_tags(tags))
    make(sagemaker().create_trial, TrialName=trial, ExperimentName=experiment, Tags=tags)
    return {"ExperimentName": experiment, "TrialName": trial}


def make(create: Any, **request: Any) -> None:
    """Call a create operation; that the thing exists is success, because a retried stage comes here again."""
    try:
        create(**request)
    except ClientError as error:
        if not already_there(error.response):
            raise
