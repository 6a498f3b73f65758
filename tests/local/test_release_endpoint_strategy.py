"""Strategy endpoint from the first release on: one endpoint, which SageMaker moves from model to model under guard of its alarms.

While it moves, the answers' header still names the run of the function that asks; so models are told apart by what they predict.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from api import golden
from tests.local.local_aws import ROOT, LocalAws
from tests.local.project_runs import until
from tests.local.release_rehearsal import Change, Customers, Rehearsal, Rehearsed, in_production, replaced, written
from tests.local.test_commands import local
from tests.local.test_durability import lasting_port
from tests.local.test_kills import start
from tests.local.test_release_faults import CRASHES, SLOW, archive
from tests.local.test_rollback import alias, back, named, stack, transition

pytestmark = [pytest.mark.release, pytest.mark.slow]
AS_CANARY = {"model/config.yml": replaced("  strategy: endpoint ", "  strategy: canary ")}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """A machine of these tests alone."""
    machine = LocalAws(lasting_port(), tmp_path_factory.mktemp("endpoint") / "data")
    start(machine)
    yield machine
    local("down", "--data", machine.data)


@pytest.fixture(scope="module")
def rehearsal(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """A project whose first release had the strategy already; the tests below take it on, in this order."""
    return in_production(aws, tmp_path_factory.mktemp("rehearsal"), replaced("  strategy: canary ", "  strategy: endpoint "))


@pytest.fixture(scope="module")
def first(rehearsal: Rehearsal) -> str:
    """The run of the first release."""
    return rehearsal.client.ask()


@pytest.fixture(scope="module")
def second(rehearsal: Rehearsal, first: str) -> tuple[str, Rehearsed, dict[str, Any], dict[str, Any]]:
    """A second, good release while customers ask: its run, what they got, and the endpoint before and after."""
    before = endpoint(rehearsal)
    with customers(rehearsal) as seen:
        run = rehearsal.push({"model/config.yml": fewer_trees(40)})
        rehearsal.approve(run)
        assert rehearsal.project.ended(run) == "Succeeded", rehearsal.project.failure(run)
        until(lambda: rehearsal.client.asked(20) == {run: 20}, "all traffic on the second")
    return run, seen, before, endpoint(rehearsal)


@contextmanager
def customers(rehearsal: Rehearsal) -> Iterator[Rehearsed]:
    """Let customers ask all the while."""
    before = rehearsal.client.ask()
    with Customers(rehearsal.client) as asking:
        yield Rehearsed("", time.monotonic(), before, asking)


def fewer_trees(count: int) -> Change:
    """Return a change of the configuration that makes another model of the same data."""
    return replaced("  hyperparameters: {} ", f"  hyperparameters: {{max_iter: {count}}} ")


def endpoint(rehearsal: Rehearsal) -> dict[str, Any]:
    """Return the description of the one endpoint."""
    return rehearsal.project.aws.client("sagemaker").describe_endpoint(EndpointName=f"{rehearsal.project.name}-live-p")


def shared(rehearsal: Rehearsal) -> dict[str, str]:
    """Return parameters and status of the one endpoint's stack."""
    [found] = rehearsal.project.aws.client("cloudformation").describe_stacks(StackName=f"{rehearsal.project.name}-live-prd")["Stacks"]
    return {item["ParameterKey"]: item["ParameterValue"] for item in found["Parameters"]} | {"status": found["StackStatus"]}


def released_at(rehearsal: Rehearsal) -> Any:
    """Return when the API's stack was changed last."""
    [found] = rehearsal.project.aws.client("cloudformation").describe_stacks(StackName=f"{rehearsal.project.name}-api")["Stacks"]
    return found.get("LastUpdatedTime", found["CreationTime"])


def predicts_as(rehearsal: Rehearsal, run: str) -> bool:
    """Whether the API answers as a run's model did in training."""
    content = rehearsal.project.aws.client("s3").get_object(Bucket=rehearsal.project.bucket, Key=golden.key(run))["Body"].read()
    records = golden.parse(content)
    return not golden.difference(records, rehearsal.client.predictions([record["features"] for record in records]))


