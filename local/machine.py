"""What every service of the machine shares: its place, its clock, its state, and clients with a role's rights."""

import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.client import BaseClient
from botocore.config import Config

from local.clock import Clock
from local.processes import Processes
from local.storage import Storage
from local.store import Store

if TYPE_CHECKING:
    from local.alarms import Alarms
    from local.engines.process import ProcessEngine
    from local.hosting import Hosting
    from local.metrics import Metrics

SESSION_SECONDS = 7 * 24 * 3600
RENEW_BEFORE_SECONDS = 3600
CLIENTS = 100  # kept for reuse; every run brings credentials of its own


class AccessDeniedError(Exception):
    """A caller lacks a right; the message names principal, action and resource."""


class NotAuthenticatedError(AccessDeniedError):
    """A caller is nobody that AWS knows: without credentials, or with false ones."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Credentials:
    """Access key, secret and (for a role) session token."""

    access_key: str
    secret_key: str
    token: str | None = None

    def environment(self) -> dict[str, str]:
        """Return them as the environment variables that every SDK reads."""
        variables = {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}
        return variables | ({"AWS_SESSION_TOKEN": self.token} if self.token else {})


ROOT = Credentials("test", "test")


@dataclass
class Machine:
    """One machine standing in for one AWS account and region."""

    data: Path
    port: int
    clock: Clock
    cache: Path
    region: str = "us-east-1"
    account_id: str = "000000000000"
    engine: "ProcessEngine | None" = None
    hosting: "Hosting | None" = None
    alarms: "Alarms" = field(init=False)  # set by local/gateway.py
    metrics: "Metrics" = field(init=False)  # set by local/metrics.py
    saved: Callable[[], None] = lambda: None  # waits until ministack's state is on disk; set by local/durability.py
    on_alarm: list[Callable[[], None]] = field(default_factory=list)  # called when an alarm's state has changed
    storage: Storage = field(init=False)
    store: Store = field(init=False)
    processes: Processes = field(init=False)
    stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.storage = Storage(self.data)
        self.store = Store(self.data / "state.sqlite", self.storage)
        self.processes = Processes(self.store.table("processes"))
        self.botocore = botocore.session.Session()
        self._clients: dict[tuple[str, str], BaseClient] = {}
        self._sessions: dict[tuple[str, str, str], tuple[float, Credentials]] = {}
        self._lock = threading.RLock()

    @property
    def endpoint_url(self) -> str:
        """The address of every service."""
        return f"http://127.0.0.1:{self.port}"

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource of this account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{resource}"

    def client(self, service: str, credentials: Credentials = ROOT) -> BaseClient:
        """Return a client of ``service`` that acts with ``credentials``."""
        key = (service, credentials.access_key)
        with self._lock:
            client = self._clients.pop(key, None)
            if client is None:
                client = self.botocore.create_client(
                    service, region_name=self.region, endpoint_url=self.endpoint_url,
                    aws_access_key_id=credentials.access_key, aws_secret_access_key=credentials.secret_key,
                    aws_session_token=credentials.token,
                    config=Config(retries={"total_max_attempts": 1}, read_timeout=1800, inject_host_prefix=False,
                                  max_pool_connections=50, s3={"addressing_style": "path"}))
            self._clients[key] = client  # the last used stands last
            if len(self._clients) > CLIENTS:
                del self._clients[next(iter(self._clients))]
            return client

    def session(self, role_arn: str, service_principal: str, session_name: str) -> Credentials:
        """Assume a role on behalf of a service; raises AccessDeniedError when its trust policy does not name it."""
        key = (role_arn, service_principal, session_name)
        with self._lock:
            expires, credentials = self._sessions.get(key, (0.0, ROOT))
            if not self._trusted(role_arn, service_principal):
                raise AccessDeniedError(
                    f"User: {service_principal} is not authorized to perform: sts:AssumeRole on resource: {role_arn}."
                    f" The role does not exist or its trust policy does not name {service_principal}.")
            if expires - RENEW_BEFORE_SECONDS < time.time():
                credentials = self._register(role_arn, session_name)
                self._sessions[key] = (time.time() + SESSION_SECONDS, credentials)
            return credentials

    def _register(self, role_arn: str, session_name: str) -> Credentials:
        from ministack.services import sts

        role = role_arn.rsplit("/", 1)[-1]
        credentials = Credentials("ASIA" + secrets.token_hex(8).upper(), secrets.token_urlsafe(30),
                                  secrets.token_urlsafe(60))
        sts.register_session(credentials.access_key, {
            "Arn": f"arn:aws:sts::{self.account_id}:assumed-role/{role}/{session_name[:64]}",
            "UserId": f"{role}:{session_name[:64]}", "AccountId": self.account_id,
            "SecretAccessKey": credentials.secret_key, "SessionToken": credentials.token,
            "Expiration": time.time() + SESSION_SECONDS})
        return credentials

    def _trusted(self, role_arn: str, service_principal: str) -> bool:
        """Whether the role exists and a statement of its trust policy lets the service assume it."""
        from ministack.core import iam_evaluator
        from ministack.services import iam

        role = iam._roles.get_scoped(self.account_id, None, role_arn.rsplit("/", 1)[-1])
        if role is None:
            return False
        document: Any = role.get("AssumeRolePolicyDocument") or {}
        document = json.loads(document) if isinstance(document, str) else document
        statements = document.get("Statement", [])
        context = iam_evaluator.EvalContext(
            principal_arn=service_principal, principal_type="Service", principal_account=self.account_id,
            action="sts:AssumeRole", resource_arn=role_arn, region=self.region,
            service_context={"aws:sourceaccount": self.account_id})
        return any(statement.get("Effect") == "Allow"
                   and iam_evaluator._service_principal_matches(statement.get("Principal"), service_principal)
                   and iam_evaluator._conditions_met(_without_source_arn(statement), context)
                   for statement in ([statements] if isinstance(statements, dict) else statements))

    def emit(self, source: str, detail_type: str, detail: dict[str, Any], resources: list[str] | None = None) -> None:
        """Publish an event of an AWS service on the default bus."""
        from ministack.core.responses import request_scope
        from ministack.services import eventbridge

        entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail),
                 "Resources": resources or []}
        with request_scope(self.account_id, self.region):
            eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def _without_source_arn(statement: dict[str, Any]) -> dict[str, Any]:
    """Return the conditions less aws:SourceArn: which resource the service acts for is not known at this place."""
    conditions = statement.get("Condition") or {}
    return {operator: {key: value for key, value in pairs.items() if key.lower() != "aws:sourcearn"}
            for operator, pairs in conditions.items()}
