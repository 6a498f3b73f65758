"""nginx in front of the workers, where it is installed."""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

TEMPLATE = Path(__file__).with_name("nginx.conf")
# Seconds that a client may pause while it sends.
PATIENCE = 15
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


class Proxy:
    """An nginx process on an address, which hands requests on to a unix socket."""

    def __init__(self, program: str, address: str, largest_body: int, timeout: int) -> None:
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="serve-"))
        # nginx started by root works as another user, who must reach the socket; it holds no secret.
        self._folder.chmod(0o755)
        self.socket = self._folder / "workers.sock"
        settings = {"folder": self._folder, "socket": self.socket, "address": address, "largest_body": largest_body,
                    "patience": PATIENCE, "reply_timeout": timeout + 5}
        (self._folder / "nginx.conf").write_text(TEMPLATE.read_text(encoding="utf-8") % settings, encoding="utf-8")

    def start(self) -> None:
        """Start nginx: of its own process group, so that a signal to ours leaves it the time to finish requests."""
        command = [self._program, "-e", "stderr", "-c", str(self._folder / "nginx.conf")]
        self._process = subprocess.Popen(command, process_group=0, preexec_fn=_end_with_parent)  # noqa: PLW1509 - it makes one system call

    @property
    def has_ended(self) -> bool:
        """Whether nginx was started and runs no more."""
        return self._process is not None and self._process.poll() is not None

    def stop(self, seconds: float) -> None:
        """Take no more connections, let the requests under way be answered; leave no process of nginx behind."""
        if self._process is None:
            return
        if not self.has_ended:
            self._process.send_signal(signal.SIGQUIT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        with contextlib.suppress(ProcessLookupError):  # workers outlive a master that was killed, and would keep the port
            os.killpg(self._process.pid, signal.SIGKILL)

    def remove(self) -> None:
        """Remove the folder with the configuration and the socket."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _end_with_parent() -> None:
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def installed() -> str | None:
    """Return the path of nginx, None where there is none."""
    return shutil.which("nginx")
