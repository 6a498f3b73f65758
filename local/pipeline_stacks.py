"""Deploy/CloudFormation: stacks and change sets, with the failed resource's reason in the message."""

import json
from collections.abc import Callable
from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import ClientError

from local.pipeline_action import Action, ActionError
from local.transfer import Transfer

BODY_BYTES = 51_200  # a larger template goes by URL
OVERRIDES_BYTES = 1_024
REPLACEABLE = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED")
UNDER_WAY = ("CREATE_PENDING", "CREATE_IN_PROGRESS")  # of a change set
UNCHANGED = ("No updates are to be performed", "didn't contain changes")


def deploy(action: Action) -> dict[str, str]:
    """Do what the action's mode says; the stack's outputs are the action's variables."""
    return MODES[action.configuration["ActionMode"]](action, action.client("cloudformation"))


def find(stacks: BaseClient, name: str) -> dict[str, Any] | None:
    """Return a stack, None where there is none."""
    try:
        stack: dict[str, Any] | None = stacks.describe_stacks(StackName=name)["Stacks"][0]
        return stack
    except ClientError as error:
        if "does not exist" in error.response["Error"].get("Message", ""):
            return None
        raise


# Modes

def _create_update(action: Action, stacks: BaseClient) -> dict[str, str]:
    """Create or update; a stack in a failed state fails the action, as on AWS."""
    name = action.configuration["StackName"]
    request = _request(action) | _role(action)
    existing = find(stacks, name)
    if existing is None:
        return _settled(action, stacks, stacks.create_stack(**request)["StackId"])
    try:
        stacks.update_stack(**request)
    except ClientError as error:
        if not _unchanged(error.response["Error"].get("Message", "")):
            raise
        action.report(id=existing["StackId"], url=_page(action, existing["StackId"]), summary=f"{name} is up to date")
        return _outputs(action, existing)
    return _settled(action, stacks, existing["StackId"])


def _replace_on_failure(action: Action, stacks: BaseClient) -> dict[str, str]:
    existing = find(stacks, action.configuration["StackName"])
    if existing and existing["StackStatus"] in REPLACEABLE:
        _delete_only(action, stacks)
    return _create_update(action, stacks)


def _delete_only(action: Action, stacks: BaseClient) -> dict[str, str]:
    existing = find(stacks, action.configuration["StackName"])
    if existing:
        stacks.delete_stack(StackName=existing["StackId"], **_role(action))
        _settled(action, stacks, existing["StackId"], "DELETE_COMPLETE")
    return {}


def _change_set_replace(action: Action, stacks: BaseClient) -> dict[str, str]:
    """Make the change set anew; one without changes is no failure."""
    name, change_set = (action.configuration[key] for key in ("StackName", "ChangeSetName"))
    existing = find(stacks, name)
    create = existing is None or existing["StackStatus"] == "REVIEW_IN_PROGRESS"
    if existing:
        stacks.delete_change_set(StackName=name, ChangeSetName=change_set)
    request = _request(action) | _role(action) | {"ChangeSetType": "CREATE" if create else "UPDATE"}
    request.pop("StackPolicyBody", None)
    made = stacks.create_change_set(ChangeSetName=change_set, **request)
    action.report(id=made["Id"], url=_page(action, made["StackId"]))
    while (state := stacks.describe_change_set(ChangeSetName=made["Id"]))["Status"] in UNDER_WAY:
        action.wait()
    if state["Status"] == "FAILED" and not _unchanged(state.get("StatusReason", "")):
        raise ActionError(f"Change set {change_set} of stack {name} failed: {state.get('StatusReason')}")
    action.report(summary=f"Change set {change_set} was created.")
    return {"StackName": name, "ChangeSetName": change_set, "ChangeSetId": made["Id"]}


def _change_set_execute(action: Action, stacks: BaseClient) -> dict[str, str]:
    name, change_set = (action.configuration[key] for key in ("StackName", "ChangeSetName"))
    state = stacks.describe_change_set(StackName=name, ChangeSetName=change_set)
    if state["Status"] == "FAILED" and _unchanged(state.get("StatusReason", "")):
        return _outputs(action, find(stacks, name) or {})
    stacks.execute_change_set(StackName=name, ChangeSetName=change_set)
    return _settled(action, stacks, state["StackId"])


MODES: dict[str, Callable[[Action, BaseClient], dict[str, str]]] = {
    "CREATE_UPDATE": _create_update, "REPLACE_ON_FAILURE": _replace_on_failure, "DELETE_ONLY": _delete_only,
    "CHANGE_SET_REPLACE": _change_set_replace, "CHANGE_SET_EXECUTE": _change_set_execute}


# The end of an operation

