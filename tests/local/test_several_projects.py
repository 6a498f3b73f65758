"""Three projects, two of them with the same prefix and model name, are made and released at the same time and never meet."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.local.local_aws import LocalAws
from tests.local.project_runs import Project, churn, until, zipped

pytestmark = pytest.mark.slow
ORGANIZATION = "several"
FORMS = {  # the first two share every name but the project's id
    "alpha": {"ProjectPrefix": "team", "ApiAuthorization": "API_KEY"},
    "beta": {"ProjectPrefix": "team", "ApiAuthorization": "API_KEY"},
    "gamma": {"ProjectPrefix": "other", "ApiAuthorization": "AWS_IAM", "NetworkMode": "none"},
}
PAIRS = [("alpha", "beta"), ("beta", "alpha"), ("alpha", "gamma"), ("gamma", "alpha")]
DENIALS = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException"}
SHARED = {"AWS::ApiGateway::Stage"}  # their physical id is the stage's name, prd in each API
ACCOUNT = "arn:aws:iam::000000000000:root"


@dataclass(frozen=True)
class Released:
    """A project after its first release: its names, the run that is live, and who hears of it."""

    title: str
    project: Project
    run: str

    @property
    def aws(self) -> LocalAws:
        return self.project.aws

    @property
    def names(self) -> dict[str, str]:
        """What an attempt's request is filled with."""
        name = self.project.name
        return {"name": name, "bucket": self.project.bucket, "endpoint": f"{name}-{self.run[:8]}-p",
                "topic": f"arn:aws:sns:us-east-1:000000000000:{name}", "key": self._stack_output("KeyArn"),
                "machine": f"arn:aws:states:us-east-1:000000000000:stateMachine:{name}-workflow"}

    def _stack_output(self, key: str) -> str:
        pages = self.aws.client("cloudformation").get_paginator("describe_stacks").paginate()
        return next(output["OutputValue"] for page in pages for stack in page["Stacks"] for output in stack.get("Outputs", [])
                    if output["OutputKey"] == key and self.project.name in str(stack["Outputs"]))

    @cached_property
    def url(self) -> str:
        """Where the API answers."""
        return self.aws.run("python", "scripts/endpoints.py", f"{self.project.name}-api").stdout.strip()

    @cached_property
    def key(self) -> str:
        """The API key's value, blank where the API wants a signature."""
        apigateway = self.aws.client("apigateway")
        keys = [item["id"] for item in apigateway.get_api_keys()["items"] if item["name"] == f"{self.project.name}-api"]
        return apigateway.get_api_key(apiKey=keys[0], includeValue=True)["value"] if keys else ""

    def ask(self, key: str | None = None) -> tuple[int, str, list[dict]]:
        """Ask the API about a customer who left; return the status, the run that answered and the predictions."""
        rows = churn(2909)
        body = "\n".join(line.rpartition(",")[0] for line in (rows[0], rows[2909]))
        key = self.key if key is None else key
        who = ["-H", f"x-api-key: {key}"] if key else ["--aws-sigv4", "aws:amz:us-east-1:execute-api", "--user", "test:test"]
        text = self.aws.run("curl", "--silent", "--include", *who, "-H", "Content-Type: text/csv", "--data-binary", body,
                            self.url).stdout.replace("\r", "")
        head, _, answer = text.partition("\n\n")
        run = re.search(r"(?im)^x-model-run: (.+)$", head)
        return int(head.split()[1]), run[1] if run else "", json.loads(answer).get("predictions", [])

    def client(self, role: str, service: str) -> Any:
        """Return a client with the rights of one of the project's roles."""
        iam, name = self.aws.client("iam"), f"{self.project.name}-{role}"
        found = iam.get_role(RoleName=name)["Role"]
        trust = found["AssumeRolePolicyDocument"]
        person = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust | {"Statement": [*trust["Statement"], person]}))
        session = self.aws.client("sts").assume_role(RoleArn=found["Arn"], RoleSessionName="curious")["Credentials"]
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
        return boto3.client(service, endpoint_url=self.aws.endpoint_url, region_name="us-east-1",
                            aws_access_key_id=session["AccessKeyId"], aws_secret_access_key=session["SecretAccessKey"],
                            aws_session_token=session["SessionToken"])

    def remove(self) -> None:
        """Delete the project as a user does."""
        outcome = self.aws.run("bash", "scripts/rm_prj.sh", self.title, "--yes")
        assert outcome.returncode == 0, outcome.stderr


