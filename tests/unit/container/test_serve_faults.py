"""A server that cannot answer: what it says and with which status it ends; a worker that dies over a request."""

import http.client
import json
import shutil
import socket
import sys
from pathlib import Path

import pytest
from image_jobs import Job
from running_server import RunningServer, wait_for

COMMAND = (sys.executable, "-m", "container", "serve")  # as in the image: warnings are not its log


def refused(base: Path, folder: Path, **environment: str) -> tuple[RunningServer, list[str]]:
    """Return a server that was started and ended by itself, and the lines of its log that are no JSON."""
    server = RunningServer(base, folder, command=COMMAND, **environment)
    with pytest.raises(AssertionError), server:
        pass
    return server, [line for line in server.log.read_text().splitlines() if not line.startswith("{")]


@pytest.mark.parametrize("make", ["no folder", "an empty folder"])
def test_without_a_model_nothing_listens_and_the_log_says_why(tmp_path: Path, make: str):
    base = tmp_path / "base"
    base.mkdir()
    if make == "an empty folder":
        (base / "model").mkdir()
    server, said = refused(base, tmp_path, MODEL_SERVER_WORKERS="3")
    assert server.process.wait(1) == 3
    assert set(said) == {f"serve: the model cannot be loaded: {base}/model/schema.json is missing; the job's inputs must bring it"}
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection("127.0.0.1", server.port, timeout=5).request("GET", "/ping")
    assert not Path(f"/proc/{server.process.pid}").exists()


@pytest.mark.parametrize(("text", "words"), [
    ("def model_fn(folder):\n    raise OSError('the disk is away')\n", "OSError: the disk is away"),
    ("import sys\ndef model_fn(folder):\n    sys.exit('no licence')\n", "SystemExit: no licence"),
])
def test_a_model_fn_that_fails_is_told_with_its_trace(churn: Job, tmp_path: Path, text: str, words: str):
    (tmp_path / "own.py").write_text(text)
    server, said = refused(churn.base, tmp_path, MODEL_SERVER_HOOKS=str(tmp_path / "own.py"), MODEL_SERVER_WORKERS="1")
    assert server.process.wait(1) == 3
    assert said[-1] == f"serve: the model cannot be loaded: {words}"
    assert any("own.py" in line and "model_fn" in line for line in said) and not any("gunicorn" in line for line in said)


def test_a_hook_with_other_parameters_is_refused_before_the_first_request(churn: Job, tmp_path: Path):
    (tmp_path / "own.py").write_text("def predict_fn(rows):\n    return rows\n")
    _, said = refused(churn.base, tmp_path, MODEL_SERVER_HOOKS=str(tmp_path / "own.py"))
    assert set(said) == {f"serve: the model cannot be loaded: {tmp_path}/own.py: predict_fn takes (rows); it must take (rows, model)"}


DEADLY = """
import os, pathlib, signal

def predict_fn(rows, model):
    if len(rows) == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return model.scores(rows)
"""


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed (apt-get install nginx-light)")
def test_a_request_whose_worker_is_killed_gets_a_502_and_the_next_one_its_answer(churn: Job, tmp_path: Path):
    (tmp_path / "own.py").write_text(DEADLY)
    header, *rows = (churn.outputs / "golden" / "golden.csv").read_text().splitlines(keepends=True)
    with RunningServer(churn.base, tmp_path, MODEL_SERVER_HOOKS=str(tmp_path / "own.py")) as server:
        before = server.workers()
        status, reply = ask(server.port, "".join([header, *rows[:13]]))
        assert status == 502 and json.loads(reply)["error"].startswith("the model did not answer")
        wait_for(lambda: len(server.workers()) == 2 and server.workers() != before, "a new worker")
        for _ in range(8):
            status, reply = ask(server.port, "".join([header, *rows[:12]]))
            assert status == 200 and len(json.loads(reply)["predictions"]) == 12


HEADS = {
    "another path": (b"POST /nothing", b"", b"404"),
    "a path that takes no body": (b"POST /ping", b"", b"405"),
    "a byte that no header has": (b"POST /invocations", b"X-A: a\x01b\r\n", b"400"),
    "too many headers": (b"POST /invocations", b"".join(b"X-%d: a\r\n" % number for number in range(120)), b"400"),
    "headers that contradict": (b"POST /invocations", b"X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off\r\n", b"400"),
}


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed (apt-get install nginx-light)")
def test_a_large_request_refused_for_its_head_gets_that_refusal_each_time(churn: Job, tmp_path: Path):
    # The worker answers before nginx has sent the body: closed at once, one in four was a 502.
    with RunningServer(churn.base, tmp_path) as server:
        for line, more, status in HEADS.values():
            wire = line + b" HTTP/1.1\r\nHost: model\r\nConnection: close\r\nContent-Length: 1000000\r\n" + more + b"\r\n" + bytes(1_000_000)
            assert {exchanged(server.port, wire) for _ in range(40)} == {status}, line + more


def exchanged(port: int, wire: bytes) -> bytes:
    """Return the status of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(wire)
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))[9:12]


def ask(port: int, body: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", "/invocations", body, {"Content-Type": "text/csv"})
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()
