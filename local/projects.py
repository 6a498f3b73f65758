"""SageMaker projects: provisioned through Service Catalog for the caller, followed to the end."""

import secrets
import string
import threading
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.machine import Machine
from local.resources import Collection
from local.service import Call, ServiceError, UnsupportedError

POLL_SECONDS = 0.3
RUNNING = ("CREATED", "IN_PROGRESS", "IN_PROGRESS_IN_ERROR")


class Projects:
    """Creates, updates and deletes projects; each change is a Service Catalog record that a thread follows."""

    def __init__(self, machine: Machine, collection: Collection) -> None:
        self._machine, self._collection = machine, collection

    def create(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Store the project and provision its product; a name becomes free again when its project is deleted."""
        details = request.get("ServiceCatalogProvisioningDetails")
        if not details:
            raise UnsupportedError("CreateProject without ServiceCatalogProvisioningDetails")
        name = request["ProjectName"]
        for past in self._collection.all():
            if past["ProjectName"].lower() == name.lower() and past["ProjectStatus"] == "DeleteCompleted":
                self._collection.delete(name)
        project = f"p-{''.join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(12))}"
        who = {"IamIdentity": {"Arn": call.principal}}
        document = self._collection.create(request, ProjectId=project, ProjectStatus="CreateInProgress", CreatedBy=who)
        catalog = call.machine.client("servicecatalog", call.credentials)
        tags = [{"Key": "sagemaker:project-name", "Value": name}, {"Key": "sagemaker:project-id", "Value": project}]
        parameters = [*details.get("ProvisioningParameters", []), {"Key": "SageMakerProjectName", "Value": name},
                      {"Key": "SageMakerProjectId", "Value": project}]

        def provision() -> dict[str, Any]:
            artifact = details.get("ProvisioningArtifactId") or catalog.describe_product(
                Id=details["ProductId"])["ProvisioningArtifacts"][-1]["Id"]
            path = {"PathId": details["PathId"]} if details.get("PathId") else {}
            product: dict[str, Any] = catalog.provision_product(
                ProductId=details["ProductId"], ProvisioningArtifactId=artifact, ProvisionToken=project, **path,
                ProvisionedProductName=f"{name}-{project}", ProvisioningParameters=parameters,
                Tags=[*tags, *request.get("Tags", [])])
            return product

        self._begin(name, "Create", provision)
        return document

    def update(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Change the description and, where asked for, the provisioned product."""
        name, details = request["ProjectName"], request.get("ServiceCatalogProvisioningUpdateDetails")
        document = self._settled(name)
        if "ProjectDescription" in request:
            self._collection.change(name, ProjectDescription=request["ProjectDescription"])
        if details:
            catalog = call.machine.client("servicecatalog", call.credentials)
            self._collection.change(name, ProjectStatus="UpdateInProgress")
            self._begin(name, "Update", lambda: catalog.update_provisioned_product(
                ProvisionedProductId=_product(document), UpdateToken=secrets.token_hex(8), **details))
        return document

    def delete(self, request: dict[str, Any], call: Call) -> None:
        """Terminate the provisioned product."""
        name = request["ProjectName"]
        document = self._settled(name)
        catalog = call.machine.client("servicecatalog", call.credentials)
        self._collection.change(name, ProjectStatus="DeleteInProgress")
        if not _product(document):  # it failed before there was one
            self._collection.change(name, ProjectStatus="DeleteCompleted")
            return
        self._begin(name, "Delete", lambda: catalog.terminate_provisioned_product(
            ProvisionedProductId=_product(document), TerminateToken=secrets.token_hex(8)))

    def resume(self) -> None:
        """Follow the records that were running when the machine stopped."""
        for document in self._collection.all():
            verb, running, _ = document["ProjectStatus"].partition("InProgress")
            if running:
                self._start(document["ProjectName"], verb)

    def _settled(self, name: str) -> dict[str, Any]:
        document = self._collection.get(name)
        status = document["ProjectStatus"]
        if status.endswith("InProgress") or status == "DeleteCompleted":
            raise ServiceError("ValidationException", f"Project {name} is {status}. Wait until it has settled.")
        return document

    def _begin(self, name: str, verb: str, call: Callable[[], dict[str, Any]]) -> None:
        """Make the Service Catalog call and follow its record; a refused call fails the change with its message."""
        try:
            record = call()["RecordDetail"]
        except (ClientError, BotoCoreError) as error:
            return self._end(name, f"{verb}Failed", str(error))
        product = {"ProvisionedProductId": record["ProvisionedProductId"]}
        self._collection.change(name, ServiceCatalogProvisionedProductDetails=product, _Record=record["RecordId"])
        self._start(name, verb)
        return None

    def _start(self, name: str, verb: str) -> None:
        threading.Thread(target=self._follow, args=(name, verb), name=f"project {name}", daemon=True).start()

    def _follow(self, name: str, verb: str) -> None:
        catalog = self._machine.client("servicecatalog")
        record_id = self._collection.get(name).get("_Record")
        try:
            while (record := catalog.describe_record(Id=record_id)["RecordDetail"])["Status"] in RUNNING:
                if self._machine.stopping.wait(POLL_SECONDS):
                    return None
        except (ClientError, BotoCoreError) as error:
            return self._end(name, f"{verb}Failed", str(error))
        reasons = "; ".join(error.get("Description", "") for error in record.get("RecordErrors", []))
        self._end(name, f"{verb}{'Completed' if record['Status'] == 'SUCCEEDED' else 'Failed'}", reasons)
        return None

    def _end(self, name: str, status: str, message: str) -> None:
        if not self._machine.stopping.is_set():
            details = self._collection.get(name).get("ServiceCatalogProvisionedProductDetails", {})
            self._collection.change(name, ProjectStatus=status, ServiceCatalogProvisionedProductDetails=details | (
                {"ProvisionedProductStatusMessage": message} if message else {}))


def _product(document: dict[str, Any]) -> str:
    product: str = document.get("ServiceCatalogProvisionedProductDetails", {}).get("ProvisionedProductId", "")
    return product
