"""Where the logs of a run are: its build, its jobs, its endpoints, and the project's functions."""

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from console.account import Project
from console.faults import gone
from console.reading.runs import actions
from console.reading.together import together

JOBS = {  # what a list of jobs is called with -> the log group of those jobs
    "ProcessingJob": "/aws/sagemaker/ProcessingJobs", "TrainingJob": "/aws/sagemaker/TrainingJobs",
    "TransformJob": "/aws/sagemaker/TransformJobs",
}
LISTS = {"ProcessingJob": "list_processing_jobs", "TrainingJob": "list_training_jobs", "TransformJob": "list_transform_jobs"}
FUNCTIONS, ENDPOINTS = "/aws/lambda/", "/aws/sagemaker/Endpoints/"


@dataclass(frozen=True)
class Source:
    """One log: its group, and what its stream's name begins with; empty for the newest stream of the group."""

    kind: str  # Build, Jobs, Endpoints, Functions
    title: str
    group: str
    stream: str = ""
    status: str = ""


def build_source(project: Project, build: str) -> Source:
    """Return the log of a build, by its id (project:unique)."""
    return Source("Build", "Build", f"/aws/codebuild/{project.build}", build.rpartition(":")[2])


def sources(project: Project, run: str) -> tuple[Source, ...]:
    """Return the logs of a run, in the order in which it writes them."""
    short = run[:8]
    builds, *found = together(
        lambda: _builds(project, run),
        *(lambda kind=kind: _jobs(project, kind, short) for kind in JOBS),
        lambda: _groups(project, "Endpoints", ENDPOINTS, f"{project.prefix}-{short}-"),
        lambda: _groups(project, "Functions", FUNCTIONS, f"{project.prefix}-"))
    jobs = sorted((created, source) for listed in found[:-2] for created, source in listed)
    return (*builds, *(source for _, source in jobs), *found[-2], *found[-1])


def job_source(kind: str, job: str, prefix: str, status: str = "") -> Source:
    """Return the log of a SageMaker job; a job is named PREFIX-RUN-STEP-XXXX, and its step is what people call it."""
    return Source("Jobs", job.removeprefix(f"{prefix}-")[9:].rpartition("-")[0] or job, JOBS[kind], f"{job}/", status)


def _builds(project: Project, run: str) -> list[Source]:
    """Return the builds of a run; a retried one has several."""
    found = (each for each in actions(project, run) if each["stageName"] == "Build")
    ids = (each.get("output", {}).get("executionResult", {}).get("externalExecutionId") for each in found)
    return [build_source(project, each) for each in ids if each]


def _jobs(project: Project, kind: str, short: str) -> list[tuple[Any, Source]]:
    answer = getattr(project.client("sagemaker"), LISTS[kind])(
        NameContains=f"{project.prefix}-{short}", SortBy="CreationTime", SortOrder="Ascending", MaxResults=50)
    return [((each["CreationTime"], each[f"{kind}Name"]), job_source(kind, each[f"{kind}Name"], project.prefix, each[f"{kind}Status"]))
            for each in answer[f"{kind}Summaries"] if f"-{short}-monitor-" not in each[f"{kind}Name"]]  # one an hour; the view Watch has them


def _groups(project: Project, kind: str, folder: str, begin: str) -> list[Source]:
    try:
        answer = project.client("logs").describe_log_groups(logGroupNamePrefix=f"{folder}{begin}", limit=50)
    except ClientError as error:
        if not gone(error):
            raise
        return []
    names = [each["logGroupName"] for each in answer["logGroups"]]
    return [Source(kind, name.removeprefix(folder).removeprefix(f"{project.prefix}-"), name) for name in names]
