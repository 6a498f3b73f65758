"""What the mails say. Nothing here asks AWS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

NEXT = {  # what helps, by the action that failed or by its stage
    "Build": "Mend what it names and push; the build's log has the rest.",
    "Train": "Mend what it names and push, upload other data, or retry the stage.",
    "DeployDev": "Nothing went to production. Mend what it names and push, or retry the stage.",
    "DeployPrd": "All traffic is on the version before. Mend what it names and push, or retry the stage within 30 minutes "
                 "(aws codepipeline retry-stage-execution --retry-mode FAILED_ACTIONS; later ALL_ACTIONS).",
    "DeployPrd/Monitoring": "The new version serves, but it is not watched for drift yet. Mend what it names and retry the stage "
                            "(aws codepipeline retry-stage-execution --retry-mode FAILED_ACTIONS), or push.",
}


@dataclass(frozen=True)
class Mail:
    """One message to people; SNS takes a subject of up to 100 characters in one line."""

    subject: str
    message: str


def of_failure(pipeline: str, run: str, actions: list[dict[str, Any]]) -> Mail:
    """Return the mail on a failed run, with every action that failed and why."""
    if not actions:
        return Mail(f"{pipeline}: run {run[:8]} failed"[:100], f"Run {run} of pipeline {pipeline} failed outside of its actions; "
                    f"aws codepipeline get-pipeline-state --name {pipeline} shows where.")
    places = [f"{action['stageName']}/{action['actionName']}" for action in actions]
    reasons = "\n\n".join(f"{place}: {reason(action)}" for place, action in zip(places, actions, strict=True))
    return Mail(f"{pipeline}: run {run[:8]} failed at {', '.join(places)}"[:100],
                f"Run {run} of pipeline {pipeline} failed.\n\n{reasons}\n\n{NEXT.get(places[0], NEXT.get(actions[0]['stageName'], ''))}".rstrip())


def reason(action: dict[str, Any]) -> str:
    """Return why an action failed, as the history knows it."""
    result = action.get("output", {}).get("executionResult", {})
    return str(result.get("errorDetails", {}).get("message") or result.get("externalExecutionSummary") or "no reason is recorded")
