"""The pipeline: stages, artifacts, triggers, and that the build's files fit the stages' templates."""

from __future__ import annotations

import ast
import json
import re

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from tests.templates.evaluation import Evaluation
from tests.templates.expansion import expanded
from tests.templates.sources import API, ENDPOINT, FUNCTIONS, MONITORING, PIPELINE, ROOT, listed, statements, template
from tests.templates.test_names import LONGEST, PREFIX
from tests.templates.test_resources import needs

PROJECT = Evaluation(template(PIPELINE), LONGEST).resources()
STAGES = {stage["Name"]: {action["Name"]: action for action in stage["Actions"]} for stage in PROJECT["Pipeline"]["Properties"]["Stages"]}


def test_the_stages_and_their_order() -> None:
    assert {name: list(actions) for name, actions in STAGES.items()} == {
        "Source": ["Code", "Data"], "Build": ["Build"], "Train": ["Functions", "Workflow", "Run"],
        "DeployDev": ["Endpoint", "Approval"], "DeployPrd": ["Endpoint", "Api", "Monitoring"]}
    assert [STAGES["Train"][name]["RunOrder"] for name in ("Functions", "Workflow", "Run")] == [1, 1, 2]
    assert STAGES["DeployDev"]["Approval"]["RunOrder"] > STAGES["DeployDev"]["Endpoint"]["RunOrder"]
    orders = [STAGES["DeployPrd"][name]["RunOrder"] for name in ("Endpoint", "Api", "Monitoring")]
    assert orders == sorted(set(orders)), "the schedule moves when the release has completed, and not before"


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
    called = {node.func.id for node in ast.walk(bodies[function]) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    return names.union(*(parameters_written(part) for part in ("network", "production", "guard") if part in called))


@pytest.mark.parametrize("function, name", [("functions", FUNCTIONS), ("endpoint", ENDPOINT), ("api", API)])
def test_the_build_writes_every_parameter_of_a_stages_template(function: str, name: str) -> None:
    assert parameters_written(function) - {"bake-hours"} == set(template(name)["Parameters"])


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


def test_the_month_starts_the_pipeline_unless_nobody_wants_it() -> None:
    assert PROJECT["ScheduleRule"]["Properties"]["ScheduleExpression"] == "cron(0 6 1 * ? *)", "a schedule is on by default, monthly"
    assert targets("ScheduleRule")["pipeline"]["Arn"].endswith(":Pipeline")
    assert "ScheduleRule" not in Evaluation(template(PIPELINE), LONGEST | {"RetrainingSchedule": ""}).resources()


@pytest.mark.parametrize("text, fits", [
    ("", True), ("cron(0 6 1 * ? *)", True), ("cron(30 22 ? * MON-FRI *)", True), ("rate(30 days)", True), ("monthly", False),
    ('rate(1 day)"', False), ("cron(0 6 1 * ? *", False)])
def test_a_schedule_is_what_eventbridge_takes(text: str, fits: bool) -> None:
    pattern = template(PIPELINE)["Parameters"]["RetrainingSchedule"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, text)) == fits


def test_what_starts_the_pipeline_may_do_that_and_mail_and_no_more() -> None:
    actions = [action for statement in statements(PROJECT["EventsRole"]) for action in listed(statement["Action"])]
    assert actions == ["codepipeline:StartPipelineExecution", "sns:Publish", "kms:Decrypt", "kms:GenerateDataKey"]
    [start] = [item for item in statements(PROJECT["EventsRole"]) if "codepipeline:StartPipelineExecution" in listed(item["Action"])]
    assert start["Resource"] == f"arn:aws:codepipeline:us-east-1:123456789012:{PREFIX}"


