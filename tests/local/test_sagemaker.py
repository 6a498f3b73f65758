"""SageMaker on this machine: jobs, endpoints, invocations and what surrounds them."""

import io
import json
import tarfile
import time
from collections import Counter

import pytest
from botocore.exceptions import ClientError

from local.machine import Credentials
from tests.local.sagemaker_machine import IMAGE, ROLE, TRUST, Server, allow, running_server, tar_gz, wait_for


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running_server(tmp_path_factory.mktemp("machine")) as server:
        yield server


@pytest.fixture
def sagemaker(server):
    return server.machine.client("sagemaker")


@pytest.fixture
def runtime(server):
    return server.machine.client("sagemaker-runtime")


@pytest.fixture
def s3(server):
    return server.machine.client("s3")


@pytest.fixture
def data(s3):
    s3.put_object(Bucket="bucket", Key="in/part/a.csv", Body=b"a,b\n1,2\n")


def training(name, **changes):
    request = {
        "TrainingJobName": name, "RoleArn": ROLE, "HyperParameters": {"mode": "ok"},
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File",
                                   "MetricDefinitions": [{"Name": "auc", "Regex": "auc=([0-9.]+);"}]},
        "InputDataConfig": [{"ChannelName": "train", "ContentType": "text/csv", "DataSource": {"S3DataSource": {
            "S3DataType": "S3Prefix", "S3Uri": "s3://bucket/in"}}}],
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/model", "KmsKeyId": "alias/tests"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60}}
    return request | changes


def settled(sagemaker, name, kind="training"):
    status = f"{kind.title()}JobStatus"
    describe = getattr(sagemaker, f"describe_{kind}_job")
    return wait_for(lambda: (answer := describe(**{f"{kind.title()}JobName": name}))[status] not in (
        "InProgress", "Stopping") and answer)


def unpacked(s3, key):
    body = s3.get_object(Bucket="bucket", Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        return {name: archive.extractfile(name).read() for name in archive.getnames()}


def test_training_job_sees_the_contract_and_leaves_its_archives(sagemaker, s3, data):
    sagemaker.create_training_job(**training("Train-ok"))
    job = settled(sagemaker, "Train-ok")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == "s3://bucket/model/Train-ok/output/model.tar.gz"
    assert job["TrainingJobArn"].endswith(":training-job/train-ok")
    assert [step["Status"] for step in job["SecondaryStatusTransitions"]] == [
        "Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert job["FinalMetricDataList"][0]["Value"] == pytest.approx(0.91)
    seen = json.loads(unpacked(s3, "model/Train-ok/output/model.tar.gz")["seen.json"])
    assert seen["data"] == "a,b\n1,2\n"
    assert seen["inputs"]["train"]["ContentType"] == "text/csv"
    assert seen["resources"]["hosts"] == ["algo-1"]
    assert seen["env"]["TRAINING_JOB_NAME"] == "Train-ok" and seen["env"]["AWS_ENDPOINT_URL"]
    assert unpacked(s3, "model/Train-ok/output/output.tar.gz") == {"extra.txt": b"extra"}
    head = s3.head_object(Bucket="bucket", Key="model/Train-ok/output/model.tar.gz")
    assert head["ServerSideEncryption"] == "aws:kms"


def test_training_log_is_in_cloudwatch_logs(server, sagemaker, data):
    sagemaker.create_training_job(**training("train-log"))
    settled(sagemaker, "train-log")
    logs = server.machine.client("logs")
    group = "/aws/sagemaker/TrainingJobs"
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix="train-log/algo-1-")["logStreams"]
    events = logs.get_log_events(logGroupName=group, logStreamName=streams[0]["logStreamName"])["events"]
    assert "training in mode ok" in events[0]["message"]


def test_isolated_job_gets_no_credentials_and_no_endpoint(sagemaker, s3, data):
    sagemaker.create_training_job(**training("train-isolated", EnableNetworkIsolation=True))
    assert settled(sagemaker, "train-isolated")["TrainingJobStatus"] == "Completed"
    env = json.loads(unpacked(s3, "model/train-isolated/output/model.tar.gz")["seen.json"])["env"]
    assert not {"AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL"} & env.keys()


def test_crashed_job_fails_with_its_words_its_log_and_its_code(sagemaker, data):
    sagemaker.create_training_job(**training("train-fail", HyperParameters={"mode": "fail"}))
    job = settled(sagemaker, "train-fail")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: column target is missing")
    assert "KeyError target" in job["FailureReason"] and job["FailureReason"].endswith("exit code: 1")


def test_job_out_of_time_is_stopped_as_max_runtime_exceeded(sagemaker, data):
    sagemaker.create_training_job(**training(
        "train-slow", HyperParameters={"mode": "hang"}, StoppingCondition={"MaxRuntimeInSeconds": 1}))
    job = settled(sagemaker, "train-slow")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert "MaxRuntimeInSeconds" in job["FailureReason"] and "mode hang" in job["FailureReason"]


def test_stop_ends_the_process(server, sagemaker, data):
    sagemaker.create_training_job(**training("train-stop", HyperParameters={"mode": "hang"}))
    wait_for(lambda: any(row["name"] == "train-stop" for row in server.machine.store.table("processes").values()))
    sagemaker.stop_training_job(TrainingJobName="train-stop")
    assert settled(sagemaker, "train-stop")["SecondaryStatus"] == "Stopped"
    assert not any(row["name"] == "train-stop" for row in server.machine.store.table("processes").values())


@pytest.mark.parametrize(("change", "reason"), [
    ({"AlgorithmSpecification": {"TrainingImage": IMAGE.replace("tests", "missing"), "TrainingInputMode": "File"}},
     "not found"),
    ({"InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": {
        "S3DataType": "S3Prefix", "S3Uri": "s3://bucket/nothing"}}}]},
     "Data download failed: No S3 objects found under"),
])
def test_job_without_image_or_data_fails_with_the_reason(sagemaker, data, change, reason):
    name = f"train-without-{len(reason)}"
    sagemaker.create_training_job(**training(name, **change))
    assert reason in settled(sagemaker, name)["FailureReason"]


