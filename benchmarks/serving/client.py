"""Load without wrk: client.py PORT PATH BODY_FILE CONTENT_TYPE SECONDS CONNECTIONS; prints figures as JSON.

One thread over non-blocking sockets. It takes more of the machine than wrk does: ratios hold, rates are lower.
"""

import json
import re
import selectors
import socket
import sys
import time
from pathlib import Path

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Connection:
    """A connection with at most one request under way."""

    def __init__(self, port: int, request: bytes) -> None:
        """Remember where to and what."""
        self._port, self._request = port, request
        self.socket = socket.create_connection(("127.0.0.1", port))

    def send(self) -> None:
        """Send the request."""
        self.began, self._read = time.perf_counter(), b""
        self.socket.sendall(self._request)

    def receive(self) -> bool:
        """Read what is there and tell whether the answer is whole; raises ValueError when it is not a 200."""
        chunk = self.socket.recv(1 << 16)
        self._read += chunk
        head, end, body = self._read.partition(b"\r\n\r\n")
        if not chunk or (end and head.split(b" ", 2)[1] != b"200"):
            raise ValueError(f"answered {self._read[:200]!r}")
        if not end:
            return False
        length = LENGTH.search(head)
        return len(body) >= int(length[1]) if length else body.endswith(b"0\r\n\r\n")

    def next(self, selector: selectors.BaseSelector) -> None:
        """Send the next request, over a new connection where the server closed this one."""
        if b"connection: close" in self._read.partition(b"\r\n\r\n")[0].lower():
            selector.unregister(self.socket)
            self.socket.close()
            self.socket = socket.create_connection(("127.0.0.1", self._port))
            selector.register(self.socket, selectors.EVENT_READ, self)
        self.send()


def run(port: int, request: bytes, seconds: float, connections: int) -> list[float]:
    """Return each request's seconds."""
    selector, taken = selectors.DefaultSelector(), []
    for _ in range(connections):
        connection = Connection(port, request)
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.send()
    end = time.perf_counter() + seconds
    while (now := time.perf_counter()) < end:
        for key, _ in selector.select(end - now):
            if key.data.receive():
                taken.append(time.perf_counter() - key.data.began)
                key.data.next(selector)
    return sorted(taken)


def main(words: list[str]) -> int:
    """Measure and print."""
    port, path, body, kind, seconds, connections = words
    content = Path(body).read_bytes()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n"
    try:
        taken = run(int(port), head.encode() + content, float(seconds), int(connections))
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    if not taken:
        print("no request was answered in time", file=sys.stderr)
        return 1
    print(json.dumps({"requests_per_s": len(taken) / float(seconds), "p50_ms": 1000 * taken[len(taken) // 2],
                      "p99_ms": 1000 * taken[int(len(taken) * 0.99)]}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
