"""Serve: a real server on a real socket, behind nginx where it is installed and without it."""

import gzip
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from image_jobs import ROOT, Job
from running_server import BOTH, RunningServer, wait_for

from container.errors import Refused
from container.serve import gunicorn_options


@pytest.fixture(scope="module", params=BOTH)
def server(churn: Job, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Start the server, and give it once it answers its health check."""
    with RunningServer(churn.base, tmp_path_factory.mktemp("log"), nginx=request.param, MODEL_RUN="run-7") as running:
        yield running


@pytest.fixture
def port(server: RunningServer) -> int:
    return server.port


def ask(port: int, method: str, path: str, body: Any = None, kind: str = "text/csv",
        **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, body, headers | ({"Content-Type": kind} if body is not None else {}))
    reply = connection.getresponse()
    reply.text = reply.read().decode()  # type: ignore[attr-defined]
    connection.close()
    return reply


def test_ping_answers_when_the_model_is_loaded(port):
    assert ask(port, "GET", "/ping").status == 200


def test_golden_records_are_answered_over_the_socket(port, churn: Job):
    reply = ask(port, "POST", "/invocations", (churn.outputs / "golden" / "golden.csv").read_text())
    assert reply.status == 200 and reply.headers["X-Model-Run"] == "run-7"
    assert len(json.loads(reply.text)["predictions"]) == 20


def test_many_requests_at_once_get_the_same_answer(port, churn: Job):
    body = (churn.outputs / "golden" / "golden.csv").read_text()
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda _: ask(port, "POST", "/invocations", body).text, range(40)))
    assert len(set(texts)) == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [("POST", "/invocations", "a,b", 400), ("GET", "/nothing", None, 404), ("GET", "/invocations", None, 405),
     ("POST", "/nothing", "x" * 1_000_000, 404)],  # refused unread: the refusal must still arrive
)
def test_faults_are_answered_with_a_reason(port, method, path, body, status):
    reply = ask(port, method, path, body)
    assert reply.status == status and json.loads(reply.text)["error"]


def test_each_refusal_of_a_large_body_arrives(port):
    assert {ask(port, "POST", "/nothing", "x" * 1_000_000).status for _ in range(100)} == {404}


def test_another_type_and_a_body_too_large_are_refused(port):
    assert ask(port, "POST", "/invocations", "<x/>", "application/xml").status == 415
    assert ask(port, "POST", "/invocations", "1" * (6 * 1024 * 1024 + 1)).status == 413


def test_chunked_gzip_and_a_body_of_the_largest_size_are_read(port, churn: Job):
    body = (churn.outputs / "golden" / "golden.csv").read_bytes()
    expected = ask(port, "POST", "/invocations", body).text
    packed = {"Content-Encoding": "gzip"}
    assert ask(port, "POST", "/invocations", gzip.compress(body), **packed).text == expected
    assert ask(port, "POST", "/invocations", iter([body[:100], body[100:]])).text == expected
    assert ask(port, "POST", "/invocations", gzip.compress(b"1" * (6 << 20) + b"1"), **packed).status == 413
    _header, *rows = body.splitlines()
    large = b"\n".join(rows * (((6 << 20) - 10_000) // len(body)))
    assert len(json.loads(ask(port, "POST", "/invocations", large).text)["predictions"]) == large.count(b"\n") + 1


def test_a_worker_that_crashes_is_replaced(server: RunningServer):
    first, second = server.workers()
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: len(server.workers()) == 2 and first not in server.workers(), "a new worker")
    assert second in server.workers() and ask(server.port, "GET", "/ping").status == 200


def test_two_workers_take_less_than_200_mb_and_are_ready_soon(server: RunningServer):
    assert server.memory() < 200e6
    # Under a second on an idle machine; tests share theirs.
    assert server.seconds_to_ready < 5


SLOW = """
import threading

def predict_fn(rows, model):
    print("under way", flush=True)
    threading.Event().wait(1)
    return model.scores(rows)
"""


@pytest.mark.parametrize("nginx", BOTH)
def test_a_stop_answers_the_requests_under_way(churn: Job, tmp_path, nginx):
    (tmp_path / "slow.py").write_text(SLOW)
    body = (churn.outputs / "golden" / "golden.csv").read_text()
    with ThreadPoolExecutor(2) as pool, RunningServer(churn.base, tmp_path, nginx, MODEL_SERVER_HOOKS=str(tmp_path / "slow.py")) as server:
        replies = [pool.submit(ask, server.port, "POST", "/invocations", body) for _ in range(2)]
        wait_for(lambda: server.log.read_text().count("under way") == 2, "both requests to be under way")
        server.process.send_signal(signal.SIGTERM)
        assert [reply.result().status for reply in replies] == [200, 200]
        assert server.process.wait(10) == 0
    assert not server.is_healthy()


@pytest.mark.nginx
def test_nginx_ends_with_a_server_that_is_killed_and_a_server_with_its_nginx(churn: Job, tmp_path):
    server = RunningServer(churn.base, tmp_path, nginx=True)
    with pytest.raises(AssertionError), server:  # it does not end well
        server.process.kill()
        wait_for(lambda: not server.is_healthy(), "nginx to end")
    with pytest.raises(AssertionError), server:
        os.kill(server.proxy(), signal.SIGKILL)
        assert server.process.wait(10) == 1
    wait_for(lambda: not server.is_listening(), "nginx's workers to leave the port")
    assert "nginx ended" in server.log.read_text()


def test_the_log_is_json_and_holds_nothing_of_a_request(churn: Job, tmp_path):
    (tmp_path / "broken.py").write_text("def predict_fn(rows, model):\n    raise ValueError(f'secret {rows}')\n")
    row = (churn.outputs / "golden" / "golden.csv").read_text().splitlines()[1]
    command = (sys.executable, "-m", "container", "serve")
    with RunningServer(churn.base, tmp_path, command=command, MODEL_SERVER_HOOKS=str(tmp_path / "broken.py")) as server:
        assert ask(server.port, "POST", "/invocations", row.replace(",145,", ",secret,")).status == 400
        failed = ask(server.port, "POST", "/invocations", row)
        assert failed.status == 500 and "secret" not in failed.text and "Traceback" not in failed.text
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert {"status": 400, "row": 1, "column": "account_length"}.items() <= next(line for line in lines if line["message"] == "refused").items()
    fault = next(line for line in lines if "trace" in line)
    assert fault["error"] == "ValueError" and "broken.py:2 predict_fn" in fault["trace"][-1]
    assert "secret" not in server.log.read_text() and "147.5" not in server.log.read_text()


def test_serving_through_onnx_imports_neither_pandas_nor_scikit_learn(churn: Job):
    program = (
        "import sys, pathlib; from container.app import create_app; "
        f"create_app(pathlib.Path({str(churn.base / 'model')!r}), '', 1000); "
        "sys.exit(' '.join({'pandas', 'sklearn', 'scipy', 'skops'} & set(sys.modules)) or 0)"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.stderr.strip() == "" and ended.returncode == 0


def test_a_server_without_a_readable_model_ends_with_its_reason(job: Job, churn: Job):
    job.write("model/schema.json", (churn.base / "model" / "schema.json").read_text())
    ended = job.run("serve")
    assert ended.returncode != 0 and "neither model.onnx nor model.skops" in ended.stderr
    assert "neither model.onnx" in (job.base / "output" / "failure").read_text()


def test_settings_come_from_the_environment(monkeypatch):
    for name in ("SAGEMAKER_BIND_TO_HOST", "SAGEMAKER_BIND_TO_PORT", "MODEL_SERVER_WORKERS", "MODEL_SERVER_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    options = gunicorn_options()
    assert options["bind"] == "0.0.0.0:8080" and options["workers"] == len(os.sched_getaffinity(0))
    monkeypatch.setenv("MODEL_SERVER_WORKERS", "3")
    monkeypatch.setenv("MODEL_SERVER_TIMEOUT", "9")
    assert (gunicorn_options()["workers"], gunicorn_options()["timeout"]) == (3, 9)
    monkeypatch.setenv("MODEL_SERVER_WORKERS", "many")
    with pytest.raises(Refused, match="MODEL_SERVER_WORKERS is 'many'"):
        gunicorn_options()
