"""A project that goes through releases while its machine is killed at random moments.

KILLS (20) and KILLS_SEED (1) choose how often and when: a random time after an action has begun, each kind of
action in turn, so that all are met on a slow machine as well. A person uploads, pushes, retries and approves all the while
and writes down each answer; after each start all of it must still be there, and in the end a retry must succeed.
"""

import hashlib
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from local.processes import start_time
from tests.local.local_aws import LocalAws
from tests.local.project_runs import Project, churn, until, zipped
from tests.local.test_commands import alive, answer, children, local
from tests.local.test_durability import lasting_port

pytestmark = pytest.mark.slow
KILLS, SEED = int(os.environ.get("KILLS", "20")), int(os.environ.get("KILLS_SEED", "1"))
ACTIONS = ("Build", "Functions", "Workflow", "Run", "Endpoint", "Api")  # in their order: a kill comes after each in turn
PATIENCE = 20.0  # seconds to wait for that action: then the kill comes wherever the run is
LONGEST = 3.0  # seconds from an action's begin to the kill, most of which are over sooner
START_SECONDS = 5.0
RESTS = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
LOST = (BotoCoreError, ClientError, ConnectionError, AssertionError)  # what a person sees of a kill


class Person:
    """Someone who wants a release, takes no failure for an answer, and writes down what was acknowledged."""

    def __init__(self, project: Project, clone: Path) -> None:
        self.project, self._clone, self._turn = project, clone, 0
        self.parameters: dict[str, int] = {}
        self.uploads: dict[str, str] = {}
        self.commits: set[str] = set()
        self.runs: set[str] = set()
        self.approvals: set[str] = set()
        self.stacks: set[str] = set()
        self.unheard: list[str] = []  # uploads and pushes that started no run
        self.retries = {"FAILED_ACTIONS": 0, "ALL_ACTIONS": 0}
        self.away, self.gone = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)

    def begin(self) -> None:
        """Start working."""
        self._thread.start()

    def _live(self) -> None:
        while not self.gone.wait(0.1):
            if self.away.is_set():
                continue
            try:
                self._set_parameter()
                self._note_stacks()
                self._move_on()
            except LOST:
                continue

    def _set_parameter(self) -> None:
        self._turn += 1
        name = f"/kills/{self._turn % 10}"
        self.project.aws.client("ssm").put_parameter(Name=name, Value=str(self._turn), Type="String", Overwrite=True)
        self.parameters[name] = self._turn

    def _note_stacks(self) -> None:
        for stack in self.project.aws.client("cloudformation").describe_stacks()["Stacks"]:
            if stack["StackStatus"] in RESTS and stack["StackName"].endswith(("-functions", "-workflow", "-api")):
                self.stacks.add(stack["StackId"])

    def _move_on(self) -> None:
        """Do what the latest run asks for: approve, retry, or begin the next one."""
        run = self.project.runs()[0]
        key, status = run["pipelineExecutionId"], run["status"]
        self.runs.add(key)
        if status == "Failed":
            self._retry(key)
        elif status in ("Succeeded", "Stopped"):
            self._change()
        elif status == "InProgress" and (asked := self.project.action(key, "Approval")) and asked["status"] == "InProgress":
            self.project.answer(key, "Approved", "go on")
            self.approvals.add(asked["actionExecutionId"])

    def _retry(self, run: str) -> None:
        state = self.project.pipeline.get_pipeline_state(name=self.project.name)
        [stage] = [stage["stageName"] for stage in state["stageStates"]
                   if stage.get("latestExecution", {}).get("pipelineExecutionId") == run
                   and stage["latestExecution"]["status"] == "Failed"]
        mode = min(self.retries, key=self.retries.__getitem__)
        self.project.pipeline.retry_stage_execution(
            pipelineName=self.project.name, stageName=stage, pipelineExecutionId=run, retryMode=mode)
        self.retries[mode] += 1

    def _change(self) -> None:
        """Upload or push, and wait for the run that it starts, over a kill as well."""
        before = {run["pipelineExecutionId"] for run in self.project.runs()}
        if self._turn % 2:
            content = zipped({"churn.csv": "\n".join(churn(1500 + self._turn))})
            version = self.project.aws.client("s3").put_object(
                Bucket=self.project.bucket, Key="data-source.zip", Body=content)["VersionId"]
            self.uploads[version] = hashlib.md5(content, usedforsecurity=False).hexdigest()
        else:
            self.project.push(self._clone, {"note.txt": str(self._turn)})
            self.commits.add(self.project.git("rev-parse", "HEAD", cwd=self._clone).stdout.strip())
        try:
            until(lambda: self._seen(before), "the run", 120)
        except AssertionError:
            self.unheard.append(str(self._turn))

    def _seen(self, before: set[str]) -> bool:
        try:
            return bool({run["pipelineExecutionId"] for run in self.project.runs()} - before)
        except LOST:
            return False

    def check(self) -> None:
        """Fail for what was acknowledged and is gone."""
        aws, project = self.project.aws, self.project
        for name, value in list(self.parameters.items()):
            assert int(aws.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]) >= value, name
        for version, digest in self.uploads.items():
            body = aws.client("s3").get_object(Bucket=project.bucket, Key="data-source.zip", VersionId=version)["Body"].read()
            assert hashlib.md5(body, usedforsecurity=False).hexdigest() == digest, f"upload {version}"
        for commit in self.commits:
            aws.client("codecommit").get_commit(repositoryName=project.name, commitId=commit)
        known = {run["pipelineExecutionId"] for run in project.runs()}
        assert known >= self.runs, "runs"
        stacks = {stack["StackId"] for stack in aws.client("cloudformation").describe_stacks()["Stacks"]}
        assert stacks >= self.stacks, "stacks"
        actions = project.pipeline.list_action_executions(pipelineName=project.name)["actionExecutionDetails"]
        answered = {action["actionExecutionId"] for action in actions if action["status"] != "InProgress"}
        until(lambda: answered >= self.approvals, "approvals that were given", 10)


