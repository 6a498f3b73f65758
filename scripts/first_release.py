"""The demo's first chapter: from nothing to a prediction."""

import argparse
import os
from dataclasses import dataclass

import customers
from endpoints import address, stack_output
from narration import Steps, say
from new_project import create_project, publish
from pipeline_runs import APPROVAL, MONITORING, Pipeline
from project_api import Api
from project_bucket import ProjectBucket
from traffic import THREADS

ROWS = 3333
SAMPLE = (1096, 609, 2909, 944, 694)  # five customers, counted from 1


@dataclass(frozen=True)
class Project:
    """The parts of a project that a person works with."""

    name: str
    pipeline: Pipeline
    bucket: ProjectBucket


@dataclass(frozen=True)
class Release:
    """A project in production: the run whose model answers, and the API."""

    project: Project
    run: str
    api: Api


def first_release(steps: Steps, options: argparse.Namespace) -> Release:
    """Publish the template, create a project, and take its first run into production."""
    with steps.step("publish the organization template", "Once an account and region: now Studio offers the project to its users."):
        publish(options.organization)
    with steps.step("create the project", "Its own repository, bucket, pipeline and roles, as Studio's form makes them."):
        name = create_project(options.organization, options.project, options.prefix, options.network)
        project = Project(name, Pipeline(name), ProjectBucket(name))
        steps.report["name"] = name
    with steps.step("upload the data", f"{ROWS:,} customers and whether they left. An upload starts the pipeline."):
        run = upload(project)
    watch_to_approval(steps, project, run)
    with steps.step("approve", "A person who has looked at the model in dev says yes."):
        project.pipeline.approve()
    with steps.step("watch the pipeline: deploy to production"):
        project.pipeline.watch(run, MONITORING)
    with steps.step("predict", "Five customers, asked of the public API with a signed request."):
        api = Api(address(stack_output(f"{name}-api", "ApiUrl"), os.environ.get("AWS_ENDPOINT_URL")), THREADS)
        steps.report |= {"api_url": api.url, "predictions": predict(api)}
    return Release(project, run, api)


def upload(project: Project) -> str:
    """Upload the data; return the run that this starts, which takes the place of the one that creation started."""
    before = project.pipeline.runs()
    project.bucket.upload(customers.archive(ROWS))
    run = project.pipeline.new_run(before, "upload")
    for former in before:
        if former["status"] == "InProgress" and project.pipeline.stop(former["pipelineExecutionId"], "replaced by the upload's run"):
            say(f"run {former['pipelineExecutionId'][:8]}, started by the project's creation, is stopped: the upload's run takes its place")
    say(f"run {run} started")
    return run


def watch_to_approval(steps: Steps, project: Project, run: str, heading: str = "watch the pipeline") -> None:
    """Watch a run until it asks a person, and say how good its model is."""
    with steps.step(f"{heading}: build, train, gate, deploy to dev"):
        project.pipeline.watch(run, APPROVAL)
        auc = project.bucket.auc(run)
        steps.report.setdefault("runs", []).append({"run": run, "auc": auc})
        say(f"on customers that it has not seen the model reaches an AUC of {auc:.4f}")


def predict(api: Api) -> list[float]:
    """Ask the API for the five sample customers and return their churn probabilities."""
    reply = api.ask(customers.request(SAMPLE))
    for number, truth, prediction in zip(SAMPLE, customers.truths(SAMPLE), reply.predictions, strict=True):
        say(f"customer {number:>4}: leaves with probability {prediction['probability']:.4f}, label {prediction['label']}, truth {truth}")
    say(f"answered by the model of run {reply.run[:8]}")
    return [prediction["probability"] for prediction in reply.predictions]
