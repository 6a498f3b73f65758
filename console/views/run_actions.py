"""What a person may do to a run: retry a stage, stop the run."""

from console.account import Project
from console.acting import runs
from console.live import Page
from console.parts.dialog import Field, Question, asking_button


def retry_button(page: Page, project: Project, run: str, stage: str) -> None:
    """Add the button that retries a stage."""
    question = Question(
        f"Retry {stage} of run {run[:8]}?", "It takes the same commit and data. A cause in code, configuration or data needs a push or an upload instead.",
        "Retry", (Field("mode", "What is done again", "choice", (
            ("FAILED_ACTIONS", "The failed actions, and what comes after them"), ("ALL_ACTIONS", "The whole stage"))),))
    asking_button(page, f"Retry {stage}", question, lambda filled: runs.retry(project, run, stage, filled["mode"]))


def stop_button(page: Page, project: Project, run: str, *, stopping: bool) -> None:
    """Add the button that stops a run; one that is stopping can only be abandoned."""
    choices = (("end", "After the actions that are under way"), ("abandon", "At once; what they have started goes on to its end"))
    question = Question(
        f"Stop run {run[:8]}?", "What has been deployed stays. A stopped stage can be retried.", "Stop the run",
        (Field("how", "When", "choice", choices[1:] if stopping else choices), Field("reason", "Reason, kept with the run")), danger=True)
    asking_button(page, "Stop now ..." if stopping else "Stop ...", question,
                  lambda filled: runs.stop(project, run, filled["how"] == "abandon", filled.get("reason", "")), "danger-quiet")
