"""Who has no right to a project is refused at every way in, in the words that AWS has for it."""

import base64
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local.git_http import signature
from tests.local.api_client import ApiClient
from tests.local.attempts import error_of, filled
from tests.local.local_aws import LocalAws
from tests.local.new_projects import create, in_role, offer, stop_first_run
from tests.local.project_runs import Project, churn, until, zipped

ORGANIZATION = "ml-delivery"  # of the first release
APPROVAL = {"pipelineName": "{name}", "stageName": "DeployDev", "actionName": "Approval", "token": "{token}",
            "result": {"status": "Approved", "summary": "why not"}}
NOTHING = [{"actionName": "NoSuchAction", "revisionType": "COMMIT_ID", "revisionValue": "0" * 40}]  # so that no run is started
# service, operation and request; the names in braces are the project's
ATTEMPTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "to list the bucket": ("s3", "list_objects_v2", {"Bucket": "{bucket}"}),
    "to read the data": ("s3", "get_object", {"Bucket": "{bucket}", "Key": "data-source.zip"}),
    "to upload data": ("s3", "put_object", {"Bucket": "{bucket}", "Key": "outsiders/note.txt", "Body": "a note"}),
    "to open the bucket": ("s3", "put_bucket_policy", {"Bucket": "{bucket}", "Policy": "{{}}"}),
    "to read what was captured": ("s3", "get_object", {"Bucket": "{bucket}", "Key": "{capture}"}),
    "to use the key": ("kms", "generate_data_key", {"KeyId": "alias/{name}", "KeySpec": "AES_256"}),
    "to ask the endpoint": ("sagemaker-runtime", "invoke_endpoint", {
        "EndpointName": "{endpoint}", "ContentType": "text/csv", "Body": "1"}),
    "to call a function": ("lambda", "invoke", {"FunctionName": "{name}-query-evaluation", "Payload": "{{}}"}),
    "to approve production": ("codepipeline", "put_approval_result", APPROVAL),
    "to start a run": ("codepipeline", "start_pipeline_execution", {"name": "{name}", "sourceRevisions": NOTHING}),
    "to read the code": ("codecommit", "get_file", {"repositoryName": "{name}", "filePath": "README.md"}),
    "to pull the model's image": ("ecr", "batch_get_image", {
        "repositoryName": "{name}-model", "imageIds": [{"imageTag": "none"}]}),
    "to mail to the team": ("sns", "publish", {"TopicArn": "arn:aws:sns:us-east-1:000000000000:{name}", "Message": "hello"}),
}
FORMS = {"sts", "sns"}  # asked in a form, they have other names for an error than what is asked in JSON
# A caller: what S3, a service with forms and one with JSON answer.
REFUSALS = {
    "nobody": ("AccessDenied: Access Denied", "MissingAuthenticationToken: Request is missing Authentication Token",
               "MissingAuthenticationTokenException: "),
    "a made-up key": ("InvalidAccessKeyId: ", "InvalidClientTokenId: ", "UnrecognizedClientException: "),
    "a wrong secret": ("SignatureDoesNotMatch: ", "SignatureDoesNotMatch: ", "InvalidSignatureException: "),
    "a stranger": ("AccessDenied: {denied}", "(AccessDenied|AuthorizationError): {denied}", "AccessDeniedException: {denied}"),
}
STRANGER = "arn:aws:iam::000000000000:user/stranger"
API_REFUSALS = {
    "nobody": "Missing Authentication Token",
    "a made-up key": "The security token included in the request is invalid.",
    "a wrong secret": "The request signature we calculated does not match the signature you provided.",  # pragma: allowlist secret - what is said of one
    "a stranger": f"User: {STRANGER} is not authorized to perform: execute-api:Invoke on resource: ",
}
GIT_REFUSALS = {"nobody": "could not read Username", "a stranger": "The requested URL returned error: 403",
                "a made-up key": "The requested URL returned error: 403",
                "a wrong secret": "The requested URL returned error: 403"}  # pragma: allowlist secret - what is said of one


@pytest.fixture(scope="module")
def project(aws: LocalAws, first_release: dict) -> Project:
    """The released project that nobody here has a right to."""
    return Project(aws, first_release["name"])


