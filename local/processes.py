"""Child processes of the machine: started in groups of their own, recorded, and always ended."""

import errno
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import IO

from local.store import Table

KILL_AFTER_SECONDS = 5.0
# A program begins when it is recorded; were the machine killed before, the gate would close without a line.
GATE = ("/bin/sh", "-c", 'read -r _ && unset PWD OLDPWD SHLVL _ && exec "$@" < /dev/null', "sh")


def start_time(pid: int) -> str | None:
    """Return the kernel's start tick of a process, which with the pid names it for good; None when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return _start_time_by_ps(pid)
    return None if fields[0] == "Z" else fields[19]


def _start_time_by_ps(pid: int) -> str | None:
    """Return the start time as ps prints it, for systems without /proc."""
    if Path("/proc/self").exists():
        return None
    return subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, check=False, text=True).stdout.strip() or None


class Child:
    """One running child and its process group."""

    def __init__(self, popen: subprocess.Popen[bytes], table: Table) -> None:
        self._popen, self._table, self.pid = popen, table, popen.pid

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        code = self._popen.poll()
        if code is not None:
            self._table.pop(str(self.pid), None)
        return code

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code; raises subprocess.TimeoutExpired."""
        code = self._popen.wait(timeout)
        self.poll()
        return code

    def stop(self, grace_seconds: float = KILL_AFTER_SECONDS) -> int:
        """Ask the group to end, then kill what is left; return the exit code."""
        self.signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(grace_seconds)
        self.signal(signal.SIGKILL)  # also ends grandchildren that outlived their leader
        return self.wait()

    def signal(self, number: int) -> None:
        """Send a signal to the whole group; a group that is gone is no error."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


class Processes:
    """Starts children and knows them all, over restarts too."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._children: dict[int, Child] = {}

    def start(self, args: list[str], *, env: dict[str, str], cwd: Path, log: Path | IO[bytes], name: str) -> Child:
        """Start ``args`` in a group of its own with exactly ``env``; output is appended to ``log``."""
        output = log.open("ab") if isinstance(log, Path) else log
        try:
            if shutil.which(args[0], path=env.get("PATH")) is None:
                raise FileNotFoundError(errno.ENOENT, "No such program", args[0])
            popen = subprocess.Popen([*GATE, *args], env=env, cwd=cwd, stdin=subprocess.PIPE, stdout=output,
                                     stderr=subprocess.STDOUT, start_new_session=True)
        finally:
            if isinstance(log, Path):
                output.close()
        self._table[str(popen.pid)] = {"name": name, "started": start_time(popen.pid)}
        gate = popen.stdin
        assert gate is not None  # a pipe, as it was asked for
        with suppress(BrokenPipeError), gate:
            gate.write(b"\n")
        child = Child(popen, self._table)
        self._children = {pid: other for pid, other in self._children.items() if other.poll() is None}
        self._children[popen.pid] = child
        return child

    def stop_all(self) -> None:
        """End every child: all are asked first, so that they end side by side."""
        running = [child for child in self._children.values() if child.poll() is None]
        for child in running:
            child.signal(signal.SIGTERM)
        for child in running:
            child.stop(grace_seconds=2.0)

    def reap(self) -> list[str]:
        """Kill what a former machine left running and return the names; recycled pids are left alone."""
        killed = []
        for pid, record in list(self._table.items()):
            if record["started"] and start_time(int(pid)) == record["started"]:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(int(pid), signal.SIGKILL)
                killed.append(record["name"])
            self._table.pop(pid, None)
        return killed
