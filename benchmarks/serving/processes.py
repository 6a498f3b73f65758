"""Processes that are started, measured and ended with all that they started themselves."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

PAGE = os.sysconf("SC_PAGE_SIZE")


def start(words: list[str], env: dict[str, str], cwd: Path, log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a program in a process group of its own."""
    return subprocess.Popen(words, env=env, cwd=cwd, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            children.setdefault(int(stat.read_text().rpartition(")")[2].split()[1]), []).append(int(stat.parent.name))
    found, open_ = [], [pid]
    while open_:
        found.append(open_.pop())
        open_ += children.get(found[-1], [])
    return found


def resident_mb(pids: list[int]) -> float:
    """Return the resident memory of processes together; pages that they share count for each."""
    pages = 0
    for pid in pids:
        with suppress(OSError):
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * PAGE / 1e6


def stop(program: subprocess.Popen[bytes], seconds: float = 10) -> None:
    """End a program and its family: asked first, then killed, each by its id."""
    members = family(program.pid)
    if program.poll() is None:
        program.terminate()
        with suppress(subprocess.TimeoutExpired):
            program.wait(seconds)
    left = [pid for pid in members if pid != program.pid or program.poll() is None]
    for sign in (signal.SIGTERM, signal.SIGKILL):
        left = [pid for pid in left if _signalled(pid, sign)]
        deadline = time.monotonic() + 3
        while left and time.monotonic() < deadline and any(Path(f"/proc/{pid}").exists() for pid in left):
            time.sleep(0.05)
    program.wait()


def _signalled(pid: int, sign: signal.Signals) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, sign)
        return True
    return False
