"""CodePipeline's own actions against the services of a local AWS, each with the rights of the pipeline's role alone."""

import io
import json
import threading
import time
import zipfile

import pytest

SECONDS = 60.0
BUCKET, NAME, ACCOUNT = "pipeline-actions", "pipeline-actions", "000000000000"
READER = "reader@example.com"
TEMPLATE = """
Parameters: {Label: {Type: String}, Run: {Type: String}}
Resources: {Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref Label}}}
Outputs: {TopicArn: {Value: !Ref Topic}}
"""
BUILDSPEC = """
version: 0.2
env: {shell: bash, exported-variables: [COLOUR]}
phases:
  build:
    commands:
      - test -f "$CODEBUILD_SRC_DIR_DataSource/table.csv"
      - export COLOUR="$(cat colour)"
      - mkdir -p out && cp template.yml out/
      - printf '{"Parameters":{"Run":"%s"},"Tags":{"run":"%s"}}' "$RUN" "$RUN" > out/settings.json
      - printf '{"colour":"%s"}' "$COLOUR" > out/input.json
artifacts: {base-directory: out, files: ['**/*']}
"""
RIGHTS = {
    "codecommit": ["GetBranch", "GetCommit", "UploadArchive", "GetUploadArchiveStatus"],
    "s3": ["GetObject", "GetObjectVersion", "PutObject", "GetBucketVersioning"],
    "codebuild": ["StartBuild", "BatchGetBuilds"], "sns": ["Publish"],
    "cloudformation": ["CreateStack", "UpdateStack", "DescribeStacks", "DescribeStackEvents"], "iam": ["PassRole"],
    "states": ["DescribeStateMachine", "StartExecution", "DescribeExecution"]}


