"""Every role has the rights of its own calls, and says why wherever it cannot name a resource."""

from __future__ import annotations

import json
import re

import pytest
from policy_sentry.querying.actions import get_action_data

from tests.templates.evaluation import Evaluation
from tests.templates.sources import ROOT, TEMPLATES, listed, policies, resources, rights, roles, statements, template
from tests.templates.test_names import LONGEST


def taker(role: dict) -> str:
    """Return the service that a role is trusted to; blank where it is anybody else."""
    principal = role["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
    return str(principal["Service"]) if isinstance(principal, dict) and set(principal) == {"Service"} else ""


ROLES = [pytest.param(name, key, role, id=key) for name, key, role in roles()]
GRANTS = [*ROLES, *(pytest.param(name, key, policy, id=key) for name, key, policy in policies())]
LAUNCH = "LaunchRole"  # Service Catalog's; it makes projects whose boundary is not known yet
INLINE_LIMIT = 10_240  # IAM: characters of a role's inline policies, white space left out
MANAGED_LIMIT = 6_144  # of one managed policy


@pytest.mark.parametrize("name, key, role", GRANTS)
def test_every_statement_allows_named_actions_and_says_its_purpose(name: str, key: str, role: dict) -> None:
    for statement in statements(role):
        assert re.fullmatch(r"[A-Z][A-Za-z0-9]{4,}", statement["Sid"])
        assert statement["Effect"] == "Allow" and "Action" in statement, f"{key}: {statement['Sid']} has to allow actions by name"
        for action in listed(statement["Action"]):
            assert re.fullmatch(r"[a-z0-9-]+:[A-Za-z*]+", action), f"{key}: {action} is not an action of a service"
            assert not action.endswith(":*"), f"{key}: {action} is every action of a service"


@pytest.mark.parametrize("name, key, role", GRANTS)
def test_a_sid_stands_once_in_its_policy(name: str, key: str, role: dict) -> None:
    for policy in [role["Properties"]] if "PolicyDocument" in role["Properties"] else role["Properties"]["Policies"]:
        sids = [statement["Sid"] for statement in statements({"Properties": {"Policies": [policy]}})]
        assert len(sids) == len(set(sids))


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_resource_that_is_a_star_carries_its_reason(name: str) -> None:
    for number, line in enumerate((ROOT / name).read_text().splitlines(), 1):
        if re.search(r"""(^\s*- |\bResource: *\[? *)['"]\*['"]""", line):
            assert re.search(r"[ \]},]# \w", line), f"{name}:{number}: say behind a # why the resource is '*'"


@pytest.mark.parametrize("name, key, role", GRANTS)
def test_pass_role_names_roles_and_services(name: str, key: str, role: dict) -> None:
    for statement in statements(role):
        if "iam:PassRole" in listed(statement.get("Action", [])):
            assert listed(statement["Action"]) == ["iam:PassRole"], f"{key}: {statement['Sid']} passes roles and does more"
            services = statement.get("Condition", {}).get("StringEquals", {}).get("iam:PassedToService")
            assert services, f"{key}: {statement['Sid']} names no service that takes the role"
            assert [service for service in listed(services) if "*" in service] == []
            assert "*" not in listed(statement["Resource"])


@pytest.mark.parametrize("name, key, role", ROLES)
def test_a_role_is_trusted_to_one_service(name: str, key: str, role: dict) -> None:
    trust = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert [statement["Action"] for statement in trust] == ["sts:AssumeRole"]
    assert re.fullmatch(r"[a-z-]+\.amazonaws\.com", taker(role)), f"{key} trusts {trust[0]['Principal']}"


@pytest.mark.parametrize("name, key, role", ROLES)
def test_a_role_has_the_policies_of_its_template_only(name: str, key: str, role: dict) -> None:
    """Policies that AWS or the account manages allow more than the role calls, and other things tomorrow."""
    for policy in role["Properties"].get("ManagedPolicyArns", []):
        assert resources(name, "AWS::IAM::ManagedPolicy").keys() >= {policy.get("Ref")} if isinstance(policy, dict) else False, f"{key}: {policy}"


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_function_acts_in_a_role_that_is_written_down(name: str) -> None:
    """SAM would make one, with policies that stand nowhere."""
    for key, item in resources(name, "AWS::Serverless::Function").items():
        assert "Role" in item["Properties"] and "Policies" not in item["Properties"], f"{key}: give it a Role of the template"


# Services that do not say for which account they assume a role; elsewhere a condition would keep them out.
SILENT = {
    "apigateway.amazonaws.com": "writes all logs of the account's APIs with the one role that the account names",
    "cloudformation.amazonaws.com": "documents the keys for roles of extensions, not for roles of stacks",
    "lambda.amazonaws.com": "documents none for execution roles",
    "servicecatalog.amazonaws.com": "documents none for launch roles",
}


@pytest.mark.parametrize("name, key, role", ROLES)
def test_a_service_takes_a_role_for_this_account_alone(name: str, key: str, role: dict) -> None:
    [trust] = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    expected = None if taker(role) in SILENT else {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert trust.get("Condition", {}).get("StringEquals") == expected


def test_no_service_is_called_silent_without_a_role() -> None:
    assert set(SILENT) <= {taker(role) for _, _, role in roles()}


@pytest.mark.parametrize("name, key, role", [role for role in ROLES if role.values[0] != "studio.yml"])
def test_a_role_takes_the_boundary(name: str, key: str, role: dict) -> None:
    assert role["Properties"].get("PermissionsBoundary") == {
        "Fn::If": ["HasBoundary", {"Ref": "PermissionsBoundary"}, {"Ref": "AWS::NoValue"}]}


RUNS_MODELS = [role for role in ROLES if taker(role.values[2]) == "sagemaker.amazonaws.com"]
MAY_CHANGE = {  # all that code which we did not write may change
    "cloudwatch:PutMetricData": "figures of the run", "kms:CreateGrant": "SageMaker encrypts the volume", "kms:Decrypt": "changes nothing",
    "kms:GenerateDataKey": "changes nothing", "logs:CreateLogGroup": "its log", "logs:CreateLogStream": "its log", "logs:PutLogEvents": "its log",
    "s3:PutObject": "results and captures",
}


@pytest.mark.parametrize("name, key, role", RUNS_MODELS)
def test_what_runs_models_can_create_nothing(name: str, key: str, role: dict) -> None:
    for action in [action for statement in rights(resources(name), key) for action in listed(statement["Action"])]:
        service, _, verb = action.partition(":")
        known = get_action_data(service, verb)
        assert known, f"{key}: {action}: name each action, so that what it changes can be looked up"
        level = known[service][0]["access_level"]
        assert level in ("List", "Read") or action in MAY_CHANGE, f"{key}: {action} ({level})"


def test_jobs_and_endpoints_have_roles_of_their_own() -> None:
    assert {role.id for role in RUNS_MODELS} == {"JobRole", "EndpointRole"}


@pytest.mark.parametrize("name", ["assets/functions.yml", "assets/deploy-model-prd.yml", "assets/monitoring.yml"])
def test_roles_of_the_stages_have_the_path_that_the_deploy_role_may_write(name: str) -> None:
    """Roles of pipeline.yml have none, so the deploy role reaches none of them."""
    for key, role in resources(name, "AWS::IAM::Role").items():
        assert role["Properties"]["Path"] == {"Fn::Sub": "/${NamePrefix}/"}, key
    project = resources("pipeline.yml", "AWS::IAM::Role")
    assert not [key for key, role in project.items() if "Path" in role["Properties"]]


def test_the_deploy_role_cannot_change_itself_or_pass_itself() -> None:
    project = Evaluation(template("pipeline.yml"), LONGEST)
    own = project.of({"Fn::GetAtt": ["DeployRole", "Arn"]})
    for statement in rights(project.resources(), "DeployRole"):
        if any(action.startswith("iam:") for action in listed(statement["Action"])):
            for resource in listed(statement["Resource"]):
                assert not re.fullmatch(re.escape(resource).replace(r"\*", ".*"), own), statement["Sid"]


@pytest.mark.parametrize("name, key, role", ROLES)
def test_a_roles_policies_fit_into_iams_limit_at_the_longest_names(name: str, key: str, role: dict) -> None:
    size = sum(map(length, Evaluation(template(name), LONGEST).of(role)["Properties"]["Policies"]))
    assert size <= INLINE_LIMIT, f"{key}: {size} characters"


@pytest.mark.parametrize("name, key, policy", [pytest.param(*found, id=found[1]) for found in policies()])
def test_a_managed_policy_fits_into_iams_limit_and_is_given_to_a_role(name: str, key: str, policy: dict) -> None:
    size = length(Evaluation(template(name), LONGEST).of(policy)["Properties"])
    assert size <= MANAGED_LIMIT, f"{key}: {size} characters"
    assert [role for role in resources(name, "AWS::IAM::Role").values() if {"Ref": key} in role["Properties"].get("ManagedPolicyArns", [])]


def length(policy: dict) -> int:
    """Return how long a policy is to IAM."""
    return len(json.dumps(policy["PolicyDocument"], separators=(",", ":")))


def test_the_key_policy_names_every_service_that_uses_the_key_in_its_own_name() -> None:
    """Log groups are read and written by CloudWatch Logs itself; a topic's policy may let services publish themselves."""
    project = resources("pipeline.yml")
    wanted = {"logs"} if any("KmsKeyId" in item["Properties"] for item in project.values() if item["Type"] == "AWS::Logs::LogGroup") else set()
    for statement in project["TopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]:
        if isinstance(statement["Principal"], dict):
            wanted |= {str(statement["Principal"]["Service"]).split(".")[0]}
    named = json.dumps([statement["Principal"] for statement in project["Key"]["Properties"]["KeyPolicy"]["Statement"]])
    assert {service for service in wanted if f'"{service}.' in named} == wanted


def test_every_role_that_touches_the_bucket_may_use_the_key() -> None:
    for _name, key, role in roles():
        actions = [action for statement in statements(role) for action in listed(statement.get("Action", []))]
        if key != LAUNCH and "s3:GetObject" in actions:
            assert "kms:Decrypt" in actions, key
        if key != LAUNCH and "s3:PutObject" in actions:
            assert "kms:GenerateDataKey" in actions, key
