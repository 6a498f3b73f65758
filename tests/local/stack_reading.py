"""A stack's resources with the values that their template gives them, and how these compare with a service's answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cfnlint.decode import cfn_yaml

from tests.local.local_aws import LocalAws
from tests.templates.evaluation import PSEUDO, Evaluation
from tests.templates.sources import plain

ACCOUNT = "000000000000"
PREFIX = f"us-east-1:{ACCOUNT}"
SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
ARNS = {  # Fn::GetAtt Arn from the physical id
    "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role{{path}}{{}}",
    "AWS::KMS::Key": f"arn:aws:kms:{PREFIX}:key/{{}}",
    "AWS::S3::Bucket": "arn:aws:s3:::{}",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{PREFIX}:log-group:{{}}:*",
    "AWS::Lambda::Function": f"arn:aws:lambda:{PREFIX}:function:{{}}",
    "AWS::ECR::Repository": f"arn:aws:ecr:{PREFIX}:repository/{{}}",
    "AWS::EFS::AccessPoint": f"arn:aws:elasticfilesystem:{PREFIX}:access-point/{{}}",
    "AWS::CodeBuild::Project": f"arn:aws:codebuild:{PREFIX}:project/{{}}",
}


class Whatever:
    """A value that only the service knows."""

    def __str__(self) -> str:
        return "<the service's own>"

    def __repr__(self) -> str:
        return str(self)


ANY = Whatever()


@dataclass(frozen=True)
class Resource:
    """One resource of a stack, with its properties resolved."""

    stack: str
    logical_id: str
    kind: str
    physical_id: str
    properties: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.kind} {self.logical_id} of {self.stack}"


class Stack(Evaluation):
    """A live stack's template, evaluated with the stack's parameters and physical ids."""

    def __init__(self, aws: LocalAws, name: str) -> None:
        client = aws.client("cloudformation")
        body = client.get_template(StackName=name, TemplateStage="Processed")["TemplateBody"]
        template = plain(cfn_yaml.loads(body)) if isinstance(body, str) else json.loads(json.dumps(body))
        stack = client.describe_stacks(StackName=name)["Stacks"][0]
        given = {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])}
        lists = {key for key, each in template.get("Parameters", {}).items() if each["Type"] == "CommaDelimitedList"}
        self.made = client.describe_stack_resources(StackName=name)["StackResources"]
        self.ids = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in self.made}
        super().__init__({"Parameters": {}} | template, PSEUDO | {
            "AWS::AccountId": ACCOUNT, "AWS::StackName": name, "AWS::StackId": stack["StackId"]} | self.ids | {
            key: value.split(",") if key in lists else value for key, value in given.items()})

    def read(self) -> Iterator[Resource]:
        """Yield every resource that the stack says it has."""
        declared = self.resources()
        assert set(self.ids) == set(declared), "the stack's resources are not the template's"
        for each in self.made:
            logical = each["LogicalResourceId"]
            assert each["ResourceStatus"] in SETTLED, f"{logical} is {each['ResourceStatus']}"
            yield Resource(self.values["AWS::StackName"], logical, declared[logical]["Type"], self.ids[logical],
                           declared[logical]["Properties"])

    def of(self, value: Any) -> Any:
        if isinstance(value, dict) and value.keys() == {"Fn::GetAZs"}:
            return ["us-east-1a", "us-east-1b", "us-east-1c"]
        if isinstance(value, dict) and value.keys() == {"Fn::Sub"} and "<the service's own>" in (
                text := self._sub(value["Fn::Sub"])):
            return ANY if text else text
        return super().of(value)

    def _attribute(self, path: Any) -> Any:
        key, attribute = path if isinstance(path, list) else path.split(".", 1)
        resource = self.template["Resources"][key]
        own = self.of(resource.get("Properties", {}).get(attribute, ANY))
        if attribute == "Arn" and resource["Type"] in ARNS:
            return ARNS[resource["Type"]].format(self.ids[key], path=self.of(resource.get("Properties", {}).get("Path", "/")))
        if attribute == "GroupId":
            return self.ids[key]
        return self.of(resource["Properties"]["RepositoryName"]) if attribute == "Name" else own


def differences(wanted: Any, found: Any, path: str = "") -> Iterator[str]:
    """Yield where a service's answer is not what the template says; names of members differ in case only."""
    if isinstance(wanted, Whatever) or isinstance(found, Whatever):
        return
    wanted, found = _parsed(wanted), _parsed(found)
    if isinstance(wanted, dict) and isinstance(found, dict):
        members = {key.lower(): value for key, value in found.items()}
        for key, value in wanted.items():
            if key.lower() in members:
                yield from differences(value, members[key.lower()], f"{path}.{key}")
            else:
                yield f"{path}.{key}: nothing instead of {value}"
    elif isinstance(wanted, list) and isinstance(found, list):
        for index, value in enumerate(wanted):
            if not any(not list(differences(value, other)) for other in found):
                yield f"{path}[{index}]: {value} is not among {found}"
    elif isinstance(wanted, list) and len(wanted) == 1:  # policies may hold one for a list of one
        yield from differences(wanted[0], found, path)
    elif isinstance(found, list) and len(found) == 1:
        yield from differences(wanted, found[0], path)
    elif _scalar(wanted) != _scalar(found):
        yield f"{path}: {found!r} instead of {wanted!r}"


def _parsed(value: Any) -> Any:
    """Return a JSON document for its text, other values as they are."""
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _scalar(value: Any) -> str:
    """Return one spelling for true and "true", 1, 1.0 and "1"."""
    text = str(value).lower()
    return text.removesuffix(".0")
