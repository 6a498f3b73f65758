"""The image's server in a folder, for as long as somebody holds it."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 60
HOLDER = """
import sys
sys.path.insert(0, "scripts")
from pathlib import Path
from local_server import LocalServer
server = LocalServer(Path(sys.argv[1]))
print(server.port, flush=True)
sys.stdin.read()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """Start a process that holds a server of a folder."""
    return subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], cwd=ROOT, text=True,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def listens(port: int) -> bool:
    """Return whether somebody takes connections on a port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_folder_without_a_model_says_what_to_run(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        _, said = process.communicate(timeout=SECONDS)
    assert f"The server has ended: local_test: {tmp_path}/model is missing. Run container/local_test.sh train" in said


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_it_ends_with_whoever_holds_it_however_that_one_ends(tmp_path: Path, how: signal.Signals) -> None:
    subprocess.run(["bash", "container/local_test.sh", "train", str(tmp_path)], cwd=ROOT, check=True, capture_output=True)
    with holder(tmp_path) as process:
        assert process.stdout
        port = int(process.stdout.readline())
        assert listens(port)
        os.kill(process.pid, how)
        process.wait(SECONDS)
    deadline = time.monotonic() + SECONDS
    while listens(port):
        assert time.monotonic() < deadline, f"port {port} is still served"
        time.sleep(0.1)
