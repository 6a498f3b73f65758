"""The parameters that templates get, as deployment files for cfn-lint: what the build writes for each stage, and what Studio's form gives a project.

`python -m tests.templates.stage_parameters FOLDER` writes them into FOLDER/sets, beside the templates as deployed, and exits 1
naming each value that CloudFormation would refuse; cfn-lint looks at names and allowed values, not at patterns and limits.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from model import config, parameters, settings
from tests.templates.expansion import write
from tests.templates.sources import API, ENDPOINT, FUNCTIONS, MONITORING, PIPELINE, STUDIO
from tests.unit.model.build_variables import ACCOUNT, NAME, variables

IMAGE = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/{NAME}-model@sha256:{'0' * 64}"
NETWORK = {"SUBNET_IDS": "subnet-0123456789abcdef0,subnet-1123456789abcdef0", "SECURITY_GROUP_ID": "sg-0123456789abcdef0",
           "ACCESS_POINT_ARN": f"arn:aws:elasticfilesystem:us-east-1:{ACCOUNT}:access-point/fsap-0123456789abcdef0"}
FIREWALL = f"arn:aws:wafv2:us-east-1:{ACCOUNT}:regional/webacl/own/0a1b2c3d-1111-2222-3333-444455556666"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
PROJECTS: dict[str, tuple[dict[str, str], dict[str, dict[str, Any]]]] = {  # name -> variables of the build, sections of config.yml
    "as-delivered": (NETWORK, {}),
    "bare": ({"DATASET_BUCKET": "", "API_AUTHORIZATION": "NONE"},
             {"serving": {"capture": {"percentage": 0}}, "release": {"strategy": "all_at_once"}}),
    "guarded": (NETWORK | {"API_AUTHORIZATION": "API_KEY", "WEB_ACL_ARN": FIREWALL, "PERMISSIONS_BOUNDARY": BOUNDARY},
                {"release": {"strategy": "endpoint", "guard": "linear"}, "monitoring": {"engine": "model-monitor", "schedule": "daily"}}),
    "own-pace": (NETWORK, {"release": {"strategy": "linear", "percent": 25, "minutes": 7}}),
}
FORM = {"SageMakerProjectName": "churn", "SageMakerProjectId": "p-abc123def456", "ModelName": "churnmodel", "ProjectPrefix": "mlprojects",
        "Email": "a@example.com"}
FORMS = {
    "as-delivered": FORM,
    "bare": FORM | {"NetworkMode": "none", "ApiAuthorization": "NONE", "RetrainingSchedule": ""},
    "guarded": FORM | {"DatasetBucket": "data-sets", "SecondEmail": "b@example.com", "ThirdEmail": "c@example.com", "ApiAuthorization": "API_KEY",
                       "WebAclArn": FIREWALL, "PermissionsBoundary": BOUNDARY, "RetrainingSchedule": "rate(7 days)"},
}
ORGANIZATION = {"ProductTemplateUrl": "https://templates.s3.us-east-1.amazonaws.com/packages/0a1b2c3d/pipeline.yml", "TemplateBucket": "templates",
                "TemplateVersion": "first", "StudioRoleName": "service-role/studio"}


def of_stages(folder: Path) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield (template, name of the set, parameters) of what the build writes."""
    for name, (changed, sections) in PROJECTS.items():
        project = settings.read(variables(folder) | changed)
        loaded = config.load()
        chosen = loaded | {section: loaded[section] | values for section, values in sections.items()}
        made = {
            FUNCTIONS: parameters.functions(project, IMAGE), API: parameters.api(project, chosen, IMAGE),
            MONITORING: parameters.monitoring(project, chosen, IMAGE, IMAGE if chosen["monitoring"]["engine"] == "model-monitor" else ""),
        }
        yield from ((template, name, content["Parameters"]) for template, content in made.items())
        yield from ((ENDPOINT, f"{name}-{stage}", parameters.endpoint(project, chosen, stage, IMAGE)["Parameters"]) for stage in parameters.STAGES)


def sets(folder: Path) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield (template, name of the set, parameters) of every stack."""
    yield from of_stages(folder)
    yield from ((PIPELINE, name, form) for name, form in FORMS.items())
    yield STUDIO, "as-delivered", ORGANIZATION


def refused(declared: dict[str, dict[str, Any]], given: dict[str, str]) -> Iterator[str]:
    """Yield what CloudFormation would say against values, as far as their parameters are declared."""
    for name, value in given.items():
        limits = declared.get(name, {})
        if not re.fullmatch(limits.get("AllowedPattern", "(?s).*"), value):
            yield f"{name}: {value!r} does not match {limits['AllowedPattern']}"
        if not int(limits.get("MinLength", 0)) <= len(value) <= int(limits.get("MaxLength", 4096)):
            yield f"{name}: {value!r} has {len(value)} characters"
        if limits.get("Type") == "Number" and not float(limits.get("MinValue", "-inf")) <= float(value) <= float(limits.get("MaxValue", "inf")):
            yield f"{name}: {value} is out of bounds"


def main(folder: Path) -> int:
    """Write templates, and a deployment file for each set; say what is refused and return whether anything is."""
    wrong = write(folder)
    (folder / "sets").mkdir(exist_ok=True)
    for name, called, given in sets(folder):
        path = folder / f"{Path(name).stem}.json"
        declared = json.loads(path.read_text()).get("Parameters", {})
        wrong += [f"{name} with the parameters {called}: {fault}" for fault in refused(declared, given)]
        typed = {key: value.split(",") if declared.get(key, {}).get("Type") == "CommaDelimitedList" else value for key, value in given.items()}
        (folder / "sets" / f"{path.stem}-{called}.json").write_text(json.dumps({"template-file-path": str(path), "parameters": typed}, indent=2))
    print(*wrong, sep="\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
