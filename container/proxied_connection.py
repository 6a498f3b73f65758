"""A connection from the proxy: the reply leaves in one piece, and closing does not wait for the proxy.

gunicorn sends head and body apart, which wakes the proxy twice, and waits after each reply until the other side has
closed, which a worker that takes one request at a time spends idle. Clients on networks need that wait; a proxy on a
unix socket needs it only when something of the request was left unread.
"""

import socket
from typing import Any

LINGER = 2.0  # seconds; the proxy has the whole request, so it is quick


class ProxiedConnection:
    """Stands for a socket in gunicorn's synchronous worker."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._reply = connection, bytearray()
        self.recv = connection.recv

    def __getattr__(self, name: str) -> Any:
        """Leave everything else to the socket."""
        return getattr(self._connection, name)

    def sendall(self, data: bytes) -> None:
        """Keep what is to be sent until the reply is complete."""
        self._reply += data

    def shutdown(self, how: int) -> None:
        """Begin the wait for the other side where it is needed; elsewhere tell gunicorn that there is no one to wait for."""
        self._send()
        try:
            self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            raise ConnectionError("nothing is left unread") from None
        self._connection.shutdown(how)

    def linger(self) -> None:
        """Send the reply, and read on until the proxy has it and closes.

        A request that was refused for its head has a body that the proxy may not have begun to send: closed before, it
        would take the refusal for a worker that failed.
        """
        try:
            self._send()
            self._connection.settimeout(LINGER)
            self._connection.shutdown(socket.SHUT_WR)
            while self._connection.recv(1 << 16):
                pass
        except OSError:
            return  # it is gone, or does not close: closing is all that is left

    def close(self) -> None:
        """Send what is left and close."""
        try:
            self._send()
        finally:
            self._connection.close()

    def _send(self) -> None:
        reply, self._reply = self._reply, bytearray()
        if reply:
            self._connection.sendall(reply)
