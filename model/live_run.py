"""Which run serves in production, so that a candidate is measured beside its model."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from model.settings import Settings
from model.storage import listed


def live_model_uri(functions: Any, s3: Any, settings: Settings) -> str | None:
    """Return the address of the live run's model archive; None before the first release, or where it is gone."""
    try:
        found = functions.get_function_configuration(FunctionName=f"{settings.name_prefix}-api", Qualifier="live")
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return None
    run = found.get("Environment", {}).get("Variables", {}).get("MODEL_RUN")
    key = f"runs/{run}/model/model.tar.gz"
    kept = run and key in listed(s3, settings.bucket, key, f"the live run's s3://{settings.bucket}/{key}")
    return f"s3://{settings.bucket}/{key}" if kept else None
