"""SageMaker projects against a Service Catalog that the test plays."""

import threading
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from local.clock import Clock
from local.projects import Projects
from local.resources import Collection
from local.service import ServiceError
from local.services.sagemaker import PROJECT
from local.store import Store
from tests.local.sagemaker_machine import wait_for

PRODUCT = {"ProvisionedProductId": "pp-1", "RecordId": "rec-1"}
REQUEST = {"ProjectName": "Churn", "ServiceCatalogProvisioningDetails": {
    "ProductId": "prod-1", "ProvisioningArtifactId": "pa-1",
    "ProvisioningParameters": [{"Key": "ModelName", "Value": "churn"}]}}


class Catalog:
    """Service Catalog with one record, whose outcome the test decides."""

    def __init__(self):
        self.calls, self.record = [], PRODUCT | {"Status": "IN_PROGRESS"}

    def provision_product(self, **request):
        self.calls.append(request)
        return {"RecordDetail": self.record}

    def terminate_provisioned_product(self, **request):
        self.calls.append(request)
        return {"RecordDetail": self.record}

    def describe_record(self, Id):  # noqa: N803
        assert Id == "rec-1"
        return {"RecordDetail": self.record}


@pytest.fixture
def place(tmp_path):
    catalog = Catalog()
    machine = SimpleNamespace(
        store=Store(tmp_path / "state.sqlite"), clock=Clock(60), stopping=threading.Event(), emit=lambda *_: None,
        client=lambda service, credentials=None: catalog, arn=lambda service, name: f"arn:aws:{service}:::{name}")
    collection = Collection(machine, PROJECT, lambda noun: None)
    call = SimpleNamespace(machine=machine, credentials=None, principal="arn:aws:iam::000000000000:user/me")
    yield SimpleNamespace(catalog=catalog, projects=Projects(machine, collection), call=call, collection=collection)
    machine.stopping.set()
    machine.store.close()


def status(place, wanted):
    return wait_for(lambda: (found := place.collection.get("Churn"))["ProjectStatus"] == wanted and found, 5)


def test_project_hands_its_name_and_id_to_the_product_and_follows_the_record(place):
    created = place.projects.create(REQUEST, place.call)
    assert created["ProjectId"].startswith("p-") and len(created["ProjectId"]) == 14
    sent = place.catalog.calls[0]
    assert sent["ProvisioningParameters"][1:] == [
        {"Key": "SageMakerProjectName", "Value": "Churn"}, {"Key": "SageMakerProjectId", "Value": created["ProjectId"]}]
    assert {"Key": "sagemaker:project-id", "Value": created["ProjectId"]} in sent["Tags"]
    status(place, "CreateInProgress")
    with pytest.raises(ServiceError, match="Wait until it has settled"):
        place.projects.delete({"ProjectName": "Churn"}, place.call)
    place.catalog.record["Status"] = "SUCCEEDED"
    status(place, "CreateCompleted")
    place.projects.delete({"ProjectName": "Churn"}, place.call)
    assert place.catalog.calls[1]["ProvisionedProductId"] == "pp-1"
    status(place, "DeleteCompleted")
    place.projects.create(REQUEST, place.call)  # the name is free again
    status(place, "CreateCompleted")


def test_project_fails_with_the_records_reason(place):
    place.catalog.record |= {"Status": "FAILED", "RecordErrors": [{"Code": "X", "Description": "no bucket"}]}
    place.projects.create(REQUEST, place.call)
    failed = status(place, "CreateFailed")
    assert failed["ServiceCatalogProvisionedProductDetails"]["ProvisionedProductStatusMessage"] == "no bucket"


def test_project_whose_product_is_refused_fails_and_can_be_deleted(place):
    def refuse(**request):
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not yours"}}, "ProvisionProduct")
    place.catalog.provision_product = refuse
    place.projects.create(REQUEST, place.call)
    details = status(place, "CreateFailed")["ServiceCatalogProvisionedProductDetails"]
    assert "not yours" in details["ProvisionedProductStatusMessage"]
    place.projects.delete({"ProjectName": "Churn"}, place.call)
    status(place, "DeleteCompleted")
