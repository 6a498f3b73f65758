"""Reads what serves a project, and prepares the endpoint of who is to serve."""

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from going_back import Production, RollbackError, Version

SERVES = ("InService", "Updating", "SystemUpdating")  # an endpoint answers while it is being scaled
Client = Callable[[str], Any]


def name_of(project: str, client: Client) -> str:
    """Return what the names of a project begin with; raises RollbackError where there is no such project."""
    try:
        number = client("sagemaker").describe_project(ProjectName=project)["ProjectId"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationException":
            raise
        raise RollbackError(f"there is no project {project}. aws sagemaker list-projects names those that there are.") from error
    pages = client("codepipeline").get_paginator("list_pipelines").paginate()
    for pipeline in (pipeline["name"] for page in pages for pipeline in page["pipelines"]):
        if pipeline.endswith(f"-{number}"):
            return str(pipeline)
    raise RollbackError(f"project {project} ({number}) has no pipeline: it is being made or deleted, or was not made from this template.")


def stack_of(name: str, client: Client) -> dict[str, Any]:
    """Return the API's stack; raises RollbackError before the first release."""
    try:
        found: dict[str, Any] = client("cloudformation").describe_stacks(StackName=f"{name}-api")["Stacks"][0]
    except ClientError as error:
        if "does not exist" not in error.response["Error"]["Message"]:
            raise
        raise RollbackError(f"stack {name}-api does not exist: nothing was released yet, so there is nothing to go back from.") from error
    return found


def parameters(stack: dict[str, Any]) -> dict[str, str]:
    """Return a stack's parameters."""
    return {item["ParameterKey"]: item["ParameterValue"] for item in stack["Parameters"]}


def production(name: str, client: Client) -> Production:
    """Return what serves now; raises RollbackError where nothing does."""
    stack = stack_of(name, client)
    given = parameters(stack)
    if "Shifting" not in given:
        raise RollbackError(f"stack {name}-api is of a release before this script was there and cannot go back. Push and release once.")
    found, number = versions(f"{name}-api", client), alias_version(name, client)
    live = next((version for version in found if version.number == number), None)
    if live is None:
        raise RollbackError(f"{name}-api:{number} serves, but its environment names no run. Release once (docs/runs.md).")
    pages = client("codepipeline").get_paginator("list_pipeline_executions").paginate(pipelineName=name)
    return Production(
        name=name, live=live, versions=found, stack_run=given["RunId"], endpoint_run=endpoint_run(name, live, client),
        stack_status=stack["StackStatus"], shifting=given["Shifting"] == "yes",
        runs={item["pipelineExecutionId"]: item["status"] for page in pages for item in page["pipelineExecutionSummaries"]})


def endpoint_run(name: str, live: Version, client: Client) -> str:
    """Return the run whose model is in the endpoint that a version asks: its own, but where runs share one."""
    if live.endpoint != shared_endpoint(name):
        return live.run
    return parameters(client("cloudformation").describe_stacks(StackName=f"{name}-live-prd")["Stacks"][0])["RunId"]


def alias_version(name: str, client: Client) -> int:
    """Return the version that the API's alias is on."""
    try:
        return int(client("lambda").get_alias(FunctionName=f"{name}-api", Name="live")["FunctionVersion"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        raise RollbackError(f"{name}-api has no alias live: its first release has not succeeded, so there is nothing to go back from.") from error


def versions(function: str, client: Client) -> list[Version]:
    """Return the function's versions that ask a run, oldest first."""
    pages = client("lambda").get_paginator("list_versions_by_function").paginate(FunctionName=function)
    items = [item for page in pages for item in page["Versions"]]
    for fault in (item["Environment"]["Error"] for item in items if "Error" in item.get("Environment", {})):
        raise RollbackError(f"what the versions of {function} ask cannot be read: {fault['Message']}. You need kms:Decrypt on the project's key.")
    found = ((item["Version"], item.get("Environment", {}).get("Variables", {})) for item in items)
    return sorted((Version(int(number), variables["MODEL_RUN"], variables["ENDPOINT_NAME"])
                   for number, variables in found if number.isdecimal() and "MODEL_RUN" in variables), key=lambda version: version.number)


def shared_endpoint(name: str) -> str:
    """Return the name of the endpoint that runs share with strategy endpoint."""
    return f"{name}-live-p"


def why_not(name: str, version: Version, client: Client) -> str:
    """Return why a version's run cannot serve; blank when it can."""
    try:
        status = client("sagemaker").describe_endpoint(EndpointName=version.endpoint)["EndpointStatus"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationException":
            raise
        return f"its endpoint {version.endpoint} is gone (it has baked long enough, or was deleted)"
    if status not in SERVES:
        return f"its endpoint {version.endpoint} is {status}"
    # An endpoint of the run's own stands for the run's files, which go with it; one that runs share stands for nothing.
    return broken(name, version, client) if version.endpoint == shared_endpoint(name) else ""


def broken(name: str, version: Version, client: Client) -> str:
    """Return why a version of the function fails; blank when it answers, or is too busy to be asked."""
    try:
        reply = client("lambda").invoke(FunctionName=f"{name}-api", Qualifier=str(version.number), Payload=b"{}")
    except ClientError as error:
        if error.response["Error"]["Code"] != "TooManyRequestsException":
            raise
        return ""
    # An empty request is refused, which is an answer, once the columns of the run have been read.
    fault = json.loads(reply["Payload"].read()) if "FunctionError" in reply else {}
    return f"version {version.number} of {name}-api fails: {fault.get('errorMessage', fault)}" if fault else ""


def match_capacity(former: str, live: str, client: Client, tell: Callable[[str], None]) -> None:
    """Ask for as many instances as the live endpoint has, where the former one was scaled in; it serves meanwhile with what it has."""
    def instances(endpoint: str) -> dict[str, int]:
        found = client("sagemaker").describe_endpoint(EndpointName=endpoint)
        return {variant["VariantName"]: max(variant.get("DesiredInstanceCount", 0), variant.get("CurrentInstanceCount", 0))
                for variant in found.get("ProductionVariants", [])}

    try:
        wanted, has = instances(live), instances(former)
        few = [{"VariantName": name, "DesiredInstanceCount": wanted[name]} for name in has if wanted.get(name, 0) > has[name]]
        if former != live and few:
            client("sagemaker").update_endpoint_weights_and_capacities(EndpointName=former, DesiredWeightsAndCapacities=few)
            tell(f"endpoint {former} has fewer instances than {live}; asked for {few[0]['DesiredInstanceCount']}. It serves meanwhile")
    except ClientError as error:  # too few instances now are better than going back later
        tell(f"the instances of {former} and {live} could not be made equal: {error}")
