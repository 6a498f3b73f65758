"""Release, back, release: the former run answers within seconds, and stack and alias agree, so that the next release works."""

import json
import subprocess
import time
from collections.abc import Callable

import pytest

from tests.local.local_aws import ROOT, LocalAws
from tests.local.project_runs import Project, churn, until, zipped
from tests.local.test_retirement import serving

pytestmark = pytest.mark.release
GOOD = zipped({"churn.csv": "\n".join(churn(3333))})
FIRST_ANSWER_SECONDS = 5.0


@pytest.fixture(scope="module")
def project(aws: LocalAws, first_release: dict) -> Project:
    """The project of the first release; the tests below take it on, in this order."""
    return Project(aws, first_release["name"])


@pytest.fixture(scope="module")
def former(aws: LocalAws, project: Project, first_release: dict) -> str:
    """The run that serves before this module's."""
    return serving(aws, first_release)


@pytest.fixture(scope="module")
def bad(project: Project, former: str) -> str:
    """A run that was released, and then turns out to be bad."""
    return released(project)


def released(project: Project) -> str:
    """Take a run into production."""
    run = project.upload(GOOD)
    project.answer(run, "Approved", "fine")
    assert project.ended(run) == "Succeeded"
    return run


def named(project: Project) -> str:
    """Return the project's name in Studio."""
    number = project.name.split("-", 2)[2]
    found = project.aws.client("sagemaker").list_projects()["ProjectSummaryList"]
    return next(item["ProjectName"] for item in found if item["ProjectId"] == number)


