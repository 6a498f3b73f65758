"""Every role has the rights that its work needs and no run gets by without one: each is missed by name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from cfnlint.decode import cfn_yaml

from tests.local.altered_copy import repository, without_action
from tests.local.local_aws import ROOT, LocalAws
from tests.local.project_runs import until
from tests.templates.sources import listed, plain, statements

PIPELINE, API = "pipeline.yml", "assets/deploy-model-prd.yml"


@dataclass(frozen=True)
class Missing:
    """A right that a template lacks, and where the run ends for it."""

    template: str
    role: str
    action: str
    ends_in: str  # what the demo says of it: stage and action

    @property
    def suffix(self) -> str:
        """The end of the role's name."""
        return self.role.removesuffix("Role").lower()


MISSING = [
    Missing(PIPELINE, "PipelineRole", "codebuild:StartBuild", "Build/Build"),
    Missing(PIPELINE, "PipelineRole", "kms:Decrypt", "Source/Data"),
    Missing(PIPELINE, "PipelineRole", "sns:Publish", "DeployDev/Approval"),
    Missing(PIPELINE, "BuildRole", "ecr:UploadLayerPart", "Build/Build"),
    Missing(PIPELINE, "BuildRole", "logs:CreateLogStream", "Build/Build"),
    Missing(PIPELINE, "DeployRole", "lambda:CreateFunction", "Train/Functions"),
    Missing(PIPELINE, "DeployRole", "ecr:GetDownloadUrlForLayer", "Train/Functions"),
    Missing(PIPELINE, "DeployRole", "lambda:InvokeFunction", "DeployDev/Endpoint"),
    Missing(PIPELINE, "DeployRole", "application-autoscaling:*ScalableTarget", "DeployPrd/Endpoint"),
    Missing(PIPELINE, "WorkflowRole", "sagemaker:CreateTrainingJob", "Train/Run"),
    Missing(PIPELINE, "JobRole", "s3:PutObject", "Train/Run"),
    Missing(PIPELINE, "JobRole", "kms:GenerateDataKey", "Train/Run"),
    Missing(PIPELINE, "EndpointRole", "kms:CreateGrant", "DeployDev/Endpoint"),
    Missing(API, "ApiRole", "sagemaker:InvokeEndpoint", "DeployPrd/Api"),
]


@cache
def granted(path: Path, role: str) -> list[str]:
    """Return the actions of a role as a template's reader counts them."""
    found = plain(cfn_yaml.load(str(path)))["Resources"][role]
    return [action for statement in statements(found) for action in listed(statement["Action"])]


@pytest.mark.parametrize("missing", MISSING, ids=lambda missing: f"{missing.role}-{missing.action}")
def test_the_removal_takes_away_one_right_and_nothing_else(tmp_path: Path, missing: Missing) -> None:
    changed = tmp_path / "template.yml"
    changed.write_text(without_action((ROOT / missing.template).read_text(), missing.role, missing.action))
    before = granted(ROOT / missing.template, missing.role)
    assert granted(changed, missing.role) == [action for action in before if action != missing.action]
    assert missing.action in before


@pytest.mark.slow
@pytest.mark.parametrize("missing", MISSING, ids=lambda missing: f"{missing.role}-{missing.action}")
def test_a_run_fails_for_a_right_that_the_template_lacks(aws: LocalAws, tmp_path: Path, missing: Missing) -> None:
    copy = repository(tmp_path / "copy")
    template = copy / missing.template
    template.write_text(without_action(template.read_text(), missing.role, missing.action))
    unique = re.sub(r"[^a-z]", "", f"{missing.suffix[:2]}{missing.action.partition(':')[2].lower()}")[:8]
    outcome, report = aws.demo(tmp_path / "report.json", "--organization", f"org-{unique}", "--project", unique,
                               "--prefix", unique, cwd=copy)
    assert outcome.returncode == 1
    assert missing.ends_in in outcome.stderr
    assert refusal(report["name"], missing.suffix, missing.action).search(outcome.stderr), outcome.stderr


def refusal(name: str, suffix: str, action: str) -> re.Pattern[str]:
    """Return the words in which AWS refuses a role an action, or one of those that a star stands for."""
    words = re.escape(action).replace(r"\*", r"\w*")
    return re.compile(rf"assumed-role/{name}-{suffix}/\S+ is not authorized to perform: {words}")


@pytest.fixture
def speechless_api(aws: LocalAws, first_release: dict) -> Iterator[str]:
    """The first release's project, whose API may not ask the endpoint for the time of a test."""
    iam, name = aws.client("iam"), first_release["name"]
    policy = {"RoleName": f"{name}-api", "PolicyName": "api"}
    document = iam.get_role_policy(**policy)["PolicyDocument"]
    left = [each for each in document["Statement"] if each["Action"] != "sagemaker:InvokeEndpoint"]
    assert len(left) == len(document["Statement"]) - 1
    iam.put_role_policy(**policy, PolicyDocument=json.dumps(document | {"Statement": left}))
    yield name
    iam.put_role_policy(**policy, PolicyDocument=json.dumps(document))


def test_the_api_answers_502_and_logs_the_right_that_its_role_lacks(aws: LocalAws, first_release: dict,
                                                                    speechless_api: str) -> None:
    lines = (ROOT / "data" / "churn.csv").read_text().splitlines()
    body = "\n".join(line.rpartition(",")[0] for line in lines[:2])
    answer = aws.run("curl", "--silent", "--write-out", "%{http_code}", "--aws-sigv4", "aws:amz:us-east-1:execute-api",
                     "--user", "test:test", "--header", "Content-Type: text/csv", "--data-binary", body,
                     first_release["api_url"])
    assert answer.stdout.endswith("502") and "requestId" in answer.stdout
    words = refusal(speechless_api, "api", "sagemaker:InvokeEndpoint")
    until(lambda: words.search(said_by_the_api(aws, speechless_api)), "the function's log names the right", 30)


def said_by_the_api(aws: LocalAws, name: str) -> str:
    """Return the refusals that the API's function has logged, as a person finds them; empty where there is no log."""
    logs = aws.client("logs")
    try:
        events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}-api", filterPattern='"not authorized"')["events"]
    except logs.exceptions.ResourceNotFoundException:
        return ""
    return "".join(event["message"] for event in events)