def test_job_whose_role_lacks_a_right_fails_naming_role_and_action(server, sagemaker, data):
    iam = server.machine.client("iam")
    iam.create_role(RoleName="poor", AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.put_role_policy(RoleName="poor", PolicyName="p", PolicyDocument=allow("s3:ListBucket", "s3:PutObject"))
    sagemaker.create_training_job(**training("train-poor", RoleArn=ROLE.replace("role/job", "role/poor")))
    reason = settled(sagemaker, "train-poor")["FailureReason"]
    assert "AccessDenied" in reason and "s3:GetObject" in reason and "assumed-role/poor" in reason


def test_role_that_sagemaker_may_not_assume_is_refused(sagemaker):
    with pytest.raises(ClientError, match="Could not assume role"):
        sagemaker.create_training_job(**training("train-norole", RoleArn=ROLE + "-unknown"))


def test_what_is_not_supported_is_refused_by_name(sagemaker):
    config = training("x")["ResourceConfig"] | {"InstanceCount": 2}
    with pytest.raises(ClientError, match=r"ResourceConfig.InstanceCount above 1"):
        sagemaker.create_training_job(**training("train-two", ResourceConfig=config))
    source = {"S3DataSource": {"S3DataType": "ManifestFile", "S3Uri": "s3://bucket/in"}}
    with pytest.raises(ClientError, match="ManifestFile"):
        sagemaker.create_training_job(**training("t", InputDataConfig=[{"ChannelName": "c", "DataSource": source}]))


def test_local_path_that_leads_out_of_the_job_is_refused(sagemaker):
    for path in ("/tmp/elsewhere", "/opt/ml/checkpoints/../../.."):  # noqa: S108
        with pytest.raises(ClientError, match="must be an absolute path below /opt/ml/"):
            sagemaker.create_training_job(**training(
                "train-path", CheckpointConfig={"S3Uri": "s3://bucket/checkpoints", "LocalPath": path}))


def test_lists_are_filtered_sorted_and_paged(sagemaker, data):
    for name in ("list-b", "list-a", "list-c"):
        sagemaker.create_training_job(**training(name, HyperParameters={"mode": "fail"}))
        settled(sagemaker, name)
    pages = sagemaker.get_paginator("list_training_jobs").paginate(
        NameContains="LIST-", StatusEquals="Failed", SortBy="Name", SortOrder="Ascending",
        PaginationConfig={"PageSize": 2})
    pages = [[job["TrainingJobName"] for job in page["TrainingJobSummaries"]] for page in pages]
    assert pages == [["list-a", "list-b"], ["list-c"]]
    with pytest.raises(sagemaker.exceptions.ResourceInUse):
        sagemaker.create_training_job(**training("LIST-a"))
    with pytest.raises(sagemaker.exceptions.ResourceNotFound):
        sagemaker.describe_training_job(TrainingJobName="list-z")


def processing(name, source, **more):
    source = {"S3DataType": "S3Prefix", "S3InputMode": "File", "LocalPath": "/opt/ml/processing/input/data"} | source
    return {
        "ProcessingJobName": name, "RoleArn": ROLE, "Environment": {"GREETING": "hello"},
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["process"]},
        "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}},
        "ProcessingInputs": [{"InputName": "data", "S3Input": source}],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "done", "S3Output": {
            "S3Uri": f"s3://bucket/{name}/", "LocalPath": "/opt/ml/processing/output/done", "S3UploadMode": "EndOfJob"}}]}
    } | more


