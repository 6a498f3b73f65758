"""An account that answers as it is told, by operation and parameters; answers and requests are checked against botocore's models.

Botocore's own Stubber answers in the order of the calls, which reads that run side by side do not have.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.exceptions import ClientError
from botocore.validate import validate_parameters

from console.account import Account, Project

Answer = dict[str, Any] | ClientError | Callable[[dict[str, Any]], Any]
HTTP_OK = type("Reply", (), {"status_code": 200, "headers": {}, "content": b""})()


SESSION = boto3.Session("test", "test", region_name="us-east-1")  # one for all: reading the models takes most of a client's time


def account() -> Account:
    """Return an account whose clients have credentials of nobody."""
    return Account(SESSION)


def refusal(code: str, message: str = "", operation: str = "Call", status: int = 400) -> ClientError:
    """Return the error that a client raises for a refused call."""
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}, operation)


@dataclass
class Stubs:
    """Answers by service and operation, and the calls that came."""

    account: Account = field(default_factory=account)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def answer(self, service: str, operation: str, answer: Answer) -> None:
        """Let an operation answer so; a function is given the parameters."""
        events = self.account.client(service).meta.events
        for event in ("before-parameter-build", "before-call"):
            events.unregister(f"{event}.*.{operation}", unique_id=f"{event}-{service}-{operation}")
        events.register_first(f"before-parameter-build.*.{operation}", self._keep, unique_id=f"before-parameter-build-{service}-{operation}")
        events.register_first(f"before-call.*.{operation}", lambda model, context, **_: self._reply(answer, model, context),
                              unique_id=f"before-call-{service}-{operation}")

    def _keep(self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        context["given"] = dict(params)
        self.calls.append((model.name, dict(params)))

    def _reply(self, answer: Answer, model: Any, context: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        found = answer(context["given"]) if callable(answer) else answer
        if isinstance(found, ClientError):
            raise found
        plain = {key: value for key, value in found.items() if key != "Body"}  # a stream has no shape to check
        validate_parameters(plain, model.output_shape)
        return HTTP_OK, found | {"ResponseMetadata": {"HTTPStatusCode": 200}}

    def named(self, operation: str) -> list[dict[str, Any]]:
        """Return the parameters of all calls of an operation."""
        return [params for name, params in self.calls if name == operation]


def project(stubs: Stubs, name: str) -> Project:
    """Return a project of the account; what is read once is read anew for another name."""
    return Project(stubs.account, name, "p-abc123def456", f"demo-{name}-p-abc123def456", "000000000000")
