"""The stack that watches production: what each engine makes, which endpoint it looks at, and what follows a look."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase

import pytest

from tests.templates.evaluation import Evaluation
from tests.templates.sources import MONITORING, PIPELINE, ROOT, listed, rights, statements, template
from tests.templates.test_names import LONGEST, PREFIX
from tests.templates.test_resources import needs

WATCHING = LONGEST | {"Capturing": "yes", "Engine": "own", "Schedule": "hourly", "DatasetBucketName": ""}
CLOCK, ALARM = "Clock", "DriftAlarm"
OF_MODEL_MONITOR = {"JobDefinition", "MonitoringSchedule", "JobRule"}


def made(**values: str) -> dict[str, dict]:
    """Return the stack's resources."""
    return Evaluation(template(MONITORING), WATCHING | values).resources()


def states() -> dict[str, dict]:
    """Return the state machine's states."""
    return made()["Monitoring"]["Properties"]["Definition"]["States"]


def test_either_engine_has_its_own_clock_and_shares_what_follows() -> None:
    own, other = set(made()), set(made(Engine="model-monitor"))
    assert (own - other, other - own) == ({CLOCK}, OF_MODEL_MONITOR)
    assert {"LiveRun", "Monitoring", ALARM, "QueryDriftFunction", "RetrainingFunction"} <= own & other


def test_without_captures_there_is_no_schedule_and_the_live_run_is_known_all_the_same() -> None:
    for engine in ("own", "model-monitor"):
        found = made(Capturing="no", Engine=engine)
        assert not {CLOCK, ALARM, "MonitoringFailureRule", *OF_MODEL_MONITOR} & set(found)
        assert found["LiveRun"]["Properties"]["Name"] == f"/{PREFIX}/live-run"


@pytest.mark.parametrize(("schedule", "rate", "cron", "seconds"), [
    ("hourly", "rate(1 hour)", "cron(0 * ? * * *)", 3600), ("daily", "rate(1 day)", "cron(0 0 ? * * *)", 86400)])
def test_the_alarm_has_the_schedules_period(schedule: str, rate: str, cron: str, seconds: int) -> None:
    assert made(Schedule=schedule)[CLOCK]["Properties"]["ScheduleExpression"] == rate
    config = made(Schedule=schedule, Engine="model-monitor")["MonitoringSchedule"]["Properties"]["MonitoringScheduleConfig"]
    assert config["ScheduleConfig"]["ScheduleExpression"] == cron
    assert made(Schedule=schedule)[ALARM]["Properties"]["Period"] == seconds


def test_the_alarm_is_on_what_query_drift_publishes_and_tells_people() -> None:
    alarm = made()[ALARM]["Properties"]
    code = (ROOT / "custom_resource/query_drift/metrics.py").read_text()
    assert f'NAMESPACE = "{alarm["Namespace"]}"' in code and f'"{alarm["MetricName"]}"' in code
    names = made()["QueryDriftFunction"]["Properties"]["Environment"]["Variables"]
    assert {item["Name"]: item["Value"] for item in alarm["Dimensions"]} == {"Endpoint": names["ENDPOINT_NAME"], "Schedule": names["SCHEDULE_NAME"]}
    assert (alarm["TreatMissingData"], alarm["AlarmActions"]) == ("notBreaching", [WATCHING["TopicArn"]])


def test_the_clock_and_the_schedule_have_the_name_in_the_metrics() -> None:
    name = made()["QueryDriftFunction"]["Properties"]["Environment"]["Variables"]["SCHEDULE_NAME"]
    assert made()[CLOCK]["Properties"]["Name"] == name
    assert made(Engine="model-monitor")["MonitoringSchedule"]["Properties"]["MonitoringScheduleName"] == name


def test_a_schedules_jobs_are_heard_whatever_they_are_called() -> None:
    pattern = made(Engine="model-monitor")["JobRule"]["Properties"]["EventPattern"]
    assert pattern["detail"] == {"RoleArn": ["JobRoleArn"], "ProcessingJobStatus": ["Completed", "Failed", "Stopped"]}
    assert states()["WhoLooked"]["Choices"] == [{"Variable": "$.detail.ProcessingJobName", "IsPresent": True, "Next": "OfASchedule"}]


def test_query_drift_gets_a_look_of_the_same_shape_from_either_engine() -> None:
    assert states()["OfASchedule"]["Next"] == states()["Judged"]["Next"] == "QueryDrift"
    assert states()["QueryDrift"]["Parameters"]["Payload"] == {"Execution.$": "$$.Execution.Id", "Look.$": "$.Look"}
    assert set(states()["Judged"]["Parameters"]) == {"Folder.$", "Start.$", "End.$"}


def test_drift_alone_leads_to_the_guard() -> None:
    assert states()["HasAnythingDrifted"]["Choices"] == [{"Variable": "$.Found.Drift.Verdict", "StringEquals": "drift", "Next": "Judge"}]
    assert states()["HasAnythingDrifted"]["Default"] == "NothingToDo"
    assert states()["IsThereAnything"]["Default"] == "NothingToLookAt"


