"""Monitoring schedules: each occurrence looks at what was captured since the last one, by a processing job as AWS names it."""

import json
import re
import time

import pytest
from botocore.exceptions import ClientError

from local import capture
from local.machine import ROOT
from local.stacks import TYPES, Provisioner
from tests.local.sagemaker_machine import ACCOUNT, IMAGE, ROLE, running_server, tar_gz, wait_for

ANALYZER = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"
CLUSTER = {"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}}
HOUR = 60.0  # of AWS time, on a machine at speed 60


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running_server(tmp_path_factory.mktemp("machine")) as server:
        yield server


@pytest.fixture(scope="module")
def sagemaker(server):
    return server.machine.client("sagemaker")


@pytest.fixture(scope="module")
def s3(server):
    return server.machine.client("s3")


@pytest.fixture(scope="module")
def endpoint(server, sagemaker, s3):
    """An endpoint that captures, and its baseline."""
    s3.put_object(Bucket="bucket", Key="model.tar.gz", Body=tar_gz(name="watched"))
    for name in ("statistics", "constraints"):
        s3.put_object(Bucket="bucket", Key=f"baseline/{name}.json", Body=name.encode())
    sagemaker.create_model(ModelName="watched", ExecutionRoleArn=ROLE, PrimaryContainer={
        "Image": IMAGE, "ModelDataUrl": "s3://bucket/model.tar.gz"})
    sagemaker.create_endpoint_config(
        EndpointConfigName="watched", ProductionVariants=[{
            "VariantName": "AllTraffic", "ModelName": "watched", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}],
        DataCaptureConfig={"InitialSamplingPercentage": 100, "DestinationS3Uri": "s3://bucket/captures", "EnableCapture": True,
                           "CaptureOptions": [{"CaptureMode": "Input"}],
                           "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]}})
    sagemaker.create_endpoint(EndpointName="watched", EndpointConfigName="watched")
    wait_for(lambda: sagemaker.describe_endpoint(EndpointName="watched")["EndpointStatus"] == "InService")
    return "watched"


def definition(name, **more):
    return {
        "JobDefinitionName": name, "RoleArn": ROLE, "JobResources": CLUSTER,
        "DataQualityAppSpecification": {"ImageUri": ANALYZER, "Environment": {"publish_cloudwatch_metrics": "Disabled"}},
        "DataQualityBaselineConfig": {"StatisticsResource": {"S3Uri": "s3://bucket/baseline/statistics.json"},
                                      "ConstraintsResource": {"S3Uri": "s3://bucket/baseline/constraints.json"}},
        "DataQualityJobInput": {"EndpointInput": {"EndpointName": "watched", "LocalPath": "/opt/ml/processing/input/captures"}},
        "DataQualityJobOutputConfig": {"MonitoringOutputs": [{"S3Output": {
            "S3Uri": "s3://bucket/findings", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}}]}} | more


def config(name, expression="cron(0 * ? * * *)"):
    return {"MonitoringType": "DataQuality", "MonitoringJobDefinitionName": name,
            "ScheduleConfig": {"ScheduleExpression": expression}}


@pytest.fixture
def schedule(request, sagemaker, endpoint):
    """An hourly schedule of the test's own name."""
    name = re.sub(r"\W|_", "-", request.node.name)[5:40].strip("-")
    sagemaker.create_data_quality_job_definition(**definition(name))
    sagemaker.create_monitoring_schedule(MonitoringScheduleName=name, MonitoringScheduleConfig=config(name))
    yield name
    sagemaker.delete_monitoring_schedule(MonitoringScheduleName=name)
    sagemaker.delete_data_quality_job_definition(JobDefinitionName=name)


def captured(server, s3, *bodies):
    """Send requests, and have them written."""
    for body in bodies:
        server.machine.client("sagemaker-runtime").invoke_endpoint(EndpointName="watched", Body=body, ContentType="text/csv")
    server.sagemaker.hosting.serving("watched").fleet.capture.flush()


def begin_now(server, schedule):
    """Let the schedule know nothing of what was captured before: windows are of whole seconds."""
    start = int(time.time()) + 1
    server.sagemaker._monitoring._schedules.change(schedule, _Until=start)
    wait_for(lambda: time.time() > start)


class Hours:
    """The schedules' thread, moved on an hour at a time."""

    def __init__(self, server):
        self._monitoring, self.now = server.sagemaker._monitoring, time.time()
        self._monitoring.fire(self.now)

    def pass_one(self):
        self.now += HOUR + 0.1
        self._monitoring.fire(self.now)


def executions(sagemaker, schedule):
    return sagemaker.list_monitoring_executions(MonitoringScheduleName=schedule)["MonitoringExecutionSummaries"]


def ended(sagemaker, schedule):
    """Return the newest execution once it has ended."""
    return wait_for(lambda: (newest := executions(sagemaker, schedule)[0])["MonitoringExecutionStatus"] != "InProgress" and newest)


def test_an_occurrence_looks_at_what_was_captured_with_the_program_that_stands_in(server, sagemaker, s3, schedule):
    hours = Hours(server)
    captured(server, s3, b"1,2", b"drift,2")
    hours.pass_one()
    execution = ended(sagemaker, schedule)
    assert execution["MonitoringExecutionStatus"] == "CompletedWithViolations", execution
    job = sagemaker.describe_processing_job(ProcessingJobName=execution["ProcessingJobArn"].rpartition("/")[2])
    assert re.fullmatch(r"model-monitoring-\d{12}-[0-9a-f]{24}", job["ProcessingJobName"])
    assert job["ExitMessage"] == "CompletedWithViolations: Job completed successfully with 1 violations."
    assert job["AppSpecification"]["ImageUri"] == ANALYZER
    assert job["MonitoringScheduleArn"] == f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:monitoring-schedule/{schedule}"
    output = job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
    assert re.fullmatch(rf"s3://bucket/findings/watched/{schedule}/\d{{4}}/\d\d/\d\d/\d\d", output)
    found = json.loads(s3.get_object(Bucket="bucket", Key=f"{output.removeprefix('s3://bucket/')}/statistics.json")["Body"].read())
    assert found["lines"] == 2 and found["baseline"] == ["statistics", "constraints"]
    assert found["env"]["sagemaker_monitoring_schedule_name"] == schedule
    assert found["env"]["publish_cloudwatch_metrics"] == "Disabled"
    last = sagemaker.describe_monitoring_schedule(MonitoringScheduleName=schedule)["LastMonitoringExecutionSummary"]
    assert last["ProcessingJobArn"] == execution["ProcessingJobArn"]
    logs = server.machine.client("logs").filter_log_events(logGroupName="/aws/sagemaker/ProcessingJobs")["events"]
    assert any("monitor of" in event["message"] and "stands in" in event["message"] for event in logs)


def test_each_capture_is_looked_at_once(server, sagemaker, s3, schedule):
    begin_now(server, schedule)
    monitoring = server.sagemaker._monitoring
    captured(server, s3, b"1,2")
    wait_for(lambda: time.time() > int(monitoring._schedules.get(schedule)["_Until"]) + 1)
    monitoring._look(monitoring._schedules.get(schedule), time.time())
    assert ended(sagemaker, schedule)["MonitoringExecutionStatus"] == "Completed"
    captured(server, s3, b"3,4", b"5,6", b"7,8")
    Hours(server).pass_one()
    newest = ended(sagemaker, schedule)
    job = sagemaker.describe_processing_job(ProcessingJobName=newest["ProcessingJobArn"].rpartition("/")[2])
    key = job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"].removeprefix("s3://bucket/")
    assert json.loads(s3.get_object(Bucket="bucket", Key=f"{key}/statistics.json")["Body"].read())["lines"] == 3


def test_an_hour_without_captures_is_told_as_failed(server, sagemaker, schedule):
    begin_now(server, schedule)
    Hours(server).pass_one()
    [execution] = executions(sagemaker, schedule)
    assert (execution["MonitoringExecutionStatus"], execution["FailureReason"]) == ("Failed", "Job inputs had no data")
    assert "ProcessingJobArn" not in execution


def test_a_stopped_schedule_does_not_fire_until_it_is_started(server, sagemaker, s3, schedule):
    sagemaker.stop_monitoring_schedule(MonitoringScheduleName=schedule)
    assert sagemaker.describe_monitoring_schedule(MonitoringScheduleName=schedule)["MonitoringScheduleStatus"] == "Stopped"
    hours = Hours(server)
    captured(server, s3, b"1,2")
    hours.pass_one()
    assert executions(sagemaker, schedule) == []
    sagemaker.start_monitoring_schedule(MonitoringScheduleName=schedule)
    hours.pass_one()
    hours.pass_one()
    assert len(executions(sagemaker, schedule)) == 1


def test_a_changed_expression_changes_when_it_fires(server, sagemaker, s3, schedule):
    sagemaker.update_monitoring_schedule(MonitoringScheduleName=schedule,
                                         MonitoringScheduleConfig=config(schedule, "cron(0 0 ? * * *)"))
    hours = Hours(server)
    hours.pass_one()
    found = sagemaker.describe_monitoring_schedule(MonitoringScheduleName=schedule)
    assert found["MonitoringScheduleConfig"]["ScheduleConfig"]["ScheduleExpression"] == "cron(0 0 ? * * *)"
    mark, due = server.sagemaker._monitoring._due[schedule]
    midnight = found["CreationTime"].timestamp()  # days of its calendar are 24 wall minutes
    assert mark[0] == "cron(0 0 ? * * *)" and midnight < due <= mark[1] + 24 * HOUR + HOUR


@pytest.mark.parametrize(("change", "problem"), [
    ({"ScheduleConfig": {"ScheduleExpression": "NOW"}}, "runs once"),
    ({"ScheduleConfig": {"ScheduleExpression": "cron(5 * ? * * *)"}}, "at minute 0"),
    ({"ScheduleConfig": {"ScheduleExpression": "hourly"}}, "at minute 0"),
    ({"MonitoringType": "ModelBias"}, "ModelBias"), ({"MonitoringJobDefinitionName": "unknown"}, "Could not find")])
def test_a_schedule_that_could_not_run_is_refused_by_name(sagemaker, schedule, change, problem):
    with pytest.raises(ClientError, match=problem):
        sagemaker.create_monitoring_schedule(MonitoringScheduleName="bad", MonitoringScheduleConfig=config(schedule) | change)


def test_lists_select_by_endpoint_and_definition(sagemaker, schedule):
    found = sagemaker.list_monitoring_schedules(EndpointName="watched", MonitoringJobDefinitionName=schedule)
    assert [each["MonitoringScheduleName"] for each in found["MonitoringScheduleSummaries"]] == [schedule]
    assert sagemaker.list_monitoring_schedules(EndpointName="other")["MonitoringScheduleSummaries"] == []
    definitions = sagemaker.list_data_quality_job_definitions(EndpointName="watched")["JobDefinitionSummaries"]
    assert schedule in [each["MonitoringJobDefinitionName"] for each in definitions]


def test_an_occurrence_is_left_out_while_the_last_job_works_and_the_next_reads_on(server, sagemaker, s3, schedule):
    begin_now(server, schedule)
    hours = Hours(server)
    captured(server, s3, b"1,2")
    hours.pass_one()
    monitoring = server.sagemaker._monitoring
    until = monitoring._schedules.get(schedule)["_Until"]
    execution = ended(sagemaker, schedule)
    job = execution["ProcessingJobArn"].rpartition("/")[2]
    monitoring._jobs.change(job, ProcessingJobStatus="InProgress")
    hours.pass_one()
    assert len(executions(sagemaker, schedule)) == 1 and monitoring._schedules.get(schedule)["_Until"] == until
    monitoring._jobs.change(job, ProcessingJobStatus="Completed")
    hours.pass_one()
    assert len(executions(sagemaker, schedule)) == 2


def test_stacks_make_change_and_delete_schedules_and_definitions(server, sagemaker, endpoint):
    makers = {noun: Provisioner(server.machine, TYPES[f"AWS::SageMaker::{noun}"], ROOT)
              for noun in ("DataQualityJobDefinition", "MonitoringSchedule")}
    properties = {key: value for key, value in definition("x").items() if key != "JobDefinitionName"}
    reference, attributes = makers["DataQualityJobDefinition"].create(properties | {"EndpointName": endpoint}, "Stack-Definition-1")
    assert reference == attributes["JobDefinitionArn"] and attributes["JobDefinitionName"] == "stack-definition-1"
    wanted = {"MonitoringScheduleName": "of-a-stack", "MonitoringScheduleConfig": config(attributes["JobDefinitionName"])}
    schedule, _ = makers["MonitoringSchedule"].create(wanted, "")
    assert schedule.endswith(":monitoring-schedule/of-a-stack")
    daily = wanted | {"MonitoringScheduleConfig": config(attributes["JobDefinitionName"], "cron(0 0 ? * * *)")}
    makers["MonitoringSchedule"].update("of-a-stack", daily)
    found = sagemaker.describe_monitoring_schedule(MonitoringScheduleName="of-a-stack")
    assert found["MonitoringScheduleConfig"] == daily["MonitoringScheduleConfig"] and found["EndpointName"] == endpoint
    makers["MonitoringSchedule"].delete("of-a-stack")
    makers["DataQualityJobDefinition"].delete(attributes["JobDefinitionName"])
    with pytest.raises(sagemaker.exceptions.ResourceNotFound):
        sagemaker.describe_monitoring_schedule(MonitoringScheduleName="of-a-stack")


def test_what_a_kill_kept_from_s3_is_written_by_the_next_start_once(server, s3, endpoint):
    def lines():
        listed = s3.list_objects_v2(Bucket="bucket", Prefix="captures/watched/").get("Contents", [])
        texts = [s3.get_object(Bucket="bucket", Key=each["Key"])["Body"].read().decode() for each in listed]
        return [line for text in texts for line in text.splitlines() if "kept" in line]

    serving = server.sagemaker.hosting.serving("watched").fleet
    for body in (b"kept,1", b"kept,2"):
        server.machine.client("sagemaker-runtime").invoke_endpoint(EndpointName="watched", Body=body, ContentType="text/csv")
    [path] = (server.machine.data / "captures").glob("*.jsonl")  # of answered requests, before any flush
    with path.open("a") as file:
        file.write('{"captureData": {"kept')  # the line that the kill came into
    serving.capture._parts = {}  # what the process knew is gone
    assert lines() == []
    capture.recover(server.machine)
    found = lines()
    assert [json.loads(line)["captureData"]["endpointInput"]["data"] for line in found] == ["kept,1", "kept,2"]
    capture.recover(server.machine)
    assert lines() == found and not list((server.machine.data / "captures").glob("*.jsonl"))