def test_every_start_is_mailed_once() -> None:
    """Rules that start mail with the cause; StartRule mails what no rule and no drift started."""
    starting = {key for key, item in PROJECT.items() if item["Type"] == "AWS::Events::Rule"
                and "pipeline" in {target["Id"] for target in item["Properties"]["Targets"]}}
    assert starting == {"PushRule", "UploadRule", "ScheduleRule"}
    assert all("topic" in targets(rule) for rule in starting)
    detail = PROJECT["StartRule"]["Properties"]["EventPattern"]["detail"]
    assert detail["state"] == ["STARTED"] and set(targets("StartRule")) == {"topic"}
    assert detail["execution-trigger"] == {
        "trigger-type": [{"anything-but": ["CloudWatchEvent"]}],
        "trigger-detail": [{"anything-but": {"prefix": f"arn:aws:sts::123456789012:assumed-role/{PREFIX}-retraining/"}}]}
    watching = Evaluation(template(MONITORING), LONGEST).resources().values()
    [role] = [item["Properties"]["RoleName"] for item in watching if item["Type"] == "AWS::IAM::Role"
              and "codepipeline:StartPipelineExecution" in {action for statement in statements(item) for action in listed(statement["Action"])}]
    assert role == f"{PREFIX}-retraining"


def test_the_first_run_is_heard_of() -> None:
    """Making a pipeline starts it, so what mails its start is there before."""
    found = template(PIPELINE)["Resources"]
    assert "StartRule" in found["Pipeline"]["DependsOn"]
    assert [key for key in ("StartRule", "EventsRole") if re.search(r'"Ref": "Pipeline"|\$\{Pipeline\}', json.dumps(found[key]))] == []


@pytest.mark.parametrize("further", [{}, {"SecondEmail": "b@example.com"}, {"ThirdEmail": "c@example.com"},
                                     {"SecondEmail": "b@example.com", "ThirdEmail": "c@example.com"}])
def test_further_addresses_subscribe(further: dict[str, str]) -> None:
    found = Evaluation(template(PIPELINE), LONGEST | further).resources().values()
    addresses = [item["Properties"]["Endpoint"] for item in found if item["Type"] == "AWS::SNS::Subscription"]
    assert sorted(addresses) == sorted([LONGEST["Email"], *further.values()])


@pytest.mark.parametrize("rule", ["PushRule", "UploadRule", "ScheduleRule", "StartRule", "ExecutionRule"])
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
    found = expanded(API)["Resources"]
    [(name, version)] = [(key, item) for key, item in found.items() if item["Type"] == "AWS::Lambda::Version"]
    [alias] = [item for item in found.values() if item["Type"] == "AWS::Lambda::Alias"]
    replacing = PROVIDER_SCHEMA_MANAGER.get_resource_schema(region="us-east-1", resource_type="AWS::Lambda::Version").schema[
        "createOnlyProperties"]
    assert "/properties/Description" in replacing
    assert version["Properties"]["Description"] == {"Ref": "CodeSha"}
    assert version["UpdateReplacePolicy"] == "Retain", "there is no way back to a version deleted"
    assert version["DeletionPolicy"] == "RetainExceptOnCreate", "a retry would find nothing new to publish"
    assert alias["Properties"] == {
        "Name": "live", "FunctionName": {"Ref": "ApiFunction"}, "FunctionVersion": {"Fn::GetAtt": [name, "Version"]}}


@pytest.mark.parametrize("shifting, shifts", [("yes", True), ("no", False)])
def test_codedeploy_moves_the_alias_unless_it_has_been_moved(shifting: str, shifts: bool) -> None:
    evaluation = Evaluation(template(API), LONGEST | {"Shifting": shifting})
    found, policy = evaluation.resources(), evaluation.of({"Policy": template(API)["Resources"]["ApiAlias"]["UpdatePolicy"]})
    assert policy == ({"Policy": {"CodeDeployLambdaAliasUpdate": {
        "ApplicationName": "DeploymentApplication", "DeploymentGroupName": "DeploymentGroup",
        "BeforeAllowTrafficHook": "PreTrafficFunction", "AfterAllowTrafficHook": "PostTrafficFunction"}}} if shifts else {})
    assert {"DeploymentApplication", "DeploymentGroup"} <= set(found), "a way back without them would delete them"


