"""The pipeline: stages, artifacts, triggers, and that the build's files fit the stages' templates."""

from __future__ import annotations

import ast
import json
import re

import pytest

from tests.templates.evaluation import Evaluation
from tests.templates.expansion import expanded
from tests.templates.sources import API, ENDPOINT, FUNCTIONS, PIPELINE, ROOT, template
from tests.templates.test_names import LONGEST, PREFIX

PROJECT = Evaluation(template(PIPELINE), LONGEST).resources()
STAGES = {stage["Name"]: {action["Name"]: action for action in stage["Actions"]} for stage in PROJECT["Pipeline"]["Properties"]["Stages"]}


def test_the_stages_and_their_order() -> None:
    assert {name: list(actions) for name, actions in STAGES.items()} == {
        "Source": ["Code", "Data"], "Build": ["Build"], "Train": ["Functions", "Workflow", "Run"],
        "DeployDev": ["Endpoint", "Approval"], "DeployPrd": ["Endpoint", "Api"]}
    assert [STAGES["Train"][name]["RunOrder"] for name in ("Functions", "Workflow", "Run")] == [1, 1, 2]
    assert STAGES["DeployDev"]["Approval"]["RunOrder"] > STAGES["DeployDev"]["Endpoint"]["RunOrder"]
    assert STAGES["DeployPrd"]["Api"]["RunOrder"] > STAGES["DeployPrd"]["Endpoint"]["RunOrder"]


def test_every_input_artifact_is_an_earlier_output() -> None:
    known: set[str] = set()
    for actions in STAGES.values():
        for action in actions.values():
            assert {item["Name"] for item in action.get("InputArtifacts", [])} <= known
        known |= {item["Name"] for action in actions.values() for item in action.get("OutputArtifacts", [])}


def test_sources_are_not_polled() -> None:
    assert [action["Configuration"]["PollForSourceChanges"] for action in STAGES["Source"].values()] == [False, False]


def test_the_build_learns_which_run_this_is() -> None:
    variables = json.loads(STAGES["Build"]["Build"]["Configuration"]["EnvironmentVariables"])
    assert {item["name"]: item["value"] for item in variables} == {
        "PIPELINE_EXECUTION_ID": "#{codepipeline.PipelineExecutionId}", "COMMIT_ID": "#{Code.CommitId}", "DATA_VERSION": "#{Data.VersionId}"}


def test_every_namespace_that_a_value_names_exists() -> None:
    text = json.dumps(PROJECT["Pipeline"]["Properties"]["Stages"])
    spaces = {action["Namespace"] for actions in STAGES.values() for action in actions.values() if "Namespace" in action}
    assert set(re.findall(r"#\{(\w+)\.", text)) <= spaces | {"codepipeline"}


def test_the_build_is_given_every_variable_that_it_reads() -> None:
    given = {item["Name"] for item in PROJECT["Build"]["Properties"]["Environment"]["EnvironmentVariables"]}
    given |= {item["name"] for item in json.loads(STAGES["Build"]["Build"]["Configuration"]["EnvironmentVariables"])}
    read = set(re.findall(r'(?:given|optional)\("([A-Z_]+)"\)', (ROOT / "model" / "settings.py").read_text()))
    read |= set(re.findall(r"\$\{?([A-Z]+_[A-Z_]+)", (ROOT / "model" / "buildspec.yml").read_text()))
    made_by_itself = {"MODEL_IMAGE_URI", "API_IMAGE_URI", "BUILD_ENVIRONMENT", "RUN_ID", "UV_CACHE_DIR"}
    codebuilds_own = {"CODEBUILD_SRC_DIR"}
    assert len(read) > 10
    assert read - given - made_by_itself - codebuilds_own == set()


def test_the_files_that_stages_deploy_are_written_by_the_build() -> None:
    """Each file of BuildOutput stands in the buildspec or in model/run_pipeline.py."""
    text = (ROOT / "model" / "buildspec.yml").read_text() + "".join(path.read_text() for path in sorted((ROOT / "model").glob("*.py")))
    files = set(re.findall(r"BuildOutput::([\w.-]+)", json.dumps(PROJECT["Pipeline"]["Properties"]["Stages"]))) | {"workflow-input.json"}
    missing = {name for name in files if name not in text and name.rpartition(".")[0] not in text}
    assert missing == set()


