"""Which run serves in production, so that a candidate is measured beside its model."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from model.errors import BuildError
from model.settings import Settings
from model.storage import listed


def live_model_uri(functions: Any, s3: Any, settings: Settings) -> str | None:
    """Return the address of the live run's model archive; None before the first release, or where it is gone."""
    run = live_run(functions, settings)
    key = f"runs/{run}/model/model.tar.gz"
    kept = run and key in listed(s3, settings.bucket, key, f"the live run's s3://{settings.bucket}/{key}")
    return f"s3://{settings.bucket}/{key}" if kept else None


def schema_of(endpoint: str, functions: Any, s3: Any, settings: Settings) -> dict[str, Any] | None:
    """Return the schema of the run that an endpoint is named for, the live run's of one that stays; None where it is gone."""
    short = endpoint.removeprefix(f"{settings.name_prefix}-").partition("-")[0]
    run = live_run(functions, settings) if short == "live" else short
    where = f"s3://{settings.bucket}/runs/{run}"
    keys = listed(s3, settings.bucket, f"runs/{run}", where) if run else []
    key = next((key for key in keys if key.endswith("/data/schema/schema.json")), None)
    return json.loads(s3.get_object(Bucket=settings.bucket, Key=key)["Body"].read()) if key else None


def live_run(functions: Any, settings: Settings) -> str | None:
    """Return the id of the run that serves; None before the first release."""
    try:
        found = functions.get_function_configuration(FunctionName=f"{settings.name_prefix}-api", Qualifier="live")
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return None
    environment = found.get("Environment", {})
    if "Error" in environment:
        raise BuildError(f"the environment of {settings.name_prefix}-api:live cannot be read: {environment['Error']['Message']}; "
                         "pipeline.yml grants kms:Decrypt to the build's role")
    run: str | None = environment.get("Variables", {}).get("MODEL_RUN")
    return run
