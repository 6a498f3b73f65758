"""A clone of the project's repository: taken over HTTP with CodeCommit's credential helper, changed and pushed."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import boto3

from narration import DemoError, say

# CodeCommit's helper knows AWS's hosts only unless told not to look, and takes that option for `get` alone.
HELPER = '!f() { if [ "$1" = get ]; then aws codecommit credential-helper get --ignore-host-check; fi; }; f'
SETTINGS = ("credential.helper=", f"credential.helper={HELPER}", "credential.UseHttpPath=true",  # blank: no other helper
            "user.name=Demo", "user.email=demo@example.com", "commit.gpgSign=false")
HYPERPARAMETERS = re.compile(r"^( +hyperparameters:) *\{\}", re.MULTILINE)


def clone(name: str, folder: Path) -> None:
    """Clone the project's repository to ``folder``, which does not exist yet; git in there knows its credentials."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    url = boto3.client("codecommit").get_repository(repositoryName=name)["repositoryMetadata"]["cloneUrlHttp"]
    settings = [word for setting in SETTINGS for word in ("--config", setting)]
    say(f"$ git clone {url}")
    _git("clone", "--quiet", *settings, url, str(folder), cwd=folder.parent)


def set_hyperparameters(folder: Path, values: str) -> None:
    """Write hyperparameters into the clone's model/config.yml, where none are set yet."""
    config = folder / "model" / "config.yml"
    text, count = HYPERPARAMETERS.subn(rf"\1 {{{values}}}", config.read_text())
    if count != 1:
        raise DemoError(f"{config} has no line 'hyperparameters: {{}}' to change")
    config.write_text(text)
    for changed in _git("diff", "--unified=0", cwd=folder).splitlines():
        if re.match(r"[-+] ", changed):
            say(f"model/config.yml  {changed.partition('#')[0].rstrip()}")


def commit_and_push(folder: Path, message: str) -> str:
    """Commit what changed and push it; return the commit's id."""
    say(f"$ git commit --all --message {shlex.quote(message)}")
    _git("commit", "--quiet", "--all", "--message", message, cwd=folder)
    say("$ git push")
    _git("push", "--quiet", cwd=folder)
    return _git("rev-parse", "HEAD", cwd=folder).strip()


def _git(*arguments: str, cwd: Path) -> str:
    """Run git without asking anybody; raises DemoError with its words."""
    kept = {key: value for key, value in os.environ.items() if key not in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE")}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # the aws CLI is installed beside python
    outcome = subprocess.run(["git", *arguments], cwd=cwd, env=kept | {"PATH": path, "GIT_TERMINAL_PROMPT": "0"},
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if outcome.returncode:
        raise DemoError(f"git {arguments[0]} in {cwd} failed: {outcome.stderr.strip()}")
    return outcome.stdout
