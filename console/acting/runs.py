"""A person's hand on a run: retry a stage, stop the run. The pipeline itself refuses what has been done already."""

from botocore.exceptions import ClientError

from console.account import Project
from console.faults import Refused
from console.reading.runs import ENDED, one

MODES = ("FAILED_ACTIONS", "ALL_ACTIONS")


def retry(project: Project, run: str, stage: str, mode: str) -> str:
    """Retry a failed or stopped stage; return what to say of it."""
    if mode not in MODES:
        raise Refused(f"{mode} is no way to retry; choose the failed actions or the whole stage.")
    project.client("codepipeline").retry_stage_execution(
        pipelineName=project.pipeline, stageName=stage, pipelineExecutionId=run, retryMode=mode)
    return f"{stage} of run {run[:8]} is tried again."


def stop(project: Project, run: str, abandon: bool, reason: str) -> str:
    """Stop a run, at once or after the actions that are under way; return what to say of it."""
    status = one(project, run).status
    if status in ENDED:
        raise Refused(f"Run {run[:8]} has ended meanwhile ({status}), so there is nothing to stop.")
    try:
        project.client("codepipeline").stop_pipeline_execution(
            pipelineName=project.pipeline, pipelineExecutionId=run, abandon=abandon, reason=reason or "stopped in the console")
    except ClientError as error:
        if error.response["Error"]["Code"] != "DuplicatedStopRequestException":
            raise
        return f"Run {run[:8]} is stopping already."
    return f"Run {run[:8]} stops {'now' if abandon else 'after the actions that are under way'}."
