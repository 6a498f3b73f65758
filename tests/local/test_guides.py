"""The guides' commands, as a reader types them one after the other: a project from its template to its last object."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.altered_copy import repository
from tests.local.local_aws import LocalAws, running

pytestmark = pytest.mark.slow
GUIDES = ("publish", "project", "runs", "data", "release", "roll-back", "api", "runbook/README", "runbook/api-5xx", "runbook/api-errors",
          "runbook/api-version-errors", "runbook/api-calls", "runbook/api-4xx", "runbook/api-faults", "runbook/endpoint-5xx",
          "runbook/endpoint-latency", "runbook/drift", "clean-up")
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SECONDS = 900
# What the guides ask for in words between their blocks: the first run arrives at its question, then a push starts the
# second one, whose release has a canary; the upload's run, the third, is rejected, tried again and stopped.
BETWEEN = {
    "project": """until aws codepipeline get-pipeline-state --name "$name" | grep '"token"' > build/token; do sleep 1; done""",
    "runs": 'git -C build/code push --quiet origin HEAD:main; until [ "$(newest)" != "$run" ]; do sleep 1; done; run=$(newest)',
    "data": r"""
while [ "$(token)" = None ]; do sleep 1; done
answer Approved 'the push is released'
while [ "$(status)" = InProgress ]; do sleep 1; done
[ "$(status)" = Succeeded ]
run=$(newest)
while [ "$(token)" = None ]; do sleep 1; done
answer Rejected 'not this data'
while [ "$(status)" = InProgress ]; do sleep 1; done
[ "$(status)" = Failed ]
aws codepipeline retry-stage-execution --pipeline-name "$name" --stage-name DeployDev --pipeline-execution-id "$run" --retry-mode FAILED_ACTIONS
while [ "$(token)" = None ]; do sleep 1; done
aws codepipeline stop-pipeline-execution --pipeline-name "$name" --pipeline-execution-id "$run" --reason 'not this one' --abandon
while [[ $(status) == InProgress || $(status) == Stopping ]]; do sleep 1; done
[ "$(status)" = Stopped ]
""",
}


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[LocalAws]:
    """A machine of its own: the guides' names are those of everybody who reads them."""
    with running(tmp_path / "data") as made:
        yield made


def checkout(folder: Path) -> Path:
    """Return a checkout that scripts/setup.sh finds set up, with this Python's packages."""
    repository(folder)
    (folder / ".venv").mkdir()
    (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    version = subprocess.run([sys.executable, "--version"], capture_output=True, text=True, check=True).stdout
    (folder / ".venv" / "installed").write_text((folder / "requirements" / "local.txt").read_text() + version)
    return folder


def blocks(path: Path) -> list[tuple[int, str]]:
    """Return line and content of each block of a document that is to be run."""
    text = path.read_text()
    found = [(text.count("\n", 0, block.start()) + 1, block[1]) for block in BLOCK.finditer(text)]
    assert found, path
    return found


def story(folder: Path) -> str:
    """Return the guides' blocks as one script that says where it is."""
    lines = []
    for guide in GUIDES:
        for line, block in blocks(folder / "docs" / f"{guide}.md"):
            lines += [f"echo '== docs/{guide}.md:{line}' >&2", block.replace("credential-helper $@", "credential-helper --ignore-host-check $@")]
        lines += [f"echo '== after docs/{guide}.md' >&2", BETWEEN.get(guide, ":")]
    return "\n".join(lines)


def told(machine: LocalAws, folder: Path, script: str, **reader: str) -> str:
    """Run a reader's commands in a checkout and return all that they say."""
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    machine.client("iam").create_role(RoleName="studio-users", AssumeRolePolicyDocument=json.dumps(trust))
    (folder.parent / "gitconfig").write_text("[user]\n  name = A Person\n  email = person@example.com\n")
    (folder.parent / "story.sh").write_text(f"set -euo pipefail\n{script}")
    reader |= {"role": "studio-users", "email": "admin@example.com", "GIT_CONFIG_GLOBAL": str(folder.parent / "gitconfig")}
    with (folder.parent / "said.txt").open("w") as said:
        outcome = subprocess.run(["bash", folder.parent / "story.sh"], cwd=folder, env=machine.environment | reader, stdout=said,
                                 stderr=subprocess.STDOUT, timeout=SECONDS, check=False)
    text = (folder.parent / "said.txt").read_text()
    assert outcome.returncode == 0, text[-3000:]
    return text


def stacks(machine: LocalAws) -> list[str]:
    """Return the names of the stacks that are there."""
    return [stack["StackName"] for stack in machine.client("cloudformation").describe_stacks()["Stacks"]]


def test_every_command_of_the_guides_works(machine: LocalAws, tmp_path: Path) -> None:
    folder = checkout(tmp_path / "checkout")
    assert '"predictions"' in told(machine, folder, story(folder))
    left = machine.client("s3").list_buckets()["Buckets"]
    assert [bucket["Name"] for bucket in left] == ["local-outbox"]
    assert stacks(machine) == []


def test_a_reader_who_has_only_the_readme_gets_a_prediction(machine: LocalAws, tmp_path: Path) -> None:
    folder = checkout(tmp_path / "checkout")
    [(_, commands)] = blocks(folder / "README.md")
    assert re.search(r'"predictions": \[\{"label": "(yes|no)", "probability": 0\.\d+', told(machine, folder, commands, bucket="a-new-bucket"))
    assert stacks(machine) == ["ml-delivery"]
