"""What the build runs: `check` before money is spent on images, `image` to find one, `stack` to name
production's, `write` for the files of build/.

usage: python model/run_pipeline.py check
       python model/run_pipeline.py image TARGET TAG   (prints the image that is there already, or nothing)
       python model/run_pipeline.py stack              (prints the name of production's endpoint stack)
       python model/run_pipeline.py write
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

if not __package__:  # run as a file, Python looks for modules beside it; ours are named from the repository's root
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from model import analyzer, data_source, images, learning, live_run, parameters, sbom, settings, storage, workflow_input
from model import config as configuration
from model.errors import BuildError

BUILD = Path("build")
REPOSITORIES = {"model": "MODEL_REPOSITORY_URI", "api": "API_REPOSITORY_URI"}


def check(project: settings.Settings) -> tuple[dict[str, Any], data_source.DataSource, dict[str, list[storage.Found]]]:
    """Return configuration, upload and what its pointers lead to, all of them found good."""
    config = configuration.load()
    source = data_source.read(project.data_source)
    config = configuration.with_hyperparameters(config, source.hyperparameters)
    workflow_input.check_spot(config["training"]["spot"], project)
    analyzer.image(config, os.environ)
    s3 = boto3.client("s3")
    found = storage.find(s3, source, project)
    data_source.check_tables(samples(s3, source, found), config["problem"]["target"])
    for target, uri in source.images.items():
        images.resolve(boto3.client("ecr"), target, uri)
    return config, source, found


def samples(s3: Any, source: data_source.DataSource, found: dict[str, list[storage.Found]]) -> dict[str, dict[str, str]]:
    """Return the first lines of every table by channel and name."""
    local = {channel: {f"data-source.zip: {path.name}": storage.local_sample(path) for path in paths}
             for channel, paths in source.files.items()}
    pointed = {channel: {f"inputData.json: {item.uri}": storage.sample(s3, item) for item in items}
               for channel, items in found.items()}
    return local | pointed


def image(project: settings.Settings, target: str, tag: str) -> str:
    """Return the image of the upload, or the one that ECR has for the content; blank when it has to be built."""
    uri = data_source.read(project.data_source).images.get(target)
    ecr = boto3.client("ecr")
    if uri:
        return images.resolve(ecr, target, uri)
    return images.existing(ecr, settings.required(os.environ, REPOSITORIES[target]), tag)


def write(project: settings.Settings, model_image_uri: str, api_image_uri: str) -> None:
    """Lay out the run's input in S3 and write the stages' files."""
    from model import workflow_template  # the SDK takes seconds to import, and only this needs it

    config, source, found = check(project)
    s3 = boto3.client("s3")
    live = live_run.live_model_uri(boto3.client("lambda"), s3, project)
    storage.put_source(s3, source, found, project)  # before labels are read: what comes meanwhile is new to this run
    if config["monitoring"]["learn_from_captures"]:
        project = with_captures(project, config, source, found)
    files = {
        "workflow-graph.yml": workflow_template.rendered(project),
        "workflow-input.json": workflow_input.workflow_input(project, config, model_image_uri, live),
        "functions.json": parameters.functions(project, api_image_uri),
        "endpoint-dev.json": parameters.endpoint(project, config, "dev", model_image_uri),
        "endpoint-prd.json": parameters.endpoint(project, config, "prd", model_image_uri),
        "api.json": parameters.api(project, config, api_image_uri),
        "monitoring.json": parameters.monitoring(project, config, model_image_uri, analyzer.image(config, os.environ)),
    }
    storage.copy_data(s3, source, found, project)
    storage.put_config(s3, config, project)
    for target, uri in {"model": model_image_uri, "api": api_image_uri}.items():
        if target not in source.images:  # what an uploaded image is made of is not known here
            storage.put_json(s3, f"sbom/{target}.json", sbom.document(target, uri), project)
    BUILD.mkdir(exist_ok=True)
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content, indent=2) + "\n"
        (BUILD / name).write_text(text, encoding="utf-8")
    storage.keep_release(s3, BUILD, project)
    if not config["serving"]["capture"]["percentage"]:
        print("serving.capture.percentage is 0: production is not watched for drift", file=sys.stderr)
    print(f"wrote {', '.join(files)} to {BUILD}/ and the run's input to {project.run_uri}/", file=sys.stderr)


def with_captures(project: settings.Settings, config: dict[str, Any], source: data_source.DataSource,
                  found: dict[str, list[storage.Found]]) -> settings.Settings:
    """Lay labelled requests beside the training data; return the project with a data version that names them."""
    s3, functions = boto3.client("s3"), boto3.client("lambda")
    name, text = next(iter(samples(s3, source, found)["train"].items()))
    schemas = cache(lambda endpoint: live_run.schema_of(endpoint, functions, s3, project))
    project, learned = learning.learn(s3, data_source.header(name, text), config["problem"]["target"], schemas, project)
    print(f"monitoring.learn_from_captures: {learned.sentence}", file=sys.stderr)
    return project


def arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(prog="model/run_pipeline.py")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check")
    commands.add_parser("stack")
    found = commands.add_parser("image")
    found.add_argument("target", choices=sorted(REPOSITORIES))
    found.add_argument("tag")
    commands.add_parser("write")
    return parser.parse_args()


def main() -> int:
    """Run one command; what the user has to mend is said in one line each on standard error."""
    given = arguments()
    try:
        project = settings.read(os.environ)
        if given.command == "check":
            check(project)
            print("model/config.yml and the data source are in order", file=sys.stderr)
        elif given.command == "image":
            print(image(project, given.target, given.tag))
        elif given.command == "stack":
            print(parameters.endpoint_stack(project, configuration.load(), "prd"))
        else:
            uris = [settings.required(os.environ, name) for name in ("MODEL_IMAGE_URI", "API_IMAGE_URI")]
            write(project, *uris)
    except (BuildError, ClientError, BotoCoreError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
