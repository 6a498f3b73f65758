"""The resources of the templates mean what the project needs: code that exists, tags, fates, order, encryption."""

from __future__ import annotations

import re

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from tests.templates.evaluation import Evaluation
from tests.templates.sources import API, ENDPOINT, FUNCTIONS, MONITORING, PIPELINE, ROOT, STUDIO, TEMPLATES, listed, resources, statements, template
from tests.templates.test_names import LONGEST, PREFIX

SECTIONS = ["AWSTemplateFormatVersion", "Transform", "Description", "Metadata", "Parameters", "Rules", "Mappings", "Conditions", "Globals",
            "Resources", "Outputs"]
PROJECT_TAGS = {"sagemaker:project-name", "sagemaker:project-id"}
HOLDS_DATA = {"AWS::S3::Bucket", "AWS::KMS::Key", "AWS::CodeCommit::Repository", "AWS::ECR::Repository", "AWS::EFS::FileSystem",
              "AWS::Logs::LogGroup"}


@pytest.mark.parametrize("name", TEMPLATES)
def test_sections_stand_in_one_order(name: str) -> None:
    found = list(template(name))
    assert found == [section for section in SECTIONS if section in found]


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_parameter_and_output_is_described(name: str) -> None:
    found = template(name)
    assert [key for kind in ("Parameters", "Outputs") for key, item in found.get(kind, {}).items() if not item.get("Description")] == []
    assert [key for key, item in found.get("Outputs", {}).items() if not re.search(r"\(.+\)$", item["Description"])] == [], \
        "an output's description ends in its readers: (scripts/demo.sh)"


