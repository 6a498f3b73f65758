"""Service Catalog: who may use a portfolio gets a stack that the launch role makes."""

import json
import time
import uuid
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

TEMPLATE = {"Parameters": {"Name": {"Type": "String", "Description": "Name of the topic"},
                           "Title": {"Type": "String", "Default": "first"}},
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {
                "TopicName": {"Ref": "Name"}, "DisplayName": {"Ref": "Title"}}}},
            "Outputs": {"TopicArn": {"Value": {"Ref": "Topic"}}}}
LAUNCH = ["s3:GetObject", "cloudformation:*", "sns:*"]


@dataclass
class Offer:
    """A portfolio with one product, shared with one role."""

    aws: Any
    name: str
    portfolio: str
    product: str
    artifact: str
    launch_role: str
    admin: Any
    user: Any  # a client with the rights of the role that the portfolio is shared with

    def provision(self, client: Any, name: str, **parameters: str) -> dict:
        record = client.provision_product(
            ProductId=self.product, ProvisioningArtifactId=self.artifact, ProvisionedProductName=name,
            ProvisionToken=uuid.uuid4().hex, Tags=[{"Key": "team", "Value": "test"}],
            ProvisioningParameters=[{"Key": key, "Value": value} for key, value in parameters.items()])["RecordDetail"]
        assert record["Status"] == "CREATED"
        return self.ended(record)

    def ended(self, record: dict) -> dict:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            answer = self.admin.describe_record(Id=record["RecordId"])
            if answer["RecordDetail"]["Status"] in ("SUCCEEDED", "FAILED"):
                return answer
        raise AssertionError(f"not in time: {answer}")

    def permit(self, actions: list[str]) -> None:
        """Set what the launch role may do."""
        self.aws.client("iam").put_role_policy(RoleName=self.launch_role.rpartition("/")[2], PolicyName="rights",
                                               PolicyDocument=policy(actions))


def policy(actions: list[str]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]})


def trust(principal: dict[str, str]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]})


