"""The actions of CodePipeline: what each takes and what it does, in one table."""

import io
import json
import re
import uuid
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.pipeline_action import Action, ActionError
from local.pipeline_records import iso
from local.pipeline_stacks import deploy

CONSOLE = "https://console.aws.amazon.com"
APPROVAL_MINUTES = 7 * 24 * 60


@dataclass(frozen=True)
class Kind:
    """One type of action: its function, its configuration, how many artifacts it takes and gives, its page."""

    run: Callable[[Action], dict[str, Any] | None]
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # the values that a property may have
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # a choice -> what else it requires
    only: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # property -> (what works here, AWS's default)
    inputs: tuple[int, int] = (0, 0)
    outputs: tuple[int, int] = (0, 0)
    page: str = ""  # entityUrl, from the configuration


# Sources

def override(action: Action, kind: str) -> str | None:
    """Return the revision of that type that the execution was started with for this action."""
    return next((revision["revisionValue"] for revision in action.execution["overrides"]
                 if revision["actionName"] == action.name and revision["revisionType"] == kind), None)


def take_commit(action: Action) -> dict[str, str]:
    """Source/CodeCommit: the files of the branch's last commit, or of the one that the start names."""
    from local.services.codecommit import archive

    name, branch = action.configuration["RepositoryName"], action.configuration["BranchName"]
    codecommit = action.client("codecommit")
    commit_id = override(action, "COMMIT_ID") or codecommit.get_branch(
        repositoryName=name, branchName=branch)["branch"]["commitId"]
    commit = codecommit.get_commit(repositoryName=name, commitId=commit_id)["commit"]
    for right in ("UploadArchive", "GetUploadArchiveStatus"):  # how AWS fetches; neither has a public API
        action.authorize(f"codecommit:{right}", action.machine.arn("codecommit", name))
    message = commit.get("message", "")
    action.revise(commit_id, message[:1000], f"{CONSOLE}/codesuite/codecommit/repositories/{name}/commit/{commit_id}")
    action.produce(action.outputs[0], action.place(action.outputs[0]), archive(action.machine, name, commit_id))
    action.report(id=commit_id, summary=message[:1000])
    return {"RepositoryName": name, "BranchName": branch, "CommitId": commit_id, "CommitMessage": message,
            "AuthorDate": _commit_date(commit, "author"), "CommitterDate": _commit_date(commit, "committer")}


def _commit_date(commit: dict[str, Any], who: str) -> str:
    return iso(float(commit.get(who, {}).get("date", "0").split()[0]))


def take_object(action: Action) -> dict[str, str]:
    """Source/S3: a zip, in the version that the start names or the latest."""
    bucket = action.configuration["S3Bucket"]
    key = override(action, "S3_OBJECT_KEY") or action.configuration["S3ObjectKey"]
    s3 = action.client("s3")
    if s3.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
        raise ActionError(f"Bucket {bucket} is not versioned. A source bucket needs versioning.", "ConfigurationError")
    version = override(action, "S3_OBJECT_VERSION_ID")
    answer = s3.get_object(Bucket=bucket, Key=key, **({"VersionId": version} if version else {}))
    content, version = answer["Body"].read(), answer["VersionId"]
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise ActionError(f"s3://{bucket}/{key} (version {version}) is not a zip file. Upload a zip.",
                          "ConfigurationError")
    action.revise(version, f"Amazon S3 version id: {version}", f"{CONSOLE}/s3/object/{bucket}?prefix={key}")
    action.produce(action.outputs[0], action.place(action.outputs[0]), content)
    action.report(id=version, summary=f"Amazon S3 version id: {version}")
    return {"BucketName": bucket, "ObjectKey": key, "VersionId": version, "ETag": answer["ETag"].strip('"')}


# Build

def build(action: Action) -> dict[str, str]:
    """Build/CodeBuild: the input artifacts are the build's sources, its artifacts the action's."""
    codebuild, places = action.client("codebuild"), {name: action.place(name) for name in action.outputs}
    started = codebuild.start_build(**_build_request(action, places))["build"]
    build_id, project = started["id"], action.configuration["ProjectName"]
    page = f"{CONSOLE}/codebuild/home?region={action.machine.region}#/builds/{build_id}/view/new"
    action.report(id=build_id, url=page)
    while started["buildStatus"] == "IN_PROGRESS":
        action.wait()
        started = codebuild.batch_get_builds(ids=[build_id])["builds"][0]
    if started["buildStatus"] != "SUCCEEDED":
        raise ActionError(_build_failure(project, started))
    for name, place in places.items():
        action.produce(name, place)
    return {variable["name"]: variable["value"] for variable in started.get("exportedEnvironmentVariables", [])}