def role(aws, name, service, *actions):
    iam = aws.client("iam")
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    arn = iam.create_role(RoleName=f"{NAME}-{name}", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    grant(aws, name, *actions)
    return arn


def grant(aws, name, *actions):
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": [*actions], "Resource": "*"}]}
    aws.client("iam").put_role_policy(RoleName=f"{NAME}-{name}", PolicyName="p", PolicyDocument=json.dumps(policy))


def packed(**files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("_", "."), text)
    return content.getvalue()


def action(name, kind, configuration, order=1, **members):
    category, provider = kind.split("/")
    names = {key: [{"name": item} for item in members.pop(key)] for key in ("inputArtifacts", "outputArtifacts")
             if key in members}
    return {"name": name, "runOrder": order, "configuration": configuration, **names, **members, "actionTypeId": {
        "category": category, "owner": "AWS", "provider": provider, "version": "1"}}


def stages(topic, machine, deploy_role):
    variables = [{"name": "RUN", "value": "#{codepipeline.PipelineExecutionId}"}]
    source = [
        action("Code", "Source/CodeCommit",
               {"RepositoryName": NAME, "BranchName": "main", "PollForSourceChanges": "false"},
               namespace="Code", outputArtifacts=["SourceCode"]),
        action("Data", "Source/S3", {"S3Bucket": BUCKET, "S3ObjectKey": "data.zip", "PollForSourceChanges": "false",
                                     "AllowOverrideForS3ObjectKey": "true"},
               namespace="Data", outputArtifacts=["DataSource"])]
    build = [action("Build", "Build/CodeBuild", {"ProjectName": NAME, "PrimarySource": "SourceCode",
                                                 "EnvironmentVariables": json.dumps(variables)},
                    namespace="Build", inputArtifacts=["SourceCode", "DataSource"], outputArtifacts=["BuildOutput"])]
    overrides = {"Label": "#{Build.COLOUR}-topic"}
    deploy = [
        action("Stack", "Deploy/CloudFormation",
               {"ActionMode": "CREATE_UPDATE", "StackName": f"{NAME}-#{{Build.COLOUR}}", "RoleArn": deploy_role,
                "TemplatePath": "BuildOutput::template.yml", "TemplateConfiguration": "BuildOutput::settings.json",
                "ParameterOverrides": json.dumps(overrides)}, namespace="Stack", inputArtifacts=["BuildOutput"]),
        action("Run", "Invoke/StepFunctions", {"StateMachineArn": machine, "ExecutionNamePrefix": "#{Build.COLOUR}",
                                               "InputType": "FilePath", "Input": "input.json"}, 2,
               inputArtifacts=["BuildOutput"], outputArtifacts=["Result"])]
    ask = [action("Ask", "Approval/Manual", {"NotificationArn": topic, "CustomData": "Good #{Stack.TopicArn}?"})]
    return [{"name": name, "actions": actions} for name, actions in (
        ("Source", source), ("Build", build), ("Deploy", deploy), ("Ask", ask))]


@pytest.fixture(scope="module")
def pipeline(aws):
    """A pipeline of all actions, each of which has what it works on."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=BUCKET, Key="data.zip", Body=packed(table_csv="1,2\n"))
    codecommit = aws.client("codecommit")
    codecommit.create_repository(repositoryName=NAME)
    codecommit.create_commit(repositoryName=NAME, branchName="main", commitMessage="all files", putFiles=[
        {"filePath": path, "fileContent": text.encode()} for path, text in (
            ("template.yml", TEMPLATE), ("buildspec.yml", BUILDSPEC), ("colour", "blue"))])
    aws.client("codebuild").create_project(
        name=NAME, source={"type": "CODEPIPELINE", "buildspec": "buildspec.yml"}, artifacts={"type": "CODEPIPELINE"},
        serviceRole=role(aws, "build", "codebuild", "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "logs:*"),
        environment={"type": "LINUX_CONTAINER", "image": "aws/codebuild/amazonlinux-x86_64-standard:6.0",
                     "computeType": "BUILD_GENERAL1_SMALL"})
    machine = aws.client("stepfunctions").create_state_machine(
        name=NAME, roleArn=role(aws, "workflow", "states", "logs:*"), definition=json.dumps(
            {"StartAt": "End", "States": {"End": {"Type": "Pass", "End": True}}}))["stateMachineArn"]
    topic = aws.client("sns").create_topic(Name=NAME)["TopicArn"]
    aws.client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint=READER)
    own = role(aws, "pipeline", "codepipeline", *(f"{key}:{word}" for key, words in RIGHTS.items() for word in words))
    deploy = role(aws, "deploy", "cloudformation", "sns:*")
    aws.client("codepipeline").create_pipeline(pipeline={
        "name": NAME, "roleArn": own, "pipelineType": "V2", "artifactStore": {"type": "S3", "location": BUCKET},
        "stages": stages(topic, machine, deploy)})


def eventually(look, good=bool):
    """Look until what is seen is good, and return it."""
    end, pause = time.monotonic() + SECONDS, threading.Event()
    while not good(seen := look()):
        assert time.monotonic() < end, seen
        pause.wait(0.1)
    return seen


class Watch:
    """A pipeline as a user of the API sees it."""

    def __init__(self, aws, name=NAME):
        self.name, self.api = name, aws.client("codepipeline")

    def first(self):
        """Return the run that the pipeline's creation started."""
        return self.api.list_pipeline_executions(pipelineName=self.name)["pipelineExecutionSummaries"][-1][
            "pipelineExecutionId"]

    def actions(self, run):
        found = self.api.list_action_executions(pipelineName=self.name, filter={"pipelineExecutionId": run})
        return {item["actionName"]: item for item in found["actionExecutionDetails"][::-1]}

    def until(self, run, condition):
        """Return the actions of a run once they meet the condition."""
        return eventually(lambda: self.actions(run), condition)

    def asking(self):
        """Return the token of the approval that is waited for, if one is."""
        ask = self.api.get_pipeline_state(name=self.name)["stageStates"][3]["actionStates"][0]
        return ask.get("latestExecution", {}).get("token")

    def start(self, **overrides):
        return self.api.start_pipeline_execution(name=self.name, **overrides)["pipelineExecutionId"]

    def failure(self, run, name):
        actions = self.until(run, lambda found: found.get(name, {}).get("status") == "Failed")
        return actions[name]["output"]["executionResult"]["errorDetails"]

    def stop(self, run):
        self.api.stop_pipeline_execution(pipelineName=self.name, pipelineExecutionId=run, abandon=True)


def failures(actions):
    """Return why the actions failed that did."""
    return [item["output"]["executionResult"]["errorDetails"] for item in actions.values()
            if item["status"] == "Failed"]


@pytest.fixture
def watch(aws, pipeline):
    return Watch(aws)


@pytest.fixture(scope="module")
def first_run(aws, pipeline):
    """The actions of the run that creation started, when it asks for approval."""
    watch = Watch(aws)
    run = watch.first()
    actions = watch.until(run, lambda found: watch.asking() or failures(found))
    assert watch.asking(), failures(actions)
    actions = watch.actions(run)
    return run, actions


def test_all_actions_succeed_with_the_pipelines_role_alone(first_run):
    _, actions = first_run
    assert {name: item["status"] for name, item in actions.items()} == {
        "Code": "Succeeded", "Data": "Succeeded", "Build": "Succeeded", "Stack": "Succeeded", "Run": "Succeeded",
        "Ask": "InProgress"}


def test_the_build_gives_its_exported_variables_and_the_stack_its_outputs(first_run):
    _, actions = first_run
    assert actions["Build"]["output"]["outputVariables"] == {"COLOUR": "blue"}
    assert actions["Stack"]["output"]["outputVariables"] == {"TopicArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:blue-topic"}


def test_the_workflow_gets_the_file_as_input_and_its_output_is_an_artifact(aws, first_run):
    _, actions = first_run
    execution = aws.client("stepfunctions").describe_execution(
        executionArn=actions["Run"]["output"]["outputVariables"]["ExecutionArn"])
    assert json.loads(execution["input"]) == {"colour": "blue"} and execution["name"].startswith("blue-")
    place = actions["Run"]["output"]["outputArtifacts"][0]["s3location"]
    content = aws.client("s3").get_object(Bucket=place["bucket"], Key=place["key"])["Body"].read()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert json.loads(archive.read("output.json")) == {"colour": "blue"}


def mails(aws):
    """Return the mails that the local AWS has left for READER."""
    s3 = aws.client("s3")
    if "local-outbox" not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
        return []
    found = [s3.get_object(Bucket="local-outbox", Key=item["Key"])["Body"].read().decode()
             for item in s3.list_objects_v2(Bucket="local-outbox").get("Contents", [])]
    return [mail for mail in found if READER in mail]


def test_the_reader_of_the_topic_is_told_what_to_approve(aws, first_run):
    header, _, message = eventually(lambda: mails(aws))[0].partition("\n\n")
    approval = json.loads(message)["approval"]
    assert f"APPROVAL NEEDED: AWS CodePipeline {NAME} for action Ask" in header
    assert approval["customData"] == f"Good arn:aws:sns:us-east-1:{ACCOUNT}:blue-topic?"
    assert approval["token"] == Watch(aws).asking()


def test_an_approved_run_succeeds_and_a_second_one_changes_nothing(watch, first_run):
    run, _ = first_run
    watch.api.put_approval_result(pipelineName=NAME, stageName="Ask", actionName="Ask", token=watch.asking(),
                                  result={"status": "Approved", "summary": "fine"})
    watch.until(run, lambda found: found["Ask"]["status"] == "Succeeded")
    again = watch.start()
    actions = watch.until(again, lambda found: "Ask" in found)
    assert actions["Stack"]["status"] == "Succeeded"
    watch.stop(again)


def test_a_start_takes_exactly_the_object_that_it_names(aws, watch, first_run):
    version = aws.client("s3").put_object(Bucket=BUCKET, Key="other.zip", Body=packed(table_csv="3\n"))["VersionId"]
    aws.client("s3").put_object(Bucket=BUCKET, Key="other.zip", Body=b"later")
    run = watch.start(sourceRevisions=[
        {"actionName": "Data", "revisionType": "S3_OBJECT_KEY", "revisionValue": "other.zip"},
        {"actionName": "Data", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": version}])
    actions = watch.until(run, lambda found: found.get("Data", {}).get("status") == "Succeeded")
    assert actions["Data"]["output"]["outputVariables"]["VersionId"] == version
    watch.stop(run)


def test_an_upload_that_is_no_zip_fails_by_bucket_and_key(aws, watch, first_run):
    aws.client("s3").put_object(Bucket=BUCKET, Key="text.zip", Body=b"hello")
    error = watch.failure(watch.start(sourceRevisions=[
        {"actionName": "Data", "revisionType": "S3_OBJECT_KEY", "revisionValue": "text.zip"}]), "Data")
    assert f"s3://{BUCKET}/text.zip" in error["message"] and "not a zip" in error["message"]


def test_a_failed_build_names_phase_and_command(aws, watch, first_run):
    aws.client("s3").put_object(Bucket=BUCKET, Key="empty.zip", Body=packed(nothing="x"))
    error = watch.failure(watch.start(sourceRevisions=[
        {"actionName": "Data", "revisionType": "S3_OBJECT_KEY", "revisionValue": "empty.zip"}]), "Build")
    assert "Phase: BUILD" in error["message"] and "table.csv" in error["message"]


def test_a_right_that_the_role_lacks_fails_the_action_by_name(aws, watch, first_run):
    most = [f"{key}:{word}" for key, words in RIGHTS.items() for word in words if word != "UploadArchive"]
    grant(aws, "pipeline", *most)
    error = watch.failure(watch.start(), "Code")
    assert error["code"] == "PermissionError" and "codecommit:UploadArchive" in error["message"]
    assert f"{NAME}-pipeline" in error["message"]


def test_a_stack_that_fails_names_the_resource_and_the_reason(aws, watch, first_run):
    grant(aws, "pipeline", *(f"{key}:{word}" for key, words in RIGHTS.items() for word in words))
    grant(aws, "deploy", "sqs:*")
    codecommit = aws.client("codecommit")
    parent = codecommit.get_branch(repositoryName=NAME, branchName="main")["branch"]["commitId"]
    codecommit.put_file(repositoryName=NAME, branchName="main", filePath="colour", fileContent=b"red",
                        parentCommitId=parent)
    error = watch.failure(watch.start(), "Stack")
    assert "resource Topic (AWS::SNS::Topic)" in error["message"] and "sns:CreateTopic" in error["message"]


def stack_action(order, mode, stack, deploy_role, **more):
    template = {} if mode in ("DELETE_ONLY", "CHANGE_SET_EXECUTE") else {
        "TemplatePath": "Source::template.yml", "ParameterOverrides": json.dumps({
            "Label": {"Fn::GetParam": ["Source", "values.json", "label"]},
            "Run": {"Fn::GetArtifactAtt": ["Source", "BucketName"]}})}
    change_set = {"ChangeSetName": "changes"} if mode.startswith("CHANGE_SET") else {}
    return action(f"Step{order}", "Deploy/CloudFormation", {
        "ActionMode": mode, "StackName": stack, "RoleArn": deploy_role, **template, **change_set, **more}, order,
        inputArtifacts=["Source"], outputArtifacts=["Values"] if "OutputFileName" in more else [])


def test_change_sets_replacement_and_deletion_of_stacks(aws, pipeline):
    name, broken, deployer = "stack-modes", "stack-modes-broken", role(aws, "modes", "cloudformation", "sns:*")
    cloudformation, s3 = aws.client("cloudformation"), aws.client("s3")
    cloudformation.create_stack(
        StackName=broken, TemplateBody=TEMPLATE, RoleARN=role(aws, "powerless", "cloudformation", "sqs:*"),
        Parameters=[{"ParameterKey": key, "ParameterValue": "broken"} for key in ("Label", "Run")])
    eventually(lambda: cloudformation.describe_stacks(StackName=broken)["Stacks"][0]["StackStatus"],
               lambda status: status == "ROLLBACK_COMPLETE")
    s3.put_object(Bucket=BUCKET, Key="stack.zip", Body=packed(template_yml=TEMPLATE, values_json='{"label": "modes"}'))
    own = role(aws, "modes-pipeline", "codepipeline", "s3:*", "cloudformation:*", "iam:PassRole")
    source = action("Source", "Source/S3", {"S3Bucket": BUCKET, "S3ObjectKey": "stack.zip",
                                            "PollForSourceChanges": "false"}, outputArtifacts=["Source"])
    changes, steps = ("CHANGE_SET_REPLACE", "CHANGE_SET_EXECUTE"), []
    for stack, mode in [*[(name, mode) for mode in changes * 2], (name, "DELETE_ONLY"), (name, "DELETE_ONLY"),
                        (broken, "REPLACE_ON_FAILURE")]:
        more = {"OutputFileName": "values.json"} if mode == "REPLACE_ON_FAILURE" else {}
        steps.append(stack_action(len(steps) + 1, mode, stack, deployer, **more))
    aws.client("codepipeline").create_pipeline(pipeline={
        "name": name, "roleArn": own, "artifactStore": {"type": "S3", "location": BUCKET},
        "stages": [{"name": "Source", "actions": [source]}, {"name": "Deploy", "actions": steps}]})
    watch = Watch(aws, name)
    actions = watch.until(watch.first(), lambda found: failures(found) or (
        found.get("Step7", {}).get("status") == "Succeeded"))
    assert not failures(actions)
    assert actions["Step2"]["output"]["outputVariables"]["TopicArn"].endswith(":modes")
    assert cloudformation.describe_stacks(StackName=broken)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    assert [stack["StackName"] for stack in cloudformation.describe_stacks()["Stacks"]].count(name) == 0


def test_release_first_create_that_failed_is_deleted_and_its_action_tried_again(aws, pipeline):
    name, deployer = "stack-again", role(aws, "again", "cloudformation", "sqs:*")
    cloudformation, s3 = aws.client("cloudformation"), aws.client("s3")
    s3.put_object(Bucket=BUCKET, Key="again.zip", Body=packed(template_yml=TEMPLATE, values_json='{"label": "again"}'))
    own = role(aws, "again-pipeline", "codepipeline", "s3:*", "cloudformation:*", "iam:PassRole")
    source = action("Source", "Source/S3", {"S3Bucket": BUCKET, "S3ObjectKey": "again.zip",
                                            "PollForSourceChanges": "false"}, outputArtifacts=["Source"])
    aws.client("codepipeline").create_pipeline(pipeline={
        "name": name, "roleArn": own, "artifactStore": {"type": "S3", "location": BUCKET}, "stages": [
            {"name": "Source", "actions": [source]},
            {"name": "Deploy", "actions": [stack_action(1, "CREATE_UPDATE", name, deployer)]}]})
    watch = Watch(aws, name)
    run, status = watch.first(), lambda: cloudformation.describe_stacks(StackName=name)["Stacks"][0]

    def again(attempts):
        """Retry the failed action; return the last of so many attempts once it has ended."""
        watch.api.retry_stage_execution(pipelineName=name, pipelineExecutionId=run, stageName="Deploy",
                                        retryMode="FAILED_ACTIONS")
        found = eventually(lambda: [item for item in watch.api.list_action_executions(
            pipelineName=name, filter={"pipelineExecutionId": run})["actionExecutionDetails"] if item["actionName"] == "Step1"],
            lambda found: len(found) == attempts and found[0]["status"] != "InProgress")
        return found[0]

    assert "sns:CreateTopic" in watch.failure(run, "Step1")["message"]
    stack = status()
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    grant(aws, "again", "sns:*")
    refused = again(2)["output"]["executionResult"]["errorDetails"]["message"]
    assert f"Stack:{stack['StackId']} is in ROLLBACK_COMPLETE state and can not be updated." in refused
    cloudformation.delete_stack(StackName=name)
    assert again(3)["status"] == "Succeeded"
    assert status()["StackStatus"] == "CREATE_COMPLETE"
