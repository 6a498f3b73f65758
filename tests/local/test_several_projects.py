"""Three projects, two of them with the same prefix and model name, are made and released at the same time and never meet."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest

from tests.local.attempts import error_of, filled
from tests.local.inventory import RETAINED, SERVICE_ROLE, Inventory, inventory, kinds
from tests.local.local_aws import ROOT, LocalAws, running
from tests.local.new_projects import create, in_role, offer, publish, stop_first_run
from tests.local.project_runs import Project, churn, until, zipped
from tests.local.test_guides import BLOCK

pytestmark = pytest.mark.slow
ORGANIZATION = "several"
FORMS = {  # the first two share every name but the project's id
    "alpha": {"ProjectPrefix": "team", "ApiAuthorization": "API_KEY"},
    "beta": {"ProjectPrefix": "team", "ApiAuthorization": "API_KEY"},
    "gamma": {"ProjectPrefix": "other", "ApiAuthorization": "AWS_IAM", "NetworkMode": "none"},
}
PAIRS = [("alpha", "beta"), ("beta", "alpha"), ("alpha", "gamma"), ("gamma", "alpha")]
DENIALS = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException"}
MONITORING = re.compile(r"-monitor-[0-9a-f]{8}$")  # a job of its own each hour, as long as there is the project
SHARED = {"AWS::ApiGateway::Stage"}  # their physical id is the stage's name, prd in each API


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
        place = f"{self.aws.region}:000000000000"
        return {"name": name, "bucket": self.project.bucket, "endpoint": f"{name}-{self.run[:8]}-p",
                "topic": f"arn:aws:sns:{place}:{name}", "key": self._stack_output("KeyArn"),
                "machine": f"arn:aws:states:{place}:stateMachine:{name}-workflow"}

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
        who = ["-H", f"x-api-key: {key}"] if key else ["--aws-sigv4", f"aws:amz:{self.aws.region}:execute-api", "--user", "test:test"]
        text = self.aws.run("curl", "--silent", "--include", *who, "-H", "Content-Type: text/csv", "--data-binary", body,
                            self.url).stdout.replace("\r", "")
        head, _, answer = text.partition("\n\n")
        run = re.search(r"(?im)^x-model-run: (.+)$", head)
        return int(head.split()[1]), run[1] if run else "", json.loads(answer).get("predictions", [])

    def remove(self) -> None:
        """Delete the project as a user does."""
        outcome = self.aws.run("bash", "scripts/rm_prj.sh", self.title, "--yes")
        assert outcome.returncode == 0, outcome.stderr


def data(title: str) -> bytes:
    """Return the data of a project: the sample, the sample with its answers turned round, or its later rows."""
    header, *rows = churn(5000)
    rows = rows[1667:] if title == "gamma" else rows[:3333]
    if title == "beta":
        turned = {"yes": "no", "no": "yes"}
        rows = [f"{row.rpartition(',')[0]},{turned[row.rpartition(',')[2]]}" for row in rows]
    return zipped({"churn.csv": "\n".join([header, *rows]) + "\n"})


def release(aws: LocalAws, title: str) -> Released:
    """Create a project, stop the run that this starts, release a model of the project's own data."""
    project, status = create(aws, offer(aws, ORGANIZATION), title, Email=f"{title}@example.com", **FORMS[title])
    assert status == "CreateCompleted", title
    stop_first_run(project)
    run = project.upload(data(title))
    project.answer(run, "Approved", f"{title} says yes")
    assert project.ended(run) == "Succeeded", title
    return Released(title, project, run)


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """A machine that nobody else uses, so that all that comes and goes is of these projects."""
    with running(tmp_path_factory.mktemp("several")) as machine:
        yield machine


@pytest.fixture(scope="module")
def unused(aws: LocalAws) -> Inventory:
    """All that there is before there is any of the projects."""
    publish(aws, ORGANIZATION, f"{ORGANIZATION}-templates")
    return inventory(aws)


@pytest.fixture(scope="module")
def projects(aws: LocalAws, unused: Inventory) -> Iterator[dict[str, Released]]:
    """The three projects, created and released at the same time; those that are left are deleted at the end."""
    with ThreadPoolExecutor(len(FORMS)) as crowd:
        found = dict(zip(FORMS, crowd.map(lambda title: release(aws, title), FORMS), strict=True))
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


def denial(client: Any, operation: str, request: dict) -> str:
    """Return the words in which a call is denied, blank when it is not."""
    code, message = error_of(client, operation, request)
    return message if code in DENIALS else ""


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_role_reaches_what_is_its_projects_and_nothing_of_another(projects: dict[str, Released], attempt: str) -> None:
    role, service, operation, request = ATTEMPTS[attempt]
    for one, other in PAIRS:
        client = in_role(projects[one].aws, f"{projects[one].project.name}-{role}").client(service)
        assert denial(client, operation, filled(request, projects[one].names)) == ""
        refused = denial(client, operation, filled(request, projects[other].names))
        assert f"{projects[one].project.name}-{role}/curious is not authorized to perform: " in refused