@pytest.fixture
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """A machine of this test alone: the others must not see it die."""
    machine = LocalAws(lasting_port(), tmp_path_factory.mktemp("kills") / "data")
    started = local("up", "--port", machine.port, "--data", machine.data)
    assert started.returncode == 0, started.stderr
    yield machine
    local("down", "--data", machine.data)


def kill(aws: LocalAws) -> dict[int, str]:
    """Kill the machine; return the processes that it leaves."""
    server = json.loads((aws.data / "running.json").read_text())
    left = {pid: started for pid, started in children(aws).items() if pid != server["pid"] and not of_this_test(pid)}
    os.kill(server["pid"], signal.SIGKILL)
    until(lambda: start_time(server["pid"]) != server["started"], "the end of the server", 10)
    return left


def of_this_test(pid: int) -> bool:
    """Whether the person started it: what the machine starts has a session of its own."""
    try:
        return os.getsid(pid) == os.getsid(0)
    except ProcessLookupError:
        return True


def start(aws: LocalAws) -> float:
    """Start the machine; return the seconds that this took, those of work alone where others use up the processors."""
    began = time.monotonic()
    started = local("up", "--port", aws.port, "--data", aws.data)
    seconds = time.monotonic() - began
    assert started.returncode == 0, started.stderr
    pid = json.loads((aws.data / "running.json").read_text())["pid"]
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    busy = os.getloadavg()[0] > (os.cpu_count() or 1)
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK") if busy else seconds


def under_way(project: Project) -> str:
    """Say what the pipeline does now."""
    try:
        run = project.runs()[0]
        actions = project.pipeline.list_action_executions(
            pipelineName=project.name, filter={"pipelineExecutionId": run["pipelineExecutionId"]})["actionExecutionDetails"]
    except LOST:
        return "?"
    return ", ".join(action["actionName"] for action in actions if action["status"] == "InProgress") or run["status"]


def test_a_machine_that_is_killed_at_any_moment_loses_nothing_and_goes_on(aws: LocalAws, tmp_path: Path) -> None:
    outcome, report = aws.demo(tmp_path / "report.json")
    assert outcome.returncode == 0, outcome.stderr
    project, moments = Project(aws, report["name"]), random.Random(SEED)
    person = Person(project, project.clone(tmp_path / "clone"))
    person.begin()
    slowest = 0.0
    for number in range(KILLS):
        action = ACTIONS[number % len(ACTIONS)]
        soon = time.monotonic() + PATIENCE
        while action not in under_way(project) and time.monotonic() < soon:
            time.sleep(0.1)
        time.sleep(moments.uniform(0, LONGEST))
        doing = under_way(project)
        left = kill(aws)
        seconds = start(aws)
        slowest = max(slowest, seconds)
        print(f"kill {number + 1:>2} during {doing}: up again in {seconds:.1f} s", file=sys.stderr, flush=True)
        assert seconds < START_SECONDS
        assert alive(left) == []
        person.check()
    until(lambda: project.runs()[0]["status"] == "Succeeded", "a run that succeeds after all", 300)
    person.gone.set()
    person.check()
    assert person.unheard == []
    assert 0 <= answer(aws, report["api_url"]) <= 1
    log = (aws.data / "server.log").read_text()
    assert "Traceback" not in log, log
    print(f"{KILLS} kills, retries {person.retries}, slowest start {slowest:.1f} s, acknowledged: {len(person.uploads)} uploads, "
          f"{len(person.commits)} pushes, {person._turn} parameters, {len(person.approvals)} approvals", file=sys.stderr)
