"""Service Catalog: portfolios, products, and stacks that a launch role makes for who may use a portfolio."""

import json
import re
from typing import Any
from urllib.parse import urlsplit

from botocore.client import BaseClient
from botocore.exceptions import ClientError

from local.launches import Launches, new_id
from local.machine import Machine
from local.service import Call, Service, ServiceError, UnsupportedError
from local.store import Table

CAPABILITIES = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
DESCRIPTIVE = ("Name", "Owner", "Description", "Distributor", "SupportDescription", "SupportEmail", "SupportUrl",
               "DisplayName", "ProviderName")


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParametersException", message)


def _in_use(message: str) -> ServiceError:
    return ServiceError("ResourceInUseException", message)


class ServiceCatalog(Service):
    """Portfolios, products with their versions, constraints, provisioned products and their records."""

    service_name = "servicecatalog"
    resources = {
        "Portfolio": "portfolio/{Id}", **dict.fromkeys(("Product", "ProductAsAdmin"), "product/{Id}"),
        **dict.fromkeys(("AssociateProductWithPortfolio", "DisassociateProductFromPortfolio", "PrincipalsForPortfolio",
                         "AssociatePrincipalWithPortfolio", "DisassociatePrincipalFromPortfolio"),
                        "portfolio/{PortfolioId}"),
        **dict.fromkeys(("ProvisioningArtifact", "ProvisioningArtifacts", "ProvisionProduct", "LaunchPaths",
                         "ProvisioningParameters", "PortfoliosForProduct"), "product/{ProductId}")}

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self._portfolios, self._products, self._constraints = (
            machine.store.table(f"servicecatalog-{name}") for name in ("portfolios", "products", "constraints"))
        self._launches = Launches(machine)
        self._provisioned, self._records = self._launches.provisioned, self._launches.records

    def setup(self) -> None:
        """Take up again the records whose stack was under way."""
        self._launches.resume()

    def resource_arn(self, operation: str, request: dict[str, Any]) -> str:
        """Return the ARN, whose service part is ``catalog``."""
        return super().resource_arn(operation, request).replace(":servicecatalog:", ":catalog:", 1)

    def _arn(self, kind: str, key: str) -> str:
        return self.machine.arn("catalog", f"{kind}/{key}")

    def _get(self, table: Table, key: str, kind: str) -> dict[str, Any]:
        if key not in table:
            raise ServiceError("ResourceNotFoundException", f"{kind} {key} not found.")
        return table[key]

    def _change(self, table: Table, key: str, request: dict[str, Any]) -> dict[str, Any]:
        """Lay the describing members and the tags of an update over a document."""
        with table.edit(key) as document:
            document.update({name: request[name] for name in DESCRIPTIVE if name in request})
            tags = {tag["Key"]: tag for tag in document.get("Tags", []) + request.get("AddTags", [])}
            document["Tags"] = [tag for name, tag in tags.items() if name not in request.get("RemoveTags", [])]
        return document

    # Portfolios

    def create_portfolio(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        key = new_id("port")
        self._portfolios[key] = {
            "Id": key, "ARN": self._arn("portfolio", key), "CreatedTime": self.machine.clock.now(),
            "Tags": request.get("Tags", []), "products": [], "principals": {},
            **{name: request[name] for name in DESCRIPTIVE if name in request}}
        return self.describe_portfolio({"Id": key}, call)

    def describe_portfolio(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        portfolio = self._get(self._portfolios, request["Id"], "Portfolio")
        return {"PortfolioDetail": portfolio, "Tags": portfolio["Tags"]}

    def update_portfolio(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        self._get(self._portfolios, request["Id"], "Portfolio")
        self._change(self._portfolios, request["Id"], request)
        return self.describe_portfolio(request, call)

    def delete_portfolio(self, request: dict[str, Any], call: Call) -> None:
        portfolio = self._get(self._portfolios, request["Id"], "Portfolio")
        if portfolio["products"] or portfolio["principals"]:
            raise _in_use(f"Portfolio {request['Id']} still has products or principals; disassociate them first.")
        del self._portfolios[request["Id"]]

    def list_portfolios(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"PortfolioDetails": list(self._portfolios.values())}

    def list_portfolios_for_product(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        self._get(self._products, request["ProductId"], "Product")
        return {"PortfolioDetails": self._holding(request["ProductId"])}

    def list_principals_for_portfolio(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        principals = self._get(self._portfolios, request["PortfolioId"], "Portfolio")["principals"]
        return {"Principals": [{"PrincipalARN": arn, "PrincipalType": kind} for arn, kind in principals.items()]}

    def associate_product_with_portfolio(self, request: dict[str, Any], call: Call) -> None:
        self._get(self._portfolios, request["PortfolioId"], "Portfolio")
        self._get(self._products, request["ProductId"], "Product")
        with self._portfolios.edit(request["PortfolioId"]) as portfolio:
            portfolio["products"] = list(dict.fromkeys([*portfolio["products"], request["ProductId"]]))

    def disassociate_product_from_portfolio(self, request: dict[str, Any], call: Call) -> None:
        portfolio = self._get(self._portfolios, request["PortfolioId"], "Portfolio")
        if request["ProductId"] not in portfolio["products"]:
            raise ServiceError("ResourceNotFoundException", f"Product {request['ProductId']} not found in portfolio.")
        with self._portfolios.edit(request["PortfolioId"]) as portfolio:
            portfolio["products"].remove(request["ProductId"])

    def associate_principal_with_portfolio(self, request: dict[str, Any], call: Call) -> None:
        self._get(self._portfolios, request["PortfolioId"], "Portfolio")
        if request["PrincipalType"] != "IAM":
            raise UnsupportedError(f"Service Catalog's principal type {request['PrincipalType']}")
        with self._portfolios.edit(request["PortfolioId"]) as portfolio:
            portfolio["principals"][request["PrincipalARN"]] = request["PrincipalType"]

    def disassociate_principal_from_portfolio(self, request: dict[str, Any], call: Call) -> None:
        self._get(self._portfolios, request["PortfolioId"], "Portfolio")
        with self._portfolios.edit(request["PortfolioId"]) as portfolio:
            portfolio["principals"].pop(request["PrincipalARN"], None)

    # Products and their versions

    def create_product(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        if request["ProductType"] != "CLOUD_FORMATION_TEMPLATE" or "ProvisioningArtifactParameters" not in request:
            raise UnsupportedError(f"Service Catalog's product type {request['ProductType']} without a template")
        key, artifact = new_id("prod"), self._artifact(request["ProvisioningArtifactParameters"], call)
        self._products[key] = {
            "Id": key, "CreatedTime": self.machine.clock.now(), "Tags": request.get("Tags", []),
            "artifacts": [artifact],
            **{name: request[name] for name in DESCRIPTIVE if name in request}}
        return {"ProductViewDetail": self._detail(self._products[key]), "ProvisioningArtifactDetail": artifact,
                "Tags": request.get("Tags", [])}

    def _artifact(self, parameters: dict[str, Any], call: Call) -> dict[str, Any]:
        """Return a new version, whose template the caller must be able to read."""
        url = parameters["Info"].get("LoadTemplateFromURL")
        if url is None:
            raise UnsupportedError("A Service Catalog version without LoadTemplateFromURL")
        bucket, key = place_of(url)
        try:
            self.machine.client("s3", call.credentials).get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            raise _invalid(f"The template at {url} cannot be read: {error}") from None
        return {"Id": new_id("pa"), "Name": parameters.get("Name", "v1"), "Description": parameters.get("Description"),
                "Type": parameters.get("Type", "CLOUD_FORMATION_TEMPLATE"), "CreatedTime": self.machine.clock.now(),
                "Active": True, "Guidance": "DEFAULT", "TemplateUrl": url}

    def _summary(self, product: dict[str, Any]) -> dict[str, Any]:
        return product | {"Id": f"prodview-{product['Id'][5:]}", "ProductId": product["Id"], "HasDefaultPath": False,
                          "ShortDescription": product.get("Description"), "Type": "CLOUD_FORMATION_TEMPLATE"}

    def _detail(self, product: dict[str, Any]) -> dict[str, Any]:
        return {"ProductViewSummary": self._summary(product), "Status": "CREATED",
                "CreatedTime": product["CreatedTime"], "ProductARN": self._arn("product", product["Id"])}

    def _product(self, request: dict[str, Any], key: str = "Id", name: str = "Name") -> dict[str, Any]:
        """Return the product that a request names by id or by name."""
        if key in request:
            return self._get(self._products, request[key], "Product")
        found = [product for product in self._products.values() if product["Name"] == request.get(name)]
        return found[0] if found else self._get(self._products, str(request.get(name)), "Product")

    def describe_product(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        product = self._product(request)
        paths = self._paths(product["Id"], call)
        return {"ProductViewSummary": self._summary(product), "LaunchPaths": paths,
                "ProvisioningArtifacts": [artifact for artifact in product["artifacts"] if artifact["Active"]]}

    def describe_product_as_admin(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        product = self._product(request)
        return {"ProductViewDetail": self._detail(product), "Tags": product["Tags"],
                "ProvisioningArtifactSummaries": product["artifacts"]}

    def update_product(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        self._product(request)
        product = self._change(self._products, request["Id"], request)
        return {"ProductViewDetail": self._detail(product), "Tags": product["Tags"]}

    def delete_product(self, request: dict[str, Any], call: Call) -> None:
        self._product(request)
        if self._holding(request["Id"]):
            raise _in_use(f"Product {request['Id']} is still in a portfolio; disassociate it first.")
        del self._products[request["Id"]]

    def search_products(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        found = [product for product in self._products.values() if self._usable(product["Id"], call)]
        return {"ProductViewSummaries": [self._summary(each) for each in _searched(found, request)]}

    def search_products_as_admin(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        found = list(self._products.values())
        if "PortfolioId" in request:
            held = self._get(self._portfolios, request["PortfolioId"], "Portfolio")["products"]
            found = [product for product in found if product["Id"] in held]
        return {"ProductViewDetails": [self._detail(each) for each in _searched(found, request)]}

    def create_provisioning_artifact(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        self._get(self._products, request["ProductId"], "Product")
        artifact = self._artifact(request["Parameters"], call)
        with self._products.edit(request["ProductId"]) as product:
            product["artifacts"].append(artifact)
        return _shown(artifact)

    def _version(self, product: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
        """Return the version that a request names; the newest when it names none."""
        wanted = request.get("ProvisioningArtifactId") or request.get("ProvisioningArtifactName")
        found = [artifact for artifact in product["artifacts"] if wanted in (None, artifact["Id"], artifact["Name"])]
        if not found:
            raise ServiceError("ResourceNotFoundException", f"ProvisioningArtifact {wanted} not found.")
        latest: dict[str, Any] = found[-1]
        return latest

    def list_provisioning_artifacts(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"ProvisioningArtifactDetails": self._product(request, "ProductId")["artifacts"]}

    def describe_provisioning_artifact(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return _shown(self._version(self._product(request, "ProductId", "ProductName"), request))

    def update_provisioning_artifact(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        wanted = self._version(self._product(request, "ProductId"), request)["Id"]
        with self._products.edit(request["ProductId"]) as product:
            artifact = next(each for each in product["artifacts"] if each["Id"] == wanted)
            changeable = ("Name", "Description", "Active", "Guidance")
            artifact.update({name: request[name] for name in changeable if name in request})
        return _shown(artifact)

    def delete_provisioning_artifact(self, request: dict[str, Any], call: Call) -> None:
        artifact = self._version(self._product(request, "ProductId"), request)
        with self._products.edit(request["ProductId"]) as product:
            product["artifacts"].remove(artifact)

    # Constraints

    def create_constraint(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        if request["Type"] != "LAUNCH" or "RoleArn" not in json.loads(request["Parameters"]):
            raise UnsupportedError("A Service Catalog constraint other than LAUNCH with RoleArn")
        if self._constraint(request["PortfolioId"], request["ProductId"]):
            raise ServiceError("DuplicateResourceException", "The product has a launch constraint in this portfolio.")
        if request["ProductId"] not in self._get(self._portfolios, request["PortfolioId"], "Portfolio")["products"]:
            raise ServiceError("ResourceNotFoundException", f"Product {request['ProductId']} not found in portfolio.")
        key = new_id("cons")
        self._constraints[key] = {"ConstraintId": key, "Owner": self.machine.account_id, **{
            name: request.get(name) for name in ("PortfolioId", "ProductId", "Type", "Description", "Parameters")}}
        return self.describe_constraint({"Id": key}, call)

    def describe_constraint(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        constraint = self._get(self._constraints, request["Id"], "Constraint")
        return {"ConstraintDetail": constraint, "ConstraintParameters": constraint["Parameters"], "Status": "AVAILABLE"}

    def update_constraint(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        self._get(self._constraints, request["Id"], "Constraint")
        with self._constraints.edit(request["Id"]) as constraint:
            constraint.update({name: request[name] for name in ("Description", "Parameters") if name in request})
        return self.describe_constraint(request, call)

    def delete_constraint(self, request: dict[str, Any], call: Call) -> None:
        self._get(self._constraints, request["Id"], "Constraint")
        del self._constraints[request["Id"]]

    def list_constraints_for_portfolio(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"ConstraintDetails": [each for each in self._constraints.values()
                                      if each["PortfolioId"] == request["PortfolioId"]
                                      and request.get("ProductId") in (None, each["ProductId"])]}

    def _constraint(self, portfolio: str, product: str) -> dict[str, Any] | None:
        return next((each for each in self._constraints.values()
                     if (each["PortfolioId"], each["ProductId"]) == (portfolio, product)), None)

    # Who may use what

    def _holding(self, product: str) -> list[dict[str, Any]]:
        return [portfolio for portfolio in self._portfolios.values() if product in portfolio["products"]]

    def _usable(self, product: str, call: Call) -> list[dict[str, Any]]:
        """Return the portfolios that give a product to the caller; the account's root has them all."""
        caller = call.principal
        return [portfolio for portfolio in self._holding(product)
                if caller.endswith(":root") or any(_same(caller, arn) for arn in portfolio["principals"])]

    def _paths(self, product: str, call: Call) -> list[dict[str, Any]]:
        return [{"Id": _path(portfolio), "Name": portfolio["DisplayName"], "ConstraintSummaries": (
            [{"Type": "LAUNCH"}] if self._constraint(portfolio["Id"], product) else [])}
            for portfolio in self._usable(product, call)]

    def list_launch_paths(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"LaunchPathSummaries": self._paths(self._product(request, "ProductId")["Id"], call)}

    def _launch(self, product: str, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Return the portfolio that a product is launched from."""
        usable = self._usable(product, call)
        wanted = request.get("PathId") or request.get("PathName")
        found = [portfolio for portfolio in usable if wanted in (None, _path(portfolio), portfolio["DisplayName"])]
        if not found:
            raise ServiceError("ResourceNotFoundException", f"No launch paths found for resource: {product}: "
                               f"{call.principal} is not associated with a portfolio that holds it.")
        if len(found) > 1:
            raise _invalid("The product has several launch paths. Say which by PathId.")
        return found[0]

    def describe_provisioning_parameters(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        product = self._product(request, "ProductId", "ProductName")
        self._launch(product["Id"], request, call)
        parameters = self._parameters(self._version(product, request))
        return {"ProvisioningArtifactParameters": [
            each | {"IsNoEcho": each.get("NoEcho", False)} for each in parameters]}

    def _parameters(self, artifact: dict[str, Any]) -> list[dict[str, Any]]:
        summary = self.machine.client("cloudformation").get_template_summary(TemplateURL=self._local(artifact))
        parameters: list[dict[str, Any]] = summary.get("Parameters", [])
        return parameters

    def _local(self, artifact: dict[str, Any]) -> str:
        """Return the address of a version's template on this machine."""
        return "/".join([self.machine.endpoint_url, *place_of(artifact["TemplateUrl"])])

    # Provisioned products

    def provision_product(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        token, name = request["ProvisionToken"], request["ProvisionedProductName"]
        product = self._product(request, "ProductId", "ProductName")
        artifact, portfolio = self._version(product, request), self._launch(product["Id"], request, call)
        for pp in self._provisioned.values():
            if pp["IdempotencyToken"] == token:
                return {"RecordDetail": self._records[pp["LastProvisioningRecordId"]]}
            if pp["Name"] == name:
                raise _invalid(f"A provisioned product named {name} already exists.")
        constraint, key = self._constraint(portfolio["Id"], product["Id"]), new_id("pp")
        self._provisioned[key] = {
            "Id": key, "Name": name, "Arn": self.machine.arn("servicecatalog", f"stack/{name}/{key}"),
            "Type": "CFN_STACK", "path": _path(portfolio), "caller": call.access_key, "IdempotencyToken": token,
            "CreatedTime": self.machine.clock.now(), "ProductId": product["Id"], "ProductName": product["Name"],
            "ProvisioningArtifactId": artifact["Id"],
            "ProvisioningArtifactName": artifact["Name"], "Tags": request.get("Tags", []), "UserArn": call.principal,
            "LaunchRoleArn": json.loads(constraint["Parameters"])["RoleArn"] if constraint else None,
            "parameters": {each["Key"]: each.get("Value", "") for each in request.get("ProvisioningParameters", [])}}
        return {"RecordDetail": self._launches.begin(key, "PROVISION_PRODUCT", lambda client, pp: client.create_stack(
            StackName=f"SC-{self.machine.account_id}-{key}", **self._stack(pp, artifact),
            NotificationARNs=request.get("NotificationArns", []))["StackId"])}

    def _stack(self, pp: dict[str, Any], artifact: dict[str, Any]) -> dict[str, Any]:
        parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in pp["parameters"].items()]
        return {"TemplateURL": self._local(artifact), "Capabilities": CAPABILITIES, "Tags": pp["Tags"],
                "Parameters": parameters}

    def update_provisioned_product(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        pp = self._named(request)
        product = self._product({"ProductId": pp["ProductId"]} | request, "ProductId", "ProductName")
        self._launch(product["Id"], request, call)
        same = {} if "ProvisioningArtifactName" in request else {"ProvisioningArtifactId": pp["ProvisioningArtifactId"]}
        artifact = self._version(product, same | request)
        known = {each["ParameterKey"] for each in self._parameters(artifact)}
        given = {each["Key"]: each.get("Value", "") for each in request.get("ProvisioningParameters", [])
                 if not each.get("UsePreviousValue")}
        kept = {key: value for key, value in pp["parameters"].items() if key in known}
        return {"RecordDetail": self._launches.begin(
            pp["Id"], "UPDATE_PROVISIONED_PRODUCT", lambda client, pp: client.update_stack(
                StackName=pp["StackId"], **self._stack(pp, artifact))["StackId"],
            parameters=kept | given, Tags=request.get("Tags", pp["Tags"]), caller=call.access_key,
            ProvisioningArtifactId=artifact["Id"], ProvisioningArtifactName=artifact["Name"])}

    def terminate_provisioned_product(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        if request.get("RetainPhysicalResources"):
            raise UnsupportedError("TerminateProvisionedProduct's RetainPhysicalResources")
        pp = self._named(request)

        def delete(client: BaseClient, pp: dict[str, Any]) -> str:
            if "StackId" in pp:  # else no stack was ever made
                client.delete_stack(StackName=pp["StackId"])
            stack: str = pp.get("StackId", "")
            return stack

        return {"RecordDetail": self._launches.begin(pp["Id"], "TERMINATE_PROVISIONED_PRODUCT", delete)}

    def _named(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the provisioned product that a request names by id or name."""
        key = request.get("ProvisionedProductId", request.get("Id"))
        name = request.get("ProvisionedProductName", request.get("Name"))
        found = [pp for pp in self._provisioned.values() if key == pp["Id"] or (key is None and name == pp["Name"])]
        return found[0] if found else self._get(self._provisioned, str(key or name), "Provisioned product")

    def describe_record(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        record = self._get(self._records, request["Id"], "Record")
        return {"RecordDetail": record, "RecordOutputs": [
            {"OutputKey": each["OutputKey"], "OutputValue": each["OutputValue"], "Description": each.get("Description")}
            for each in record["outputs"]]}

    def describe_provisioned_product(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"ProvisionedProductDetail": self._named(request)}

    def search_provisioned_products(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        queries = [query.partition(":") for query in request.get("Filters", {}).get("SearchQuery", [])]
        found = [pp for pp in self._provisioned.values()
                 if all(_matches(pp, name, value) for name, _, value in queries)]
        return {"ProvisionedProducts": found, "TotalResultsCount": len(found)}


def place_of(url: str) -> tuple[str, str]:
    """Return bucket and key of a template's address, bucket in the host or in the path."""
    address = urlsplit(url)
    path = address.path.lstrip("/")
    virtual = re.fullmatch(r"(.+)\.s3[.-].+", address.hostname or "")
    bucket, _, key = (virtual[1], "", path) if virtual else path.partition("/")
    if not bucket or not key:
        raise _invalid(f"Invalid templateUrl {url}: it must name a bucket and a key.")
    return bucket, key


def _shown(artifact: dict[str, Any]) -> dict[str, Any]:
    return {"ProvisioningArtifactDetail": artifact, "Status": "AVAILABLE",
            "Info": {"TemplateUrl": artifact["TemplateUrl"]}}


def _path(portfolio: dict[str, Any]) -> str:
    return f"lpv2-{portfolio['Id'].removeprefix('port-')}"


def _same(principal: str, association: str) -> bool:
    """Whether a caller is the role, user or group member that a portfolio is shared with."""
    session = re.fullmatch(r"arn:[\w-]+:sts::(\d+):assumed-role/([^/]+)/.*", principal)
    if session:
        role = rf"arn:[\w-]+:iam::{session[1]}:role/(.*/)?{re.escape(session[2])}"
        return re.fullmatch(role, association) is not None
    return principal == association


def _searched(products: list[dict[str, Any]], request: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the products that a search's filters leave: words of FullTextSearch, Owner."""
    filters: dict[str, Any] = request.get("Filters", {})
    words = [word.lower() for text in filters.get("FullTextSearch", []) for word in text.split()]
    owners = filters.get("Owner")
    return [each for each in products if (not owners or each["Owner"] in owners)
            and all(word in f"{each['Id']} {each['Name']} {each.get('Description')}".lower() for word in words)]


def _matches(pp: dict[str, Any], name: str, value: str) -> bool:
    shown = {key.lower(): str(item).lower() for key, item in pp.items()}
    return shown.get(name.lower(), "") == value.lower().strip('"')
