"""The account that the console looks at: the caller's credentials, region and endpoint, and the projects in it."""

import threading
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from console.faults import Refused, gone

KEPT_SECONDS = 3  # a project is looked up anew after this, for it may be deleted meanwhile
CONFIG = Config(connect_timeout=3, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 2}, max_pool_connections=32)
SIGNING = {"s3": Config(signature_version="s3v4")}  # an older one, botocore's default for addresses that are handed on, opens no encrypted object
UNREADY = {
    "Pending": "is being created", "CreateInProgress": "is being created", "CreateFailed": "could not be created",
    "DeleteInProgress": "is being deleted", "DeleteCompleted": "was deleted",
}
ENDING = {"is being deleted", "was deleted"}  # what is left of it by now would be taken for a project that has not come so far


@dataclass(frozen=True)
class Identity:
    """Who asks."""

    account: str
    arn: str


@dataclass(frozen=True)
class ProjectLine:
    """A project in the list of projects."""

    name: str
    status: str
    created: Any  # datetime
    description: str


@dataclass(frozen=True)
class Project:
    """A project and what is named after it."""

    account: "Account" = field(compare=False, repr=False)
    name: str  # as Studio knows it
    id: str
    prefix: str  # what every name begins with; the pipeline's name
    number: str  # the account's

    def client(self, service: str) -> Any:
        """Return a client with the caller's rights."""
        return self.account.client(service)

    @property
    def pipeline(self) -> str:
        return self.prefix

    @property
    def repository(self) -> str:
        return self.prefix

    @property
    def dashboard(self) -> str:
        return self.prefix

    @property
    def bucket(self) -> str:
        return f"{self.prefix}-{self.number}"

    @property
    def build(self) -> str:
        return f"{self.prefix}-build"

    @property
    def api(self) -> str:
        """The API's stack, and its function."""
        return f"{self.prefix}-api"

    @property
    def monitoring(self) -> str:
        """The stack that watches production."""
        return f"{self.prefix}-monitoring"

    @property
    def workflow(self) -> str:
        """The stack of the workflow, and its state machine."""
        return f"{self.prefix}-workflow"

    @property
    def workflow_arn(self) -> str:
        return f"arn:{self.account.partition}:states:{self.account.region}:{self.number}:stateMachine:{self.workflow}"

    def runs_key(self, run: str) -> str:
        """Return what the keys of a run's files begin with, in the project's bucket."""
        return f"runs/{run}/"


class Account:
    """One account in one region, as the caller's environment or profile says."""

    def __init__(self, session: Any = None) -> None:
        self._given = session
        self._clients: dict[str, Any] = {}
        self._projects: dict[str, tuple[float, Project]] = {}
        self._prefixes: dict[str, str] = {}  # of projects, by their numbers: they never change
        self._lock = threading.Lock()

    @cached_property
    def _session(self) -> Any:
        return self._given or boto3.Session()

    def client(self, service: str) -> Any:
        """Return a client; one a service, for threads may share it."""
        with self._lock:  # making one is not safe beside another
            if service not in self._clients:
                self._clients[service] = self._made(service)
            return self._clients[service]

    def _made(self, service: str) -> Any:
        try:
            return self._session.client(service, config=CONFIG.merge(SIGNING.get(service, Config())))
        except ValueError as error:
            if isinstance(error, BotoCoreError):
                raise
            raise Refused(f"AWS_ENDPOINT_URL is no address ({error}). Set it like http://127.0.0.1:4566, then start the console again.") from error

    @property
    def region(self) -> str:
        return str(self.client("sts").meta.region_name)

    @property
    def partition(self) -> str:
        return str(self.client("sts").meta.partition)

    @property
    def endpoint(self) -> str:
        """The address that AWS_ENDPOINT_URL or the profile sets; empty for AWS's own."""
        address = str(self.client("sts").meta.endpoint_url)
        return "" if ".amazonaws." in address else address

    @cached_property
    def identity(self) -> Identity:
        """Who asks, by the credentials."""
        found = self.client("sts").get_caller_identity()
        return Identity(found["Account"], found["Arn"])

    def projects(self) -> list[ProjectLine]:
        """Return the account's projects, the newest first; the first hundred of them."""
        found = self.client("sagemaker").list_projects(SortBy="CreationTime", SortOrder="Descending", MaxResults=100)
        return [ProjectLine(each["ProjectName"], each["ProjectStatus"], each["CreationTime"], each.get("ProjectDescription", ""))
                for each in found["ProjectSummaryList"] if each["ProjectStatus"] != "DeleteCompleted"]

    def project(self, name: str) -> Project:
        """Return a project; raises Refused where there is none, or none that can be shown."""
        kept = self._projects.get(name)
        if kept and time.monotonic() - kept[0] < KEPT_SECONDS:
            return kept[1]
        self._projects.pop(name, None)
        found = self._found(name)
        self._projects[name] = time.monotonic(), found
        return found

    def _found(self, name: str) -> Project:
        described = self._described(name)
        unready = UNREADY.get(described["ProjectStatus"])
        number = described["ProjectId"]
        prefix = "" if unready in ENDING else self._prefix(number)
        if not prefix:
            raise Refused(f"Project {name} {unready or 'has no pipeline: it was not made from this template, or is being changed'}. {_next(unready)}")
        return Project(self, name, number, prefix, self.identity.account)

    def _described(self, name: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self.client("sagemaker").describe_project(ProjectName=name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationException" and not gone(error):
                raise
            raise Refused(f"There is no project {name} in {self.region}. The list of projects says which there are.") from error
        return found

    def _prefix(self, number: str) -> str:
        """Return the name of the pipeline that ends with a project's id; empty where there is none."""
        if number not in self._prefixes:
            pages = self.client("codepipeline").get_paginator("list_pipelines").paginate()
            found = next((str(each["name"]) for page in pages for each in page["pipelines"] if each["name"].endswith(f"-{number}")), "")
            if not found:
                return ""
            self._prefixes[number] = found
        return self._prefixes[number]


def _next(unready: str | None) -> str:
    """Return what to do about a project that cannot be shown."""
    return {
        "is being created": "This page shows it when it is there; on AWS that takes some minutes.",
        "could not be created": "Studio's list of projects says why; delete it and create it again.",
        "is being deleted": "This page ends with it.",
        "was deleted": "The list of projects says which there are.",
    }.get(unready or "", "The list of projects says which there are.")