def refused(rehearsal: Rehearsal, changes: dict[str, Change], reason: str) -> Rehearsed:
    """Push a model that its guard does not let through; check that the old one serves as before, and return what customers got."""
    before, untouched, version = endpoint(rehearsal), released_at(rehearsal), alias(rehearsal.project)["FunctionVersion"]
    with customers(rehearsal) as seen:
        run = rehearsal.push(changes)
        rehearsal.approve(run)
        rehearsal.refused(seen, run, "DeployPrd/Endpoint", reason, f"/aws/lambda/{rehearsal.project.name}-notice", "the guard")
    after = endpoint(rehearsal)
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", before["EndpointConfigName"])
    assert shared(rehearsal)["status"] == "UPDATE_ROLLBACK_COMPLETE"
    assert predicts_as(rehearsal, seen.before) and not predicts_as(rehearsal, run)
    assert (released_at(rehearsal), alias(rehearsal.project)["FunctionVersion"]) == (untouched, version)
    return seen


def test_a_good_model_takes_over_the_endpoint_and_no_request_fails(
        rehearsal: Rehearsal, first: str, second: tuple[str, Rehearsed, dict[str, Any], dict[str, Any]]) -> None:
    run, seen, before, after = second
    assert set(seen.customers.counts()) == {first, run}
    assert (after["EndpointArn"], after["CreationTime"]) == (before["EndpointArn"], before["CreationTime"])
    assert after["EndpointConfigName"] != before["EndpointConfigName"]
    assert after["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]["Type"] == "CANARY"
    assert predicts_as(rehearsal, run) and not predicts_as(rehearsal, first)


def test_a_slow_model_goes_back(rehearsal: Rehearsal, second: object) -> None:
    seen = refused(rehearsal, {"container/inference.py": written(SLOW), "model/config.yml": fewer_trees(20)}, "-live-p-latency")
    assert not seen.row["failed"]


def test_a_model_that_crashes_on_some_rows_goes_back(rehearsal: Rehearsal, second: object) -> None:
    seen = refused(rehearsal, {"container/inference.py": written(CRASHES), "model/config.yml": fewer_trees(20)}, "-live-p-5xx")
    assert set(seen.row["failed"]) == {"502"}


def test_another_runs_model_does_not_stay(rehearsal: Rehearsal, first: str, second: object) -> None:
    project, before, untouched = rehearsal.project, endpoint(rehearsal), released_at(rehearsal)
    with customers(rehearsal) as seen:
        run = rehearsal.push({"model/config.yml": fewer_trees(20)})
        project.approval(run)
        project.aws.client("s3").copy_object(**archive(rehearsal, run), CopySource=archive(rehearsal, first))
        rehearsal.approve(run)
        rehearsal.refused(seen, run, "DeployPrd/Endpoint", "golden record", f"/aws/lambda/{project.name}-proof", "golden records")
    assert not seen.row["failed"]
    after = endpoint(rehearsal)
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", before["EndpointConfigName"])
    assert predicts_as(rehearsal, seen.before) and not predicts_as(rehearsal, first)
    assert released_at(rehearsal) == untouched


def test_an_endpoint_that_moved_though_its_function_did_not_is_brought_back_by_command(rehearsal: Rehearsal, second: object) -> None:
    """Here the header is wrong: the function has gone back, and the model that it asks has not."""
    project = rehearsal.project
    refuses = "\n\ndef checks(release, pause):\n    raise Refused('not today')\n"
    with customers(rehearsal) as seen:
        run = rehearsal.push({"api/pre_traffic.py": lambda text: text + refuses, "model/config.yml": fewer_trees(25)})
        rehearsal.approve(run)
        rehearsal.refused(seen, run, "DeployPrd/Api", f"{project.name}-pre-traffic reported Failed", f"/aws/lambda/{project.name}-notice",
                          "the hook")
        assert rehearsal.mailed(run, "not today")
        assert predicts_as(rehearsal, run) and not predicts_as(rehearsal, seen.before)
        outcome = back(project)
    assert outcome.returncode == 0, outcome.stderr
    assert f"run {seen.before} serves again" in outcome.stdout
    assert set(seen.customers.counts()) == {seen.before}
    assert predicts_as(rehearsal, seen.before) and shared(rehearsal)["RunId"] == seen.before


def test_the_former_model_comes_back_by_command(
        aws: LocalAws, rehearsal: Rehearsal, first: str, second: tuple[str, Rehearsed, dict[str, Any], dict[str, Any]]) -> None:
    """The run has a name: the newest release was undone before, and undoing it again would change nothing."""
    project, began = rehearsal.project, time.monotonic()
    with customers(rehearsal) as seen, subprocess.Popen(
            ["bash", "scripts/rollback.sh", named(project), first], cwd=ROOT, env=aws.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE) as going:
        until(lambda: going.poll() is not None or predicts_as(rehearsal, first), "the former model")
        seconds = time.monotonic() - began
        said, told = going.communicate(timeout=180)
    assert going.returncode == 0, told
    assert said.startswith(f"run {first} serves again"), said
    assert seconds < 30, told
    assert set(seen.customers.counts()) <= {first, second[0]}
    assert rehearsal.client.asked(20) == {first: 20} and predicts_as(rehearsal, first)
    assert (shared(rehearsal)["RunId"], shared(rehearsal)["status"], stack(project)["RunId"]) == (first, "UPDATE_COMPLETE", first)
    assert transition(project)["enabled"]
    again = back(project)
    assert (again.returncode, f"run {first} serves already" in again.stdout) == (0, True), again.stderr


def released(rehearsal: Rehearsal, changes: dict[str, Change]) -> str:
    """Release a push while customers ask; check that none of them fails and return the run."""
    with customers(rehearsal) as seen:
        run = rehearsal.push(changes)
        rehearsal.approve(run)
        assert rehearsal.project.ended(run) == "Succeeded", rehearsal.project.failure(run)
        until(lambda: rehearsal.client.asked(20) == {run: 20}, "all traffic on the new run")
    assert set(seen.customers.counts()) == {seen.before, run}
    assert predicts_as(rehearsal, run)
    return run


def asks(rehearsal: Rehearsal) -> str:
    """Return the endpoint that the live version asks, without the project's name."""
    found = rehearsal.project.aws.client("lambda").get_function_configuration(FunctionName=f"{rehearsal.project.name}-api", Qualifier="live")
    return str(found["Environment"]["Variables"]["ENDPOINT_NAME"]).removeprefix(f"{rehearsal.project.name}-")


@pytest.fixture(scope="module")
def as_canary(rehearsal: Rehearsal, first: str) -> str:
    """The run of a release that changed the strategy."""
    return released(rehearsal, AS_CANARY)


def test_the_strategy_changes_to_canary_and_the_one_endpoint_stays(rehearsal: Rehearsal, first: str, as_canary: str) -> None:
    assert asks(rehearsal) == f"{as_canary[:8]}-p"
    assert (shared(rehearsal)["RunId"], endpoint(rehearsal)["EndpointStatus"]) == (first, "InService")


def test_it_changes_again_and_one_goes_back_over_the_change(rehearsal: Rehearsal, as_canary: str) -> None:
    project = rehearsal.project
    run = released(rehearsal, {"model/config.yml": fewer_trees(30)})
    assert (asks(rehearsal), shared(rehearsal)["RunId"]) == ("live-p", run)
    with customers(rehearsal) as seen:
        gone = back(project)
    assert gone.returncode == 0, gone.stderr
    assert set(seen.customers.counts()) <= {run, as_canary}
    assert (asks(rehearsal), stack(project)["RunId"]) == (f"{as_canary[:8]}-p", as_canary) and predicts_as(rehearsal, as_canary)


def test_one_goes_back_to_a_run_that_the_one_endpoint_no_longer_holds(rehearsal: Rehearsal, first: str, as_canary: str) -> None:
    """The endpoint gets its model before the traffic comes."""
    with customers(rehearsal) as seen:
        outcome = back(rehearsal.project, first)
        assert outcome.returncode == 0, outcome.stderr
        assert rehearsal.client.asked(20) == {first: 20} and predicts_as(rehearsal, first)
    assert set(seen.customers.counts()) <= {first, as_canary}
    assert shared(rehearsal)["RunId"] == first


def test_the_one_endpoint_can_be_deleted_once_nobody_asks_it_and_is_made_again(rehearsal: Rehearsal, as_canary: str) -> None:
    cloudformation, name = rehearsal.project.aws.client("cloudformation"), f"{rehearsal.project.name}-live-prd"
    assert back(rehearsal.project, as_canary).returncode == 0
    cloudformation.delete_stack(StackName=name)
    until(lambda: name not in rehearsal.project.stacks(), "the end of the one endpoint's stack")
    run = released(rehearsal, {"model/config.yml": fewer_trees(35)})
    assert (asks(rehearsal), shared(rehearsal)["RunId"]) == ("live-p", run)
