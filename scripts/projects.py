"""The project that a notebook works with: the one that there is, or the one that is named."""

import os

import boto3

from endpoints import address, stack_output
from first_release import Project
from going_back import RollbackError
from new_project import create_project
from pipeline_runs import Pipeline
from plain_faults import NotReady
from production import name_of, stack_of
from project_api import Api
from project_bucket import ProjectBucket
from traffic import THREADS

HOW = "On the local AWS: bash scripts/demo.sh --keep. On AWS: docs/project.md."


def named(name: str) -> Project:
    """Return the parts of the project whose names begin with ``name``."""
    return Project(name, Pipeline(name), ProjectBucket(name))


def chosen(project: str = "") -> Project:
    """Return the project of that name, or without one the only project that there is; raises NotReady saying what to choose from."""
    found = statuses()
    if not project:
        if not found:
            raise NotReady(f"There is no project in this account and region. {HOW}")
        if len(found) > 1:
            raise NotReady(f"There are several projects: {', '.join(sorted(found))}. Set PROJECT to one of them and run this cell again.")
        [project] = found
    if found.get(project, "CreateCompleted") not in ("CreateCompleted", "UpdateCompleted"):
        raise NotReady(f"Project {project} is {found[project]}. Run this cell again when it is CreateCompleted.")
    return named(name_of(project, boto3.client))


def statuses() -> dict[str, str]:
    """Return the status of each project that is not deleted."""
    client, more = boto3.client("sagemaker"), {"MaxResults": 100}
    found: dict[str, str] = {}
    while more:
        page = client.list_projects(**more)
        found |= {item["ProjectName"]: item["ProjectStatus"] for item in page["ProjectSummaryList"]}
        more = {"MaxResults": 100, "NextToken": page["NextToken"]} if page.get("NextToken") else {}
    return {name: status for name, status in found.items() if status != "DeleteCompleted"}


def own(project: str, organization: str, prefix: str, email: str) -> Project:
    """Return the project of that name, made from the organization's template where it is not there yet."""
    if project not in statuses():
        pages = boto3.client("cloudformation").get_paginator("describe_stacks").paginate()
        if organization not in {stack["StackName"] for page in pages for stack in page["Stacks"]}:
            raise NotReady(f"The organization's template is not published as stack {organization}, so no project can be made of it. Locally: "
                           "bash scripts/demo.sh --keep. On AWS: docs/publish.md, and set ORGANIZATION to your stack's name.")
        create_project(organization, project, prefix, "none", email)
    return chosen(project)


def api(project: Project) -> Api:
    """Return the API of a project; raises NotReady before its first release."""
    try:
        stack_of(project.name, boto3.client)
    except RollbackError:
        raise NotReady(f"{project.name} has released nothing yet. Approve a run and wait until it has succeeded: docs/runs.md.") from None
    return Api(address(stack_output(f"{project.name}-api", "ApiUrl"), os.environ.get("AWS_ENDPOINT_URL")), THREADS)
