"""SageMaker's resources of one kind as a collection: named, stored, listed, and announced when their status changes."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.machine import Machine
from local.service import ServiceError, encode

ORIGINAL_NAMES = {"CreatedAfter": "CreationTimeAfter", "CreatedBefore": "CreationTimeBefore"}
NOT_TOLD = ("ExitMessage", "MonitoringScheduleArn")  # by events, as far as AWS documents them: Describe has them
RELATIONS = ("ExperimentName", "TrialName", "TrialComponentName", "SourceArn", "EndpointName", "MonitoringJobDefinitionName")


@dataclass(frozen=True)
class Kind:
    """How AWS names one kind of resource."""

    noun: str  # of the operations and members: TrainingJob
    arn: str  # of the ARN: training-job
    listing: str  # the list operation's result
    event: str = ""  # the events' detail type
    order: str = "Descending"
    missing: str = "ValidationException"
    in_use: str = "ValidationException"
    label: str = ""  # of the members, where it is not the noun

    @property
    def name(self) -> str:
        """The member that holds the name."""
        return f"{self.label or self.noun}Name"

    @property
    def arn_member(self) -> str:
        """The member that holds the ARN."""
        return f"{self.label or self.noun}Arn"

    @property
    def status(self) -> str:
        """The member that holds the status."""
        return f"{self.noun}Status"


class Collection:
    """All resources of one kind. Names are unique without regard to case, as the ARNs are lower case."""

    def __init__(self, machine: Machine, kind: Kind, shape: Callable[[str], Any]) -> None:
        self.machine, self.kind = machine, kind
        self._shape = shape
        self._table = machine.store.table(f"sagemaker-{kind.arn}")

    def arn(self, name: str) -> str:
        """Return the ARN that a resource of that name has."""
        return self.machine.arn("sagemaker", f"{self.kind.arn}/{name.lower()}")

    def create(self, request: dict[str, Any], **members: Any) -> dict[str, Any]:
        """Store a new resource and return it; raises where the name is taken."""
        name, now = request[self.kind.name], self.machine.clock.now()
        with self.machine.store.lock:
            if name.lower() in self._table:
                raise ServiceError(self.kind.in_use, f"Cannot create already existing {self._words} "
                                   f'"{self.arn(name)}": {self.kind.name} must be unique within an AWS '
                                   f"account and region, and {name} already exists.")
            document = {key: value for key, value in request.items() if key != "Tags"}
            self._table[name.lower()] = document | {self.kind.arn_member: self.arn(name), "CreationTime": now,
                                                    "LastModifiedTime": now, **members}
        self._announce(name)
        return self.get(name)

    def get(self, name: str) -> dict[str, Any]:
        """Return a resource; raises AWS's error where there is none."""
        try:
            return self._table[name.lower()]
        except KeyError:
            raise ServiceError(self.kind.missing, f'Could not find {self._words} "{self.arn(name)}".') from None

    def change(self, name: str, **members: Any) -> dict[str, Any]:
        """Change members of a resource, announce a new status, and return it as it is now."""
        with self._table.edit(name.lower()) as document:
            announced = self.kind.status in members or "SecondaryStatus" in members
            document.update(members, LastModifiedTime=self.machine.clock.now())
        if announced:
            self._announce(name)
        return document

    def delete(self, name: str) -> dict[str, Any]:
        """Forget a resource and return what it was."""
        document = self.get(name)
        del self._table[name.lower()]
        return document

    def all(self) -> list[dict[str, Any]]:
        """Return every resource."""
        return list(self._table.values())

    def list(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the resources that a list request selects, in its order, under AWS's result key."""
        chosen = [document for document in self.all() if self._selected(document, request)]
        key = {"Name": self.kind.name, "Status": self.kind.status}.get(request.get("SortBy", ""), "CreationTime")
        descending = request.get("SortOrder", self.kind.order) == "Descending"
        return {self.kind.listing: sorted(chosen, key=lambda document: document[key], reverse=descending)}

    def _selected(self, document: dict[str, Any], request: dict[str, Any]) -> bool:
        for name, wanted in request.items():
            key = ORIGINAL_NAMES.get(name, name)
            if key == "NameContains" and wanted.lower() not in document[self.kind.name].lower():
                return False
            if key == "StatusEquals" and document.get(self.kind.status) != wanted:
                return False
            if key.endswith("TimeAfter") and document[key.removesuffix("After")] <= wanted:
                return False
            if key.endswith("TimeBefore") and document[key.removesuffix("Before")] >= wanted:
                return False
            if key in RELATIONS and wanted not in document.get(f"{key}s", [document.get(key)]):
                return False
        return True

    def _announce(self, name: str) -> None:
        """Publish the state change, in the form of the Describe answer with times in milliseconds."""
        if not self.kind.event:
            return
        document = self.get(name)
        detail = encode(self._shape(self.kind.noun), document)
        detail = {key: int(value * 1000) if key.endswith("Time") else value for key, value in detail.items()
                  if key not in NOT_TOLD}
        if self.kind.noun == "Endpoint":
            detail["EndpointStatus"] = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", detail["EndpointStatus"]).upper()
        self.machine.emit("aws.sagemaker", self.kind.event, detail, [document[self.kind.arn_member]])

    @property
    def _words(self) -> str:
        return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", self.kind.noun).lower().replace("config", "configuration")
