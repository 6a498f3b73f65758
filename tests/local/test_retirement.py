"""Endpoints of runs that serve nobody go by themselves; what serves, bakes or may still be retried, stays."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.local_aws import LocalAws
from tests.local.project_runs import Project, churn, until, zipped
from tests.local.test_first_release import curl

pytestmark = pytest.mark.slow
GOOD = zipped({"churn.csv": "\n".join(churn(3333))})
ONE_CUSTOMER = "\n".join(row.rpartition(",")[0] for row in churn(1))
BAKE_HOURS = 0.01  # of wall time: the stacks' times are no waits, so the clock's speed does not shorten them
NO_NEW_VERSION = {"Version": "2012-10-17", "Statement": [
    {"Sid": "NoRelease", "Effect": "Deny", "Action": "lambda:PublishVersion", "Resource": "*"}]}


@pytest.fixture(scope="module")
def project(aws: LocalAws, first_release: dict) -> Project:
    """The project of the first release; the tests below take it on, in this order."""
    return Project(aws, first_release["name"])


@pytest.fixture(scope="module")
def former(aws: LocalAws, project: Project, first_release: dict) -> str:
    """The run that serves before this module's."""
    return serving(aws, first_release)


def serving(aws: LocalAws, first_release: dict) -> str:
    """Return the run that answers a request to the API."""
    signed = ("--include", "--aws-sigv4", "aws:amz:us-east-1:execute-api", "--user", "test:test")
    head, _, body = curl(aws, first_release["api_url"], ONE_CUSTOMER, *signed).stdout.replace("\r", "").partition("\n\n")
    assert json.loads(body)["predictions"], body
    return next(line.partition(": ")[2] for line in head.splitlines() if line.lower().startswith("x-model-run:"))


def endpoints(project: Project, run: str) -> set[str]:
    """Return the stages that a run has an endpoint stack in."""
    start = f"{project.name}-{run[:8]}-"
    return {name.removeprefix(start) for name in project.stacks() if name.startswith(start)}


def retirement(project: Project, run: str, state: str) -> dict | None:
    """Return the execution of the state machine that this end of a run has started."""
    states = project.aws.client("stepfunctions")
    arn = f"arn:aws:states:us-east-1:000000000000:stateMachine:{project.name}-retirement"
    found = (states.describe_execution(executionArn=item["executionArn"]) for page in states.get_paginator(
        "list_executions").paginate(stateMachineArn=arn) for item in page["executions"])
    ends = {"execution-id": run, "state": state}
    return next((item for item in found if ends.items() <= json.loads(item["input"])["detail"].items()), None)


def retired(project: Project, run: str, state: str) -> list[str]:
    """Wait for the end of the retirement that a run's end has started; return the stacks that it kept."""
    def ended() -> dict | None:
        found = retirement(project, run, state)
        return found if found and found["status"] != "RUNNING" else None

    done = until(ended, f"the retirement after run {run} was {state}")
    assert done["status"] == "SUCCEEDED", done
    return json.loads(done["output"])["kept"]


@pytest.fixture(scope="module")
def broken_release(aws: LocalAws, project: Project, former: str) -> Iterator[str]:
    """A run that got as far as the API and failed there: the deploy role may not publish a version."""
    iam, role = aws.client("iam"), f"{project.name}-deploy"
    iam.put_role_policy(RoleName=role, PolicyName="broken", PolicyDocument=json.dumps(NO_NEW_VERSION))
    try:
        run = project.upload(GOOD)
        project.answer(run, "Approved", "fine")
        place, why = project.failure(run)
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="broken")
    assert place == "DeployPrd/Api" and "lambda:PublishVersion" in why
    return run


def test_a_failed_run_keeps_its_endpoints_for_a_while_and_the_live_one_serves(
        aws: LocalAws, project: Project, first_release: dict, former: str, broken_release: str) -> None:
    assert until(lambda: retirement(project, broken_release, "FAILED"), "the retirement")["status"] == "RUNNING"
    assert endpoints(project, broken_release) == endpoints(project, former) == {"dev", "prd"}
    assert serving(aws, first_release) == former


def test_a_retry_within_that_time_succeeds_and_the_former_run_bakes_in_production_alone(
        aws: LocalAws, project: Project, first_release: dict, former: str, broken_release: str) -> None:
    project.pipeline.retry_stage_execution(pipelineName=project.name, stageName="DeployPrd",
                                           pipelineExecutionId=broken_release, retryMode="FAILED_ACTIONS")
    assert project.ended(broken_release) == "Succeeded"
    kept = retired(project, broken_release, "SUCCEEDED")
    assert [name for name in kept if former[:8] in name] == [f"{project.name}-{former[:8]}-prd"]
    assert endpoints(project, former) == {"prd"}
    assert serving(aws, first_release) == broken_release


def test_the_retirement_of_the_failure_finds_that_the_run_serves_by_now(
        project: Project, broken_release: str) -> None:
    retired(project, broken_release, "FAILED")
    assert endpoints(project, broken_release) == {"dev", "prd"}


def test_a_rejected_run_loses_its_endpoint_and_the_live_one_stays(
        aws: LocalAws, project: Project, first_release: dict, broken_release: str) -> None:
    run = project.upload(GOOD)
    project.answer(run, "Rejected", "not now")
    assert project.ended(run) == "Failed"
    assert endpoints(project, run) == {"dev"}
    retired(project, run, "FAILED")
    assert endpoints(project, run) == set()
    assert endpoints(project, broken_release) == {"dev", "prd"}
    assert serving(aws, first_release) == broken_release


def test_the_clock_deletes_what_has_baked(
        aws: LocalAws, project: Project, first_release: dict, former: str, broken_release: str, tmp_path: Path) -> None:
    clone = project.clone(tmp_path / "clone")
    configuration = (clone / "model" / "config.yml").read_text()
    sooner = re.sub(r"^( *bake_hours:) \S+", rf"\1 {BAKE_HOURS}", configuration, flags=re.MULTILINE)
    assert sooner != configuration
    run = project.started_by(lambda: project.push(clone, {"model/config.yml": sooner}))
    project.answer(run, "Approved", "fine")
    assert project.ended(run) == "Succeeded"
    assert f"{project.name}-{broken_release[:8]}-prd" in retired(project, run, "SUCCEEDED")
    until(lambda: not endpoints(project, broken_release), "the former endpoint's end, an hour's clock after it has baked")
    assert endpoints(project, former) == {"prd"}, "it bakes for the time of the run that took over from it"
    assert serving(aws, first_release) == run
    project.stop(project.started_by(lambda: project.push(clone, {"model/config.yml": configuration})))


def test_each_decision_is_in_the_functions_log(project: Project, former: str, broken_release: str) -> None:
    logs, group = project.aws.client("logs"), f"/aws/lambda/{project.name}-retirement"
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, filterPattern="decision")
    lines = [json.loads(event["message"]) for page in pages for event in page["events"] if event["message"].startswith("{")]
    told = {(line["run"], line["decision"]) for line in lines}
    assert {(former, "kept"), (former, "deleted"), (broken_release, "kept")} <= told
    assert all(line["why"] for line in lines)
