"""Closed by default: what stores is encrypted under the project's key, what listens asks who calls, what is public is asked for by name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest

from api.endpoint import LARGEST
from tests.templates.evaluation import PSEUDO, Evaluation
from tests.templates.expansion import deployed, expanded
from tests.templates.service_requests import operation
from tests.templates.sources import API, ENDPOINT, MONITORING, PIPELINE, STAGES, STUDIO, TEMPLATES, listed, resources, statements, template
from tests.templates.test_names import LONGEST, OF_THE_ENDPOINT, PREFIX

PROJECT = [PIPELINE, *STAGES]
FULL = LONGEST | {"VolumeKmsKeyArn": LONGEST["KmsKeyArn"], "CapturePercentage": "100"}
KEY = {PIPELINE: {"Key.Arn", "Key"}}  # elsewhere the parameter
ENCRYPTED = {  # type -> where the key stands in its properties
    "AWS::CodeBuild::Project": ["EncryptionKey"],
    "AWS::CodePipeline::Pipeline": ["ArtifactStore.EncryptionKey.Id"],
    "AWS::ECR::Repository": ["EncryptionConfiguration.KmsKey"],
    "AWS::EFS::FileSystem": ["KmsKeyId"],
    "AWS::Logs::LogGroup": ["KmsKeyId"],
    "AWS::S3::Bucket": ["BucketEncryption.ServerSideEncryptionConfiguration.0.ServerSideEncryptionByDefault.KMSMasterKeyID"],
    "AWS::SNS::Topic": ["KmsMasterKeyId"],
    "AWS::SageMaker::DataQualityJobDefinition": [
        "DataQualityJobOutputConfig.KmsKeyId", "JobResources.ClusterConfig.VolumeKmsKeyId"],
    "AWS::SageMaker::EndpointConfig": ["KmsKeyId", "DataCaptureConfig.KmsKeyId"],
}
PLAIN = {"AWS::CodeCommit::Repository": "CodeCommit encrypts every repository under a key of AWS's",
         "AWS::SSM::Parameter": "the id of a run is no secret"}
STORES = re.compile(r"Repository|FileSystem|LogGroup|Bucket$|Topic$|DynamoDB|Queue|Secret|EndpointConfig|JobDefinition|Parameter$")


def made(name: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (logical id, type, resolved properties) of a template's resources, everything optional included."""
    source = deployed(name)
    values = FULL | (OF_THE_ENDPOINT if name == ENDPOINT else {})
    for key, item in Evaluation(source, values).every().items():
        yield key, item["Type"], item["Properties"]


def at(document: Any, path: str) -> Any:
    """Return the value at a dotted path; None where there is none."""
    for part in path.split("."):
        document = (document or [None])[int(part)] if part.isdecimal() else (document or {}).get(part)
    return document


@pytest.mark.parametrize("name", PROJECT)
def test_what_stores_is_encrypted_under_the_projects_key(name: str) -> None:
    keys = KEY.get(name, {LONGEST["KmsKeyArn"]})
    for key, kind, properties in made(name):
        for path in ENCRYPTED.get(kind, []):
            assert at(properties, path) in keys, f"{key}: {path}"
        if STORES.search(kind):
            assert kind in ENCRYPTED or kind in PLAIN, f"{kind} stores something: say in ENCRYPTED where its key stands, or in PLAIN why it has none"
        if kind == "AWS::Lambda::Function" and "Environment" in properties:
            assert properties.get("KmsKeyArn") in keys, f"{key}: what the function is told"


def test_every_kind_of_storage_is_seen() -> None:
    kinds = {kind for name in PROJECT for _, kind, _ in made(name)}
    assert set(ENCRYPTED) | set(PLAIN) <= kinds


def test_who_reads_what_a_function_is_told_may_decrypt_it() -> None:
    """Without the right Lambda answers with an error in place of the environment."""
    readers = {}
    for name in PROJECT:
        for key, item in resources(name, "AWS::IAM::Role").items():
            actions = {action for statement in statements(item) for action in listed(statement.get("Action", []))}
            if actions & {"lambda:GetFunctionConfiguration", "lambda:ListVersionsByFunction"}:
                readers[key] = "kms:Decrypt" in actions
    assert set(readers) >= {"BuildRole", "RetirementRole", "CapacityRole", "PreTrafficRole"}
    assert [key for key, may in readers.items() if not may] == []


# ---------------------------------------------------------------------- the key

