"""An AWS that answers as it was recorded: for states that a real account is in for moments only, or after months.

It speaks JSON, the query protocol and GET, as far as the console asks; what it has no answer for it refuses by name.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

ACCOUNT = "000000000000"
IDENTITY = f"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::{ACCOUNT}:user/reader</Arn><UserId>AIDAREADER</UserId><Account>{ACCOUNT}</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""


class Fault(Exception):
    """An error that AWS answers with."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class RecordedAws:
    """Operations and their answers; an answer is a value, or a function of the request."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.contents: dict[str, bytes] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.url = ""

    def answer(self, operation: str, request: dict[str, Any]) -> Any:
        """Return the answer to a request; raises Fault."""
        self.asked.append((operation, request))
        if operation not in self.answers:
            raise Fault("AccessDeniedException", f"User: reader is not authorized to perform: {operation}")
        found = self.answers[operation]
        return found(request) if isinstance(found, Callable) else found

    def content(self, path: str) -> bytes:
        """Return what lies at an address that is read with GET, S3's and Lambda's; raises Fault."""
        self.asked.append(("GET", {"path": path}))
        if path not in self.contents:
            raise Fault("NoSuchKey", f"nothing lies at {path}", 404)
        return self.contents[path]

    def requests(self, operation: str) -> list[dict[str, Any]]:
        """Return what was asked of an operation."""
        return [request for asked, request in self.asked if asked == operation]


@contextmanager
def serving(aws: RecordedAws) -> Iterator[RecordedAws]:
    """Serve the answers on a free port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
            try:
                if operation:
                    self._reply(200, json.dumps(aws.answer(operation, json.loads(body))).encode())
                else:
                    fields = {name: values[0] for name, values in parse_qs(body.decode()).items()}
                    found = aws.answer(fields["Action"], fields)
                    self._reply(200, (IDENTITY if fields["Action"] == "GetCallerIdentity" else found).encode(), "text/xml")
            except Fault as fault:
                self._fault(fault, as_xml=not operation)

        def do_GET(self) -> None:
            try:
                self._reply(200, aws.content(unquote(urlsplit(self.path).path)), "application/json")
            except Fault as fault:
                self._fault(fault, as_xml=True)

        def do_HEAD(self) -> None:
            self.do_GET()

        def _fault(self, fault: Fault, *, as_xml: bool) -> None:
            if as_xml:
                text = f"<ErrorResponse><Error><Code>{fault.code}</Code><Message>{fault.message}</Message></Error></ErrorResponse>"
                self._reply(fault.status, text.encode(), "text/xml")
            else:
                self._reply(fault.status, json.dumps({"__type": fault.code, "message": fault.message}).encode())

        def _reply(self, status: int, body: bytes, kind: str = "application/x-amz-json-1.1") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        aws.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield aws
        server.shutdown()
        thread.join()
