"""The commands of the machine: python -m local up | down | status | reset | logs."""

import argparse
import fcntl
import json
import logging
import math
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.machine import Machine

REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
START_SECONDS = 60.0
STOP_SECONDS = 30.0
DYING_SECONDS = 3.0


class CommandError(Exception):
    """A command cannot be done; the message is one line that says what to do."""


def main() -> int:
    """Run one command; exit 0 done, 1 failed, 2 misused."""
    options = _parser().parse_args()
    try:
        _requirements()
        COMMANDS[options.command](options)
    except CommandError as error:
        print(f"local: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # logs | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        remedy = "; choose a folder that you may write with --data." if error.filename else ""
        print(f"local: {error}{remedy}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="One machine as AWS, on 127.0.0.1.")
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--port", type=int, default=4566, help="port of the endpoint (4566)")
    parser.add_argument("--data", type=Path, default=Path("build/local"), help="folder of the state (build/local)")
    parser.add_argument("--region", default="us-east-1", help="region that it stands for (us-east-1)")
    parser.add_argument("--speed", type=float, default=60.0, help="how much shorter AWS's waits are (60; 1 is real)")
    parser.add_argument("--fresh", action="store_true", help="up: delete the state of a former run first")
    parser.add_argument("--foreground", action="store_true", help="up: stay in this terminal until Ctrl-C")
    return parser


def _requirements() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - who starts it with an older one shall read why it fails
        raise CommandError(f"Python {sys.version.split()[0]} is too old. Install Python 3.11 or newer and run"
                           " bash scripts/setup.sh.")
    if shutil.which("git") is None:
        raise CommandError("git is missing. Install git; CodeCommit's repositories are real ones.")


# What is running

def _record(options: argparse.Namespace) -> dict[str, Any] | None:
    """Return the record of the machine that runs on this data folder, None where none does."""
    from local.processes import start_time

    try:
        record = json.loads((options.data / "running.json").read_text())
    except (OSError, ValueError):
        return None
    return record if start_time(record["pid"]) == record["started"] else None


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


# Commands

def up(options: argparse.Namespace) -> None:
    """Start the machine and print how to reach it."""
    if not (math.isfinite(options.speed) and options.speed > 0):
        raise CommandError(f"--speed {options.speed:g} must be a number above 0; 1 is real time.")
    if record := _record(options):
        raise CommandError(f"already running at http://127.0.0.1:{record['port']} (pid {record['pid']}); "
                           f"python -m local down --data {options.data} ends it.")
    if not REGION.fullmatch(options.region):
        raise CommandError(f"--region {options.region} must be a region as AWS writes it, such as eu-west-1.")
    _port_is_free(options.port, options.data)
    if options.fresh:
        _delete_state(options.data)
    elif _is_foreign(options.data):
        raise CommandError(f"{options.data} holds something else than a local AWS; choose an empty folder with --data.")
    options.data.mkdir(parents=True, exist_ok=True)
    _has_space(options.data)
    if options.foreground:
        return _serve(options)
    _start_in_background(options)
    _announce(options)
    return None


def _start_in_background(options: argparse.Namespace) -> None:
    """Start a process that serves, and wait until it does."""
    log = options.data / "server.log"
    with log.open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "local", "up", "--foreground", "--port", str(options.port), "--data",
             str(options.data), "--speed", str(options.speed), "--region", options.region],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        started = _wait(lambda: _record(options) is not None or child.poll() is not None, START_SECONDS)
    except KeyboardInterrupt:
        child.terminate()
        raise
    if not started:
        child.terminate()
        raise CommandError(f"did not start within {START_SECONDS:.0f} s; see {log}.")
    if child.poll() is not None:
        raise CommandError(f"did not start: {_last_line(log)} (whole log: {log})")


def _has_space(data: Path) -> None:
    from local.storage import Storage, StorageFullError

    try:
        Storage(data).check()
    except StorageFullError as error:
        raise CommandError(str(error)) from error


def _announce(options: argparse.Namespace) -> None:
    address = f"http://127.0.0.1:{options.port}"
    print(f"local AWS ready at {address}\n\n"
          f"export AWS_ENDPOINT_URL={address} AWS_DEFAULT_REGION={options.region} \\\n"
          "       AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test", flush=True)


def _port_is_free(port: int, data: Path) -> None:
    if not 1 <= port <= 65535:
        raise CommandError(f"--port {port} must be from 1 to 65535.")
    _wait(lambda: _taken(port) is None, _patience(data))
    if reason := _taken(port):
        raise CommandError(f"port {port} of 127.0.0.1 is taken ({reason}); choose another with --port.")


def _taken(port: int) -> str | None:
    """Return why a port cannot be had, None where it can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.strerror
    return None


def _patience(data: Path) -> float:
    """Return for how long a port or a folder may still be taken: a killed machine gives up its own within a moment."""
    return DYING_SECONDS if (data / "running.json").exists() else 0.0


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def _serve(options: argparse.Namespace) -> None:
    """Run the machine in this process."""
    from local.clock import Clock
    from local.gateway import Gateway, cache_folder
    from local.machine import Machine
    from local.processes import start_time
    from local.seams import SeamError

    data = options.data.resolve()
    _lock(data)  # held until the process ends, however it ends
    record = data / "running.json"

    def ready() -> None:
        record.write_text(json.dumps({"pid": os.getpid(), "started": start_time(os.getpid()), "port": options.port,
                                      "speed": options.speed}))
        if options.foreground and sys.stdout.isatty():
            _announce(options)

    machine = Machine(data, options.port, Clock(options.speed), cache_folder(), options.region)
    try:
        _stays_in_its_region(machine)
        Gateway(machine).run(ready)
    except SeamError as error:
        raise CommandError(str(error)) from error
    except sqlite3.Error as error:
        raise CommandError(f"the state in {data} could not be read or written: {error}. Is the disk full?") from error
    finally:
        record.unlink(missing_ok=True)
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)  # all is stopped and saved; a thread may still wait for a function's answer


def _stays_in_its_region(machine: "Machine") -> None:
    """Refuse a state of another region: its ARNs name that one."""
    kept = machine.store.table("machine").setdefault("place", {"region": machine.region})["region"]
    if kept != machine.region:
        raise CommandError(f"the state in {machine.data} is of {kept}; start it with --region {kept}, or choose another folder "
                           "with --data.")


def _lock(data: Path) -> int:
    """Take a data folder for this process alone; it is free again when the descriptor is closed or the process ends."""
    lock = os.open(data, os.O_RDONLY)

    def taken() -> bool:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False

    if not _wait(taken, _patience(data)):
        os.close(lock)
        raise CommandError(f"another local AWS is starting or stopping on {data}; try again when it has.")
    return lock


def _reap(data: Path) -> list[str]:
    """End what a killed machine left running on a data folder that nobody uses; return the names."""
    from local.processes import Processes
    from local.store import Store

    if not (data / "state.sqlite").exists():
        return []
    lock, store = _lock(data), Store(data / "state.sqlite")
    try:
        return Processes(store.table("processes")).reap()
    finally:
        store.close()
        os.close(lock)


def down(options: argparse.Namespace) -> None:
    """End the machine and every process that it started."""
    from local.processes import start_time

    record = _record(options)
    if record is None:
        left = _reap(options.data)
        print(f"local AWS is not running on {options.data}" + (f"; {len(left)} processes that it left were ended" if left else ""))
        return
    os.kill(record["pid"], signal.SIGTERM)
    if not _wait(lambda: start_time(record["pid"]) != record["started"], STOP_SECONDS):
        os.kill(record["pid"], signal.SIGKILL)
        _wait(lambda: start_time(record["pid"]) != record["started"], STOP_SECONDS)
        _reap(options.data)
        raise CommandError(f"pid {record['pid']} did not end in {STOP_SECONDS:.0f} s and was killed"
                           " with all that it had started; the next start settles what it left.")
    print("local AWS stopped")


def status(options: argparse.Namespace) -> None:
    """Say whether the machine runs, and where."""
    record = _record(options)
    if record is None:
        raise CommandError(f"not running on {options.data}; python -m local up --data {options.data} starts it.")
    print(f"local AWS running at http://127.0.0.1:{record['port']}, pid {record['pid']}, speed {record['speed']:g}, "
          f"state in {options.data}")


def reset(options: argparse.Namespace) -> None:
    """Delete the state; the machine must not be running."""
    if _record(options):
        raise CommandError(f"running; python -m local down --data {options.data} first, then reset.")
    _delete_state(options.data)
    print(f"state in {options.data} deleted")


def _delete_state(data: Path) -> None:
    """Delete a data folder, unless it holds something else."""
    if _is_foreign(data):
        raise CommandError(f"{data} holds no state of a local AWS; nothing was deleted.")
    if not data.exists():
        return
    _reap(data)
    lock = _lock(data)
    for path in sorted(data.iterdir(), key=lambda path: path.name == "state.sqlite"):  # it says whose folder this is
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    with suppress(OSError):  # a mounted disk stays
        data.rmdir()
    os.close(lock)


def _is_foreign(data: Path) -> bool:
    """Whether the folder holds files, but no state of a local AWS; a start that failed leaves just its log."""
    names = {path.name for path in data.iterdir()} if data.exists() else set()
    return bool(names - {"server.log", "reserve"}) and "state.sqlite" not in names


def logs(options: argparse.Namespace) -> None:
    """Print the server's log."""
    log = options.data / "server.log"
    if not log.exists():
        raise CommandError(f"no log in {options.data}; python -m local up writes one.")
    print(log.read_text(errors="replace"), end="")


COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "up": up, "down": down, "status": status, "reset": reset, "logs": logs}

if __name__ == "__main__":
    sys.exit(main())