def test_processing_job_takes_files_in_and_out(sagemaker, s3):
    s3.put_object(Bucket="bucket", Key="raw/a.csv", Body=b"a,b\n")
    sagemaker.create_processing_job(**processing("process", {"S3Uri": "s3://bucket/raw/a.csv"}))
    job = settled(sagemaker, "process", "processing")
    assert (job["ProcessingJobStatus"], job["ExitMessage"]) == ("Completed", "hello"), job
    assert s3.get_object(Bucket="bucket", Key="process/b.csv")["Body"].read() == b"A,B\n"


def test_processing_job_takes_what_a_manifest_lists(sagemaker, s3):
    for key in ("listed/a.csv", "listed/2026/07/b.csv", "listed/2026/08/c.csv"):
        s3.put_object(Bucket="bucket", Key=key, Body=f"{key}\n".encode())
    s3.put_object(Bucket="bucket", Key="manifest", Body=json.dumps(
        [{"prefix": "s3://bucket/listed/"}, "a.csv", "2026/07/b.csv"]).encode())
    sagemaker.create_processing_job(**processing("manifest-ok", {"S3DataType": "ManifestFile", "S3Uri": "s3://bucket/manifest"}))
    job = settled(sagemaker, "manifest-ok", "processing")
    assert job["ProcessingJobStatus"] == "Completed", job
    assert s3.get_object(Bucket="bucket", Key="manifest-ok/b.csv")["Body"].read() == b"LISTED/A.CSV\n"
    assert s3.get_object(Bucket="bucket", Key="manifest-ok/inputs")["Body"].read() == b"2026/07/b.csv\na.csv"


def test_processing_job_tells_each_of_its_states_as_an_event(server, sagemaker, s3):
    events, sqs = (server.machine.client(name) for name in ("events", "sqs"))
    queue = sqs.create_queue(QueueName="job-events")["QueueUrl"]
    events.put_rule(Name="jobs", EventPattern=json.dumps({
        "source": ["aws.sagemaker"], "detail-type": ["SageMaker Processing Job State Change"],
        "detail": {"ProcessingJobName": [{"prefix": "told"}]}}))
    events.put_targets(Rule="jobs", Targets=[{"Id": "q", "Arn": "arn:aws:sqs:us-east-1:000000000000:job-events"}])
    s3.put_object(Bucket="bucket", Key="raw/a.csv", Body=b"a,b\n")
    sagemaker.create_processing_job(**processing("told", {"S3Uri": "s3://bucket/raw/a.csv"}))
    job, seen = settled(sagemaker, "told", "processing"), []

    def completed():
        seen.extend(json.loads(message["Body"]) for message in sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []))
        return [event for event in seen if event["detail"]["ProcessingJobStatus"] == "Completed"]

    [event] = wait_for(completed)
    assert {each["detail"]["ProcessingJobStatus"] for each in seen} == {"InProgress", "Completed"}
    assert event["resources"] == [job["ProcessingJobArn"]] == [event["detail"]["ProcessingJobArn"]]
    assert event["detail"]["ProcessingEndTime"] == int(job["ProcessingEndTime"].timestamp() * 1000)
    assert event["detail"]["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] == "s3://bucket/told/"


@pytest.mark.parametrize(("manifest", "reason"), [
    ([{"prefix": "s3://bucket/listed/"}, "gone.csv"], "NoSuchKey"), (["a.csv"], "is not a JSON list"),
    ([{"prefix": "s3://bucket/listed/"}], "at least one object"), ([{"prefix": "s3://bucket/"}, "../a"], "leads out")])
def test_manifest_that_cannot_be_followed_fails_the_job_by_name(sagemaker, s3, manifest, reason):
    name = f"manifest-{len(json.dumps(manifest))}"
    s3.put_object(Bucket="bucket", Key=name, Body=json.dumps(manifest).encode())
    sagemaker.create_processing_job(**processing(name, {"S3DataType": "ManifestFile", "S3Uri": f"s3://bucket/{name}"}))
    job = settled(sagemaker, name, "processing")
    assert job["ProcessingJobStatus"] == "Failed" and reason in job["FailureReason"], job


def test_object_is_put_once_where_none_may_match(s3):
    s3.put_object(Bucket="bucket", Key="once", Body=b"1", IfNoneMatch="*")
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket="bucket", Key="once", Body=b"2", IfNoneMatch="*")
    assert refused.value.response["Error"]["Code"] == "PreconditionFailed"
    assert s3.get_object(Bucket="bucket", Key="once")["Body"].read() == b"1"


