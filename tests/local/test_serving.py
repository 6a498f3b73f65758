"""The HTTP server under an application that echoes: what AWS's clients and git do to a connection."""

import asyncio
import http.client
import socket
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from local.serving import Server, server
from tests.local.local_aws import free_port
from tests.local.sagemaker_machine import wait_for

caller: ContextVar[str] = ContextVar("caller", default="nobody")


async def echo(scope: dict, receive: Any, send: Any) -> None:
    """Answer the body, and in a header who the request before it on this connection was signed by."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        return await send({"type": "lifespan.shutdown.complete"})
    before, body, more = caller.get(), b"", True
    caller.set(dict(scope["headers"]).get(b"x-caller", b"").decode())
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": [
        (b"x-before", before.encode()), (b"content-length", str(len(body)).encode())]})
    return await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Server, int]]:
    """The server on a thread, and its port."""
    port = free_port()
    endpoint = server(echo, port)
    thread = threading.Thread(target=lambda: asyncio.run(endpoint.serve()))
    thread.start()
    while not endpoint.started:
        thread.join(0.01)
    yield endpoint, port
    endpoint.should_exit = True
    thread.join()


def test_who_asks_whether_to_send_a_body_is_told_to_go_on(running: tuple[Server, int]) -> None:
    with socket.create_connection(("127.0.0.1", running[1]), timeout=10) as client:
        client.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"body")
        assert client.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")


def test_large_and_chunked_bodies_arrive_whole_and_tell_the_next_request_nothing(running: tuple[Server, int]) -> None:
    connection, body = http.client.HTTPConnection("127.0.0.1", running[1], timeout=10), bytes(range(256)) * 20_000
    for sent in (body, iter([body[:100_000], body[100_000:]])):
        connection.request("PUT", "/", sent, {"X-Caller": "root"})
        response = connection.getresponse()
        assert (response.headers["x-before"], response.read() == body) == ("nobody", True)
    connection.close()


def test_an_answer_has_no_header_of_the_server_and_head_no_body(running: tuple[Server, int]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", running[1], timeout=10)
    connection.request("HEAD", "/")
    response = connection.getresponse()
    assert (response.status, response.read(), response.headers.keys()) == (200, b"", ["x-before", "content-length"])
    connection.close()


def test_a_connection_that_the_client_closed_is_forgotten_at_once(running: tuple[Server, int]) -> None:
    endpoint, port = running
    wait_for(lambda: not endpoint.server_state.connections, 5)  # those of the tests before
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/")
    connection.getresponse().read()
    assert len(endpoint.server_state.connections) == 1
    connection.close()
    wait_for(lambda: not endpoint.server_state.connections, 5)