def test_the_key_policy_names_the_services_that_come_in_their_own_name_and_no_other() -> None:
    """Log groups are encrypted by CloudWatch Logs; alarms, and whom the topic's policy lets publish, encrypt messages."""
    every = [found for name in PROJECT for found in made(name)]
    wanted = {"logs"} if any("KmsKeyId" in properties for _, kind, properties in every if kind == "AWS::Logs::LogGroup") else set()
    wanted |= {"cloudwatch"} if any(properties.get("AlarmActions") for _, kind, properties in every if kind == "AWS::CloudWatch::Alarm") else set()
    topic = next(properties for _, kind, properties in every if kind == "AWS::SNS::TopicPolicy")
    wanted |= {service(statement) for statement in topic["PolicyDocument"]["Statement"]}
    assert {service(statement) for statement in key_policy()} - {""} == wanted - {""}


def test_each_service_uses_the_key_for_this_account_alone() -> None:
    for statement in key_policy():
        if service(statement):
            assert PSEUDO["AWS::AccountId"] in json.dumps(statement["Condition"]), statement["Sid"]
        else:
            assert statement["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}, statement["Sid"]


def test_the_key_encrypts_every_log_group_of_the_project() -> None:
    [allowed] = [statement["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"] for statement in key_policy()
                 if service(statement) == "logs"]
    groups = [properties["LogGroupName"] for name in PROJECT for _, kind, properties in made(name) if kind == "AWS::Logs::LogGroup"]
    assert len(groups) > 20
    assert [group for group in groups if not fnmatchcase(f"arn:aws:logs:us-east-1:123456789012:log-group:{group}", allowed)] == []


def key_policy() -> list[dict[str, Any]]:
    """Return the statements of the key's policy, resolved."""
    found: list[dict[str, Any]] = next(properties for key, _, properties in made(PIPELINE) if key == "Key")["KeyPolicy"]["Statement"]
    return found


def service(statement: dict[str, Any]) -> str:
    """Return the service that a statement is for; blank where it is for an account."""
    principal = statement["Principal"]
    return str(principal.get("Service", "")).partition(".")[0] if isinstance(principal, dict) else ""


# ---------------------------------------------------------------------- the bucket, the images

def test_the_bucket_takes_nothing_without_tls_and_forgets_what_was_broken_off() -> None:
    found = {key: properties for key, _, properties in made(PIPELINE)}
    [denied] = found["ArtifactBucketPolicy"]["PolicyDocument"]["Statement"]
    assert (denied["Effect"], denied["Principal"], denied["Action"]) == ("Deny", "*", "s3:*")
    assert denied["Resource"] == ["ArtifactBucket.Arn", "ArtifactBucket.Arn/*"]
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    [rule] = found["ArtifactBucket"]["LifecycleConfiguration"]["Rules"]
    assert rule["Status"] == "Enabled" and rule["AbortIncompleteMultipartUpload"]


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_is_kept_and_its_key_outlive_their_stack(name: str) -> None:
    for key, item in resources(name).items():
        if item["Type"] in {"AWS::S3::Bucket", "AWS::KMS::Key"}:
            assert (item.get("DeletionPolicy"), item.get("UpdateReplacePolicy")) == ("Retain", "Retain"), f"{key} goes with its stack"


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_log_ends(name: str) -> None:
    """A function without a log group of the template has Lambda make one, which keeps everything for good."""
    groups = resources(name, "AWS::Logs::LogGroup")
    for key, item in groups.items():
        assert item["Properties"].get("RetentionInDays"), f"{key} has no end"
    for key, item in deployed(name)["Resources"].items():
        if item["Type"] == "AWS::Lambda::Function":
            assert item["Properties"].get("LoggingConfig", {}).get("LogGroup", {}).get("Ref") in groups, f"{key}: its log has no end"


def test_the_topic_takes_nothing_without_tls() -> None:
    [policy] = [properties["PolicyDocument"] for _, kind, properties in made(PIPELINE) if kind == "AWS::SNS::TopicPolicy"]
    [denied] = [statement for statement in policy["Statement"] if statement["Effect"] == "Deny"]
    assert (denied["Principal"], denied["Action"], denied["Condition"]) == ("*", "sns:Publish", {"Bool": {"aws:SecureTransport": "false"}})


def test_an_image_is_scanned_when_it_is_pushed_and_its_tag_never_moves() -> None:
    images = [properties for _, kind, properties in made(PIPELINE) if kind == "AWS::ECR::Repository"]
    assert len(images) == 2
    assert {(item["ImageTagMutability"], item["ImageScanningConfiguration"]["ScanOnPush"]) for item in images} == {("IMMUTABLE", True)}


def test_no_statement_of_a_resource_lets_everybody_in() -> None:
    """Endpoints of the network name the project's resources; everything else that is open to all denies."""
    found = [(name, key, item["Type"], statement) for name in TEMPLATES for key, item in resources(name).items()
             for statement in open_to_all(item.get("Properties", {})) if statement["Effect"] != "Deny"]
    named = [kind == "AWS::EC2::VPCEndpoint" and "*" not in listed(statement["Resource"]) for _, _, kind, statement in found]
    wrong = [f"{name}: {key}: {statement.get('Sid')}" for (name, key, _, statement), right in zip(found, named, strict=True) if not right]
    assert wrong == [], "\n".join(wrong)


def open_to_all(node: Any) -> Iterator[dict[str, Any]]:
    """Yield the statements whose principal is everybody."""
    if isinstance(node, dict) and "Effect" in node and node.get("Principal") in ("*", {"AWS": "*"}):
        yield node
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from open_to_all(part)


def test_a_function_is_called_by_nobody_from_outside() -> None:
    """A service that may call one says for which of this account's resources; none has an address of its own."""
    wrong = []
    for name in TEMPLATES:
        for key, item in deployed(name)["Resources"].items():
            if item["Type"] == "AWS::Lambda::Url":
                wrong += [f"{name}: {key}: a function's own address asks for no key and has no throttle"]
            if item["Type"] == "AWS::Lambda::Permission" and not {"SourceArn", "SourceAccount"} & set(item["Properties"]):
                wrong += [f"{name}: {key}: names no SourceArn, so any account's resource may call"]
    assert wrong == [], "\n".join(wrong)


# ---------------------------------------------------------------------- the network and the file system

def test_nothing_takes_calls_from_everywhere() -> None:
    wrong = []
    for name in TEMPLATES:
        for key, item in resources(name).items():
            properties = item.get("Properties", {})
            own = [properties] if item["Type"] == "AWS::EC2::SecurityGroupIngress" else properties.get("SecurityGroupIngress", [])
            wrong += [f"{name}: {key}: takes calls from everywhere" for rule in own if {"0.0.0.0/0", "::/0"} & {rule.get("CidrIp"), rule.get("CidrIpv6")}]
    assert wrong == [], "\n".join(wrong)


def test_the_network_keeps_who_spoke_to_whom() -> None:
    found = {key: properties for key, _, properties in made(PIPELINE)}
    flows = found["NetworkFlows"]
    assert (flows["ResourceType"], flows["ResourceId"], flows["TrafficType"]) == ("VPC", "Network", "ALL")
    assert (flows["LogGroupName"], found["NetworkLogs"]["RetentionInDays"]) == ("NetworkLogs", 30)
    [trust] = found["NetworkLogsRole"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}
    assert flows["DeliverLogsPermissionArn"] == f"arn:aws:iam::123456789012:role/{PREFIX}-network-logs"


def test_the_file_system_takes_nobody_without_tls_or_past_an_access_point() -> None:
    system = next(properties for key, _, properties in made(PIPELINE) if key == "FileSystem")
    denied = {json.dumps(statement["Condition"]): statement for statement in system["FileSystemPolicy"]["Statement"]}
    assert system["Encrypted"] is True
    assert set(denied) == {'{"Bool": {"aws:SecureTransport": "false"}}', '{"Null": {"elasticfilesystem:AccessPointArn": "true"}}'}
    for statement in denied.values():
        assert (statement["Effect"], statement["Principal"]) == ("Deny", {"AWS": "*"})
        assert set(statement["Action"]) == {f"elasticfilesystem:Client{right}" for right in ("Mount", "RootAccess", "Write")}


@pytest.mark.parametrize("name", PROJECT)
def test_a_function_may_mount_through_the_projects_access_point_only(name: str) -> None:
    for key, item in resources(name, "AWS::IAM::Role").items():
        for statement in statements(item):
            if any(action.startswith("elasticfilesystem:Client") for action in listed(statement.get("Action", []))):
                assert statement["Condition"] == {"StringEquals": {"elasticfilesystem:AccessPointArn": {"Ref": "AccessPointArn"}}}, key


def test_models_answer_in_isolation() -> None:
    """That jobs run in it, too, is tested with the workflow (tests/unit/model/test_workflow.py)."""
    assert {properties.get("EnableNetworkIsolation") for name in PROJECT for _, kind, properties in made(name)
            if kind == "AWS::SageMaker::Model"} == {True}
    looks = Evaluation(template(MONITORING), LONGEST | {"Engine": "own"}).resources()
    jobs = [state["Parameters"] for item in looks.values() if item["Type"] == "AWS::StepFunctions::StateMachine"
            for state in item["Properties"]["Definition"]["States"].values() if "createProcessingJob" in str(state.get("Resource"))]
    assert [job["NetworkConfig"]["EnableNetworkIsolation"] for job in jobs] == [True]


# ---------------------------------------------------------------------- the API

def test_an_open_api_is_asked_for_by_name() -> None:
    for name in (PIPELINE, API):
        asked = template(name)["Parameters"]["ApiAuthorization"]
        assert (asked["Default"], asked["AllowedValues"]) == ("AWS_IAM", ["AWS_IAM", "API_KEY", "NONE"])


def test_the_api_is_throttled_and_every_call_is_logged() -> None:
    [stage] = [properties for _, kind, properties in made(API) if kind == "AWS::ApiGateway::Stage"]
    [method] = stage["MethodSettings"]
    assert (method["ResourcePath"], method["HttpMethod"]) == ("/*", "*")
    assert 0 < method["ThrottlingRateLimit"] <= 1000 and 0 < method["ThrottlingBurstLimit"] <= 1000
    assert stage["AccessLogSetting"]["DestinationArn"] == "AccessLogs.Arn"
    assert {"$context.identity.sourceIp", "$context.identity.userArn", "$context.status"} <= set(
        json.loads(stage["AccessLogSetting"]["Format"]).values())


def test_the_api_passes_on_as_much_as_the_endpoint_takes() -> None:
    """Lambda takes no larger request either; what is more is refused with 413 (tests/unit/api)."""
    assert operation("sagemaker-runtime", "InvokeEndpoint").input_shape.members["Body"].metadata["max"] == LARGEST


@pytest.mark.parametrize("arn, firewalls", [("", 0), ("arn:aws:wafv2:us-east-1:123456789012:regional/webacl/own/0a1b", 1)])
def test_a_firewall_stands_before_the_api_where_one_is_named(arn: str, firewalls: int) -> None:
    found = Evaluation(expanded(API), LONGEST | {"WebAclArn": arn}).resources().values()
    before = [item["Properties"] for item in found if item["Type"] == "AWS::WAFv2::WebACLAssociation"]
    assert len(before) == firewalls
    for properties in before:
        assert properties["WebACLArn"] == arn
        assert re.fullmatch(r"arn:aws:apigateway:us-east-1::/restapis/\w+/stages/\w+", properties["ResourceArn"])


@pytest.mark.parametrize("arn, fits", [
    ("", True), ("arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/own/0a1b2c3d-1111-2222-3333-444455556666", True),
    ("arn:aws:wafv2:us-east-1:123456789012:global/webacl/own/0a1b", False), ("own", False)])
def test_a_firewall_is_a_regional_web_acl(arn: str, fits: bool) -> None:
    assert bool(re.fullmatch(template(PIPELINE)["Parameters"]["WebAclArn"]["AllowedPattern"], arn)) == fits


# ---------------------------------------------------------------------- Studio's side

def test_no_policy_is_attached_to_a_role_of_the_account() -> None:
    """Roles that the templates did not make are named by the portfolio's access alone, which gives no rights."""
    for name in TEMPLATES:
        for key, item in resources(name).items():
            assert not item["Type"].startswith("AWS::IAM::") or item["Type"] in {"AWS::IAM::Role", "AWS::IAM::ManagedPolicy"}, key
            assert not set(item.get("Properties", {})) & {"Roles", "Users", "Groups"}, key
    assert [key for key, item in resources(STUDIO).items() if "StudioRoleName" in json.dumps(item)] == ["StudioAccess"]


def test_only_service_catalog_makes_projects_and_in_a_role_of_its_own() -> None:
    found = resources(STUDIO)
    trust = found["LaunchRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert [statement["Principal"] for statement in trust] == [{"Service": "servicecatalog.amazonaws.com"}]
    [launched] = [item["Properties"] for item in found.values() if item["Type"] == "AWS::ServiceCatalog::LaunchRoleConstraint"]
    assert launched["RoleArn"] == {"Fn::GetAtt": ["LaunchRole", "Arn"]}