def model(sagemaker, s3, name, **files):
    s3.put_object(Bucket="bucket", Key=f"models/{name}.tar.gz", Body=tar_gz(**{"name": name, **files}))
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={
        "Image": files.pop("image", IMAGE), "ModelDataUrl": f"s3://bucket/models/{name}.tar.gz"})


def config(sagemaker, name, count=1, **more):
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[{
        "VariantName": "AllTraffic", "ModelName": name, "InitialInstanceCount": count, "InstanceType": "ml.m5.large"}],
        **more)


def settled_endpoint(sagemaker, name):
    return wait_for(lambda: (answer := sagemaker.describe_endpoint(EndpointName=name))["EndpointStatus"] not in (
        "Creating", "Updating") and answer)


@pytest.mark.parametrize(("strategy", "split", "expected"), [
    ("SingleRecord", "Line", b"A\nB\n"), ("MultiRecord", "Line", b"A\nB\n"), ("MultiRecord", "None", b"A\nB\n")])
def test_transform_job_writes_an_answer_for_each_object(sagemaker, s3, strategy, split, expected):
    name = f"transform-{strategy}-{split}"
    model(sagemaker, s3, name)
    s3.put_object(Bucket="bucket", Key=f"{name}/deep/a.csv", Body=b"a\nb\n")
    sagemaker.create_transform_job(
        TransformJobName=name, ModelName=name, BatchStrategy=strategy,
        TransformInput={"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://bucket/{name}/"}},
                        "ContentType": "text/csv", "SplitType": split},
        TransformOutput={"S3OutputPath": f"s3://bucket/{name}-out", "Accept": "text/csv", "AssembleWith": "Line"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1})
    job = settled(sagemaker, name, "transform")
    assert job["TransformJobStatus"] == "Completed", job
    assert s3.get_object(Bucket="bucket", Key=f"{name}-out/deep/a.csv.out")["Body"].read() == expected


def test_transform_job_fails_with_the_models_words(sagemaker, s3):
    model(sagemaker, s3, "transform-bad")
    s3.put_object(Bucket="bucket", Key="transform-bad/a.csv", Body=b"status 400")
    sagemaker.create_transform_job(
        TransformJobName="transform-bad", ModelName="transform-bad",
        TransformInput={"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/transform-bad/"}}},
        TransformOutput={"S3OutputPath": "s3://bucket/transform-bad-out"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1})
    job = settled(sagemaker, "transform-bad", "transform")
    assert job["TransformJobStatus"] == "Failed" and "400" in job["FailureReason"] and "bad row" in job["FailureReason"]


