"""What every notebook begins with: commands that show what they say, pages in a frame, an account or a reason."""

import pytest
from botocore.exceptions import NoRegionError

import walkthrough
from plain_faults import NotReady


def test_a_command_shows_what_it_says_on_either_way(capsys: pytest.CaptureFixture[str]) -> None:
    walkthrough.sh("echo one; echo two >&2")
    assert capsys.readouterr().out == "one\ntwo\n"


@pytest.mark.parametrize("command", ["exit 3", "(echo lost; exit 3) | cat"])
def test_a_command_that_fails_stops_the_notebook_also_within_a_pipe(command: str) -> None:
    with pytest.raises(NotReady, match=r"exit 3.* ended with status 3"):
        walkthrough.sh(command)


def test_a_command_runs_in_the_repository_and_waits_for_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    walkthrough.sh("ls notebooks/README.md; cat")
    assert capsys.readouterr().out == "notebooks/README.md\n"


def test_without_a_region_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(NoRegionError):
        walkthrough.account()
