"""gunicorn's workers, with what is no HTTP answered as every other refusal: JSON with a reason."""

import json
from typing import Any

from gunicorn import util
from gunicorn.http.errors import InvalidResponseHeader, InvalidResponseHeaderName, ParseException
from gunicorn.workers.gthread import ThreadWorker
from gunicorn.workers.sync import SyncWorker

from container.proxied_connection import ProxiedConnection


class RefusesWithReason:
    """Replaces gunicorn's pages of HTML, and its 501 for what only the client can mend."""

    log: Any

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer a request that did not reach the application, or an application that broke."""
        if isinstance(exc, ParseException) and not isinstance(exc, (InvalidResponseHeader, InvalidResponseHeaderName)):
            self.log.info("refused", extra={"fields": {"status": 400, "reason": type(exc).__name__}})
            status, reason = "400 Bad Request", f"the request is no HTTP that can be read: {type(exc).__name__}"
        else:
            self.log.error("a request failed outside of the application", exc_info=exc)
            status, reason = "500 Internal Server Error", "the server failed on this request; the endpoint's log says why"
        body = json.dumps({"error": reason})
        head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        try:
            util.write_nonblock(client, (head + body).encode())
        except OSError:
            self.log.debug("the client was gone before its refusal was sent")


class ShieldedWorker(RefusesWithReason, SyncWorker):  # type: ignore[misc] # gunicorn has no types
    """Takes one request at a time, from a proxy that has read it whole."""

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Answer one request."""
        super().handle(listener, ProxiedConnection(client), addr)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer as RefusesWithReason does, to a proxy that may still be sending."""
        super().handle_error(req, client, addr, exc)
        client.linger()


class OpenWorker(RefusesWithReason, ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """Takes several requests at a time, from clients that may be slow."""
