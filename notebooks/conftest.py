"""The account in which `pytest --nbmake notebooks` runs the notebooks: the one of AWS_ENDPOINT_URL, or a local AWS of its own with a released project.

Notebooks are run by kernels, not by functions, so what they need is in the environment; it is made when the first of them needs it.
"""

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.local.local_aws import LocalAws, running

ALONE = {"1_container.ipynb"}  # needs no account, and less than a minute
OPEN = pytest.StashKey[ExitStack]()


def pytest_configure(config: pytest.Config) -> None:
    """Have a place for what is to be ended."""
    config.stash[OPEN] = ExitStack()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what takes minutes."""
    for item in items:
        if item.path.suffix == ".ipynb" and item.path.name not in ALONE:
            item.add_marker(pytest.mark.slow)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Bring the account before the first notebook that uses one."""
    if item.path.suffix == ".ipynb" and item.path.name not in ALONE and "AWS_ENDPOINT_URL" not in os.environ:
        os.environ.update(released(item.config.stash[OPEN]).environment)


def released(stack: ExitStack) -> LocalAws:
    """Start a local AWS and take a project through its first release."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    aws = stack.enter_context(running(folder / "aws"))
    outcome, _ = aws.demo(folder / "report.json")
    assert outcome.returncode == 0, outcome.stderr
    return aws


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the local AWS."""
    config.stash[OPEN].close()
