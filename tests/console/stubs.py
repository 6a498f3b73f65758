"""Accounts whose clients answer what a test says."""

import json
from types import SimpleNamespace
from typing import Any

import boto3
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from console.account import Account, Project
from tests.console.recorded_aws import Fault, RecordedAws

PREFIX = "demo-churn-p-0123456789ab"


class StubbedSession:
    """A session whose clients never reach anybody."""

    def __init__(self) -> None:
        self.stubbers: dict[str, Stubber] = {}

    def client(self, service: str, **_: Any) -> Any:
        """Return the service's client, which answers what its stubber was told, in that order."""
        return self.stubber(service).client

    def stubber(self, service: str) -> Stubber:
        """Return what tells a service's client its answers."""
        if service not in self.stubbers:
            client = boto3.client(service, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
            self.stubbers[service] = Stubber(client)
            self.stubbers[service].activate()
        return self.stubbers[service]


def project(session: StubbedSession) -> Project:
    """Return a project of a stubbed account."""
    return Project(Account(session), "churn-demo", "p-0123456789ab", PREFIX, "000000000000")


class RecordedClient:
    """A client that a recorded AWS answers at once, without a server; times stay as they are on the wire."""

    def __init__(self, recorded: RecordedAws) -> None:
        self._recorded = recorded

    def get_paginator(self, operation: str) -> Any:
        """Return what pages through an operation: what is recorded fits one page."""
        return SimpleNamespace(paginate=lambda **request: [getattr(self, operation)(**request)])

    def __getattr__(self, operation: str) -> Any:
        name = "".join(word.capitalize() for word in operation.split("_"))

        def call(**request: Any) -> Any:
            try:
                return json.loads(json.dumps(self._recorded.answer(name, request)))
            except Fault as fault:
                raise ClientError({"Error": {"Code": fault.code, "Message": fault.message}}, name) from fault

        return call


class RecordedSession:
    """A session all of whose clients are answered by one recorded AWS."""

    def __init__(self, recorded: RecordedAws) -> None:
        self._recorded = recorded

    def client(self, service: str, **_: Any) -> Any:
        """Return the service's client."""
        return RecordedClient(self._recorded)
