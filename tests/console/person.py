"""What a person does beside the page: python tests/console/person.py create | push FOLDER | ask | ask-otherwise, with scripts/ on its path.

``ask`` goes on until it is ended; everything else ends by itself.
"""

import os
import signal
import sys
from pathlib import Path
from threading import Event

import boto3

import customers
from drift_chapter import newcomers, send
from endpoints import address, stack_output
from first_release import Project, Release, upload
from new_project import create_project, publish
from pipeline_runs import Pipeline
from project_api import Api
from project_bucket import ProjectBucket
from second_release import CALLERS, push
from traffic import THREADS, Traffic

PREFIX, NAME = "demo", "churn-demo"


def create() -> None:
    """Publish the template, create the project and upload its data."""
    publish("ml-delivery")
    upload(project(create_project("ml-delivery", NAME, PREFIX, "none")))


def change(folder: Path) -> None:
    """Push a change of the model."""
    push(project(), project().pipeline.runs()[0]["pipelineExecutionId"], folder)


def ask() -> None:
    """Ask the API steadily, for customers that are like the training data, until the process is ended."""
    ended = Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with Traffic(release().api, [customers.request([number]) for number in CALLERS], runs()):
        ended.wait()


def ask_otherwise() -> None:
    """Upload data that holds customers of another kind, then ask the API for such customers."""
    project().bucket.upload(newcomers("").archive)
    live = release()
    send(live, live.run)


def project(name: str = "") -> Project:
    """Return the project by what its names begin with."""
    found = name or next(each for each in names() if each.startswith(f"{PREFIX}-"))
    return Project(found, Pipeline(found), ProjectBucket(found))


def names() -> list[str]:
    """Return the names of the account's pipelines."""
    return [each["name"] for each in boto3.client("codepipeline").list_pipelines()["pipelines"]]


def runs() -> list[str]:
    """Return the ids of all runs."""
    return [each["pipelineExecutionId"] for each in project().pipeline.runs()]


def release() -> Release:
    """Return what answers now."""
    found = project()
    api = Api(address(stack_output(f"{found.name}-api", "ApiUrl"), os.environ["AWS_ENDPOINT_URL"]), THREADS)
    return Release(found, api.ask(customers.request([1])).run, api)


if __name__ == "__main__":
    {"create": create, "push": lambda: change(Path(sys.argv[2])), "ask": ask, "ask-otherwise": ask_otherwise}[sys.argv[1]]()