@pytest.mark.parametrize("name", [STUDIO, PIPELINE])
def test_the_form_groups_every_parameter_once(name: str) -> None:
    form = template(name)["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [key for group in form["ParameterGroups"] for key in group["Parameters"]]
    assert sorted(grouped) == sorted(template(name)["Parameters"]) == sorted(form["ParameterLabels"])


def test_the_forms_parameters_stand_in_the_order_in_which_a_person_decides() -> None:
    assert list(template(PIPELINE)["Parameters"]) == [
        "SageMakerProjectName", "SageMakerProjectId", "ModelName", "DatasetBucket", "ProjectPrefix", "BranchName", "Email", "SecondEmail", "ThirdEmail",
        "RetrainingSchedule", "TimeoutInMinutes", "NetworkMode", "ApiAuthorization", "WebAclArn", "PermissionsBoundary"]


def test_the_code_of_every_function_exists() -> None:
    paths = {key: ROOT / item["Properties"]["Code"] for name in (STUDIO, PIPELINE)
             for key, item in resources(name, "AWS::Lambda::Function").items()}
    for name in (FUNCTIONS, API, MONITORING):
        paths |= {key: ROOT / "assets" / item["Properties"]["CodeUri"] for key, item in resources(name, "AWS::Serverless::Function").items()
                  if "CodeUri" in item["Properties"]}
    assert len(paths) == 14
    assert [key for key, path in paths.items() if not (path / "handler.py").is_file()] == []


def test_the_repositorys_code_is_the_folder_that_build_fills() -> None:
    folder = resources(PIPELINE)["Repository"]["Properties"]["Code"]["S3"]
    assert f'mkdir -p "$work/{folder}"' in (ROOT / "scripts" / "build.sh").read_text()


@pytest.mark.parametrize("key", resources(PIPELINE))
def test_what_takes_tags_has_the_projects(key: str) -> None:
    resource = resources(PIPELINE)[key]
    if resource["Type"].startswith("Custom::"):
        return
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(region="us-east-1", resource_type=resource["Type"]).schema
    path = schema.get("tagging", {}).get("tagProperty", "/properties/Tags").split("/")[-1]
    if path in schema["properties"]:
        assert {tag["Key"] for tag in resource["Properties"].get(path, [])} >= PROJECT_TAGS


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_holds_data_declares_both_fates(name: str) -> None:
    assert [key for key, item in resources(name).items()
            if item["Type"] in HOLDS_DATA and not {"DeletionPolicy", "UpdateReplacePolicy"} <= set(item)] == []


def test_bucket_and_key_outlive_the_project() -> None:
    kept = {key for key, item in resources(PIPELINE).items() if item.get("DeletionPolicy") == "Retain"}
    assert kept == {"ArtifactBucket", "Key"}


@pytest.mark.parametrize("name", TEMPLATES)
def test_logs_end_and_are_encrypted(name: str) -> None:
    for key, group in resources(name, "AWS::Logs::LogGroup").items():
        assert group["Properties"]["RetentionInDays"], key
        assert name == STUDIO or group["Properties"]["KmsKeyId"], f"{key}: an organization has no key, a project has"


LOGGED = {  # what writes logs -> where its template says which group
    "AWS::Lambda::Function": ("LoggingConfig", "LogGroup"), "AWS::Serverless::Function": ("LoggingConfig", "LogGroup"),
    "AWS::CodeBuild::Project": ("LogsConfig", "CloudWatchLogs", "GroupName"),
    "AWS::Serverless::Api": ("AccessLogSetting", "DestinationArn", "Fn::GetAtt", 0),
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_whatever_writes_logs_has_a_group_that_its_template_makes(name: str) -> None:
    """An endpoint's group goes by the endpoint's name; those of jobs are the account's and have an end by studio.yml."""
    found = resources(name)
    for key, item in found.items():
        group = item["Properties"] if item["Type"] in LOGGED else {}
        for step in LOGGED.get(item["Type"], ()):
            group = group[step]
        if item["Type"] in LOGGED:
            assert found[group if isinstance(group, str) else group["Ref"]]["Type"] == "AWS::Logs::LogGroup", key
        if item["Type"] == "AWS::SageMaker::Endpoint":
            assert item["DependsOn"] == "EndpointLogs", key


def test_the_logs_of_every_job_end() -> None:
    """Jobs may write to groups of the account alone; each of them has an end by studio.yml."""
    ended = resources(STUDIO)["AccountSettings"]["Properties"]
    written = [resource for statement in statements(resources(PIPELINE)["JobRole"]) if "logs:CreateLogGroup" in listed(statement["Action"])
               for resource in listed(statement["Resource"])]
    assert ended["RetentionInDays"] == 30 and len(written) == 3
    assert {resource["Fn::Sub"].partition("log-group:")[2].rstrip("*") for resource in written} == set(ended["LogGroupNames"])


@pytest.mark.parametrize("name, kind", [(PIPELINE, "AWS::Lambda::Function"), (FUNCTIONS, "AWS::Serverless::Function"),
                                        (FUNCTIONS, "AWS::Lambda::Function"), (API, "AWS::Serverless::Function"), (MONITORING, "AWS::Serverless::Function")])
def test_a_function_writes_to_its_own_log_group_in_its_own_role(name: str, kind: str) -> None:
    resolved = Evaluation(template(name), LONGEST)
    found = resolved.resources()
    for function in resources(name, kind).values():
        title = resolved.of(function["Properties"]["FunctionName"])
        group = function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
        assert found[group]["Properties"]["LogGroupName"] == f"/aws/lambda/{title}"
        assert resolved.of(function["Properties"]["Role"]).endswith(f"/{title}")


def test_functions_run_on_a_runtime_that_lasts() -> None:
    assert {item["Properties"]["Runtime"] for item in resources(PIPELINE, "AWS::Lambda::Function").values()} == {"python3.13"}
    assert {template(name)["Globals"]["Function"]["Runtime"] for name in (FUNCTIONS, MONITORING)} == {"python3.13"}


@pytest.mark.parametrize("mode, kinds", [("vpc", {"AWS::EC2::VPC", "AWS::EFS::AccessPoint", "AWS::EC2::VPCEndpoint"}), ("none", set())])
def test_the_network_exists_in_mode_vpc_only(mode: str, kinds: set[str]) -> None:
    found = Evaluation(template(PIPELINE), LONGEST | {"NetworkMode": mode}).resources()
    assert {item["Type"] for item in found.values()} & {"AWS::EC2::VPC", "AWS::EFS::AccessPoint", "AWS::EC2::VPCEndpoint"} == kinds
    variables = {item["Name"]: item["Value"] for item in found["Build"]["Properties"]["Environment"]["EnvironmentVariables"]}
    assert bool(variables["SUBNET_IDS"]) == bool(variables["SECURITY_GROUP_ID"]) == bool(variables["ACCESS_POINT_ARN"]) == (mode == "vpc")


def test_nothing_in_the_network_needs_a_nat_gateway() -> None:
    found = Evaluation(template(PIPELINE), LONGEST).resources()
    kinds = {item["Type"] for item in found.values()}
    services = {item["Properties"]["ServiceName"] for item in found.values() if item["Type"] == "AWS::EC2::VPCEndpoint"}
    assert "AWS::EC2::NatGateway" not in kinds
    assert services == {"com.amazonaws.us-east-1.s3", "com.amazonaws.us-east-1.sagemaker.runtime"}
    assert sum(item["Type"] == "AWS::EC2::Subnet" for item in found.values()) == 4


def needs(key: str, found: dict, seen: set[str]) -> set[str]:
    """Return every resource that must exist before one does."""
    if key in found and key not in seen:
        seen.add(key)
        text = repr({part: value for part, value in found[key].items() if part in ("Properties", "DependsOn", "UpdatePolicy")})
        for other in re.findall(r"[\w]+", text):
            if other in found and other != key:
                needs(other, found, seen)
    return seen


def test_teardown_goes_before_all_that_the_stages_stand_on() -> None:
    """CloudFormation deletes what needs something before what is needed."""
    found = template(PIPELINE)["Resources"]
    standing = needs("Teardown", found, set())
    assert standing >= {"DeployRole", "WorkflowRole", "JobRole", "EndpointRole", "ArtifactBucket", "ArtifactBucketPolicy", "Key", "ModelImages",
                        "ApiImages", "Network", "PrivateSubnetA", "PrivateSubnetB", "FunctionSecurityGroup", "FileSystem", "MountTargetA",
                        "MountTargetB", "AccessPoint", "RuntimeEndpoint", "S3Endpoint"}
    assert not standing & {"Pipeline", "PushRule", "UploadRule", "ScheduleRule", "RetirementRule"}, "what starts something has to go before Teardown"
    assert "Retirement" in standing, "Teardown stops what its state machine waits for"
    assert "Pipeline" in needs("RetirementRule", found, set())
    assert "Teardown" in needs("Pipeline", found, set())
    assert "SampleData" in needs("Pipeline", found, set())


def test_the_bucket_is_private_versioned_encrypted_and_heard() -> None:
    bucket = resources(PIPELINE)["ArtifactBucket"]["Properties"]
    rule = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["NotificationConfiguration"]["EventBridgeConfiguration"] == {"EventBridgeEnabled": True}


@pytest.mark.parametrize("key", ["", LONGEST["KmsKeyArn"]])
def test_a_volume_key_is_left_out_where_the_disk_is_the_instances_own(key: str) -> None:
    found = Evaluation(template(ENDPOINT), LONGEST | {"VolumeKmsKeyArn": key, "CapturePercentage": "0"}).resources()
    assert found["EndpointConfig"]["Properties"].get("KmsKeyId", "") == key


@pytest.mark.parametrize("percentage", ["0", "100"])
def test_capture_is_on_when_a_share_is_asked_for(percentage: str) -> None:
    config = Evaluation(template(ENDPOINT), LONGEST | {"CapturePercentage": percentage}).resources()["EndpointConfig"]["Properties"]
    assert ("DataCaptureConfig" in config) == (percentage != "0")


def test_the_organizations_template_can_be_sent_as_a_body() -> None:
    assert (ROOT / STUDIO).stat().st_size <= 51_200


def test_studio_lists_the_product_and_projects_are_made_in_the_launch_role() -> None:
    found = resources(STUDIO)
    assert {"Key": "sagemaker:studio-visibility", "Value": "true"} in found["Product"]["Properties"]["Tags"]
    assert found["LaunchConstraint"]["Properties"]["RoleArn"] == {"Fn::GetAtt": ["LaunchRole", "Arn"]}
    assert found["LaunchConstraint"]["DependsOn"] == "ProductInPortfolio"


def test_names_of_other_stacks_resources_agree() -> None:
    """What pipeline.yml calls by name is made under that name elsewhere."""
    project = Evaluation(template(PIPELINE), LONGEST)
    statement = next(item for item in project.resources()["WorkflowRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
                     if item["Sid"] == "CallItsFunctions")
    made = {item["Properties"]["FunctionName"] for item in Evaluation(template(FUNCTIONS), LONGEST).resources().values()
            if item["Type"] == "AWS::Serverless::Function"}
    called = {arn.split(":")[-1] for arn in statement["Resource"]}
    assert called == {f"{PREFIX}-{name}" for name in ("experiment", "query-evaluation", "query-training", "transform-header")}
    assert made - called == {f"{PREFIX}-{name}" for name in ("capacity", "notice", "prune")}  # the stacks' and the retirement's