def _settled(action: Action, stacks: BaseClient, stack_id: str, wanted: str = "") -> dict[str, str]:
    """Wait for the operation's end and return the stack's outputs; its failure is the action's."""
    action.report(id=stack_id, url=_page(action, stack_id))
    while (stack := find(stacks, stack_id)) and stack["StackStatus"].endswith("_IN_PROGRESS"):
        action.wait()
    status = stack["StackStatus"] if stack else "DELETE_COMPLETE"
    if status not in ([wanted] if wanted else ["CREATE_COMPLETE", "UPDATE_COMPLETE"]):
        raise ActionError(f"Stack {action.configuration['StackName']} is {status}: {_first_failure(stacks, stack_id)}")
    action.report(summary=f"Stack {action.configuration['StackName']}: {status}")
    return _outputs(action, stack or {})


def _first_failure(stacks: BaseClient, stack_id: str) -> str:
    """Return the first failed resource of the last operation, as far as the role may read the events."""
    try:
        pages = stacks.get_paginator("describe_stack_events").paginate(StackName=stack_id)
        events = [event for page in pages for event in page["StackEvents"]]
    except ClientError:
        return "its events tell why (this role may not read them: cloudformation:DescribeStackEvents)"
    failed = {}
    for event in events:  # newest first, so that the operation's first failure is the last one seen
        status, own = event["ResourceStatus"], event.get("PhysicalResourceId") == stack_id
        if own and status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"):
            break
        if status.endswith("_FAILED") and not own and "ancelled" not in event.get("ResourceStatusReason", ""):
            failed = event
    if not failed:
        return next((event["ResourceStatusReason"] for event in events if event.get("ResourceStatusReason")), "")
    return (f"resource {failed['LogicalResourceId']} ({failed['ResourceType']}) is {failed['ResourceStatus']}: "
            f"{failed.get('ResourceStatusReason', '')}")


def _outputs(action: Action, stack: dict[str, Any]) -> dict[str, str]:
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    if name := action.configuration.get("OutputFileName"):
        action.produce_file(name, json.dumps(outputs).encode())
    return outputs


def _unchanged(message: str) -> bool:
    return any(phrase in message for phrase in UNCHANGED)


def _page(action: Action, stack_id: str) -> str:
    home = f"https://console.aws.amazon.com/cloudformation/home?region={action.machine.region}"
    return f"{home}#/stack/detail?stackId={stack_id}"


# The request

def _role(action: Action) -> dict[str, str]:
    role = action.configuration.get("RoleArn")
    return {"RoleARN": role} if role else {}


def _request(action: Action) -> dict[str, Any]:
    """Return what creating, updating and change sets have in common."""
    configuration = action.configuration
    settings = _json(action, configuration["TemplateConfiguration"]) if "TemplateConfiguration" in configuration else {}
    parameters = settings.get("Parameters", {}) | _overrides(action)
    request = {
        "StackName": configuration["StackName"],
        "Capabilities": [word for word in configuration.get("Capabilities", "").split(",") if word],
        "Parameters": [{"ParameterKey": key, "ParameterValue": str(value)} for key, value in parameters.items()],
        "Tags": [{"Key": key, "Value": value} for key, value in settings.get("Tags", {}).items()],
        "StackPolicyBody": json.dumps(settings["StackPolicy"]) if settings.get("StackPolicy") else None}
    return {key: value for key, value in request.items() if value} | _template(action)


def _template(action: Action) -> dict[str, str]:
    """Return the template's text, or where it is put when it is too long for a request."""
    content = action.file(action.configuration["TemplatePath"])
    if len(content) <= BODY_BYTES:
        return {"TemplateBody": content.decode()}
    place = action.place("Template")
    Transfer(action.client("s3")).put(content, f"s3://{place['bucket']}/{place['key']}", action.key_id)
    return {"TemplateURL": f"{action.machine.endpoint_url}/{place['bucket']}/{place['key']}"}


def _json(action: Action, path: str) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(action.file(path))
        return document
    except ValueError as error:
        raise ActionError(f"{path} is not valid JSON: {error}", "ConfigurationError") from error


def _overrides(action: Action) -> dict[str, Any]:
    """Return ParameterOverrides with Fn::GetParam and Fn::GetArtifactAtt resolved."""
    text = action.configuration.get("ParameterOverrides", "{}")
    if len(text.encode()) > OVERRIDES_BYTES:
        raise ActionError(f"ParameterOverrides has {len(text.encode())} bytes; {OVERRIDES_BYTES} are allowed. "
                          "Use TemplateConfiguration.", "ConfigurationError")
    return {key: _override(action, value) for key, value in json.loads(text).items()}


def _override(action: Action, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    function, arguments = next(iter(value.items()))
    if function == "Fn::GetParam":
        artifact, file, key = arguments
        return _json(action, f"{artifact}::{file}")[key]
    if function == "Fn::GetArtifactAtt":
        place = action.location(arguments[0])
        return {"BucketName": place["bucket"], "ObjectKey": place["key"],
                "URL": f"{action.machine.endpoint_url}/{place['bucket']}/{place['key']}"}[arguments[1]]
    raise ActionError(f"ParameterOverrides: {function} is not Fn::GetParam or Fn::GetArtifactAtt", "ConfigurationError")
