"""What going back refuses, each by what is wrong; nothing is touched then."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.unit.scripts.account import BAD, NAME, OLD, PROJECT, Account
from tests.unit.scripts.going_back import Back, refused

API = f"{NAME}-api"
ROOT = Path(__file__).parents[3]


def test_an_unknown_project_is_named(account: Account, back: Back) -> None:
    refused(account, back, "there is no project nobody", "list-projects", arguments=("nobody",))


def test_a_project_without_a_pipeline_is_not_one_of_ours(account: Account, back: Back) -> None:
    account.projects["other"] = "p-ffffffffffff"
    refused(account, back, "project other (p-ffffffffffff) has no pipeline", arguments=("other",))


def test_before_the_first_release_there_is_nothing_to_go_back_from(account: Account, back: Back) -> None:
    del account.stacks[API]
    refused(account, back, f"stack {API} does not exist")


def test_a_first_release_that_failed_left_no_alias(account: Account, back: Back) -> None:
    account.alias = 0
    refused(account, back, "has no alias live")


def test_the_first_run_has_no_former_one(account: Account, back: Back) -> None:
    del account.versions[1]
    refused(account, back, f"there is no former run: {BAD} is the first")


def test_a_release_of_before_has_no_parameter_to_go_back_with(account: Account, back: Back) -> None:
    del account.stacks[API]["Shifting"]
    refused(account, back, "Push and release once")


def test_a_run_whose_build_kept_nothing_cannot_be_gone_back_to(account: Account, back: Back) -> None:
    del account.objects[f"runs/{OLD}/release/api.json"]
    refused(account, back, f"s3://bucket/runs/{OLD}/release/api.json is missing")


def test_an_unknown_run_is_refused_with_those_that_there_are(account: Account, back: Back) -> None:
    refused(account, back, "run eeeeeeee was never released", OLD, BAD, arguments=(PROJECT, "eeeeeeee"))


def test_a_run_that_failed_is_refused(account: Account, back: Back) -> None:
    account.runs[OLD] = "Failed"
    refused(account, back, f"run {OLD} is Failed", arguments=(PROJECT, OLD))


@pytest.mark.parametrize("arguments", [["--help"], [], ["a", "b", "c"], ["a", "short"]])
def test_wrong_arguments_end_with_2_and_the_usage(arguments: list[str]) -> None:
    ended = subprocess.run(["bash", ROOT / "scripts/rollback.sh", *arguments], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "usage: scripts/rollback.sh PROJECT_NAME [RUN]" in ended.stderr