@pytest.fixture(scope="module")
def names(project: Project, first_release: dict) -> dict[str, str]:
    """What an attempt's request is filled with."""
    s3, api = project.aws.client("s3"), ApiClient(first_release["api_url"], project.aws.credentials)
    live = api.ask()

    def captured() -> list[dict]:
        return s3.list_objects_v2(Bucket=project.bucket, Prefix="captures/").get("Contents", [])

    return {"name": project.name, "bucket": project.bucket, "endpoint": f"{project.name}-{live[:8]}-p",
            "capture": until(captured, "a captured request")[0]["Key"], "token": "00000000-0000-0000-0000-000000000000"}


@pytest.fixture(scope="module")
def callers(aws: LocalAws) -> Iterator[dict[str, LocalAws]]:
    """Those without any right: without credentials, with wrong ones, and a user of the account to whom nothing is allowed."""
    iam = aws.client("iam")
    iam.create_user(UserName="stranger")
    key = iam.create_access_key(UserName="stranger")["AccessKey"]
    yield {"nobody": aws.called_by(), "a made-up key": aws.called_by("AKIAIOSFODNN7EXAMPLE", "made-up"),
           "a wrong secret": aws.called_by(key["AccessKeyId"], "made-up"),
           "a stranger": aws.called_by(key["AccessKeyId"], key["SecretAccessKey"])}
    iam.delete_access_key(UserName="stranger", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="stranger")


@pytest.fixture(scope="module")
def newcomer(aws: LocalAws, first_release: dict) -> Iterator[Project]:
    """Another project of the organization, for as long as these tests run."""
    other, status = create(aws, offer(aws, ORGANIZATION), "elsewhere", ProjectPrefix="else", NetworkMode="none")
    assert status == "CreateCompleted"
    stop_first_run(other)
    yield other
    sagemaker = aws.client("sagemaker")
    sagemaker.delete_project(ProjectName="elsewhere")
    until(lambda: sagemaker.describe_project(ProjectName="elsewhere")["ProjectStatus"] == "DeleteCompleted", "its deletion")


@pytest.fixture(scope="module", params=["newcomer", pytest.param("release_without_network", marks=pytest.mark.slow)])
def insiders(request: pytest.FixtureRequest, aws: LocalAws) -> dict[str, LocalAws]:
    """The roles of another project, each as somebody who acts in it: of one just created, and all of a released one."""
    other = request.getfixturevalue(request.param)
    name = other.name if isinstance(other, Project) else other["name"]
    return {role: in_role(aws, role) for role in Project(aws, name).everything()["roles"]}


def told(caller: LocalAws, attempt: str, names: dict[str, str]) -> str:
    """Return code and message of the error that an attempt ends with."""
    service, operation, request = ATTEMPTS[attempt]
    return ": ".join(error_of(caller.client(service), operation, filled(request, names)))


def refused(service: str, caller: str, principal: str = STRANGER) -> re.Pattern[str]:
    """Return the words in which a service refuses a kind of caller."""
    words = REFUSALS[caller][0 if service == "s3" else 1 if service in FORMS else 2]
    return re.compile(words.format(denied=rf"User: {principal} is not authorized to perform: "))


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_the_account_itself_is_not_refused(project: Project, names: dict[str, str], attempt: str) -> None:
    error = told(project.aws, attempt, names)
    assert not any(refused(ATTEMPTS[attempt][0], caller, ".*").match(error) for caller in REFUSALS), error


@pytest.mark.parametrize("caller", REFUSALS)
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_who_has_no_right_is_refused(callers: dict[str, LocalAws], names: dict[str, str], attempt: str, caller: str) -> None:
    assert refused(ATTEMPTS[attempt][0], caller).match(told(callers[caller], attempt, names))


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_no_role_of_another_project_gets_in(insiders: dict[str, LocalAws], names: dict[str, str], attempt: str) -> None:
    assert {"build", "job", "endpoint"} <= {role.rpartition("-")[2] for role in insiders}
    for role, caller in insiders.items():
        principal = f"arn:aws:sts::000000000000:assumed-role/{role}/curious"
        assert refused(ATTEMPTS[attempt][0], "a stranger", principal).match(told(caller, attempt, names)), role


