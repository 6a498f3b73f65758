"""What can go wrong with a release, each inflicted on a real one: the old version goes on serving, and pipeline, mail and log say why.

Customers ask all the while. What was seen is kept in build/release-safety.json; scripts/release_safety.py makes
docs/release-safety.md of it.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.local.local_aws import LocalAws
from tests.local.project_runs import churn, until, zipped
from tests.local.release_rehearsal import REPORT, Rehearsal, in_production, kill_serving, replaced, written
from tests.local.test_commands import local
from tests.local.test_durability import lasting_port
from tests.local.test_kills import kill, start

pytestmark = [pytest.mark.release, pytest.mark.slow]
CUSTOMER = 265.1  # total_day_minutes of the customer that ApiClient asks about, and of no golden record
SLOW = """import time

asked = 0


def predict_fn(rows, model):
    global asked
    asked += 1
    if asked > 40:  # it has passed every proof by then
        time.sleep(2)
    return model.scores(rows)
"""
CRASHES = f"""import numpy


def predict_fn(rows, model):
    if numpy.isclose(rows, {CUSTOMER}).any():
        raise ValueError("a row that it cannot take")
    return model.scores(rows)
"""
RAISES = """        if not request_id.startswith("synthetic-"):  # all requests but the hook's and the rehearsal's
            raise RuntimeError("broken by a test")
        rows = requests.table"""


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """A machine of these tests alone: one of them kills it."""
    REPORT.unlink(missing_ok=True)
    machine = LocalAws(lasting_port(), tmp_path_factory.mktemp("release") / "data")
    start(machine)
    yield machine
    local("down", "--data", machine.data)


@pytest.fixture(scope="module")
def rehearsal(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """A project in production."""
    return in_production(aws, tmp_path_factory.mktemp("rehearsal"))


@contextmanager
def denied(rehearsal: Rehearsal, role: str, action: str, resource: str) -> Iterator[None]:
    """Take a right away from one of the project's roles for a while."""
    iam, name = rehearsal.project.aws.client("iam"), f"{rehearsal.project.name}-{role}"
    statement = {"Effect": "Deny", "Action": action, "Resource": resource}
    iam.put_role_policy(RoleName=name, PolicyName="rehearsal",
                        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=name, PolicyName="rehearsal")


def archive(rehearsal: Rehearsal, run: str) -> dict[str, str]:
    """Return where a run's model lies."""
    return {"Bucket": rehearsal.project.bucket, "Key": f"runs/{run}/model/model.tar.gz"}


def test_release_of_a_corrupt_archive(rehearsal: Rehearsal) -> None:
    with rehearsal.fault("model archive corrupt") as fault:
        run = rehearsal.again()
        rehearsal.project.approval(run)
        rehearsal.project.aws.client("s3").put_object(**archive(rehearsal, run), Body=b"no archive")
        rehearsal.approve(run)
        rehearsal.refused(fault, run, "DeployPrd/Endpoint", "model.tar.gz", f"/aws/lambda/{rehearsal.project.name}-notice",
                          "creation of the endpoint")
    assert set(fault.row["failed"]) == set() and fault.row["new"] == 0


def test_release_of_another_runs_model(rehearsal: Rehearsal) -> None:
    project, s3 = rehearsal.project, rehearsal.project.aws.client("s3")
    with rehearsal.fault("model that answers wrong (another run's)") as fault:
        run = project.upload(zipped({"churn.csv": "\n".join(churn(2000))}))
        project.approval(run)
        s3.copy_object(**archive(rehearsal, run), CopySource=archive(rehearsal, fault.before))
        rehearsal.approve(run)
        rehearsal.refused(fault, run, "DeployPrd/Endpoint", "golden record", f"/aws/lambda/{project.name}-proof",
                          "golden records, sent to the new endpoint")
    assert not fault.row["failed"] and fault.row["new"] == 0


def test_release_of_a_slow_model(rehearsal: Rehearsal) -> None:
    with rehearsal.fault("model that is slow") as fault:
        run = rehearsal.push({"container/inference.py": written(SLOW)})
        rehearsal.approve(run)
        rehearsal.refused(fault, run, "DeployPrd/Api", f"{run[:8]}-p-latency", f"/aws/lambda/{rehearsal.project.name}-notice",
                          "alarm on the endpoint's latency (p95)")
    assert not fault.row["failed"]


def test_release_of_a_model_that_crashes_on_some_rows(rehearsal: Rehearsal) -> None:
    with rehearsal.fault("model that crashes on some rows") as fault:
        run = rehearsal.push({"container/inference.py": written(CRASHES)})
        rehearsal.approve(run)
        rehearsal.refused(fault, run, "DeployPrd/Api", "Activated alarms", f"/aws/lambda/{rehearsal.project.name}-notice",
                          "alarms on the endpoint's and the function's errors")
    assert set(fault.row["failed"]) == {"502"} and fault.row["new"] == 0


