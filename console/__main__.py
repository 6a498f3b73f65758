"""Starts the console: python -m console [--project NAME] [--port 4580]."""

import argparse
import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from fastapi import Request, Response
from nicegui import app, background_tasks, ui
from starlette.middleware.trustedhost import TrustedHostMiddleware

from console.account import Account
from console.shell import addresses, assets

HOST = "127.0.0.1"
SEALED = ("default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self' ws://127.0.0.1:* ws://localhost:*; "  # nicegui evaluates handlers
          "frame-ancestors 'none'; form-action 'self'; base-uri 'self'")


def main() -> int:
    """Serve the console until it is interrupted."""
    options = _parser().parse_args()
    if reason := _taken(options.port):
        print(f"console: port {options.port} of {HOST} is taken ({reason}); name another one: --port {options.port + 1}", file=sys.stderr)
        return 1
    if urlsplit(os.environ.get("AWS_ENDPOINT_URL", "")).hostname in (HOST, "localhost"):
        os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")  # without keys it would be asked for, and it is not on this machine
    assets()
    addresses(Account(), options.project)
    app.middleware("http")(sealed)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])  # a name that a stranger's page made point here is refused
    app.on_startup(lambda: background_tasks.create(_announce(options.port)))
    ui.run(host=HOST, port=options.port, title="Model delivery", favicon="◈", dark=None, language="en-GB", show=False, reload=False,
           tailwind=False, show_welcome_message=False, binding_refresh_interval=None)
    return 0


async def sealed(request: Request, follow: Callable[[Request], Awaitable[Response]]) -> Response:
    """Forbid the browser to ask anybody but this console, and others to show it in a frame."""
    response = await follow(request)
    response.headers["Content-Security-Policy"] = SEALED
    return response


async def _announce(port: int) -> None:
    """Print the address as soon as it answers."""
    while True:
        try:
            _, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            break
    print(f"console: http://{HOST}:{port}", flush=True)


def _taken(port: int) -> str:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return str(error.strerror)
    return ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m console", description="Shows the account's projects on a page of this machine.")
    parser.add_argument("--project", default="", help="name of the project to begin with; without it the list of projects")
    parser.add_argument("--port", type=int, default=4580, help="port of 127.0.0.1 (4580)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