def test_a_release_goes_back_on_every_alarm_that_the_design_names() -> None:
    group = Evaluation(template(API), LONGEST).resources()["DeploymentGroup"]["Properties"]
    endpoint = LONGEST["EndpointName"]
    assert [alarm["Name"] for alarm in group["AlarmConfiguration"]["Alarms"]] == [
        "ApiFaultsAlarm", "AliasErrorsAlarm", "VersionErrorsAlarm", f"{endpoint}-5xx", f"{endpoint}-latency"]
    assert group["AutoRollbackConfiguration"]["Events"] == [
        "DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]
    alarms = [item["Properties"] for item in template(API)["Resources"].values() if item["Type"] == "AWS::CloudWatch::Alarm"]
    assert {(alarm["TreatMissingData"], alarm["EvaluationPeriods"]) for alarm in alarms} == {("notBreaching", 1)}


def test_nothing_unproven_is_public() -> None:
    found = expanded(API)["Resources"]
    before_stage = needs("ApiprdStage", found, set())
    assert "FirstProof" in before_stage
    assert found["FirstProof"]["Properties"]["FunctionVersionArn"] == {"Ref": "ApiVersion"}


def test_all_that_a_release_needs_is_there_before_the_alias_moves() -> None:
    found = expanded(API)["Resources"]
    assert needs("ApiAlias", found, set()) >= {
        "PreTrafficFunction", "PostTrafficFunction", "SyntheticMachine", "SyntheticFunction", "WatchMachine", "WatchRole"}


def test_a_watch_ends_before_codedeploys_hour() -> None:
    found = template(API)
    look = found["Resources"]["WatchMachine"]["Properties"]["Definition"]["States"]["Look"]
    [again] = [rule for rule in look["Retry"] if rule["ErrorEquals"] == ["NotYet"]]
    looks = again["IntervalSeconds"] * again["MaxAttempts"]
    assert found["Parameters"]["WatchSeconds"]["MaxValue"] + looks + found["Resources"]["PostTrafficFunction"]["Properties"]["Timeout"] < 3600


def test_a_fault_keeps_its_status_and_names_the_request() -> None:
    body = expanded(API)["Resources"]["Api"]["Properties"]["Body"]
    [(kind, answer)] = body["x-amazon-apigateway-gateway-responses"].items()
    assert (kind, "statusCode" in answer) == ("DEFAULT_5XX", False)
    assert json.loads(answer["responseTemplates"]["application/json"])["requestId"] == "$context.requestId"


def test_the_api_calls_the_alias() -> None:
    found = expanded(API)["Resources"]
    integration = found["Api"]["Properties"]["Body"]["paths"]["/api"]["post"]["x-amazon-apigateway-integration"]
    assert "${ApiAlias}" in integration["uri"]["Fn::Sub"], "the alias, or all requests go to the newest version"
    assert found["ApiPermission"]["Properties"]["FunctionName"] == {"Ref": "ApiAlias"}


def test_the_api_function_may_ask_production_only() -> None:
    found = Evaluation(template(API), LONGEST).resources()["ApiRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    asked = next(item["Resource"] for item in found if item["Action"] == "sagemaker:InvokeEndpoint")
    assert asked == f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{PREFIX}-*-p"


def test_the_watch_looks_for_a_capture_as_often_as_the_function_lets_it() -> None:
    look = template(API)["Resources"]["WatchMachine"]["Properties"]["Definition"]["States"]["Look"]
    [again] = [rule for rule in look["Retry"] if rule["ErrorEquals"] == ["NotYet"]]
    assert f"LOOKS = {again['MaxAttempts']} " in (ROOT / "api/watch.py").read_text()
    assert look["Parameters"]["Payload"] == {"Watch.$": "$", "Looks.$": "$$.State.RetryCount"}
