"""Keeps runs of a pipeline out of production for a while, and leaves the way in as it was."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stopping import stop

STAGE = "DeployPrd"
REASON = "rollback.sh goes back to a former run and opens this again"


@contextmanager
def closed(pipelines: Any, name: str, tell: Callable[[str], None]) -> Iterator[None]:
    """Let no run into production meanwhile; a way that a person has closed stays closed."""
    before = stage_state(pipelines, name)["inboundTransitionState"]
    # Left closed by this very script where it was killed: then it is ours to open.
    ours = before["enabled"] or before.get("disabledReason") == REASON
    if before["enabled"]:
        pipelines.disable_stage_transition(pipelineName=name, stageName=STAGE, transitionType="Inbound", reason=REASON)
        tell(f"closed the way into {STAGE}")
    try:
        yield
    finally:
        if ours:
            _open(pipelines, name, tell)
        else:
            tell(f"the way into {STAGE} stays closed, as it was: {before.get('disabledReason', 'no reason given')}")


def _open(pipelines: Any, name: str, tell: Callable[[str], None]) -> None:
    """Open the way; where that fails say how to."""
    try:
        pipelines.enable_stage_transition(pipelineName=name, stageName=STAGE, transitionType="Inbound")
        tell(f"opened the way into {STAGE} again")
    except (BotoCoreError, ClientError):
        tell(f"the way into {STAGE} is STILL CLOSED. Open it: aws codepipeline enable-stage-transition --pipeline-name {name} "
             f"--stage-name {STAGE} --transition-type Inbound")
        raise


def stage_state(pipelines: Any, name: str) -> dict[str, Any]:
    """Return what the pipeline says of the stage."""
    return next(stage for stage in pipelines.get_pipeline_state(name=name)["stageStates"] if stage["stageName"] == STAGE)


def stop_newcomer(pipelines: Any, name: str, tell: Callable[[str], None]) -> None:
    """Stop a run that is in the stage and has not reached the API: it would be released over what is put back."""
    stage = stage_state(pipelines, name)
    running = {action["actionName"] for action in stage["actionStates"]
               if action.get("latestExecution", {}).get("status") == "InProgress"}
    latest = stage.get("latestExecution", {})
    if latest.get("status") != "InProgress" or running & {"Api", "Monitoring"}:
        return
    if stop(pipelines, name, latest["pipelineExecutionId"], "scripts/rollback.sh goes back to a former run", abandon=False):
        tell(f"run {latest['pipelineExecutionId']} was on its way into production: it stops after its present action. "
             f"Retry its stage {STAGE} when it may go on")