def test_release_whose_serving_process_is_killed(rehearsal: Rehearsal) -> None:
    with rehearsal.fault("serving process killed during the canary") as fault:
        run = rehearsal.again()
        rehearsal.approve(run)
        rehearsal.shifting(run)
        until(lambda: kill_serving(run) and rehearsal.project.status(run) != "InProgress", "the end of a run without processes")
        rehearsal.refused(fault, run, "DeployPrd/Api", "Activated alarms", f"/aws/lambda/{rehearsal.project.name}-notice",
                          "alarms on the endpoint's and the function's errors")
    assert set(fault.row["failed"]) <= {"502", "503"}


def test_release_of_a_function_that_raises(rehearsal: Rehearsal) -> None:
    with rehearsal.fault("new function that raises") as fault:
        run = rehearsal.push({"api/handler.py": replaced("        rows = requests.table", RAISES)})
        rehearsal.approve(run)
        rehearsal.refused(fault, run, "DeployPrd/Api", f"{rehearsal.project.name}-api-version-errors",
                          f"/aws/lambda/{rehearsal.project.name}-notice", "alarms on the function's errors")
    assert set(fault.row["failed"]) == {"502"} and fault.row["new"] == 0


def test_release_whose_hook_raises(rehearsal: Rehearsal) -> None:
    with rehearsal.fault("hook that raises") as fault:
        run = rehearsal.push({"api/pre_traffic.py": lambda text: text + "\n\ndef handler(event, context):\n    raise OSError('no way')\n"})
        rehearsal.approve(run)
        rehearsal.refused(fault, run, "DeployPrd/Api", f"{rehearsal.project.name}-pre-traffic did not report within an hour",
                          f"/aws/lambda/{rehearsal.project.name}-notice", "CodeDeploy: no report within an hour")
    assert not fault.row["failed"] and fault.row["new"] == 0
    assert rehearsal.logged(f"/aws/lambda/{rehearsal.project.name}-pre-traffic", "no way")


def test_release_whose_hook_hangs(rehearsal: Rehearsal) -> None:
    hangs = "\n\ndef handler(event, context):\n    import time\n    time.sleep(3600)\n"
    with rehearsal.fault("hook that hangs") as fault:
        run = rehearsal.push({"api/pre_traffic.py": lambda text: text + hangs})
        rehearsal.approve(run)
        rehearsal.refused(fault, run, "DeployPrd/Api", f"{rehearsal.project.name}-pre-traffic did not report within an hour",
                          f"/aws/lambda/{rehearsal.project.name}-notice", "CodeDeploy: no report within an hour")
    assert not fault.row["failed"] and fault.row["new"] == 0


def test_release_whose_hook_answers_twice(rehearsal: Rehearsal) -> None:
    twice = """

def handler(event, context):
    import boto3
    client = boto3.client("codedeploy")
    for status in ("Failed", "Succeeded"):
        client.put_lifecycle_event_hook_execution_status(
            deploymentId=event["DeploymentId"], lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"], status=status)
"""
    with rehearsal.fault("hook that answers twice") as fault:
        run = rehearsal.push({"api/pre_traffic.py": lambda text: text + twice})
        rehearsal.approve(run)
        rehearsal.refused(fault, run, "DeployPrd/Api", f"{rehearsal.project.name}-pre-traffic reported Failed",
                          f"/aws/lambda/{rehearsal.project.name}-notice", "CodeDeploy: the first report counts")
    assert not fault.row["failed"] and fault.row["new"] == 0