def test_endpoint_serves_spreads_captures_measures_and_replaces_what_crashed(server, sagemaker, runtime, s3):
    model(sagemaker, s3, "churn")
    config(sagemaker, "churn", count=2, DataCaptureConfig={
        "InitialSamplingPercentage": 100, "DestinationS3Uri": "s3://bucket/captures", "KmsKeyId": "alias/tests",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]}})
    sagemaker.create_endpoint(EndpointName="Churn", EndpointConfigName="churn")
    endpoint = settled_endpoint(sagemaker, "Churn")
    assert endpoint["EndpointStatus"] == "InService", endpoint.get("FailureReason")
    variant = endpoint["ProductionVariants"][0]
    assert (variant["CurrentInstanceCount"], variant["CurrentWeight"]) == (2, 1.0)
    assert endpoint["DataCaptureConfig"]["CaptureStatus"] == "Started"

    answers = [runtime.invoke_endpoint(EndpointName="Churn", Body=b"a,b", ContentType="text/csv", Accept="text/csv",
                                       InferenceId="golden-1") for _ in range(6)]
    assert {answer["Body"].read() for answer in answers} == {b"A,B"}
    assert {answer["InvokedProductionVariant"] for answer in answers} == {"AllTraffic"}
    assert Counter(answer["CustomAttributes"] for answer in answers).most_common()[0][1] == 3
    assert "x-model-run" not in answers[0]["ResponseMetadata"]["HTTPHeaders"]

    listed = wait_for(lambda: s3.list_objects_v2(Bucket="bucket", Prefix="captures/Churn/AllTraffic/").get("Contents"))
    line = json.loads(s3.get_object(Bucket="bucket", Key=listed[0]["Key"])["Body"].read().splitlines()[0])
    assert listed[0]["Key"].startswith(time.strftime("captures/Churn/AllTraffic/%Y/%m/%d/", time.gmtime()))
    assert line["captureData"]["endpointInput"] == {
        "observedContentType": "text/csv", "mode": "INPUT", "data": "a,b", "encoding": "CSV"}
    assert line["captureData"]["endpointOutput"]["data"] == "A,B"
    assert line["eventMetadata"]["inferenceId"] == "golden-1" and line["eventVersion"] == "0"

    with pytest.raises(runtime.exceptions.ModelError) as fault:
        runtime.invoke_endpoint(EndpointName="Churn", Body=b"status 415")
    assert (fault.value.response["OriginalStatusCode"], fault.value.response["OriginalMessage"]) == (415, "bad row")
    with pytest.raises(runtime.exceptions.ModelError):
        runtime.invoke_endpoint(EndpointName="Churn", Body=b"die")
    endpoint = server.sagemaker.hosting.serving("churn")
    wait_for(lambda: sum(i.ready and i.child.poll() is None for i in endpoint.fleet.variants["AllTraffic"].instances) == 2)
    assert runtime.invoke_endpoint(EndpointName="Churn", Body=b"x")["Body"].read() == b"X"

    def count(metric):
        dimensions = [{"Name": "EndpointName", "Value": "Churn"}, {"Name": "VariantName", "Value": "AllTraffic"}]
        points = server.machine.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/SageMaker", MetricName=metric, Dimensions=dimensions, StartTime=time.time() - 600,
            EndTime=time.time() + 60, Period=60, Statistics=["Sum"])["Datapoints"]
        return sum(point["Sum"] for point in points)
    assert wait_for(lambda: count("Invocations") == 9)
    assert (count("Invocation4XXErrors"), count("Invocation5XXErrors")) == (1, 1)
    sagemaker.delete_endpoint(EndpointName="Churn")
    wait_for(lambda: not sagemaker.list_endpoints(NameContains="churn")["Endpoints"])
    with pytest.raises(ClientError, match=r"Endpoint Churn of account .* not found"):
        runtime.invoke_endpoint(EndpointName="Churn", Body=b"x")
    assert not any(row["name"].startswith("Churn/") for row in server.machine.store.table("processes").values())


def test_update_swaps_without_a_failed_request_and_keeps_serving_when_it_fails(sagemaker, runtime, s3):
    for name, files in (("one", {}), ("two", {}), ("three", {"broken": "yes"})):
        model(sagemaker, s3, name, **files)
        config(sagemaker, name)
    sagemaker.create_endpoint(EndpointName="swap", EndpointConfigName="one")
    settled_endpoint(sagemaker, "swap")
    sagemaker.update_endpoint(EndpointName="swap", EndpointConfigName="two")
    while sagemaker.describe_endpoint(EndpointName="swap")["EndpointStatus"] == "Updating":
        assert runtime.invoke_endpoint(EndpointName="swap", Body=b"x")["Body"].read() == b"X"
    assert sagemaker.describe_endpoint(EndpointName="swap")["EndpointConfigName"] == "two"
    sagemaker.update_endpoint(EndpointName="swap", EndpointConfigName="three")
    failed = settled_endpoint(sagemaker, "swap")
    assert (failed["EndpointStatus"], failed["EndpointConfigName"]) == ("InService", "two")
    assert "exit code 4" in failed["FailureReason"] and "the model is broken" in failed["FailureReason"]
    sagemaker.update_endpoint_weights_and_capacities(EndpointName="swap", DesiredWeightsAndCapacities=[
        {"VariantName": "AllTraffic", "DesiredInstanceCount": 2, "DesiredWeight": 3}])
    variant = settled_endpoint(sagemaker, "swap")["ProductionVariants"][0]
    assert (variant["CurrentInstanceCount"], variant["CurrentWeight"]) == (2, 3.0)
    sagemaker.delete_endpoint(EndpointName="swap")


