"""Whatever a client sends over a socket: an answer below 500 or a closed connection, and a server as before.

The default run sends some hundreds of each kind; with the mark slow it is 20,000 and more in all.
"""

import gzip
import json
import re
import select
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from bad_requests import BADNESS, BadRequest, Sample, request
from hypothesis import HealthCheck, Phase, given, settings
from image_jobs import Job
from running_server import BOTH, RunningServer

FEW, MANY = 60, 1900
# What the workers may hold after a kind, compared with before it.
GROWTH = 1.05


@pytest.fixture(scope="module")
def sample(churn: Job) -> Sample:
    header, *rows = (churn.outputs / "golden" / "golden.csv").read_text().splitlines()
    return Sample(header, rows)


@pytest.fixture(scope="module", params=BOTH)
def server(churn: Job, sample: Sample, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(churn.base, tmp_path_factory.mktemp("log"), nginx=request.param) as running:
        warm_up(running, sample)
        yield running


def warm_up(server: RunningServer, sample: Sample) -> None:
    """Have both workers hold what they will keep: memory is compared from where they have answered what is large and packed.

    Four at a time, for of one after the other a worker that is quicker may take them all.
    """
    large = sample.csv(sample.rows[:1] * 10_000)
    kinds = [request("text/csv", large), request("text/csv", gzip.compress(large), ("Content-Encoding", "gzip"))]
    with ThreadPoolExecutor(4) as clients:
        assert {status(reply) for reply in clients.map(lambda each: exchange(server.port, each), kinds * 8)} == {200}


def good(sample: Sample) -> BadRequest:
    return request("text/csv", sample.csv(sample.rows[:1]))


def exchange(port: int, bad: BadRequest) -> bytes:
    """Return all that the server answers until it closes; one that does neither in time is a TimeoutError."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        reply, waits = b"", bad.cut
        try:
            connection.sendall(bad.wire())
            while True:
                if waits and not select.select([connection], [], [], 0.03)[0]:
                    waits = connection.shutdown(socket.SHUT_WR)  # a server that waits for more learns that none comes
                if not (chunk := connection.recv(1 << 16)):
                    return reply
                reply += chunk
        except (ConnectionResetError, BrokenPipeError):
            return reply  # refused before all of it was sent; what was answered until then counts


def status(reply: bytes) -> int | None:
    """Return the status of the last answer; None where the connection was closed without one."""
    found = re.findall(rb"^HTTP/1\.[01] ([2-5]\d\d)", reply, re.MULTILINE)
    return int(found[-1]) if found else None


def refused_well(reply: bytes) -> bool:
    """Tell whether a reply is an answer, a closed connection, or a refusal with a reason and without a trace."""
    code = status(reply)
    if code is None or code == 200:
        return True
    head, _, body = reply.rpartition(b"\r\n\r\n")
    reason = json.loads(body)["error"] if b"application/json" in head else body.decode()
    return 400 <= code < 500 and bool(reason) and "Traceback" not in reason


def throw(kind: str, many: int, server: RunningServer, sample: Sample) -> None:
    before, workers, sent = server.memory(), server.workers(), []
    expected = exchange(server.port, good(sample)).rpartition(b"\r\n\r\n")[2]

    @settings(max_examples=many, deadline=None, database=None, phases=[Phase.generate, Phase.shrink], suppress_health_check=list(HealthCheck))
    @given(BADNESS[kind](sample))
    def check(bad: BadRequest) -> None:
        sent.append(1)
        reply = exchange(server.port, bad)
        assert refused_well(reply), reply[:2000]

    check()
    assert len(sent) >= many
    assert server.workers() == workers and len(workers) == 2
    assert server.memory() <= GROWTH * before
    assert '"trace"' not in server.log.read_text()
    assert exchange(server.port, good(sample)).rpartition(b"\r\n\r\n")[2] == expected and b"probability" in expected


@pytest.mark.parametrize("kind", BADNESS)
def test_a_few_hundred_bad_requests_change_nothing(server, sample, kind):
    throw(kind, FEW, server, sample)


@pytest.mark.slow
@pytest.mark.parametrize("kind", BADNESS)
def test_twenty_thousand_bad_requests_change_nothing(server, sample, kind):
    throw(kind, MANY, server, sample)