def parameters_written(function: str) -> set[str]:
    """Return the parameter names that a function of model/parameters.py writes."""
    tree = ast.parse((ROOT / "model" / "parameters.py").read_text())
    bodies = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    names = {key.value for node in ast.walk(bodies[function]) if isinstance(node, ast.Dict) for key in node.keys if isinstance(key, ast.Constant)}
    return names | (parameters_written("network") if "network(settings)" in ast.unparse(bodies[function]) and function != "network" else set())


@pytest.mark.parametrize("function, name", [("functions", FUNCTIONS), ("endpoint", ENDPOINT), ("api", API)])
def test_the_build_writes_every_parameter_of_a_stages_template(function: str, name: str) -> None:
    assert parameters_written(function) == set(template(name)["Parameters"])


def test_a_push_to_the_branch_starts_the_pipeline() -> None:
    pattern = PROJECT["PushRule"]["Properties"]["EventPattern"]
    assert pattern["detail"]["referenceName"] == ["main"] and pattern["source"] == ["aws.codecommit"]
    assert targets("PushRule")["pipeline"]["Arn"].endswith(":Pipeline")


def test_an_upload_starts_the_pipeline_with_its_own_version() -> None:
    pattern = PROJECT["UploadRule"]["Properties"]["EventPattern"]
    assert pattern["detail-type"] == ["Object Created"]
    assert pattern["detail"]["object"]["key"] == [STAGES["Source"]["Data"]["Configuration"]["S3ObjectKey"]]
    transformer = targets("UploadRule")["pipeline"]["InputTransformer"]
    filled = json.loads(transformer["InputTemplate"].replace("<version>", "v1"))
    assert filled == {"sourceRevisions": [{"actionName": "Data", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": "v1"}]}
    assert transformer["InputPathsMap"] == {"version": "$.detail.object.version-id"}


@pytest.mark.parametrize("rule", ["PushRule", "UploadRule", "ExecutionRule"])
def test_the_team_hears_of_it_in_a_sentence(rule: str) -> None:
    transformer = targets(rule)["topic"]["InputTransformer"]
    sentence = json.loads(transformer["InputTemplate"])
    assert set(re.findall(r"<(\w+)>", sentence)) == set(transformer["InputPathsMap"])
    assert sentence.endswith(".")


def targets(rule: str) -> dict[str, dict]:
    """Return a rule's targets by id."""
    return {target["Id"]: target for target in PROJECT[rule]["Properties"]["Targets"]}


@pytest.mark.parametrize("authorization, security, keys", [("AWS_IAM", [{"signature": []}], 0), ("API_KEY", [{"key": []}], 3), ("NONE", [], 0)])
def test_the_api_asks_for_what_the_project_chose(authorization: str, security: list, keys: int) -> None:
    found = Evaluation(expanded(API, ApiAuthorization=authorization), LONGEST | {"ApiAuthorization": authorization}).resources()
    assert found["Api"]["Properties"]["Body"]["paths"]["/api"]["post"]["security"] == security
    assert sum(item["Type"] in ("AWS::ApiGateway::ApiKey", "AWS::ApiGateway::UsagePlan", "AWS::ApiGateway::UsagePlanKey")
               for item in found.values()) == keys
    assert [item["Properties"]["StageName"] for item in found.values() if item["Type"] == "AWS::ApiGateway::Stage"] == ["prd"]


def test_a_new_run_publishes_a_version_behind_the_alias() -> None:
    first, second = (expanded(API, CodeSha=letter * 64)["Resources"] for letter in "ab")
    versions = [{key for key, item in found.items() if item["Type"] == "AWS::Lambda::Version"} for found in (first, second)]
    assert versions[0] and versions[1] and not versions[0] & versions[1]
    alias = next(item for item in second.values() if item["Type"] == "AWS::Lambda::Alias")
    assert alias["Properties"]["Name"] == "live"
    assert alias["Properties"]["FunctionVersion"]["Fn::GetAtt"][0] in versions[1]


def test_the_api_calls_the_alias() -> None:
    found = expanded(API)["Resources"]
    integration = found["Api"]["Properties"]["Body"]["paths"]["/api"]["post"]["x-amazon-apigateway-integration"]
    assert "${ApiFunctionAliaslive}" in integration["uri"]["Fn::Sub"]
    assert found["ApiPermission"]["Properties"]["FunctionName"] == {"Ref": "ApiFunctionAliaslive"}


def test_the_api_function_may_ask_production_only() -> None:
    found = Evaluation(template(API), LONGEST).resources()["ApiRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    asked = next(item["Resource"] for item in found if item["Action"] == "sagemaker:InvokeEndpoint")
    assert asked == f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{PREFIX}-*-p"