def publish(aws: LocalAws) -> dict[str, str]:
    """Publish the organization template; return what create-project takes of it."""
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "sagemaker.amazonaws.com"}}]}
    aws.client("iam").create_role(RoleName=f"{ORGANIZATION}-studio", AssumeRolePolicyDocument=json.dumps(trust))
    aws.client("s3").create_bucket(Bucket=f"{ORGANIZATION}-templates")
    outcome = aws.run("bash", "scripts/build.sh", f"{ORGANIZATION}-templates", ORGANIZATION, "us-east-1", f"{ORGANIZATION}-studio")
    assert outcome.returncode == 0, outcome.stderr
    product = aws.client("cloudformation").describe_stack_resource(
        StackName=ORGANIZATION, LogicalResourceId="Product")["StackResourceDetail"]["PhysicalResourceId"]
    [version] = aws.client("servicecatalog").list_provisioning_artifacts(ProductId=product)["ProvisioningArtifactDetails"]
    return {"ProductId": product, "ProvisioningArtifactId": version["Id"]}


def create(aws: LocalAws, offer: dict[str, str], title: str) -> Project:
    """Create a project from the organization template."""
    form = {"ModelName": "churn", "Email": f"{title}@example.com", **FORMS[title]}
    sagemaker = aws.client("sagemaker")
    sagemaker.create_project(ProjectName=title, ServiceCatalogProvisioningDetails=offer | {
        "ProvisioningParameters": [{"Key": key, "Value": value} for key, value in form.items()]})

    def settled() -> dict | None:
        found = sagemaker.describe_project(ProjectName=title)
        return found if found["ProjectStatus"] in ("CreateCompleted", "CreateFailed") else None

    made = until(settled, f"project {title}")
    assert made["ProjectStatus"] == "CreateCompleted", made
    return Project(aws, f"{form['ProjectPrefix']}-churn-{made['ProjectId']}")


def data(title: str) -> bytes:
    """Return the data of a project: the sample, the sample with its answers turned round, or its later rows."""
    header, *rows = churn(5000)
    rows = rows[1667:] if title == "gamma" else rows[:3333]
    if title == "beta":
        turned = {"yes": "no", "no": "yes"}
        rows = [f"{row.rpartition(',')[0]},{turned[row.rpartition(',')[2]]}" for row in rows]
    return zipped({"churn.csv": "\n".join([header, *rows]) + "\n"})


def release(aws: LocalAws, offer: dict[str, str], title: str) -> Released:
    """Create a project, stop the run that this starts, release a model of the project's own data."""
    project, codebuild = create(aws, offer, title), aws.client("codebuild")
    [first] = until(project.runs, f"the run that the creation of {title} starts")
    project.stop(first["pipelineExecutionId"])
    for build in codebuild.list_builds_for_project(projectName=f"{project.name}-build")["ids"]:
        codebuild.stop_build(id=build)
    run = project.upload(data(title))
    project.answer(run, "Approved", f"{title} says yes")
    assert project.ended(run) == "Succeeded", title
    return Released(title, project, run)