def _build_request(action: Action, places: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return a StartBuild request that stands for CodePipeline's own sources and artifacts."""
    configuration = action.configuration
    primary = configuration.get("PrimarySource", action.inputs[0])
    sources = {name: "{bucket}/{key}".format(**action.location(name)) for name in action.inputs}
    artifacts = [{"type": "S3", "location": place["bucket"], "path": place["key"].rpartition("/")[0],
                  "name": place["key"].rpartition("/")[2], "namespaceType": "NONE", "packaging": "ZIP",
                  "overrideArtifactName": False} for place in places.values()]
    request = {
        "projectName": configuration["ProjectName"],
        "sourceTypeOverride": "S3", "sourceLocationOverride": sources.pop(primary),
        "secondarySourcesOverride": [{"type": "S3", "location": location, "sourceIdentifier": name}
                                     for name, location in sources.items()],
        "environmentVariablesOverride": [*json.loads(configuration.get("EnvironmentVariables", "[]")),
                                         *_build_variables(action, primary)],
        "artifactsOverride": artifacts[0] if len(artifacts) == 1 else {"type": "NO_ARTIFACTS"},
        "secondaryArtifactsOverride": [artifact | {"artifactIdentifier": name} for name, artifact in zip(
            places, artifacts, strict=True)] if len(artifacts) > 1 else []}
    return request | ({"encryptionKeyOverride": action.key_id} if action.key_id else {})


def _build_variables(action: Action, primary: str) -> list[dict[str, str]]:
    """Return what CodeBuild itself sets in a pipeline's build: who started it, and the revision of its source."""
    revisions = {revision["name"]: revision["revisionId"] for revision in action.execution["artifactRevisions"]}
    values = {"CODEBUILD_INITIATOR": f"codepipeline/{action.pipeline['name']}",
              "CODEBUILD_RESOLVED_SOURCE_VERSION": revisions.get(primary, "")}
    return [{"name": name, "value": value} for name, value in values.items() if value]


def _build_failure(project: str, ended: dict[str, Any]) -> str:
    """Return AWS's sentence on a failed build, with the phase and the command."""
    message = f"Build {ended['id']} of {project} terminated with state: {ended['buildStatus']}"
    for phase in ended.get("phases", []):
        if phase.get("phaseStatus", "SUCCEEDED") not in ("SUCCEEDED", "QUEUED"):
            context: dict[str, Any] = next(iter(phase.get("contexts", [])), {})
            return (f"{message}. Phase: {phase['phaseType']}, Code: {context.get('statusCode', '')}, "
                    f"Message: {context.get('message', '')}")
    return message


# Approval

def ask(action: Action) -> None:
    """Approval/Manual: wait for PutApprovalResult with the token that the notification holds."""
    _begin_approval(action)
    records = action.records
    with records.changed:
        while "approval" not in (record := action.record):
            left = record["expires"] - action.machine.clock.now()
            if left <= 0:
                raise ActionError(f"No approval before {iso(record['expires'])}. Retry the stage to ask again.")
            records.changed.wait(min(left, 1.0))
    answer = record["approval"]
    action.report(summary=answer["summary"])
    if answer["status"] == "Rejected":
        raise ActionError(f"Rejected by {record['updatedBy']}: {answer['summary']}")


def _begin_approval(action: Action) -> None:
    """Keep a token and tell the topic; after a restart the token stays and nobody is asked twice."""
    minutes, now = action.declaration.get("timeoutInMinutes", APPROVAL_MINUTES), action.machine.clock.now()
    with action.records.change(action.records.actions, action.id) as record:
        record.setdefault("token", str(uuid.uuid4()))
        record.setdefault("expires", now + action.machine.clock.scaled(minutes * 60))
    topic = action.configuration.get("NotificationArn")
    if topic and not record.get("asked"):
        action.client("sns").publish(
            TopicArn=topic, Message=json.dumps(_question(action, record["token"], record["expires"]), indent=4),
            Subject=f"APPROVAL NEEDED: AWS CodePipeline {action.pipeline['name']} for action {action.name}"[:100])
        with action.records.change(action.records.actions, action.id) as record:
            record["asked"] = True


def _question(action: Action, token: str, expires: float) -> dict[str, Any]:
    """Return the message that AWS publishes."""
    pipeline, region = action.pipeline["name"], action.machine.region
    page = f"{CONSOLE}/codepipeline/home?region={region}#/view/{pipeline}"
    approval = {"pipelineName": pipeline, "stageName": action.stage, "actionName": action.name, "token": token,
                "expires": datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%MZ"),
                "externalEntityLink": action.configuration.get("ExternalEntityLink"),
                "approvalReviewLink": f"{page}/{action.stage}/{action.name}/approve/{token}",
                "customData": action.configuration.get("CustomData")}
    return {"region": region, "consoleLink": page,
            "approval": {key: value for key, value in approval.items() if value is not None}}


# Step Functions

def run_workflow(action: Action) -> dict[str, str]:
    """Invoke/StepFunctions: one execution of a standard state machine, and its end."""
    configuration, states = action.configuration, action.client("stepfunctions")
    arn = configuration["StateMachineArn"]
    if states.describe_state_machine(stateMachineArn=arn).get("type") == "EXPRESS":
        raise ActionError(f"{arn} is an Express workflow; this machine runs Standard ones only.", "ConfigurationError")
    started = states.start_execution(stateMachineArn=arn, input=_workflow_input(action), name="-".join(
        filter(None, (configuration.get("ExecutionNamePrefix"), action.id))))["executionArn"]
    action.report(id=started, url=f"{CONSOLE}/states/home?region={action.machine.region}#/executions/details/{started}")
    while (execution := states.describe_execution(executionArn=started))["status"] == "RUNNING":
        action.wait()
    if execution["status"] != "SUCCEEDED":
        raise ActionError(f"State machine execution {started} ended with status {execution['status']}. Error: "
                          f"{execution.get('error', '')}, Cause: {execution.get('cause', '')}")
    action.produce_file("output.json", execution.get("output", "{}").encode())
    return {"StateMachineArn": arn, "ExecutionArn": started}


def _workflow_input(action: Action) -> str:
    given = action.configuration.get("Input", "")
    if action.configuration.get("InputType", "Literal") == "Literal":
        return given or "{}"
    return action.file(f"{action.inputs[0]}::{given}").decode()


TEMPLATE = ("TemplatePath", "RoleArn")
ACTIONS: dict[tuple[str, str], Kind] = {
    ("Source", "CodeCommit"): Kind(
        take_commit, ("RepositoryName", "BranchName"), ("PollForSourceChanges", "OutputArtifactFormat"),
        only={"PollForSourceChanges": ("false", "true"), "OutputArtifactFormat": ("CODE_ZIP", "CODE_ZIP")},
        outputs=(1, 1),
        page=CONSOLE + "/codecommit/home?region={region}#/repository/{RepositoryName}/browse/{BranchName}/--/"),
    ("Source", "S3"): Kind(
        take_object, ("S3Bucket", "S3ObjectKey"), ("PollForSourceChanges", "AllowOverrideForS3ObjectKey"),
        only={"PollForSourceChanges": ("false", "true")}, outputs=(1, 1), page=CONSOLE + "/s3/home?region={region}#"),
    ("Build", "CodeBuild"): Kind(
        build, ("ProjectName",), ("PrimarySource", "EnvironmentVariables", "BatchEnabled", "CombineArtifacts"),
        only={"BatchEnabled": ("false", "false"), "CombineArtifacts": ("false", "false")},
        inputs=(1, 5), outputs=(0, 5), page=CONSOLE + "/codebuild/home?region={region}#/projects/{ProjectName}/view"),
    ("Deploy", "CloudFormation"): Kind(
        deploy, ("ActionMode", "StackName"),
        ("TemplatePath", "TemplateConfiguration", "ParameterOverrides", "Capabilities", "RoleArn", "ChangeSetName",
         "OutputFileName"),
        choices={"ActionMode": ("CREATE_UPDATE", "DELETE_ONLY", "REPLACE_ON_FAILURE", "CHANGE_SET_REPLACE",
                                "CHANGE_SET_EXECUTE")},
        needs={"CREATE_UPDATE": TEMPLATE, "REPLACE_ON_FAILURE": TEMPLATE, "DELETE_ONLY": ("RoleArn",),
               "CHANGE_SET_REPLACE": (*TEMPLATE, "ChangeSetName"), "CHANGE_SET_EXECUTE": ("ChangeSetName",)},
        inputs=(0, 10), outputs=(0, 1), page=CONSOLE + "/cloudformation/home?region={region}#/"),
    ("Approval", "Manual"): Kind(ask, (), ("NotificationArn", "CustomData", "ExternalEntityLink")),
    ("Invoke", "StepFunctions"): Kind(
        run_workflow, ("StateMachineArn",), ("ExecutionNamePrefix", "InputType", "Input"),
        choices={"InputType": ("Literal", "FilePath")}, needs={"FilePath": ("Input",)},
        inputs=(0, 1), outputs=(0, 1),
        page=CONSOLE + "/states/home?region={region}#/statemachines/view/{StateMachineArn}"),
}


def page_of(kind: Kind, configuration: dict[str, str], region: str) -> str | None:
    """Return the page of what an action works on."""
    return re.sub(r"\{(\w+)\}", lambda match: (configuration | {"region": region}).get(match[1], ""), kind.page) or None
