"""What a project's whole life asks of IAM is what docs/permissions.json keeps: no action more, and none less but by chance.

Two releases, drift and its retraining, a run that fails, going back, and deletion, on a machine of their own. The
recording is left in build/calls.jsonl, from which `python scripts/permissions.py build/calls.jsonl` makes both files anew.
"""

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.local.local_aws import ROOT, LocalAws, free_port
from tests.local.project_runs import Project, zipped
from tests.templates.permissions import KEPT, used

pytestmark = pytest.mark.slow
NAME = "recorded"
RECORDING = ROOT / "build" / "calls.jsonl"
# What a role that had the right is refused in a healthy life: the last words of a function whose role the deletion has taken away.
LAST_WORDS = {"logs:CreateLogStream", "logs:PutLogEvents"}

# What depends on when a look falls, and on what.
SOMETIMES = {("assets/monitoring.yml PlanRole", "kms:Decrypt"): "a look after one that judged nothing reads what that one kept"}


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recording of a project's life."""
    machine = LocalAws(free_port(), tmp_path_factory.mktemp("aws"))
    place = ("--port", str(machine.port), "--data", str(machine.data))
    started = machine.run(sys.executable, "-m", "local", "up", *place)
    assert started.returncode == 0, started.stderr
    try:
        live(machine, tmp_path_factory.mktemp("demo") / "report.json")
    finally:
        machine.run(sys.executable, "-m", "local", "down", *place)
        RECORDING.parent.mkdir(exist_ok=True)
        shutil.copy(machine.data / "calls.jsonl", RECORDING)
    return RECORDING


def live(machine: LocalAws, report: Path) -> None:
    """Take a project from its creation to its end."""
    outcome, found = machine.whole_demo(report, "--drift", "--organization", "org-recorded", "--project", NAME, "--prefix", "rec")
    assert outcome.returncode == 0, outcome.stderr
    project = Project(machine, found["name"])
    for run in project.runs():
        if run["status"] == "InProgress":  # the retraining waits for a person
            project.stop(run["pipelineExecutionId"])
    assert project.ended(project.upload(zipped({"notes.txt": "no data"}))) == "Failed"
    for command in (("rollback.sh", NAME), ("rm_prj.sh", NAME, "--yes")):
        outcome = machine.run("bash", f"scripts/{command[0]}", *command[1:])
        assert outcome.returncode == 0, outcome.stderr


def test_a_projects_life_uses_what_is_kept(calls: Path) -> None:
    found, kept = ({(role, action) for role, actions in recording.items() for action in actions}
                   for recording in (used(calls), json.loads(KEPT.read_text())))
    assert found - kept == set(), "python scripts/permissions.py build/calls.jsonl takes the recording over"
    assert kept - found <= set(SOMETIMES), "python scripts/permissions.py build/calls.jsonl takes the recording over"


def test_nothing_is_refused_that_has_no_reason(calls: Path) -> None:
    lines = [json.loads(line) for line in calls.read_text().splitlines()]
    held = {(role, action) for role, action, allowed, _ in lines if allowed}
    refused = {(role, action) for role, action, allowed, _ in lines if not allowed}
    assert refused - held == set()
    assert {(role, action) for role, action in refused if action not in LAST_WORDS} == set()
