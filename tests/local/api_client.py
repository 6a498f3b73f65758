"""A client of a project's API that counts who answered."""

from __future__ import annotations

import itertools
import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session

from tests.local.local_aws import ROOT

THREADS = 8


class ApiClient:
    """Sends one customer at a time, signed, over connections that stay open."""

    def __init__(self, url: str, credentials: tuple[str, ...] = ("test", "test")) -> None:
        self.url, self.credentials = url, credentials
        self.http = URLLib3Session(timeout=60, max_pool_connections=2 * THREADS)
        self.body = "\n".join(line.rpartition(",")[0] for line in (ROOT / "data" / "churn.csv").read_text().splitlines()[:2]).encode()

    def ask(self) -> str:
        """Return the run that answered, or the status of what was no answer."""
        reply = self._post(self.body, "text/csv")
        return reply.headers["X-Model-Run"] if reply.status_code == 200 else str(reply.status_code)

    def predictions(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return what the API answers to rows; no predictions at all where it fails."""
        reply = self._post(json.dumps(rows).encode(), "application/json")
        return json.loads(reply.content)["predictions"] if reply.status_code == 200 else []

    def identified(self, row: dict[str, Any]) -> str:
        """Ask about one row; return the id under which its label may come."""
        reply = self._post(json.dumps([row]).encode(), "application/json")
        assert reply.status_code == 200, reply.content
        return str(reply.headers["x-amzn-RequestId"])

    def refusal(self) -> tuple[int, str]:
        """Ask, and return the status and the reason of what is no answer."""
        reply = self._post(self.body, "text/csv")
        told = json.loads(reply.content)
        return reply.status_code, str(told.get("message") or told.get("Message"))

    def _post(self, body: bytes, kind: str) -> Any:
        request = AWSRequest("POST", self.url, data=body, headers={"Content-Type": kind})
        if self.credentials:
            SigV4Auth(Credentials(*self.credentials), "execute-api", "us-east-1").add_auth(request)
        return self.http.send(request.prepare())

    def asked(self, count: int) -> Counter[str]:
        """Send many requests and return how many each run answered."""
        with ThreadPoolExecutor(THREADS) as pool:
            return Counter(pool.map(lambda _: self.ask(), range(count)))

    @contextmanager
    def asking(self) -> Iterator[Counter[str]]:
        """Send one request after the other until the end; yield the counts, which grow."""
        counts, ended = Counter[str](), threading.Event()

        def work() -> None:
            for _ in itertools.takewhile(lambda _: not ended.is_set(), itertools.count()):
                counts[self.ask()] += 1

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield counts
        finally:
            ended.set()
            thread.join()