def test_release_whose_endpoint_cannot_be_made(rehearsal: Rehearsal) -> None:
    project, sagemaker = rehearsal.project, rehearsal.project.aws.client("sagemaker")
    with rehearsal.fault("endpoint creation fails") as fault:
        run = rehearsal.again()
        project.approval(run)
        name = f"{project.name}-{run[:8]}-p"
        config = sagemaker.describe_endpoint(EndpointName=f"{project.name}-{run[:8]}-d")["EndpointConfigName"]
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)  # somebody was there before
        try:
            rehearsal.approve(run)
            rehearsal.refused(fault, run, "DeployPrd/Endpoint", "already exist", f"/aws/lambda/{project.name}-notice",
                              "creation of the endpoint")
        finally:
            until(lambda: sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService", "the endpoint in the way")
            sagemaker.delete_endpoint(EndpointName=name)
    assert not fault.row["failed"] and fault.row["new"] == 0


def test_release_that_cannot_capture(rehearsal: Rehearsal) -> None:
    project = rehearsal.project
    captures = f"arn:aws:s3:::{project.bucket}/captures/*"
    with rehearsal.fault("capture bucket not writable") as fault:
        run = rehearsal.again()
        project.approval(run)
        with denied(rehearsal, "endpoint", "s3:PutObject", captures):
            rehearsal.approve(run)
            rehearsal.refused(fault, run, "DeployPrd/Api", f"{project.name}-post-traffic reported Failed",
                              f"/aws/lambda/{project.name}-notice", "watch: no capture of the new endpoint")
        until(lambda: rehearsal.mailed(run, "no capture of"), "the watch's mail")
    assert not fault.row["failed"] and fault.row["new"] > 0


def test_release_under_an_alarm(rehearsal: Rehearsal) -> None:
    project, cloudwatch, ended = rehearsal.project, rehearsal.project.aws.client("cloudwatch"), threading.Event()

    def ring() -> None:
        while not ended.wait(0.05):
            cloudwatch.set_alarm_state(AlarmName=f"{project.name}-api-5xx", StateValue="ALARM", StateReason="a rehearsal")

    with rehearsal.fault("alarm already in ALARM at the start") as fault:
        run = rehearsal.again()
        project.approval(run)
        bell = threading.Thread(target=ring)
        bell.start()
        try:
            rehearsal.approve(run)
            rehearsal.refused(fault, run, "DeployPrd/Api", f"{project.name}-api-5xx", f"/aws/lambda/{project.name}-notice",
                              "CodeDeploy: alarm before the shift")
        finally:
            ended.set()
            bell.join()
    assert not fault.row["failed"] and fault.row["new"] == 0


def test_release_whose_stack_fails_half_way(rehearsal: Rehearsal) -> None:
    project = rehearsal.project
    late = """
  Late: # which the deploy role may not make, and which comes after the shift
    Type: AWS::SSM::Parameter
    DependsOn: ApiAlias
    Properties: {Name: /rehearsal, Type: String, Value: x}

Outputs:
"""
    with rehearsal.fault("stack update fails half-way") as fault:
        run = rehearsal.push({"assets/deploy-model-prd.yml": replaced("\nOutputs:\n", late)})
        rehearsal.approve(run)
        rehearsal.refused(fault, run, "DeployPrd/Api", "ssm:PutParameter", f"/aws/lambda/{project.name}-notice",
                          "CloudFormation, after the shift")
    assert not fault.row["failed"] and fault.row["new"] > 0


def test_release_that_is_rejected(rehearsal: Rehearsal) -> None:
    project = rehearsal.project
    with rehearsal.fault("approval rejected") as fault:
        run = rehearsal.again()
        project.answer(run, "Rejected", "not before the holidays")
        rehearsal.refused(fault, run, "DeployDev/Approval", "not before the holidays", f"/aws/lambda/{project.name}-notice", "a person")
    assert not fault.row["failed"] and fault.row["new"] == 0


def test_release_that_nobody_answers(rehearsal: Rehearsal) -> None:
    project = rehearsal.project
    declared = project.pipeline.get_pipeline(name=project.name)["pipeline"]
    impatient = json.loads(json.dumps(declared))
    [question] = [action for stage in impatient["stages"] for action in stage["actions"] if action["name"] == "Approval"]
    question["timeoutInMinutes"] = 5
    with rehearsal.fault("approval expires") as fault:
        project.pipeline.update_pipeline(pipeline=impatient)
        try:
            run = rehearsal.again()
            rehearsal.refused(fault, run, "DeployDev/Approval", "No approval before", f"/aws/lambda/{project.name}-notice", "the pipeline")
        finally:
            project.pipeline.update_pipeline(pipeline=declared)
    assert not fault.row["failed"] and fault.row["new"] == 0


def test_release_during_which_the_machine_is_killed(rehearsal: Rehearsal) -> None:
    with rehearsal.fault("local AWS killed and restarted during the canary") as fault:
        run = rehearsal.again()
        rehearsal.approve(run)
        rehearsal.shifting(run)
        kill(rehearsal.project.aws)
        start(rehearsal.project.aws)
        rehearsal.refused(fault, run, "DeployPrd/Api", "interrupted", f"/aws/lambda/{rehearsal.project.name}-notice",
                          "the next start, which takes all traffic back")
    assert fault.row["failed"]


def test_release_beside_another(rehearsal: Rehearsal) -> None:
    """The second waits for its stage; nobody else can shift the same alias meanwhile; both go through, one after the other."""
    project, codedeploy = rehearsal.project, rehearsal.project.aws.client("codedeploy")
    with rehearsal.fault("two releases at once") as fault:
        first = rehearsal.again()
        rehearsal.approve(first)
        second = rehearsal.again()
        version = rehearsal.shifting(first)
        deployments = codedeploy.list_deployments(applicationName=f"{project.name}-api", deploymentGroupName=f"{project.name}-api",
                                                  includeOnlyStatuses=["InProgress"])["deployments"]
        assert len(deployments) == 1
        revision = codedeploy.get_deployment(deploymentId=deployments[0])["deploymentInfo"]["revision"]
        with pytest.raises(codedeploy.exceptions.DeploymentLimitExceededException):
            codedeploy.create_deployment(applicationName=f"{project.name}-api", deploymentGroupName=f"{project.name}-api", revision=revision)
        until(lambda: project.status(first) == "Succeeded", "the first release")
        assert version
        rehearsal.approve(second)
        until(lambda: project.status(second) == "Succeeded", "the second release")
        until(lambda: rehearsal.client.asked(20) == {second: 20}, "all traffic on the second")
        fault.ended("the stage's lock, CodeDeploy's limit", "one after the other; both Succeeded")
    assert not fault.row["failed"]


def test_release_whose_clean_up_fails(rehearsal: Rehearsal) -> None:
    project, cloudformation = rehearsal.project, rehearsal.project.aws.client("cloudformation")
    with rehearsal.fault("clean-up failing after success") as fault:
        run = rehearsal.push({"model/config.yml": replaced("  bake_hours: 24", "  bake_hours: 0")})
        old = f"{project.name}-{fault.before[:8]}-prd"
        with denied(rehearsal, "deploy", "sagemaker:DeleteEndpoint", "*"):
            rehearsal.approve(run)
            until(lambda: project.status(run) == "Succeeded", "the release")
            until(lambda: rehearsal.mailed("", old), "the mail on what is left over")
            [stack] = cloudformation.describe_stacks(StackName=old)["Stacks"]
            assert stack["StackStatus"] == "DELETE_FAILED"
        assert rehearsal.client.asked(50) == {run: 50}
        fault.ended("the retirement", "the new version serves; what is left over is mailed and tried again")
    assert not fault.row["failed"]


def test_release_while_the_old_one_scales_out(rehearsal: Rehearsal) -> None:
    project, sagemaker = rehearsal.project, rehearsal.project.aws.client("sagemaker")
    old = f"{project.name}-{rehearsal.client.ask()[:8]}-p"

    def instances(endpoint: str) -> int:
        [variant] = sagemaker.describe_endpoint(EndpointName=endpoint)["ProductionVariants"]
        return int(variant["DesiredInstanceCount"])

    def scaled_out(count: int) -> None:
        until(lambda: sagemaker.describe_endpoint(EndpointName=old)["EndpointStatus"] == "InService", "the old endpoint at rest")
        sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=old, DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": count}])

    project.aws.client("application-autoscaling").register_scalable_target(  # as under a load that stays
        ServiceNamespace="sagemaker", ResourceId=f"endpoint/{old}/variant/AllTraffic",
        ScalableDimension="sagemaker:variant:DesiredInstanceCount", SuspendedState={"DynamicScalingInSuspended": True})
    with rehearsal.fault("new release while the old one scales out") as fault:
        run = rehearsal.again()
        project.approval(run)
        scaled_out(3)
        rehearsal.approve(run)
        rehearsal.at(run, "Endpoint")
        scaled_out(4)
        rehearsal.shifting(run)
        assert instances(f"{project.name}-{run[:8]}-p") >= instances(old) == 4
        until(lambda: project.status(run) == "Succeeded", "the release")
        until(lambda: rehearsal.client.asked(20) == {run: 20}, "all traffic on the new one")
        fault.ended("Capacity in the endpoint's stack, then the pre-traffic hook", "the new endpoint begins as large as the old one is")
    assert not fault.row["failed"]


def test_ten_thousand_requests_across_a_good_release(rehearsal: Rehearsal) -> None:
    project, client = rehearsal.project, rehearsal.client
    before = client.ask()
    run = rehearsal.push({"model/config.yml": replaced("  minutes: 5", "  minutes: 80")})
    project.approval(run)
    assert client.asked(2000) == {before: 2000}
    rehearsal.approve(run)
    rehearsal.shifting(run)
    began, shared = time.monotonic(), client.asked(3000)
    assert time.monotonic() - began < 80, "the canary was over before the requests were"
    assert sum(shared.values()) == 3000 and set(shared) == {before, run}, shared
    assert (shared[run] - 300) ** 2 / (300 * 0.9) < 15.1, shared
    until(lambda: project.status(run) == "Succeeded", "the release")
    assert client.asked(5000) == {run: 5000}
