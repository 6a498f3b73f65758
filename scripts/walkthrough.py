"""What every notebook begins with: the repository as its folder, commands that show what they say, faults as one sentence."""

import html
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import NoRegionError

from plain_faults import EXPECTED, NotReady, sentence

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path("build/notebooks")  # what notebooks write, as seen from the repository
QUICK = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 2})  # a first look need not be patient


def begin() -> None:
    """Make a notebook's kernel a shell in the repository: its folder, its scripts, its programs; and let faults be told in one sentence."""
    os.chdir(ROOT)
    FOLDER.mkdir(parents=True, exist_ok=True)
    sys.path[:0] = [str(path) for path in (ROOT / "scripts", ROOT) if str(path) not in sys.path]
    programs = str(Path(sys.executable).parent)
    if programs not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = programs + os.pathsep + os.environ["PATH"]
    os.environ["AWS_PAGER"] = ""
    sys.stderr = sys.stdout  # what scripts tell is no fault, and is not to look like one
    for kind in EXPECTED:  # IPython shows this in place of a traceback
        kind._render_traceback_ = lambda error: [sentence(error)]  # type: ignore[union-attr]


def account() -> None:
    """Say whose account is used and where; raises what plain_faults.py has a sentence for."""
    session = boto3.Session()
    if not session.region_name:
        raise NoRegionError
    found = session.client("sts", config=QUICK).get_caller_identity()
    where = os.environ.get("AWS_ENDPOINT_URL") or "AWS"
    print(f"account {found['Account']}, region {session.region_name}, at {where}; you are {found['Arn'].rpartition(':')[2]}")


def sh(command: str) -> None:
    """Run a command and show what it says while it runs; raises NotReady when it fails."""
    with subprocess.Popen(["bash", "-o", "pipefail", "-c", command], cwd=ROOT, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        for line in process.stdout or ():
            print(line, end="")
    if process.returncode:
        raise NotReady(f"{command} ended with status {process.returncode}; what it says above is why.")


def page(text: str, height: int = 740) -> Any:
    """Return a page of its own, as the image writes them, to be shown in the notebook."""
    from IPython.display import HTML

    return HTML(f'<div><iframe srcdoc="{html.escape(text)}" style="width: 100%; height: {height}px; border: 1px solid #ddd"></iframe></div>')
