"""Provisioned products: stacks that a launch role makes, changes and deletes, and the record of each operation."""

import secrets
import threading
from collections.abc import Callable
from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import ClientError

from local.authorization import authorize
from local.machine import AccessDeniedError, Credentials, Machine
from local.service import Call, ServiceError

PRINCIPAL = "servicecatalog.amazonaws.com"
POLL_SECONDS = 0.3
# what ends an operation well, and the product's status when it ends badly
OPERATIONS = {"PROVISION_PRODUCT": ("CREATE_COMPLETE", "ERROR"),
              "UPDATE_PROVISIONED_PRODUCT": ("UPDATE_COMPLETE", "TAINTED"),
              "TERMINATE_PROVISIONED_PRODUCT": ("DELETE_COMPLETE", "TAINTED")}
COPY_TAG = "s3:ExistingObjectTag/servicecatalog:provisioning"  # condition key that Service Catalog's documentation names
Start = Callable[[BaseClient, dict[str, Any]], str]  # starts the stack's operation for a product and returns the stack's id


def new_id(prefix: str) -> str:
    """Return an id as Service Catalog makes them."""
    return f"{prefix}-{secrets.token_hex(7)[:13]}"


class Launches:
    """All provisioned products and records; each operation runs on a thread of its own."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.provisioned = machine.store.table("servicecatalog-provisioned")
        self.records = machine.store.table("servicecatalog-records")

    def resume(self) -> None:
        """Take up again the records whose stack was under way when the machine ended."""
        for key, record in self.records.items():
            if record["Status"] in ("CREATED", "IN_PROGRESS"):
                self._watch(key, _known_stack)

    def begin(self, key: str, kind: str, start: Start, **changes: object) -> dict[str, Any]:
        """Open a record for an operation that changes a provisioned product and carry it out; return the record."""
        now, record = self.machine.clock.now(), new_id("rec")
        with self.provisioned.edit(key) as product:
            if product.get("Status") == "UNDER_CHANGE":
                raise ServiceError("InvalidParametersException", f"Provisioned product {product['Name']} is under "
                                   f"change. Wait for {product['LastRecordId']}.")
            last = {} if kind.startswith("TERMINATE") else {"LastProvisioningRecordId": record}
            product.update(last | changes, LastRecordId=record, Status="UNDER_CHANGE", StatusMessage=None)
        self.records[record] = answer = {
            "RecordId": record, "RecordType": kind, "Status": "CREATED", "CreatedTime": now, "UpdatedTime": now,
            "ProvisionedProductId": key, "ProvisionedProductName": product["Name"], "RecordTags": product["Tags"],
            "ProvisionedProductType": "CFN_STACK", "ProductId": product["ProductId"], "RecordErrors": [],
            "ProvisioningArtifactId": product["ProvisioningArtifactId"], "PathId": product["path"],
            "LaunchRoleArn": product["LaunchRoleArn"], "outputs": []}
        self._watch(record, start)
        return answer

    def _watch(self, record: str, start: Start) -> None:
        threading.Thread(target=self._follow, args=(record, start), name=record, daemon=True).start()

    def _follow(self, key: str, start: Start) -> None:
        """Start a stack's operation, wait for its end and close the record."""
        record = self.records[key]
        errors: list[dict[str, Any]] = []
        outputs: list[dict[str, Any]] = []
        try:
            product = self.provisioned[record["ProvisionedProductId"]]
            credentials = self._credentials(product)
            if record["RecordType"] != "TERMINATE_PROVISIONED_PRODUCT":
                self._read_template(product, credentials)
            client = self.machine.client("cloudformation", credentials)
            stack = start(client, product)
            self._note(record, stack)
            status, outputs = self._settled(client, stack)
            if status != OPERATIONS[record["RecordType"]][0]:
                reason = f"Stack {stack} is {status}: {first_failure(client, stack)}"
                errors = [{"Code": "StackFailed", "Description": reason}]
        except (ClientError, AccessDeniedError, ServiceError) as error:
            actor = record["LaunchRoleArn"] or "The caller"
            errors = [{"Code": "LaunchFailed", "Description": f"{actor}: {error}"}]
        except Exception:
            if not self.machine.stopping.is_set():
                raise
        if not self.machine.stopping.is_set():
            self._close(record, errors, outputs)

    def _credentials(self, product: dict[str, Any]) -> Credentials:
        """Return the launch role's credentials, the caller's where the product has no launch constraint."""
        if product["LaunchRoleArn"]:
            return self.machine.session(product["LaunchRoleArn"], PRINCIPAL, f"SC-{product['Id']}")
        return Call(self.machine, product["caller"]).credentials

    def _read_template(self, product: dict[str, Any], credentials: Credentials) -> None:
        """Raise AccessDeniedError unless who launches may read Service Catalog's own copy of the template."""
        copy = f"arn:aws:s3:::cf-templates-service-catalog/{product['ProvisioningArtifactId']}"
        authorize(self.machine, credentials.access_key, "s3:GetObject", copy, {COPY_TAG: "true"})

    def _note(self, record: dict[str, Any], stack: str) -> None:
        with self.provisioned.edit(record["ProvisionedProductId"]) as product:
            product.update({"StackId": stack, "PhysicalId": stack} if stack else {})
        with self.records.edit(record["RecordId"]) as saved:
            saved.update(Status="IN_PROGRESS", UpdatedTime=self.machine.clock.now())

    def _settled(self, client: BaseClient, stack: str) -> tuple[str, list[dict[str, Any]]]:
        """Wait until a stack rests; return its status and outputs."""
        while stack:
            try:
                found = client.describe_stacks(StackName=stack)["Stacks"][0]
            except ClientError as error:
                if "does not exist" in str(error):
                    break
                raise
            if not found["StackStatus"].endswith("_IN_PROGRESS"):
                own = {"OutputKey": "CloudformationStackARN", "OutputValue": stack}
                return found["StackStatus"], [own, *found.get("Outputs", [])]
            if self.machine.stopping.wait(POLL_SECONDS):
                return "STOPPED", []
        return "DELETE_COMPLETE", []

    def _close(self, record: dict[str, Any], errors: list[dict[str, Any]], outputs: list[dict[str, Any]]) -> None:
        key, kind = record["RecordId"], record["RecordType"]
        if kind.startswith("TERMINATE") and not errors:
            self.provisioned.pop(record["ProvisionedProductId"], None)
        else:
            with self.provisioned.edit(record["ProvisionedProductId"]) as product:
                product.update({"Status": OPERATIONS[kind][1], "StatusMessage": errors[0]["Description"]} if errors
                               else {"Status": "AVAILABLE", "LastSuccessfulProvisioningRecordId": key})
        with self.records.edit(key) as saved:
            saved.update(Status="FAILED" if errors else "SUCCEEDED", RecordErrors=errors, outputs=outputs,
                         UpdatedTime=self.machine.clock.now())


def _known_stack(client: BaseClient, product: dict[str, Any]) -> str:
    if "StackId" not in product:
        raise ServiceError("InternalFailure", "the local AWS was stopped before the stack existed. Try again.")
    stack: str = product["StackId"]
    return stack


def first_failure(client: BaseClient, stack: str) -> str:
    """Return what CloudFormation says of the resource that failed first in the stack's last operation."""
    reasons = []
    for event in client.describe_stack_events(StackName=stack)["StackEvents"]:  # the newest first
        own, status = event["ResourceType"] == "AWS::CloudFormation::Stack", event["ResourceStatus"]
        reason = event.get("ResourceStatusReason", "")
        if not own and status.endswith("_FAILED") and "cancelled" not in reason:
            reasons.append(f"{event['LogicalResourceId']} ({event['ResourceType']}): {reason}")
        if own and status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"):
            break
    return reasons[-1] if reasons else "see the stack's events"