def test_a_failure_is_not_caught_but_mailed() -> None:
    assert [name for name, state in states().items() if "Catch" in state] == []
    rule = made()["MonitoringFailureRule"]["Properties"]
    assert rule["EventPattern"]["detail"] == {"stateMachineArn": ["Monitoring"], "status": ["FAILED", "TIMED_OUT"]}
    [target] = rule["Targets"]
    assert "<cause>" in target["InputTransformer"]["InputTemplate"]
    assert target["InputTransformer"]["InputTemplate"].count("\n") == 0


def test_the_functions_read_the_variables_that_they_are_given() -> None:
    for key, folder in (("PlanFunction", "monitoring_plan"), ("QueryDriftFunction", "query_drift"), ("RetrainingFunction", "retraining")):
        code = "".join(path.read_text() for path in (ROOT / "custom_resource" / folder).glob("*.py"))
        given = made()[key]["Properties"]["Environment"]["Variables"]
        assert [name for name in given if f'"{name}"' not in code] == []
        read = set(re.findall(r'setting(?:s\[)?\(?"([A-Z_]+)"', code)) - {"AWS_REGION"}
        assert read <= set(given), f"{folder} reads {sorted(read - set(given))}"


def test_nothing_of_the_stack_can_be_made_before_the_api() -> None:
    assert "Monitoring" in needs(CLOCK, template(MONITORING)["Resources"], set())


@pytest.mark.parametrize(("key", "path"), [
    ("Monitoring", "arn:aws:states:us-east-1:123456789012:stateMachine:{StateMachineName}"),
    ("PlanFunction", "arn:aws:lambda:us-east-1:123456789012:function:{FunctionName}"),
    ("QueryDriftFunction", "arn:aws:lambda:us-east-1:123456789012:function:{FunctionName}"),
    ("RetrainingFunction", "arn:aws:lambda:us-east-1:123456789012:function:{FunctionName}"),
    ("LiveRun", "arn:aws:ssm:us-east-1:123456789012:parameter{Name}"), ("Clock", "arn:aws:events:us-east-1:123456789012:rule/{Name}"),
    ("JobRule", "arn:aws:events:us-east-1:123456789012:rule/{Name}"),
    ("MonitoringFailureRule", "arn:aws:events:us-east-1:123456789012:rule/{Name}"),
    ("MonitoringSchedule", "arn:aws:sagemaker:us-east-1:123456789012:monitoring-schedule/{MonitoringScheduleName}"),
    ("DriftAlarm", "arn:aws:cloudwatch:us-east-1:123456789012:alarm:{AlarmName}")])
def test_the_deploy_role_may_make_each_resource_under_its_name(key: str, path: str) -> None:
    found = made(Engine="model-monitor") | made()
    arn = path.format_map(found[key]["Properties"])
    project = Evaluation(template(PIPELINE), LONGEST).resources()
    service = path.split(":")[2]
    allowed = {action for statement in rights(project, "DeployRole") for action in listed(statement["Action"])
               if any(fnmatchcase(arn, pattern) for pattern in listed(statement["Resource"])) and action.startswith(f"{service}:")}
    assert [action for action in allowed if re.search(r"Create|Put", action)] and [action for action in allowed if "Delete" in action]


@pytest.mark.parametrize(("role", "service"), [("MonitoringRole", "states"), ("MonitoringEventsRole", "events"), ("PlanRole", "lambda")])
def test_the_deploy_role_may_hand_over_each_role_to_its_service(role: str, service: str) -> None:
    arn = Evaluation(template(MONITORING), WATCHING).of({"Fn::GetAtt": [role, "Arn"]})
    project = Evaluation(template(PIPELINE), LONGEST).resources()
    passing = [statement for statement in rights(project, "DeployRole") if listed(statement["Action"]) == ["iam:PassRole"]
               and any(fnmatchcase(arn, pattern) for pattern in listed(statement["Resource"]))]
    assert f"{service}.amazonaws.com" in {item for statement in passing for item in listed(statement["Condition"]["StringEquals"]["iam:PassedToService"])}


def test_jobs_may_read_captures_and_labels_and_pull_aws_analyzer() -> None:
    role = Evaluation(template(PIPELINE), LONGEST).resources()["JobRole"]
    reads = {arn for statement in statements(role) if "s3:GetObject" in listed(statement["Action"]) for arn in listed(statement["Resource"])}
    assert {"ArtifactBucket.Arn/captures/*", "ArtifactBucket.Arn/ground-truth/*"} <= reads
    pulls = json.dumps([statement["Resource"] for statement in statements(role) if "ecr:BatchGetImage" in listed(statement["Action"])])
    assert "repository/sagemaker-model-monitor-analyzer" in pulls


def test_the_guard_reads_the_data_sets_bucket_where_there_is_one() -> None:
    listing = {}
    for bucket in ("", "d" * 63):
        role = made(DatasetBucketName=bucket)["RetrainingRole"]
        [listing[bucket]] = [statement["Resource"] for statement in statements(role) if statement["Action"] == "s3:ListBucket"]
    assert listing[""] == [f"arn:aws:s3:::{LONGEST['BucketName']}"]
    assert listing["d" * 63] == [*listing[""], f"arn:aws:s3:::{'d' * 63}"]
