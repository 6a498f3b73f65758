"""Calls a project's API with signed requests, as any client of an IAM-protected API does."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import HTTPClientError
from botocore.httpsession import URLLib3Session

ANSWER_SECONDS = 30  # API Gateway itself gives up after 29
RUN_HEADER = "X-Model-Run"


class ApiError(Exception):
    """The API answered with an error, or not at all; the message says which."""


@dataclass(frozen=True)
class Reply:
    """What the API answered, and the run whose model did."""

    run: str
    predictions: list[dict[str, Any]]


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP, whatever it was, and after how many seconds."""

    status: int
    headers: Mapping[str, str]
    text: str
    seconds: float


class Api:
    """A project's API; its connections stay open between requests, and any thread may call it."""

    def __init__(self, url: str, connections: int = 1) -> None:
        session = boto3.Session()
        self.url, self._region = url, session.region_name
        self._credentials = session.get_credentials()
        self._http = URLLib3Session(timeout=ANSWER_SECONDS, max_pool_connections=connections)

    def post(self, body: bytes, content_type: str = "application/json") -> Answer:
        """POST a body, once; raises ApiError where nothing comes back."""
        request = AWSRequest("POST", self.url, data=body, headers={"Content-Type": content_type})
        SigV4Auth(self._credentials.get_frozen_credentials(), "execute-api", self._region).add_auth(request)
        started = time.monotonic()
        try:
            answer = self._http.send(request.prepare())
        except HTTPClientError as error:
            raise ApiError(f"{self.url} did not answer: {error}") from error
        return Answer(answer.status_code, answer.headers, answer.text, time.monotonic() - started)

    def ask(self, body: bytes) -> Reply:
        """POST customers as JSON, once; raises ApiError unless it is answered by a named run."""
        answer = self.post(body)
        if answer.status != 200:
            raise ApiError(f"{self.url} answered {answer.status}: {answer.text}")
        if RUN_HEADER not in answer.headers:
            raise ApiError(f"{self.url} answered without the header {RUN_HEADER}")
        return Reply(answer.headers[RUN_HEADER], json.loads(answer.text)["predictions"])

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