def role(aws: Any, name: str, principal: dict[str, str], actions: list[str]) -> str:
    iam = aws.client("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(principal))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="rights", PolicyDocument=policy(actions))
    return arn


def acting_as(aws: Any, arn: str) -> Any:
    """Return a client of Service Catalog with the rights of a role."""
    session = aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    return boto3.client("servicecatalog", endpoint_url=aws.endpoint_url, region_name="us-east-1",
                        aws_access_key_id=session["AccessKeyId"], aws_secret_access_key=session["SecretAccessKey"],
                        aws_session_token=session["SessionToken"])


@pytest.fixture(scope="module")
def offer(aws: Any) -> Offer:
    name = f"offer-{uuid.uuid4().hex[:8]}"
    aws.client("s3").create_bucket(Bucket=name)
    aws.client("s3").put_object(Bucket=name, Key="product.json", Body=json.dumps(TEMPLATE).encode())
    account = {"AWS": "arn:aws:iam::000000000000:root"}
    launch = role(aws, f"{name}-launch", {"Service": "servicecatalog.amazonaws.com"}, LAUNCH)
    studio = role(aws, f"{name}-studio", account, ["servicecatalog:*"])
    admin = aws.client("servicecatalog")
    made = admin.create_portfolio(DisplayName=name, ProviderName="us", IdempotencyToken=name)
    portfolio = made["PortfolioDetail"]["Id"]
    created = admin.create_product(
        Name=name, Owner="us", ProductType="CLOUD_FORMATION_TEMPLATE", IdempotencyToken=name,
        Tags=[{"Key": "sagemaker:studio-visibility", "Value": "true"}], ProvisioningArtifactParameters={
            "Name": "v1", "Info": {"LoadTemplateFromURL": f"https://{name}.s3.us-east-1.amazonaws.com/product.json"}})
    product = created["ProductViewDetail"]["ProductViewSummary"]["ProductId"]
    admin.associate_product_with_portfolio(PortfolioId=portfolio, ProductId=product)
    admin.associate_principal_with_portfolio(PortfolioId=portfolio, PrincipalARN=studio, PrincipalType="IAM")
    admin.create_constraint(PortfolioId=portfolio, ProductId=product, Type="LAUNCH", IdempotencyToken=name,
                            Parameters=json.dumps({"RoleArn": launch}))
    return Offer(aws, name, portfolio, product, created["ProvisioningArtifactDetail"]["Id"], launch, admin,
                 acting_as(aws, studio))


def test_ids_and_descriptions_are_service_catalogs(offer: Offer) -> None:
    assert (offer.portfolio[:5], offer.product[:5], offer.artifact[:3]) == ("port-", "prod-", "pa-")
    portfolio = offer.admin.describe_portfolio(Id=offer.portfolio)["PortfolioDetail"]
    assert portfolio["ARN"] == f"arn:aws:catalog:us-east-1:000000000000:portfolio/{offer.portfolio}"
    product = offer.admin.describe_product_as_admin(Id=offer.product)
    assert product["Tags"] == [{"Key": "sagemaker:studio-visibility", "Value": "true"}]
    assert [each["Id"] for each in product["ProvisioningArtifactSummaries"]] == [offer.artifact]
    with pytest.raises(ClientError, match="ResourceInUseException"):
        offer.admin.delete_portfolio(Id=offer.portfolio)


def test_who_the_portfolio_is_shared_with_sees_the_product_and_its_parameters(offer: Offer) -> None:
    found = offer.user.search_products(Filters={"FullTextSearch": [offer.name]})["ProductViewSummaries"]
    assert [each["ProductId"] for each in found] == [offer.product]
    path, = offer.user.list_launch_paths(ProductId=offer.product)["LaunchPathSummaries"]
    answer = offer.user.describe_provisioning_parameters(
        ProductId=offer.product, ProvisioningArtifactId=offer.artifact, PathId=path["Id"])
    parameters = {each["ParameterKey"]: each for each in answer["ProvisioningArtifactParameters"]}
    assert parameters["Name"]["Description"] == "Name of the topic" and parameters["Title"]["DefaultValue"] == "first"


def test_a_product_is_provisioned_updated_and_terminated(offer: Offer, aws: Any) -> None:
    answer = offer.provision(offer.user, "whole", Name=f"{offer.name}-topic")
    record = answer["RecordDetail"]
    assert (record["Status"], record["LaunchRoleArn"]) == ("SUCCEEDED", offer.launch_role), record["RecordErrors"]
    topic = {each["OutputKey"]: each["OutputValue"] for each in answer["RecordOutputs"]}["TopicArn"]
    stack, = aws.client("cloudformation").describe_stacks(
        StackName=f"SC-000000000000-{record['ProvisionedProductId']}")["Stacks"]
    assert stack["Tags"] == [{"Key": "team", "Value": "test"}]
    updated = offer.ended(offer.user.update_provisioned_product(
        ProvisionedProductName="whole", UpdateToken=uuid.uuid4().hex,
        ProvisioningParameters=[{"Key": "Title", "Value": "second"}])["RecordDetail"])
    assert updated["RecordDetail"]["Status"] == "SUCCEEDED", updated
    sns = aws.client("sns")
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["DisplayName"] == "second"
    found = offer.user.search_provisioned_products(Filters={"SearchQuery": ["name:whole"]})["ProvisionedProducts"]
    assert [(each["Status"], each["ProductId"]) for each in found] == [("AVAILABLE", offer.product)]
    offer.ended(offer.user.terminate_provisioned_product(
        ProvisionedProductName="whole", TerminateToken=uuid.uuid4().hex)["RecordDetail"])
    with pytest.raises(ClientError, match="NotFound"):
        sns.get_topic_attributes(TopicArn=topic)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        offer.user.describe_provisioned_product(Name="whole")


def test_a_caller_without_the_portfolio_is_refused(offer: Offer, aws: Any) -> None:
    account = {"AWS": "arn:aws:iam::000000000000:root"}
    other = acting_as(aws, role(aws, f"{offer.name}-other", account, ["servicecatalog:*"]))
    with pytest.raises(ClientError, match="No launch paths found"):
        offer.provision(other, "refused", Name="refused")
    assert not other.search_products()["ProductViewSummaries"]


def test_a_right_that_the_launch_role_lacks_fails_the_record_naming_it(offer: Offer) -> None:
    offer.permit(["cloudformation:*", "s3:GetObject"])
    try:
        record = offer.provision(offer.user, "poor", Name=f"{offer.name}-poor")["RecordDetail"]
    finally:
        offer.permit(LAUNCH)
    assert record["Status"] == "FAILED"
    assert "Topic (AWS::SNS::Topic)" in record["RecordErrors"][0]["Description"]
    assert "is not authorized to perform: sns:CreateTopic" in record["RecordErrors"][0]["Description"]
    assert offer.user.describe_provisioned_product(Name="poor")["ProvisionedProductDetail"]["Status"] == "ERROR"


def test_a_launch_role_that_may_not_read_the_copy_of_the_template_fails_the_record(offer: Offer) -> None:
    offer.permit([action for action in LAUNCH if action != "s3:GetObject"])
    try:
        record = offer.provision(offer.user, "blind", Name=f"{offer.name}-blind")["RecordDetail"]
    finally:
        offer.permit(LAUNCH)
    assert record["Status"] == "FAILED"
    assert "is not authorized to perform: s3:GetObject" in record["RecordErrors"][0]["Description"]


def test_a_launch_role_that_does_not_trust_service_catalog_fails_the_record(offer: Offer, aws: Any) -> None:
    name, iam = offer.launch_role.rpartition("/")[2], aws.client("iam")
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust({"Service": "sagemaker.amazonaws.com"}))
    try:
        record = offer.provision(offer.user, "untrusted", Name=f"{offer.name}-x")["RecordDetail"]
    finally:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust({"Service": "servicecatalog.amazonaws.com"}))
    assert "not authorized to perform: sts:AssumeRole" in record["RecordErrors"][0]["Description"]


def test_a_template_that_is_not_there_is_no_product(offer: Offer) -> None:
    with pytest.raises(ClientError, match="cannot be read"):
        offer.admin.create_provisioning_artifact(ProductId=offer.product, IdempotencyToken="none", Parameters={
            "Name": "v2", "Info": {"LoadTemplateFromURL": f"https://s3.amazonaws.com/{offer.name}/none.json"}})