def test_endpoint_fails_with_the_reason_for_an_unknown_image_or_a_broken_model(sagemaker, s3):
    model(sagemaker, s3, "bad-image", image=IMAGE.replace("tests", "missing"))
    model(sagemaker, s3, "bad-model", broken="yes")
    for name, reason in (("bad-image", "execution role used to create the model has permissions"),
                         ("bad-model", "the model is broken")):
        config(sagemaker, name)
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        endpoint = settled_endpoint(sagemaker, name)
        assert endpoint["EndpointStatus"] == "Failed" and reason in endpoint["FailureReason"]
        sagemaker.delete_endpoint(EndpointName=name)


def test_restart_fails_running_jobs_and_brings_endpoints_back(server, sagemaker, runtime, s3, data):
    model(sagemaker, s3, "back")
    config(sagemaker, "back")
    sagemaker.create_endpoint(EndpointName="back", EndpointConfigName="back")
    settled_endpoint(sagemaker, "back")
    server.sagemaker.hosting.stop()  # as a kill leaves it: processes gone, state on disk
    jobs = server.machine.store.table("sagemaker-training-job")
    jobs["cut"] = {"TrainingJobName": "cut", "TrainingJobStatus": "InProgress", "CreationTime": 1,
                   "TrainingJobArn": "a"}
    server.sagemaker.setup()
    assert sagemaker.describe_endpoint(EndpointName="back")["EndpointStatus"] in ("Updating", "InService")
    assert settled_endpoint(sagemaker, "back")["EndpointStatus"] == "InService"
    assert runtime.invoke_endpoint(EndpointName="back", Body=b"x")["Body"].read() == b"X"
    assert "the local AWS stopped" in jobs.pop("cut")["FailureReason"]
    sagemaker.delete_endpoint(EndpointName="back")


def test_experiments_hold_the_components_of_their_jobs(sagemaker, data):
    sagemaker.create_experiment(ExperimentName="churn", Tags=[{"Key": "run", "Value": "1"}])
    sagemaker.create_trial(TrialName="run-1", ExperimentName="churn")
    place = {"ExperimentName": "churn", "TrialName": "run-1"}
    sagemaker.create_training_job(**training("in-trial", ExperimentConfig=place))
    settled(sagemaker, "in-trial")
    components = sagemaker.list_trial_components(TrialName="run-1")["TrialComponentSummaries"]
    assert [component["TrialComponentName"] for component in components] == ["in-trial-aws-training-job"]
    component = sagemaker.describe_trial_component(TrialComponentName="in-trial-aws-training-job")
    assert component["Status"]["PrimaryStatus"] == "Completed"
    assert component["Metrics"][0]["Last"] == pytest.approx(0.91)
    assert sagemaker.list_trials(ExperimentName="churn")["TrialSummaries"][0]["TrialName"] == "run-1"
    arn = sagemaker.describe_experiment(ExperimentName="churn")["ExperimentArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "more", "Value": "2"}])
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["run"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "more", "Value": "2"}]
    with pytest.raises(ClientError, match="has 1 Trial"):
        sagemaker.delete_experiment(ExperimentName="churn")
    sagemaker.disassociate_trial_component(TrialComponentName="in-trial-aws-training-job", TrialName="run-1")
    sagemaker.delete_trial(TrialName="run-1")
    sagemaker.delete_experiment(ExperimentName="churn")


def test_caller_needs_the_right_on_the_endpoint(server: Server):
    iam = server.machine.client("iam")
    iam.create_user(UserName="caller")
    iam.put_user_policy(UserName="caller", PolicyName="p", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sagemaker:InvokeEndpoint",
                                                "Resource": "arn:aws:sagemaker:*:*:endpoint/mine"}]}))
    key = iam.create_access_key(UserName="caller")["AccessKey"]
    client = server.machine.client("sagemaker-runtime", Credentials(key["AccessKeyId"], key["SecretAccessKey"]))
    with pytest.raises(ClientError, match="not found"):
        client.invoke_endpoint(EndpointName="Mine", Body=b"x")
    with pytest.raises(ClientError, match=r"not authorized to perform: sagemaker:InvokeEndpoint on resource: .*theirs"):
        client.invoke_endpoint(EndpointName="theirs", Body=b"x")
