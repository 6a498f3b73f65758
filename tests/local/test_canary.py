"""Second releases on one machine: shares follow the weights, and a bad version leaves all traffic with the old one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.api_client import ApiClient
from tests.local.local_aws import LocalAws
from tests.local.project_runs import Project, until

FAILS = """        if not request_id.startswith("synthetic-"):  # all requests but the hook's
            raise RuntimeError("broken by a test")
        rows = requests.table"""
CHI_SQUARE = 15.1  # one degree of freedom; chance of more: 1 in 10,000


@pytest.fixture
def project(aws: LocalAws, first_release: dict) -> Project:
    return Project(aws, first_release["name"])


@pytest.fixture
def client(first_release: dict) -> ApiClient:
    return ApiClient(first_release["api_url"])


@pytest.fixture
def second_version(project: Project) -> Iterator[str]:
    """A further version of the API's function that answers with another run's name; all is as before afterwards."""
    functions, name = project.aws.client("lambda"), f"{project.name}-api"
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    former = functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"]
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables | {"MODEL_RUN": "another"}})
    version = functions.publish_version(FunctionName=name)["Version"]
    yield version
    functions.update_alias(FunctionName=name, Name="live", FunctionVersion=former, RoutingConfig={"AdditionalVersionWeights": {}})
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    functions.delete_function(FunctionName=name, Qualifier=version)


@pytest.mark.slow
@pytest.mark.parametrize("weight", [0.1, 0.5])
def test_shares_follow_the_weights(project: Project, client: ApiClient, second_version: str, weight: float) -> None:
    count = 5000
    project.aws.client("lambda").update_alias(
        FunctionName=f"{project.name}-api", Name="live", RoutingConfig={"AdditionalVersionWeights": {second_version: weight}})
    found = client.asked(count)
    assert sum(found.values()) == count and len(found) == 2, found
    expected = count * weight
    assert (found["another"] - expected) ** 2 / (expected * (1 - weight)) < CHI_SQUARE, found


@pytest.fixture
def clone(project: Project, tmp_path: Path) -> Iterator[Path]:
    """A clone of the repository as the project began; afterwards the repository is so again."""
    folder = project.clone(tmp_path / "clone")
    first = project.git("rev-list", "--max-parents=0", "HEAD", cwd=folder).stdout.strip()
    project.git("checkout", "--quiet", first, "--", ".", cwd=folder)
    yield folder
    project.git("checkout", "--quiet", first, "--", ".", cwd=folder)
    project.stop(project.started_by(lambda: project.push(folder, {}, "As it was")))


def released(project: Project, clone: Path, file: str, line: str, change: str) -> str:
    """Push a change of one line and approve the run that it starts; return the run."""
    text = (clone / file).read_text()
    assert text.count(line) == 1
    run = project.started_by(lambda: project.push(clone, {file: text.replace(line, change)}))
    project.answer(run, "Approved", "a test says yes")
    return run


def settled(project: Project, client: ApiClient, before: str) -> None:
    """The old version has all of the traffic, by its answers, by the alias, and by the stack."""
    assert client.asked(100) == {before: 100}
    alias = project.aws.client("lambda").get_alias(FunctionName=f"{project.name}-api", Name="live")
    assert not alias.get("RoutingConfig", {}).get("AdditionalVersionWeights")
    [stack] = project.aws.client("cloudformation").describe_stacks(StackName=f"{project.name}-api")["Stacks"]
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert before in [parameter["ParameterValue"] for parameter in stack["Parameters"]]


def mails(project: Project) -> str:
    """Return all that was mailed."""
    s3 = project.aws.client("s3")
    found = s3.list_objects_v2(Bucket="local-outbox").get("Contents", [])
    return "\n".join(s3.get_object(Bucket="local-outbox", Key=item["Key"])["Body"].read().decode() for item in found)


def test_a_version_that_predicts_otherwise_never_takes_traffic(project: Project, client: ApiClient, clone: Path) -> None:
    before = client.ask()
    run = released(project, clone, "api/responses.py", '{"predictions": predictions}',
                   '{"predictions": [{"label": "no", "probability": 0.0} for _ in predictions]}')
    with client.asking() as counts:
        place, why = project.failure(run)
    assert place == "DeployPrd/Api", why
    assert set(counts) == {before}
    assert f"{project.name}-pre-traffic" in why
    settled(project, client, before)
    until(lambda: f"release of run {run[:8]} refused" in mails(project), "the hook's mail")
    assert "predicts otherwise than training did: golden record" in mails(project)


@pytest.mark.slow
def test_an_alarm_during_the_canary_takes_the_traffic_back(project: Project, client: ApiClient, clone: Path) -> None:
    before = client.ask()
    run = released(project, clone, "api/handler.py", "        rows = requests.table", FAILS)
    with client.asking() as counts:
        place, why = project.failure(run)
    assert place == "DeployPrd/Api", why
    assert f"{project.name}-api-version-errors" in why
    assert counts[before] > counts["502"] > 0
    assert set(counts) == {before, "502"}
    settled(project, client, before)
