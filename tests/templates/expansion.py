"""Templates as CloudFormation gets to see them: packaged, then expanded by SAM.

`python -m tests.templates.expansion FOLDER` writes them for cfn-lint, which does not report SAM's own errors.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform

from tests.templates.sources import API, FUNCTIONS, MONITORING, TEMPLATES, template

VALUES = {
    FUNCTIONS: {"NamePrefix": "demo-churn-p-abc123"},
    API: {"NamePrefix": "demo-churn-p-abc123", "CodeSha": "0123456789abcdef" * 4, "ApiAuthorization": "AWS_IAM"},
    MONITORING: {"NamePrefix": "demo-churn-p-abc123", "Capturing": "yes"},
}


class NoManagedPolicies:
    """SAM's loader of managed policies; the templates name none."""

    def load(self) -> dict[str, str]:
        """Return no policies."""
        return {}


def packaged(name: str) -> dict[str, Any]:
    """Return a template with its local paths replaced the way `aws cloudformation package` does it."""
    found = template(name)
    for resource in found["Resources"].values():
        properties, kind = resource.get("Properties", {}), resource["Type"]
        if kind == "AWS::Serverless::Function" and "CodeUri" in properties:
            properties["CodeUri"] = "s3://artifacts/packages/code"
        if kind == "AWS::Lambda::Function" and isinstance(properties["Code"], str):
            properties["Code"] = {"S3Bucket": "artifacts", "S3Key": "packages/code"}
        if kind == "AWS::CodeCommit::Repository":
            properties["Code"]["S3"] = {"Bucket": "artifacts", "Key": "packages/code"}
    return found


def expanded(name: str, **values: str) -> dict[str, Any]:
    """Return a packaged template after SAM's transform; raises InvalidDocumentException on SAM's errors."""
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    found: dict[str, Any] = transform(packaged(name), VALUES.get(name, {}) | values, NoManagedPolicies())
    found.pop("Transform", None)
    return json.loads(json.dumps(found))


def deployed(name: str) -> dict[str, Any]:
    """Return a template as CloudFormation gets to see it."""
    found = packaged(name)
    return expanded(name) if "Transform" in found else found


def write(folder: Path) -> list[str]:
    """Write every template as it is deployed; return what SAM refuses."""
    folder.mkdir(parents=True, exist_ok=True)
    wrong = []
    for name in TEMPLATES:
        try:
            (folder / f"{Path(name).stem}.json").write_text(json.dumps(deployed(name), indent=2))
        except InvalidDocumentException as error:
            wrong += [f"{name}: SAM: {cause.message}" for cause in error.causes]
    return wrong


if __name__ == "__main__":
    refused = write(Path(sys.argv[1]))
    print(*refused, sep="\n")
    sys.exit(bool(refused))
