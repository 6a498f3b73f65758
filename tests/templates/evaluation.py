"""Evaluates a template's intrinsic functions for given parameters, as far as these templates use them."""

from __future__ import annotations

import re
from typing import Any

PSEUDO = {
    "AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": "123456789012",
    "AWS::URLSuffix": "amazonaws.com", "AWS::StackName": "organization",
}
NO_VALUE = object()
REF_IS_ARN = {"AWS::SageMaker::DataQualityJobDefinition": "arn:aws:sagemaker:us-east-1:123456789012:data-quality-job-definition"}


class Evaluation:
    """One template with its parameters' values; attributes of resources become readable stand-ins."""

    def __init__(self, template: dict[str, Any], values: dict[str, str]) -> None:
        defaults = {name: str(item["Default"]) for name, item in template.get("Parameters", {}).items() if "Default" in item}
        self.template, self.values = template, PSEUDO | defaults | values

    def of(self, value: Any) -> Any:
        """Return the value with every function resolved; what is AWS::NoValue is left out."""
        if isinstance(value, list):
            return [item for item in map(self.of, value) if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        name, argument = next(iter(value.items()), ("", None))
        function = {
            "Ref": self._ref, "Fn::Sub": self._sub, "Fn::GetAtt": self._attribute, "Fn::If": self._if, "Fn::Join": self._join,
            "Fn::Select": self._select, "Fn::Split": self._split, "Fn::Equals": self._equals, "Fn::Not": self._not,
            "Fn::Or": self._or, "Fn::And": self._and, "Condition": self.holds,
        }.get(name) if len(value) == 1 else None
        if function:
            return function(argument)
        return {key: item for key, item in ((key, self.of(item)) for key, item in value.items()) if item is not NO_VALUE}

    def holds(self, condition: str) -> bool:
        """Return whether a condition of the template is true."""
        return bool(self.of(self.template["Conditions"][condition]))

    def resources(self) -> dict[str, dict[str, Any]]:
        """Return the resources that exist, resolved."""
        found = self.template["Resources"].items()
        return {key: {**item, "Properties": self.of(item.get("Properties", {}))}
                for key, item in found if "Condition" not in item or self.holds(item["Condition"])}

    def every(self) -> dict[str, dict[str, Any]]:
        """Return all resources, resolved: also those that exist with other parameters only."""
        return {key: {**item, "Properties": self.of(item.get("Properties", {}))} for key, item in self.template["Resources"].items()}

    def _ref(self, name: str) -> Any:
        arn = REF_IS_ARN.get(self.template.get("Resources", {}).get(name, {}).get("Type", ""))
        return NO_VALUE if name == "AWS::NoValue" else f"{arn}/{name}" if arn else self.values.get(name, name)

    def _sub(self, argument: Any) -> str:
        text, own = argument if isinstance(argument, list) else (argument, {})
        own = self.of(own)
        filled = re.sub(r"\$\{([\w:.]+)\}", lambda match: str(
            own[match[1]] if match[1] in own else self._attribute(match[1]) if "." in match[1] else self._ref(match[1])), text)
        return filled.replace("${!", "${")

    def _attribute(self, path: Any) -> str:
        key, attribute = path if isinstance(path, list) else path.split(".", 1)
        resource = self.template["Resources"].get(key, {})
        if resource.get("Type") == "AWS::IAM::Role" and attribute == "Arn":
            role = resource["Properties"]
            return f"arn:aws:iam::123456789012:role{self.of(role.get('Path', '/'))}{self.of(role.get('RoleName', key))}"
        return f"{key}.{attribute}"

    def _if(self, argument: list[Any]) -> Any:
        return self.of(argument[1] if self.holds(argument[0]) else argument[2])

    def _join(self, argument: list[Any]) -> str:
        return str(argument[0]).join(map(str, self.of(argument[1])))

    def _select(self, argument: list[Any]) -> Any:
        items = self.of(argument[1])
        return items[int(argument[0])] if isinstance(items, list) else f"{items}[{argument[0]}]"

    def _split(self, argument: list[Any]) -> list[str]:
        return str(self.of(argument[1])).split(argument[0])

    def _equals(self, argument: list[Any]) -> bool:
        left, right = map(self.of, argument)
        return str(left) == str(right)

    def _not(self, argument: list[Any]) -> bool:
        return not self.of(argument[0])

    def _or(self, argument: list[Any]) -> bool:
        return any(map(self.of, argument))

    def _and(self, argument: list[Any]) -> bool:
        return all(map(self.of, argument))
