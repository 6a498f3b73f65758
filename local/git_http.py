"""git over HTTP at CodeCommit's address, for who signs as AWS's credential helper does.

The helper makes a user name (access key, for a role with ``%`` and the session token) and a password (a time stamp and
a version 4 signature over ``GIT``, the repository's path and the host without its port). git's own http-backend serves.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from local.authorization import authorize
from local.git import environment
from local.machine import AccessDeniedError, Machine

PLACE = re.compile(r"(/v1/repos/([\w.-]+?)(?:\.git)?)(/info/refs|/git-upload-pack|/git-receive-pack)")
PASSWORD = re.compile(r"(\d{8}T\d{6})Z([0-9a-f]{64})")
VALID_SECONDS = 900
CHUNK = 65536


class Refused(Exception):
    """The request is answered with a status and one line of text."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def signature(secret: str, region: str, host: str, path: str, stamp: str) -> str:
    """Return the signature that the credential helper makes at ``stamp`` (YYYYMMDDTHHMMSS)."""
    scope = f"{stamp[:8]}/{region}/codecommit/aws4_request"
    request = hashlib.sha256(f"GIT\n{path}\n\nhost:{host}\n\nhost\n".encode()).hexdigest()
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{request}".encode(), hashlib.sha256).hexdigest()