def owned(released: Released, things: Inventory) -> Inventory:
    """Return what belongs to a project: what has its name, and what its stacks hold."""
    held = {physical_id for _, physical_id in physical_ids(released)}
    return {(kind, thing) for kind, thing in things
            if (released.project.name in thing or thing in held) and not MONITORING.search(thing)}


def as_they_are(left: list[Released]) -> list[tuple[Inventory, tuple]]:
    """Return all that projects have, and what their APIs answer."""
    things = inventory(left[0].aws)
    return [(owned(released, things), released.ask()) for released in left]


def deleted(released: Released) -> list[str]:
    """Return the stages whose stacks were deleted, in the order of their ends."""
    cloudformation, start = released.aws.client("cloudformation"), f"{released.project.name}-"
    gone = cloudformation.get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"]).search("StackSummaries[]")
    ends = [(cloudformation.describe_stack_events(StackName=stack["StackId"])["StackEvents"][0]["Timestamp"], stack["StackName"])
            for stack in gone if stack["StackName"].startswith(start)]
    return [re.sub(r"^[0-9a-f]{8}-", "", name.removeprefix(start)) for _, name in sorted(ends)]


def test_deleting_one_leaves_the_others_as_they_were_though_the_script_is_killed(projects: dict[str, Released]) -> None:
    gone, *left = projects.values()
    aws = gone.aws
    mine, before = owned(gone, inventory(aws)), as_they_are(left)
    assert {"keys", "networks", "file systems", "API keys", "alarms", "subscriptions", "stacks"} <= kinds(mine)
    script = subprocess.Popen(["bash", "scripts/rm_prj.sh", gone.title, "--yes"], cwd=ROOT, env=aws.environment,
                              stderr=subprocess.DEVNULL, start_new_session=True)
    until(lambda: "monitoring" in deleted(gone), "the deletion of the first stack")
    os.killpg(script.pid, signal.SIGKILL)
    script.wait()
    gone.remove()
    assert kinds(mine & inventory(aws)) <= RETAINED
    assert gone.project.everything() == {"buckets": [gone.project.bucket]}
    assert deleted(gone) == ["monitoring", "api", "prd", "dev", "workflow", "functions"]
    assert as_they_are(left) == before
    assert gone.ask("no-key")[0] in (403, 404)


def test_deleting_a_release_leaves_its_project_and_the_other_one(projects: dict[str, Released]) -> None:
    _, partly, other = projects.values()
    name, aws = partly.project.name, partly.aws
    things, before = inventory(aws), as_they_are([other])
    mine = owned(partly, things)
    commands = "".join(BLOCK.findall((ROOT / "docs" / "clean-up.md").read_text())[:2])
    assert commands.count("\nremove ") == 3
    outcome = aws.run("bash", "-c", f"set -euo pipefail\nname={name}\naccount=000000000000\n{commands}")
    assert outcome.returncode == 0, outcome.stderr
    lost, left = things - inventory(aws), partly.project.everything()
    assert {"endpoints", "APIs", "alarms", "dashboards"} <= kinds(lost)
    assert lost <= mine
    assert as_they_are([other]) == before
    assert {"endpoints", "APIs"} & set(left) == set()
    assert {"pipelines", "repositories", "builds", "images"} <= set(left)
    assert {stack.removeprefix(f"{name}-") for stack in left["stacks"] if stack.startswith(name)} == {"functions", "workflow"}


def test_a_deletion_that_failed_is_repeated_when_its_cause_is_gone(projects: dict[str, Released]) -> None:
    _, gone, other = projects.values()
    iam, role = gone.aws.client("iam"), {"RoleName": f"{gone.project.name}-deploy", "PolicyName": "by-hand"}
    denied = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "lambda:DeleteFunction", "Resource": "*"}]}
    mine, before = owned(gone, inventory(gone.aws)), as_they_are([other])
    iam.put_role_policy(**role, PolicyDocument=json.dumps(denied))
    outcome = gone.aws.run("bash", "scripts/rm_prj.sh", gone.title, "--yes")
    assert outcome.returncode == 1
    assert f"{gone.title} is DeleteFailed" in outcome.stderr
    iam.delete_role_policy(**role)
    gone.remove()
    assert kinds(mine & inventory(gone.aws)) <= RETAINED
    assert as_they_are([other]) == before


def test_delete_project_alone_leaves_the_account_as_it_was_before_all_of_them(projects: dict[str, Released],
                                                                              unused: Inventory) -> None:
    *_, last = projects.values()
    sagemaker = last.aws.client("sagemaker")

    def status() -> str:
        return str(sagemaker.describe_project(ProjectName=last.title)["ProjectStatus"])

    sagemaker.delete_project(ProjectName=last.title)
    assert until(lambda: status() != "DeleteInProgress" and status(), "the deletion") == "DeleteCompleted"
    now = inventory(last.aws)
    left = now - unused - {("buckets", "local-outbox"), SERVICE_ROLE}
    assert unused - now == set()
    assert kinds(left) == RETAINED
    assert {thing for kind, thing in left if kind == "buckets"} == {each.project.bucket for each in projects.values()}
    assert len([kind for kind, _ in left if kind == "keys"]) == len(projects)