@pytest.fixture(scope="module")
def projects(aws: LocalAws) -> Iterator[dict[str, Released]]:
    """The three projects, created and released at the same time; those that are left are deleted at the end."""
    offer = publish(aws)
    with ThreadPoolExecutor(len(FORMS)) as crowd:
        found = dict(zip(FORMS, crowd.map(lambda title: release(aws, offer, title), FORMS), strict=True))
    yield found
    for title in [summary["ProjectName"] for summary in aws.client("sagemaker").list_projects()["ProjectSummaryList"]
                  if summary["ProjectName"] in FORMS and summary["ProjectStatus"] != "DeleteCompleted"]:
        found[title].remove()


def physical_ids(released: Released) -> set[tuple[str, str]]:
    """Return type and physical id of everything in the project's stacks."""
    cloudformation = released.aws.client("cloudformation")
    return {(resource["ResourceType"], resource["PhysicalResourceId"]) for stack in released.project.stacks()
            for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
            for resource in page["StackResourceSummaries"] if resource["ResourceType"] not in SHARED}


def anonymous(released: Released) -> dict[str, list[str]]:
    """Return all names of a project with NAME and R in the places of its own."""
    def plain(name: str) -> str:
        name = name.replace(released.project.name, "NAME").replace(released.run[:8], "R")
        return re.sub(r"(?<=-pp-)\w+|(?<=-endpointcon)\w+", "GENERATED", name)

    return {kind: sorted(map(plain, names)) for kind, names in released.project.everything().items()}


def test_all_three_are_released_and_each_has_everything_of_its_own(projects: dict[str, Released]) -> None:
    assert len({released.project.name for released in projects.values()}) == 3
    assert anonymous(projects["alpha"]) == anonymous(projects["beta"])
    assert set(projects["gamma"].project.everything()) == set(projects["alpha"].project.everything())


@pytest.mark.parametrize(("one", "other"), [("alpha", "beta"), ("alpha", "gamma"), ("beta", "gamma")])
def test_no_resource_belongs_to_two_projects(projects: dict[str, Released], one: str, other: str) -> None:
    mine, theirs = physical_ids(projects[one]), physical_ids(projects[other])
    assert len(mine) > 50
    assert mine & theirs == set()


@pytest.mark.parametrize("title", FORMS)
def test_each_api_answers_from_the_run_of_its_own_project(projects: dict[str, Released], title: str) -> None:
    status, run, [prediction] = projects[title].ask()
    assert (status, run) == (200, projects[title].run)
    assert prediction["label"] == ("no" if title == "beta" else "yes")  # beta was taught the contrary


@pytest.mark.parametrize(("one", "other"), [("alpha", "beta"), ("beta", "alpha")])
def test_the_key_of_one_api_opens_no_other(projects: dict[str, Released], one: str, other: str) -> None:
    assert projects[one].key != projects[other].key
    assert projects[other].ask(projects[one].key)[0] == 403


@pytest.mark.parametrize("title", FORMS)
def test_each_address_hears_of_its_own_project_only(projects: dict[str, Released], title: str) -> None:
    released = projects[title]
    s3 = released.aws.client("s3")

    def mails() -> list[str]:
        found = [s3.get_object(Bucket="local-outbox", Key=item["Key"])["Body"].read().decode()
                 for page in s3.get_paginator("list_objects_v2").paginate(Bucket="local-outbox")
                 for item in page.get("Contents", [])]
        return [mail for mail in found if f"To: {title}@example.com" in mail]

    until(lambda: any(f"run {released.run}" in mail and "SUCCEEDED" in mail for mail in mails()), "the mail on the release")
    assert any("Shall this model be put into production?" in mail for mail in mails())
    assert all(f"X-Topic: {released.names['topic']}\n" in mail.replace("\r", "") for mail in mails())
    others = [each.project.name for each in projects.values() if each is not released]
    assert [mail for mail in mails() if any(name in mail for name in others)] == []


