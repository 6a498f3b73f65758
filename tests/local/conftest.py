"""One local AWS for the whole run, and one project taken through its first release on it."""

from collections.abc import Iterator

import pytest

from tests.local.local_aws import LocalAws, running


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """A local AWS of this test run alone."""
    with running(tmp_path_factory.mktemp("aws")) as machine:
        yield machine


@pytest.fixture(scope="session")
def first_release(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The report of a project's first release, from the organization template to a prediction."""
    outcome, report = aws.demo(tmp_path_factory.mktemp("demo") / "report.json")
    assert outcome.returncode == 0, outcome.stderr
    return report


@pytest.fixture(scope="session")
def release_without_network(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The report of another organization's first release, of a project with NetworkMode none."""
    names = {"organization": "no-network", "project": "churn-no-network"}
    outcome, report = aws.demo(tmp_path_factory.mktemp("demo") / "report.json", "--network", "none", "--organization",
                               names["organization"], "--project", names["project"], "--prefix", "none")
    assert outcome.returncode == 0, outcome.stderr
    return report | names


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run last what deletes the projects of the others."""
    items.sort(key=lambda item: item.path.name == "test_clean_up.py")
