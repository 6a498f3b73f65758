"""The HTTP server of the endpoint: uvicorn, for who handles signals and the end itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

KEEP_ALIVE_SECONDS, GRACE_SECONDS = 75, 2


class Server(uvicorn.Server):
    """Serves until ``should_exit`` is set; its caller handles the signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


def server(app: Any, port: int) -> Server:
    """Return a server of an ASGI application on 127.0.0.1; it adds nothing to what AWS answers."""
    return Server(uvicorn.Config(
        app, "127.0.0.1", port, http="httptools", ws="none", lifespan="on", log_config=None, log_level="warning",
        access_log=False, proxy_headers=False, server_header=False, date_header=False,
        reset_contextvars=True,  # a request must not see who signed the one before it on its connection
        timeout_keep_alive=KEEP_ALIVE_SECONDS, timeout_graceful_shutdown=GRACE_SECONDS))
