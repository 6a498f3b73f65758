"""Stops a run of a pipeline, which may end by itself before the call arrives."""

from typing import Any

from botocore.exceptions import ClientError

OVER = {"PipelineExecutionNotStoppableException", "DuplicatedStopRequestException"}


def stop(pipelines: Any, name: str, run: str, reason: str, abandon: bool) -> bool:
    """Stop a run, its present action too with ``abandon``; return False where it had ended or was stopping already."""
    try:
        pipelines.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=run, abandon=abandon, reason=reason)
    except ClientError as error:
        if error.response["Error"]["Code"] not in OVER:
            raise
        return False
    return True
