"""Calls a project's API with signed requests, as any client of an IAM-protected API does."""

import json
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


class Api:
    """A project's API; its connections stay open between requests, and any thread may call it."""

    def __init__(self, url: str, connections: int = 1) -> None:
        session = boto3.Session()
        self.url, self._region = url, session.region_name
        self._credentials = session.get_credentials()
        self._http = URLLib3Session(timeout=ANSWER_SECONDS, max_pool_connections=connections)

    def ask(self, body: bytes) -> Reply:
        """POST customers as JSON, once; raises ApiError unless it is answered by a named run."""
        request = AWSRequest("POST", self.url, data=body, headers={"Content-Type": "application/json"})
        SigV4Auth(self._credentials.get_frozen_credentials(), "execute-api", self._region).add_auth(request)
        try:
            answer = self._http.send(request.prepare())
        except HTTPClientError as error:
            raise ApiError(f"{self.url} did not answer: {error}") from error
        if answer.status_code != 200:
            raise ApiError(f"{self.url} answered {answer.status_code}: {answer.text}")
        if RUN_HEADER not in answer.headers:
            raise ApiError(f"{self.url} answered without the header {RUN_HEADER}")
        return Reply(answer.headers[RUN_HEADER], json.loads(answer.content)["predictions"])

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
