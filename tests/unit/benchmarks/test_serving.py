"""The measurement of serving: what is read, reckoned and ended."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmarks.serving import load, processes
from benchmarks.serving.__main__ import check
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.load import Measured, read_wrk
from benchmarks.serving.model import unseen_rows
from benchmarks.serving.report import Record, document, lines
from benchmarks.serving.stacks import STACKS, csv_rows

WRK = """  Latency Distribution
     50%    1.56ms
     75%    1.90ms
     90%    2.50ms
     99%  {p99}
  13440 requests in 3.00s, 2.00MB read
{wrong}Requests/sec:   4480.10
Transfer/sec:    700.00KB
"""


def test_figures_are_read_in_milliseconds_whatever_wrk_shows():
    assert read_wrk(WRK.format(p99="950.00us", wrong="")) == Measured(4480.10, 1.56, pytest.approx(0.95))
    assert read_wrk(WRK.format(p99="1.20s", wrong="")).p99_ms == 1200


@pytest.mark.parametrize("wrong", ["  Non-2xx or 3xx responses: 7\n", "  Socket errors: connect 0, read 3, write 0, timeout 0\n"])
def test_a_load_with_a_failed_request_is_no_measurement(wrong):
    with pytest.raises(BenchmarkError, match="under load"):
        read_wrk(WRK.format(p99="2.00ms", wrong=wrong))


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    status = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@contextmanager
def answering(status: int) -> Iterator[int]:
    handler = type("Handler", (Answer,), {"status": status})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_the_bundled_client_stands_in_for_wrk(tmp_path, monkeypatch):
    monkeypatch.setattr(load.shutil, "which", lambda name: None)
    with answering(200) as port:
        found = load.load(port, "/x", b"row", "text/csv", 1, tmp_path)
    assert found.requests_per_s > 10 and 0 < found.p50_ms <= found.p99_ms


def test_the_bundled_client_fails_on_any_answer_but_200(tmp_path, monkeypatch):
    monkeypatch.setattr(load.shutil, "which", lambda name: None)
    with answering(500) as port, pytest.raises(BenchmarkError, match="500"):
        load.load(port, "/x", b"row", "text/csv", 1, tmp_path)


def test_a_ratio_is_the_median_of_each_rounds_own():
    record = Record([Measured(100, 1, 2), Measured(50, 1, 3), Measured(90, 1, 9)], [200, 50, 100])
    assert record.figures()["ratio"] == 0.9
    assert record.figures()["p99_ms"] == 3


def test_a_stack_that_failed_is_named_with_its_reason():
    reference, ours = Record([Measured(100, 1, 2)]), Record([Measured(80, 1, 2)], [100])
    found = document(reference, {"ours": ours, "mlserver": Record()}, {"mlserver": "it did not start"}, {})
    assert set(found["stacks"]) == {"ours"} and found["stacks"]["ours"]["ratio"] == 0.8
    assert any("mlserver" in line and "it did not start" in line for line in lines(found))


class Told:
    """A server that answers what it is told to."""

    def __init__(self, answer: float) -> None:
        self._answer = answer

    def probabilities(self, rows: list[dict[str, object]]) -> list[float]:
        return [self._answer] * len(rows)


def test_a_wrong_answer_is_found_before_anything_is_measured():
    rows = unseen_rows(3)
    check(Told(0.25), rows, [0.25, 0.25, 0.25])
    with pytest.raises(BenchmarkError, match="differ"):
        check(Told(0.25), rows, [0.25, 0.25, 0.2501])


def test_every_stack_is_asked_for_the_same_row():
    row = unseen_rows(1)
    assert csv_rows(row).count(b",") == 18
    for stack in STACKS:
        assert str(row[0]["state"]).encode() in stack.body(row)


def test_every_stack_of_another_environment_is_pinned():
    root = Path(__file__).resolve().parents[3]
    for name in {stack.environment for stack in STACKS} - {"image"}:
        for line in (root / "requirements" / f"{name}.txt").read_text().splitlines():
            assert line.startswith("#") or "==" in line.partition(";")[0], f"{name}: {line}"


def test_a_program_is_ended_with_all_that_it_started():
    code = ("import signal, subprocess, sys\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True)\n"
            "print('up', flush=True)\nsignal.pause()\n")
    program = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert program.stdout and program.stdout.readline() == b"up\n"
    members = processes.family(program.pid)
    assert len(members) == 2 and processes.resident_mb(members) > 5
    processes.stop(program, seconds=0.2)
    program.stdout.close()
    assert all(state(pid) in ("", "Z") for pid in members)


def state(pid: int) -> str:
    """Return a process's state; blank when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""