@pytest.mark.parametrize("caller", REFUSALS)
def test_none_of_the_projects_roles_can_be_assumed(project: Project, callers: dict[str, LocalAws], caller: str) -> None:
    roles = project.everything()["roles"]
    assert len(roles) > 20
    client = callers[caller].client("sts")
    for role in roles:
        arn = f"arn:aws:iam::000000000000:role/{role}"
        error = ": ".join(error_of(client, "assume_role", {"RoleArn": arn, "RoleSessionName": "curious"}))
        assert refused("sts", caller).match(error), (role, error)
        assert caller != "a stranger" or f"sts:AssumeRole on resource: {arn}" in error


def test_none_of_the_projects_roles_can_be_assumed_from_another_project(project: Project, insiders: dict[str, LocalAws]) -> None:
    roles = project.everything()["roles"]
    for caller in insiders.values():
        client = caller.client("sts")
        assert {error_of(client, "assume_role", {"RoleArn": f"arn:aws:iam::000000000000:role/{role}", "RoleSessionName": "curious"})[0]
                for role in roles} == {"AccessDenied"}


@pytest.mark.parametrize("caller", REFUSALS)
def test_the_api_answers_nobody_without_a_right(callers: dict[str, LocalAws], first_release: dict, caller: str) -> None:
    status, reason = ApiClient(first_release["api_url"], callers[caller].credentials).refusal()
    assert status == 403
    assert reason.startswith(API_REFUSALS[caller])


def test_the_api_answers_no_role_of_another_project(insiders: dict[str, LocalAws], first_release: dict) -> None:
    for role, caller in insiders.items():
        status, reason = ApiClient(first_release["api_url"], caller.credentials).refusal()
        assert status == 403, role
        assert re.match(rf"User: \S+/{role}/curious is not authorized to perform: execute-api:Invoke on resource: ", reason)


@pytest.fixture(scope="module")
def clone(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with a commit that has not been pushed."""
    clone = project.clone(tmp_path_factory.mktemp("clone") / "code")
    (clone / "README.md").write_text("mine\n")
    assert project.git("commit", "--all", "--quiet", "--message", "Take over", cwd=clone).returncode == 0
    return clone


@pytest.mark.parametrize("caller", REFUSALS)
def test_git_pushes_for_nobody_without_a_right(project: Project, callers: dict[str, LocalAws], clone: Path, caller: str) -> None:
    outcome = Project(callers[caller], project.name).git("push", "origin", "HEAD:main", cwd=clone)
    assert outcome.returncode == 128
    assert GIT_REFUSALS[caller] in outcome.stderr
    head = project.aws.client("codecommit").get_branch(repositoryName=project.name, branchName="main")["branch"]["commitId"]
    assert head == project.git("rev-parse", "HEAD~1", cwd=clone).stdout.strip()


def push_status(caller: LocalAws, name: str) -> int:
    """Return the status with which CodeCommit answers the first request of a push."""
    path, stamp = f"/v1/repos/{name}", datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    key, secret, *token = caller.credentials
    user, password = "%".join([key, *token]), f"{stamp}Z{signature(secret, caller.region, '127.0.0.1', path, stamp)}"
    request = urllib.request.Request(f"{caller.endpoint_url}{path}/info/refs?service=git-receive-pack", headers={
        "Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_no_role_of_another_project_pushes(project: Project, insiders: dict[str, LocalAws]) -> None:
    assert push_status(project.aws, project.name) == 200
    assert {push_status(caller, project.name) for caller in insiders.values()} == {403}


@pytest.mark.slow
def test_a_run_that_waits_for_approval_goes_on_waiting(project: Project, callers: dict[str, LocalAws], names: dict[str, str],
                                                       newcomer: Project) -> None:
    run = project.upload(zipped({"churn.csv": "\n".join(churn(3333)) + "\n"}))
    waiting = project.approval(run)
    with_token = names | {"token": waiting["token"]}
    for kind, caller in callers.items():
        assert refused("codepipeline", kind).match(told(caller, "to approve production", with_token))
    for role in newcomer.everything()["roles"]:
        assert "is not authorized to perform: codepipeline:PutApprovalResult" in told(
            in_role(newcomer.aws, role), "to approve production", with_token)
    assert project.approval(run) == waiting
    assert project.action(run, "Approval")["status"] == "InProgress"
    project.answer(run, "Rejected", "only a test")
    assert project.ended(run) == "Failed"