def back(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script as a person does."""
    return project.aws.run("bash", "scripts/rollback.sh", named(project), *arguments)


def alias(project: Project) -> dict:
    return project.aws.client("lambda").get_alias(FunctionName=f"{project.name}-api", Name="live")


def stack(project: Project) -> dict:
    """Return parameters, status and version of the API's stack."""
    client, name = project.aws.client("cloudformation"), f"{project.name}-api"
    found = client.describe_stacks(StackName=name)["Stacks"][0]
    version = client.describe_stack_resource(StackName=name, LogicalResourceId="ApiVersion")["StackResourceDetail"]["PhysicalResourceId"]
    return {item["ParameterKey"]: item["ParameterValue"] for item in found["Parameters"]} | {
        "status": found["StackStatus"], "version": version.rpartition(":")[2]}


def agreed(project: Project, run: str) -> None:
    """Check that stack and alias are of a run, and that the way into production is open."""
    found = stack(project)
    assert (found["RunId"], found["status"]) == (run, "UPDATE_COMPLETE")
    assert (alias(project)["FunctionVersion"], alias(project).get("RoutingConfig") or {}) == (found["version"], {})
    assert transition(project)["enabled"]
    [watch] = project.aws.client("cloudformation").describe_stacks(StackName=f"{project.name}-monitoring")["Stacks"]
    given = {item["ParameterKey"]: item["ParameterValue"] for item in watch["Parameters"]}
    assert (given["RunId"], given["EndpointName"]) == (run, f"{project.name}-{run[:8]}-p"), "what serves is what is watched"


def transition(project: Project) -> dict:
    stages = project.pipeline.get_pipeline_state(name=project.name)["stageStates"]
    return next(stage for stage in stages if stage["stageName"] == "DeployPrd")["inboundTransitionState"]


def first_answer(ask: Callable[[], str], run: str, began: float) -> float:
    """Return the seconds until a run answers."""
    until(lambda: ask() == run, f"an answer of run {run}", 60)
    return time.monotonic() - began


def test_it_refuses_what_it_cannot_do(project: Project, former: str) -> None:
    unknown = project.aws.run("bash", "scripts/rollback.sh", "nobody")
    assert (unknown.returncode, "there is no project nobody" in unknown.stderr) == (1, True)
    never = back(project, "eeeeeeee")
    assert (never.returncode, former in never.stderr) == (1, True), never.stderr
    assert project.aws.run("bash", "scripts/rollback.sh").returncode == 2
    assert transition(project)["enabled"]


def test_the_build_keeps_what_a_release_consists_of(project: Project, former: str) -> None:
    found = project.aws.client("s3").list_objects_v2(Bucket=project.bucket, Prefix=f"runs/{former}/release/")["Contents"]
    assert sorted(item["Key"].rpartition("/")[2] for item in found) == [
        "api.json", "deploy-endpoint.yml", "deploy-model-prd.yml", "endpoint-prd.json", "monitoring.json", "monitoring.yml"]


def test_the_former_run_answers_within_seconds_although_the_alarm_goes_on(
        aws: LocalAws, project: Project, first_release: dict, former: str, bad: str) -> None:
    assert serving(aws, first_release) == bad
    aws.client("cloudwatch").set_alarm_state(AlarmName=f"{project.name}-api-errors", StateValue="ALARM", StateReason="it is bad")
    began = time.monotonic()
    with subprocess.Popen(["bash", "scripts/rollback.sh", named(project)], cwd=ROOT, env=aws.environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as going:
        seconds = first_answer(lambda: serving(aws, first_release), former, began)
        said, told = going.communicate(timeout=120)
    assert going.returncode == 0, told
    assert said.startswith(f"run {former} serves again"), said
    assert seconds < FIRST_ANSWER_SECONDS, told
    aws.client("cloudwatch").set_alarm_state(AlarmName=f"{project.name}-api-errors", StateValue="OK", StateReason="it is gone")


def test_stack_and_alias_agree_and_the_way_is_open(project: Project, former: str, bad: str) -> None:
    agreed(project, former)
    assert stack(project)["Shifting"] == "no"


def test_twice_is_once(aws: LocalAws, project: Project, first_release: dict, former: str, bad: str) -> None:
    again = back(project)
    assert (again.returncode, f"run {former} serves already" in again.stdout) == (0, True), again.stderr
    agreed(project, former)


def test_the_endpoint_gone_back_from_bakes_too(project: Project, former: str, bad: str) -> None:
    states = project.aws.client("stepfunctions")
    arn = f"arn:aws:states:us-east-1:000000000000:stateMachine:{project.name}-retirement"
    event = {"detail-type": "Scheduled Event", "detail": {}, "time": "2026-11-20T12:00:00Z"}
    execution = states.start_execution(stateMachineArn=arn, input=json.dumps(event))["executionArn"]
    ended = until(lambda: (found := states.describe_execution(executionArn=execution))["status"] != "RUNNING" and found, "the retirement")
    assert ended["status"] == "SUCCEEDED", ended
    kept = json.loads(ended["output"])["kept"]
    assert {f"{project.name}-{run[:8]}-prd" for run in (former, bad)} <= set(kept)


def test_a_run_is_gone_to_by_its_name(aws: LocalAws, project: Project, first_release: dict, former: str, bad: str) -> None:
    for run in (bad, former):
        named_run = back(project, run[:8])
        assert named_run.returncode == 0, named_run.stderr
        assert serving(aws, first_release) == run
        agreed(project, run)


@pytest.mark.slow
def test_the_next_release_works_and_a_canary_under_way_is_stopped(
        aws: LocalAws, project: Project, first_release: dict, former: str, bad: str) -> None:
    third = released(project)
    assert serving(aws, first_release) == third
    agreed(project, third)
    run = project.upload(GOOD)
    project.answer(run, "Approved", "fine")
    until(lambda: (alias(project).get("RoutingConfig") or {}).get("AdditionalVersionWeights"), "a canary", 120)
    stopped = back(project)
    assert stopped.returncode == 0, stopped.stderr
    assert f"is stopped; run {third} serves as before it" in stopped.stdout
    assert project.ended(run) == "Failed"
    assert (serving(aws, first_release), stack(project)["RunId"]) == (third, third)
    assert transition(project)["enabled"]