class GitHttp:
    """The ASGI application for ``/v1/repos/``."""

    def __init__(self, machine: Machine, announce: Callable[[Machine, str, str], None]) -> None:
        self.machine, self._announce = machine, announce

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Serve one request of git."""
        headers = {key.decode().lower(): value.decode("latin-1") for key, value in scope["headers"]}
        try:
            name, caller = await asyncio.to_thread(self._admit, scope, headers)
        except Refused as refusal:
            challenge = [(b"www-authenticate", b'Basic realm="CodeCommit"')] if refusal.status == 401 else []
            await send({"type": "http.response.start", "status": refusal.status,
                        "headers": [(b"content-type", b"text/plain; charset=utf-8"), *challenge]})
            await send({"type": "http.response.body", "body": f"{refusal}\n".encode()})
        else:
            await self._serve(name, caller, scope, headers, receive, send)

    def _admit(self, scope: dict[str, Any], headers: dict[str, Any]) -> tuple[str, str]:
        """Return the repository's name and the caller's ARN when that one may do what it asks; raises Refused."""
        found = PLACE.fullmatch(scope["path"])
        if found is None:
            raise Refused(404, f"{scope['path']} is not a path of git's smart HTTP protocol")
        signed, name, service = found.groups()
        access_key = self._identify(headers, scope["path"].removesuffix(service), signed)
        push = "git-receive-pack" in service + scope["query_string"].decode()
        try:
            authorize(self.machine, access_key, "codecommit:GitPush" if push else "codecommit:GitPull",
                      self.machine.arn("codecommit", name))
        except AccessDeniedError as error:
            raise Refused(403, str(error)) from None
        if name not in self.machine.store.table("codecommit"):
            raise Refused(404, f"repository {name} does not exist")
        return name, self._principal(access_key)

    def _principal(self, access_key: str) -> str:
        from ministack.core.iam_evaluator import resolve_credential

        found: Any = resolve_credential(access_key, self.machine.account_id)
        return str(found.principal_arn)

    def _identify(self, headers: dict[str, Any], *paths: str) -> str:
        """Return the access key whose secret signed one of ``paths``."""
        from ministack.core.iam_evaluator import ResolvedCredential, resolve_credential

        kind, _, encoded = headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic":
            raise Refused(401, "sign in with git's credential.helper '!aws codecommit credential-helper "
                               "--ignore-host-check $@' and credential.UseHttpPath=true")
        try:
            user, _, password = base64.b64decode(encoded).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise Refused(403, "the Authorization header is not valid Basic authentication") from None
        access_key, _, token = user.partition("%")
        credential = resolve_credential(access_key, self.machine.account_id, token or None)
        if not isinstance(credential, ResolvedCredential):
            raise Refused(403, f"{access_key} is not a valid access key of this machine, or its session token is wrong")
        host = headers.get("host", "127.0.0.1").rpartition(":")[0] or headers.get("host", "")
        self._verify(password, lambda stamp: [
            signature(credential.secret_access_key, self.machine.region, host, path, stamp) for path in paths])
        return access_key

    def _verify(self, password: str, expected: Callable[[str], list[str]]) -> None:
        """Raise Refused unless the password is fresh and one of the signatures expected at its time."""
        found = PASSWORD.fullmatch(password)
        if found is None or found[2] not in expected(found[1]):
            raise Refused(403, "the signature does not match: check the secret key, that the region is "
                               f"{self.machine.region}, and that credential.UseHttpPath is true")
        made = datetime.strptime(found[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        if abs((datetime.now(UTC) - made).total_seconds()) > VALID_SECONDS:
            raise Refused(403, f"the signature was made at {found[1]}Z and is valid for {VALID_SECONDS // 60} minutes")

    async def _serve(self, name: str, caller: str, scope: dict[str, Any], headers: dict[str, Any], receive: Any, send: Any) -> None:
        """Hand the request to git http-backend and stream both ways; a push is announced before it is acknowledged."""
        # no entry in the table of processes: a backend ends by itself when the machine's end of its pipes closes
        backend = await asyncio.create_subprocess_exec(
            "git", "-c", "safe.directory=*", "http-backend", env=self._variables(name, scope, headers),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL)
        assert backend.stdin is not None and backend.stdout is not None  # pipes, as they were asked for
        feeding = asyncio.create_task(_feed(backend, backend.stdin, receive))
        try:
            status, answer = await _head(backend.stdout)
            await send({"type": "http.response.start", "status": status, "headers": answer})
            while chunk := await backend.stdout.read(CHUNK):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await backend.wait()
            if scope["path"].endswith("/git-receive-pack"):
                await asyncio.to_thread(self._announce, self.machine, name, caller)
            await send({"type": "http.response.body", "body": b""})
        finally:
            feeding.cancel()
            with suppress(ProcessLookupError):
                backend.kill()

    def _variables(self, name: str, scope: dict[str, Any], headers: dict[str, Any]) -> dict[str, str]:
        """Return the CGI variables of a request."""
        place = PLACE.fullmatch(scope["path"])
        action = scope["path"][place.start(3):] if place else ""
        optional = {"CONTENT_LENGTH": "content-length", "HTTP_CONTENT_ENCODING": "content-encoding",
                    "GIT_PROTOCOL": "git-protocol"}
        return environment() | {
            "GIT_PROJECT_ROOT": str(self.machine.data / "codecommit"), "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": f"/{name}.git{action}", "QUERY_STRING": scope["query_string"].decode(),
            "REQUEST_METHOD": scope["method"], "CONTENT_TYPE": headers.get("content-type", ""), "REMOTE_USER": "caller",
            "REMOTE_ADDR": "127.0.0.1"} | {key: headers[name] for key, name in optional.items() if name in headers}


async def _feed(backend: asyncio.subprocess.Process, stdin: asyncio.StreamWriter, receive: Any) -> None:
    """Copy the request's body to the backend; a caller that hangs up ends it."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            with suppress(ProcessLookupError):
                backend.kill()
            return
        with suppress(BrokenPipeError, ConnectionResetError):  # it answered without reading all
            stdin.write(message.get("body", b""))
            await stdin.drain()
        more = message.get("more_body", False)
    stdin.close()


async def _head(output: Any) -> tuple[int, list[tuple[bytes, bytes]]]:
    """Read a CGI answer's head: its status and headers."""
    status, headers = 200, []
    while line := (await output.readline()).strip():
        key, _, value = line.partition(b":")
        if key.lower() == b"status":
            status = int(value.split()[0])
        else:
            headers.append((key.strip().lower(), value.strip()))
    return status, headers
