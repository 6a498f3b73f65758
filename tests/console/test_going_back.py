"""Going back: one process a project, whose words are kept and whose end is told."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from console.acting import going_back
from console.acting.going_back import GoingBack, go_back, last
from console.faults import Refused
from tests.console.any_order import Stubs, project

RUN = "11111111-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
SCRIPT = """
echo "rollback: to $2 of $1 in $AWS_DEFAULT_REGION" >&2
while [ ! -e "$GATE" ]; do sleep 0.02; done
echo "run $2 serves again"
exit {code}
"""


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.02)


def ended(name: str) -> GoingBack:
    until(lambda: bool((way := last(name)) and not way.active))
    way = last(name)
    assert way
    return way


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that lets the script end."""
    monkeypatch.setenv("GATE", str(tmp_path / "gate"))
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return tmp_path / "gate"


def script(folder: Path, code: int = 0) -> str:
    path = folder / "back.sh"
    path.write_text(SCRIPT.format(code=code))
    return str(path)


def test_what_the_script_says_is_heard_while_it_runs_and_its_exit_code_at_the_end(gate: Path, tmp_path: Path) -> None:
    asked = project(Stubs(), "heard")
    assert last("heard") is None
    go_back(asked, RUN, script(tmp_path))
    until(lambda: bool((way := last("heard")) and way.said))
    way = last("heard")
    assert way and way.active and way.run == RUN and way.said == (f"rollback: to {RUN} of heard in {asked.account.region}",)
    gate.touch()
    assert (ended("heard").code, ended("heard").said[-1]) == (0, f"run {RUN} serves again")


def test_two_who_go_back_at_once_start_one_process(gate: Path, tmp_path: Path) -> None:
    asked = project(Stubs(), "twice")
    go_back(asked, RUN, script(tmp_path))
    with pytest.raises(Refused, match="11111111 is under way already"):
        go_back(asked, "22222222-bbbb-4bbb-8bbb-bbbbbbbbbbbb", script(tmp_path))
    gate.touch()
    assert ended("twice").run == RUN
    go_back(asked, RUN, script(tmp_path))
    assert ended("twice").said[-1] == f"run {RUN} serves again"


def test_a_script_that_fails_leaves_its_exit_code_and_last_words(gate: Path, tmp_path: Path) -> None:
    gate.touch()
    go_back(project(Stubs(), "fails"), RUN, script(tmp_path, code=1))
    assert ended("fails").code == 1


def test_the_script_is_that_of_the_repository_and_says_how_it_is_called() -> None:
    assert os.access(going_back.ROOT / going_back.SCRIPT, os.R_OK)
    go_back(project(Stubs(), "-wrong"), RUN)
    assert ended("-wrong").code == 2 and ended("-wrong").said[0].startswith("usage: scripts/rollback.sh PROJECT_NAME [RUN]")
