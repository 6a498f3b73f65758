"""Going back to a former run: scripts/rollback.sh as a process, one a project, whose words every page can follow.

The process belongs to the console and not to a page, so a page that is closed ends nothing, and who opens another one
sees how far it is.
"""

import os
import subprocess
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from console.account import Project
from console.faults import Refused

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = "scripts/rollback.sh"
MOST_LINES = 1000


@dataclass(frozen=True)
class GoingBack:
    """One going back, as far as it is."""

    run: str  # to which it goes
    started: datetime
    said: tuple[str, ...] = ()
    code: int | None = None  # None while it is under way

    @property
    def active(self) -> bool:
        """Return whether it is under way."""
        return self.code is None


@dataclass
class _Ways:
    """The last going back of each project."""

    last: dict[str, GoingBack] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


_ways = _Ways()


def last(project: str) -> GoingBack | None:
    """Return a project's last going back, under way or not; None where this console has started none."""
    with _ways.lock:
        return _ways.last.get(project)


def go_back(project: Project, run: str, script: str = "") -> None:
    """Start going back to a run; raises Refused while another one is under way. The script judges whether it can."""
    with _ways.lock:
        known = _ways.last.get(project.name)
        if known and known.active:
            raise Refused(f"Going back to run {known.run[:8]} is under way already. Wait for its last line.")
        process = subprocess.Popen(["bash", script or SCRIPT, project.name, run], cwd=ROOT, env=_environment(project), text=True, errors="replace",
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        _ways.last[project.name] = GoingBack(run, datetime.now(UTC))
    threading.Thread(target=_follow, args=(project.name, process), name=f"going back {project.name}").start()


def _environment(project: Project) -> dict[str, str]:
    """Return the console's own environment: the script acts in the same account and region, with the same rights."""
    return {**os.environ, "AWS_DEFAULT_REGION": project.account.region, "PYTHONUNBUFFERED": "1"}


def _follow(name: str, process: "subprocess.Popen[str]") -> None:
    """Keep what the script says, until it has ended."""
    assert process.stdout
    with process.stdout:
        for line in process.stdout:
            _change(name, line.rstrip())
    code = process.wait()
    with _ways.lock:
        _ways.last[name] = replace(_ways.last[name], code=code)


def _change(name: str, line: str) -> None:
    with _ways.lock:
        known = _ways.last[name]
        _ways.last[name] = replace(known, said=(*known.said, line)[-MOST_LINES:])