@pytest.mark.parametrize("title", FORMS)
def test_each_bucket_holds_the_captures_and_runs_of_its_own_project(projects: dict[str, Released], title: str) -> None:
    released = projects[title]
    assert released.ask()[0] == 200

    def keys(folder: str) -> set[str]:
        pages = released.aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=released.project.bucket, Prefix=folder)
        return {item["Key"].split("/")[1] for page in pages for item in page.get("Contents", [])}

    until(lambda: keys("captures/"), f"captures of {title}")
    assert keys("captures/") == {released.names["endpoint"]}
    assert keys("runs/") == {released.run}


# Each with the role's own project (allowed, though the request may be senseless) and with another one (denied).
ATTEMPTS = {
    "build reads the bucket": ("build", "s3", "get_object", {"Bucket": "{bucket}", "Key": "data-source.zip"}),
    "job lists the bucket": ("job", "s3", "list_objects_v2", {"Bucket": "{bucket}"}),
    "job writes a run": ("job", "s3", "put_object", {"Bucket": "{bucket}", "Key": "runs/note.txt", "Body": "note"}),
    "job uses the key": ("job", "kms", "generate_data_key", {"KeyId": "{key}", "KeySpec": "AES_256"}),
    "build sees the images": ("build", "ecr", "describe_images", {"repositoryName": "{name}-model"}),
    "events starts the pipeline": ("events", "codepipeline", "start_pipeline_execution", {"name": "{name}", "sourceRevisions": [
        {"actionName": "NoSuchAction", "revisionType": "COMMIT_ID", "revisionValue": "0" * 40}]}),
    "events mails the team": ("events", "sns", "publish", {"TopicArn": "{topic}", "Message": "a test says hello"}),
    "pipeline reads the code": ("pipeline", "codecommit", "get_branch", {"repositoryName": "{name}", "branchName": "main"}),
    "pipeline sees the stacks": ("pipeline", "cloudformation", "describe_stacks", {"StackName": "{name}-api"}),
    "pipeline sees the workflow": ("pipeline", "stepfunctions", "describe_state_machine", {"stateMachineArn": "{machine}"}),
    "workflow calls a function": ("workflow", "lambda", "invoke", {"FunctionName": "{name}-query-evaluation", "Payload": "{{}}"}),
    "api asks the endpoint": ("api", "sagemaker-runtime", "invoke_endpoint", {
        "EndpointName": "{endpoint}", "ContentType": "text/csv", "Body": "1"}),
    "teardown deletes a stack": ("teardown", "cloudformation", "delete_stack", {"StackName": "{name}-nothing"}),
}


def filled(request: Any, names: dict[str, str]) -> Any:
    """Return a request with a project's names in the places of their fields."""
    if isinstance(request, dict):
        return {key: filled(value, names) for key, value in request.items()}
    if isinstance(request, list):
        return [filled(value, names) for value in request]
    return request.format_map(names)


def denial(client: Any, operation: str, request: dict) -> str:
    """Return the words in which a call is denied, blank when it is not."""
    try:
        getattr(client, operation)(**request)
    except ClientError as error:
        return error.response["Error"]["Message"] if error.response["Error"]["Code"] in DENIALS else ""
    return ""


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_role_reaches_what_is_its_projects_and_nothing_of_another(projects: dict[str, Released], attempt: str) -> None:
    role, service, operation, request = ATTEMPTS[attempt]
    for one, other in PAIRS:
        client = projects[one].client(role, service)
        assert denial(client, operation, filled(request, projects[one].names)) == ""
        refused = denial(client, operation, filled(request, projects[other].names))
        assert f"{projects[one].project.name}-{role}/curious is not authorized to perform: " in refused


def test_deleting_one_leaves_the_others_as_they_were(projects: dict[str, Released]) -> None:
    gone, *left = projects.values()
    before = [(released.project.everything(), released.ask()) for released in left]
    gone.remove()
    assert gone.project.everything() == {"buckets": [gone.project.bucket]}
    assert [(released.project.everything(), released.ask()) for released in left] == before
    assert gone.ask("no-key")[0] in (403, 404)
