"""CodePipeline's order, lock, approvals, retries and restarts, with actions that a test steers."""

import queue
import threading

import pytest

from local.clock import Clock
from local.machine import Machine
from local.pipeline_action import ActionError
from local.pipeline_actions import Kind, ask
from local.service import ServiceError, UnsupportedError
from local.services.codepipeline import CodePipeline

SECONDS = 10.0
ROLE = "arn:aws:iam::000000000000:role/pipeline"


class Steered:
    """Actions that succeed at once, unless a test holds or breaks them by name."""

    def __init__(self):
        self.began, self.held, self.broken, self.given = [], {}, set(), {}

    def __call__(self, action):
        self.began.append(action.name)
        with action.records.changed:
            action.records.changed.notify_all()
        if action.name in self.held:
            while not self.held[action.name].wait(0.02):
                action.record  # noqa: B018 (raises when the action is abandoned)
        if action.name in self.broken:
            raise ActionError(f"{action.name} is broken")
        self.given[action.name] = action.configuration
        return {"Said": action.configuration.get("Say", "")}

    def hold(self, name):
        self.held[name] = threading.Event()
        return self.held[name]


class Caller:
    access_key, principal, source_arn = "test", "arn:aws:iam::000000000000:user/tester", ""


class Bench:
    """A service on a machine of its own, which can be stopped and started again."""

    def __init__(self, folder):
        self.folder, self.steered, self.events = folder, Steered(), queue.SimpleQueue()
        self.start()

    def start(self):
        self.machine = Machine(data=self.folder, port=1, clock=Clock(60.0), cache=self.folder)
        self.machine.emit = lambda source, kind, detail, resources: self.events.put((kind.split()[1], detail))
        plain = {"optional": ("Say",), "outputs": (0, 1), "inputs": (0, 1)}
        self.service = CodePipeline(self.machine, {
            ("Source", "S3"): Kind(self.steered, **plain), ("Build", "CodeBuild"): Kind(self.steered, **plain),
            ("Approval", "Manual"): Kind(ask, (), ("CustomData",))})

    def stop(self):
        self.machine.stopping.set()
        self.service.stop()
        for thread in threading.enumerate():
            if thread.name.startswith("pipeline-"):
                thread.join(SECONDS)
        self.machine.store.close()

    def call(self, operation, **request):
        return getattr(self.service, operation)(request, Caller())

    def until(self, condition):
        with self.service.records.changed:
            assert self.service.records.changed.wait_for(condition, SECONDS), self.state()

    def state(self):
        return self.call("get_pipeline_state", name="p")

    def status(self, execution):
        return self.call("get_pipeline_execution", pipelineName="p",
                         pipelineExecutionId=execution)["pipelineExecution"]["status"]

    def ended(self, execution, status):
        self.until(lambda: self.status(execution) not in ("InProgress", "Stopping"))
        assert self.status(execution) == status

    def run(self, **request):
        return self.call("start_pipeline_execution", name="p", **request)["pipelineExecutionId"]

    def retry(self, execution, stage, mode="FAILED_ACTIONS"):
        self.call("retry_stage_execution", pipelineName="p", pipelineExecutionId=execution, stageName=stage,
                  retryMode=mode)

    def halt(self, execution, **request):
        self.call("stop_pipeline_execution", pipelineName="p", pipelineExecutionId=execution, **request)

    def approval(self, stage="Ask"):
        found = next(item for item in self.state()["stageStates"] if item["stageName"] == stage)
        return found["actionStates"][0].get("latestExecution") or {}

    def answer(self, token, status="Approved"):
        self.call("put_approval_result", pipelineName="p", stageName="Ask", actionName="Ask", token=token,
                  result={"summary": "seen", "status": status})


def action(name, category="Build", order=1, **members):
    provider = {"Build": "CodeBuild", "Source": "S3", "Approval": "Manual"}[category]
    kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
    return {"name": name, "actionTypeId": kind, "runOrder": order} | members


def pipeline(*stages, **members):
    source = {"name": "Source", "actions": [action("Fetch", "Source", namespace="Fetch", configuration={"Say": "hi"})]}
    return {"name": "p", "roleArn": ROLE, "pipelineType": "V2", "artifactStore": {"type": "S3", "location": "b"},
            "stages": [source, *({"name": name, "actions": actions} for name, actions in stages)]} | members


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    bench.stop()


def first(bench, *stages, **members):
    """Create the pipeline and return the execution that its creation starts."""
    bench.call("create_pipeline", pipeline=pipeline(*stages, **members))
    started, = bench.call("list_pipeline_executions", pipelineName="p")["pipelineExecutionSummaries"]
    return started["pipelineExecutionId"]


def test_creating_a_pipeline_starts_it_and_stages_run_in_order(bench):
    run = first(bench, ("Build", [action("Second", order=2), action("First")]), ("Deploy", [action("Last")]))
    bench.ended(run, "Succeeded")
    assert bench.steered.began == ["Fetch", "First", "Second", "Last"]


def test_actions_of_one_run_order_run_side_by_side(bench):
    left, right = bench.steered.hold("Left"), bench.steered.hold("Right")
    run = first(bench, ("Build", [action("Left"), action("Right"), action("After", order=2)]))
    bench.until(lambda: {"Left", "Right"} <= {*bench.steered.began})
    assert "After" not in bench.steered.began
    left.set(), right.set()
    bench.ended(run, "Succeeded")


def test_of_executions_that_wait_for_a_stage_the_newest_supersedes_the_others(bench):
    held = bench.steered.hold("Work")
    one = first(bench, ("Build", [action("Work")]))
    bench.until(lambda: "Work" in bench.steered.began)
    two = bench.run()
    bench.until(lambda: bench.state()["stageStates"][1].get("inboundExecution", {}).get("pipelineExecutionId") == two)
    three = bench.run()
    bench.ended(two, "Superseded")
    assert bench.status(one) == "InProgress"
    held.set()
    bench.ended(one, "Succeeded")
    bench.ended(three, "Succeeded")
    assert bench.steered.began.count("Work") == 2


def test_a_closed_transition_holds_an_execution_until_it_is_opened(bench):
    held = bench.steered.hold("Fetch")
    run = first(bench, ("Build", [action("Work")]))
    bench.call("disable_stage_transition", pipelineName="p", stageName="Build", transitionType="Inbound", reason="no")
    held.set()
    bench.until(lambda: "inboundExecution" in bench.state()["stageStates"][1])
    assert bench.state()["stageStates"][1]["inboundTransitionState"]["disabledReason"] == "no"
    bench.call("enable_stage_transition", pipelineName="p", stageName="Build", transitionType="Inbound")
    bench.ended(run, "Succeeded")


def test_variables_of_pipeline_execution_and_namespaces_are_resolved(bench):
    say = {"Say": "#{codepipeline.PipelineExecutionId} #{Fetch.Said} #{variables.Who}"}
    run = first(bench, ("Build", [action("Work", configuration=say)]),
                variables=[{"name": "Who", "defaultValue": "all"}])
    bench.ended(run, "Succeeded")
    assert bench.steered.given["Work"] == {"Say": f"{run} hi all"}
    again = bench.run(variables=[{"name": "Who", "value": "you"}])
    bench.ended(again, "Succeeded")
    assert bench.steered.given["Work"] == {"Say": f"{again} hi you"}


def test_an_unknown_variable_fails_the_action_by_name(bench):
    run = first(bench, ("Build", [action("Work", configuration={"Say": "#{Fetch.Nothing}"})]))
    bench.ended(run, "Failed")
    error = bench.state()["stageStates"][1]["actionStates"][0]["latestExecution"]["errorDetails"]
    assert error["code"] == "ConfigurationError" and "#{Fetch.Nothing}" in error["message"]


def test_retrying_failed_actions_keeps_those_that_succeeded(bench):
    bench.steered.broken = {"Bad"}
    run = first(bench, ("Build", [action("Good"), action("Bad")]), ("Deploy", [action("Last")]))
    bench.ended(run, "Failed")
    bench.steered.broken = set()
    bench.retry(run, "Build")
    bench.ended(run, "Succeeded")
    assert sorted(bench.steered.began) == ["Bad", "Bad", "Fetch", "Good", "Last"]
    assert bench.state()["stageStates"][1]["retryStageMetadata"]["manualStageRetryAttempt"] == 1


def test_retrying_all_actions_runs_them_all_again(bench):
    bench.steered.broken = {"Bad"}
    run = first(bench, ("Build", [action("Good"), action("Bad")]))
    bench.ended(run, "Failed")
    bench.steered.broken = set()
    bench.retry(run, "Build", "ALL_ACTIONS")
    bench.ended(run, "Succeeded")
    assert bench.steered.began.count("Good") == 2


def test_a_stage_that_a_newer_execution_entered_cannot_be_retried(bench):
    bench.steered.broken = {"Work"}
    old = first(bench, ("Build", [action("Work")]))
    bench.ended(old, "Failed")
    bench.ended(bench.run(), "Failed")
    with pytest.raises(ServiceError) as caught:
        bench.retry(old, "Build")
    assert caught.value.code == "NotLatestPipelineExecutionException"


def test_an_approval_waits_for_its_token(bench):
    run = first(bench, ("Ask", [action("Ask", "Approval")]))
    bench.until(lambda: bench.approval().get("token"))
    with pytest.raises(ServiceError) as caught:
        bench.answer("00000000-0000-0000-0000-000000000000")
    assert caught.value.code == "InvalidApprovalTokenException"
    bench.answer(bench.approval()["token"])
    bench.ended(run, "Succeeded")
    assert bench.approval()["summary"] == "seen" and bench.approval()["lastUpdatedBy"] == Caller.principal


def test_a_rejected_approval_fails_the_stage_and_can_be_asked_again(bench):
    run = first(bench, ("Ask", [action("Ask", "Approval")]))
    bench.until(lambda: bench.approval().get("token"))
    token = bench.approval()["token"]
    bench.answer(token, "Rejected")
    bench.ended(run, "Failed")
    with pytest.raises(ServiceError) as caught:
        bench.answer(token)
    assert caught.value.code == "ApprovalAlreadyCompletedException"
    bench.retry(run, "Ask")
    bench.until(lambda: bench.approval().get("token"))
    bench.answer(bench.approval()["token"])
    bench.ended(run, "Succeeded")


def test_stop_and_wait_ends_after_the_action_and_can_be_resumed(bench):
    held = bench.steered.hold("One")
    run = first(bench, ("Build", [action("One"), action("Two", order=2)]))
    bench.until(lambda: "One" in bench.steered.began)
    bench.halt(run, reason="why not")
    assert bench.status(run) == "Stopping"
    with pytest.raises(ServiceError) as caught:
        bench.halt(run)
    assert caught.value.code == "DuplicatedStopRequestException"
    held.set()
    bench.ended(run, "Stopped")
    assert "Two" not in bench.steered.began
    bench.retry(run, "Build")
    bench.ended(run, "Succeeded")
    assert bench.steered.began == ["Fetch", "One", "Two"]


def test_stop_and_abandon_ends_at_once_and_frees_the_stage(bench):
    bench.steered.hold("Work")
    run = first(bench, ("Build", [action("Work")]))
    bench.until(lambda: "Work" in bench.steered.began)
    bench.halt(run, abandon=True)
    assert bench.status(run) == "Stopped"
    assert bench.state()["stageStates"][1]["actionStates"][0]["latestExecution"]["status"] == "Abandoned"
    del bench.steered.held["Work"]
    bench.ended(bench.run(), "Succeeded")


def test_a_waiting_execution_is_stopped_at_once(bench):
    bench.steered.hold("Work")
    first(bench, ("Build", [action("Work")]))
    bench.until(lambda: "Work" in bench.steered.began)
    two = bench.run()
    bench.until(lambda: "inboundExecution" in bench.state()["stageStates"][1])
    bench.halt(two)
    assert bench.status(two) == "Stopped" and "inboundExecution" not in bench.state()["stageStates"][1]


def test_a_restart_fails_what_ran_and_a_retry_brings_it_to_success(bench):
    bench.steered.hold("Work")
    run = first(bench, ("Build", [action("Work")]))
    bench.until(lambda: "Work" in bench.steered.began)
    bench.stop()
    bench.start()
    bench.service.setup()
    bench.ended(run, "Failed")
    error = bench.state()["stageStates"][1]["actionStates"][0]["latestExecution"]["errorDetails"]
    assert error["message"].startswith("interrupted")
    del bench.steered.held["Work"]
    bench.retry(run, "Build")
    bench.ended(run, "Succeeded")


def test_after_a_restart_an_approval_waits_with_the_same_token_and_the_next_execution_behind_it(bench):
    one = first(bench, ("Ask", [action("Ask", "Approval")]), ("Deploy", [action("Last")]))
    bench.until(lambda: bench.approval().get("token"))
    two, token = bench.run(), bench.approval()["token"]
    bench.until(lambda: "inboundExecution" in bench.state()["stageStates"][1])
    bench.stop()
    bench.start()
    bench.service.setup()
    assert bench.approval()["token"] == token
    bench.answer(token)
    bench.ended(one, "Succeeded")
    bench.until(lambda: bench.approval().get("token") not in (None, token))
    bench.answer(bench.approval()["token"])
    bench.ended(two, "Succeeded")


def test_every_change_is_an_event(bench):
    run = first(bench, ("Build", [action("Work")]))
    bench.ended(run, "Succeeded")
    seen = []
    while ("Pipeline", "SUCCEEDED") not in seen:
        kind, detail = bench.events.get(timeout=SECONDS)
        assert (detail["pipeline"], detail["execution-id"]) == ("p", run)
        seen.append((kind, detail["state"]))
    assert seen == [("Pipeline", "STARTED"), *[("Stage", "STARTED"), ("Action", "STARTED"), ("Action", "SUCCEEDED"),
                                               ("Stage", "SUCCEEDED")] * 2, ("Pipeline", "SUCCEEDED")]


def test_one_request_token_starts_one_execution(bench):
    bench.ended(first(bench, ("Build", [action("Work")])), "Succeeded")
    assert bench.run(clientRequestToken="t") == bench.run(clientRequestToken="t")


def test_an_update_adds_a_version_and_old_executions_cannot_be_retried(bench):
    bench.steered.broken = {"Work"}
    run = first(bench, ("Build", [action("Work")]))
    bench.ended(run, "Failed")
    assert bench.call("update_pipeline", pipeline=pipeline(("Build", [action("Other")])))["pipeline"]["version"] == 2
    assert bench.call("get_pipeline", name="p", version=1)["pipeline"]["stages"][1]["actions"][0]["name"] == "Work"
    with pytest.raises(ServiceError) as caught:
        bench.retry(run, "Build")
    assert caught.value.code == "StageNotRetryableException"


def test_deleting_a_pipeline_ends_what_it_runs(bench):
    bench.steered.hold("Work")
    first(bench, ("Build", [action("Work")]))
    bench.until(lambda: "Work" in bench.steered.began)
    bench.call("delete_pipeline", name="p")
    assert not bench.call("list_pipelines")["pipelines"]
    bench.call("delete_pipeline", name="p")


@pytest.mark.parametrize(("override", "name"), [
    ({"actionName": "Work", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": "1"}, "Work"),
    ({"actionName": "Fetch", "revisionType": "COMMIT_ID", "revisionValue": "1"}, "COMMIT_ID"),
    ({"actionName": "Fetch", "revisionType": "S3_OBJECT_KEY", "revisionValue": "1"}, "AllowOverrideForS3ObjectKey")])
def test_a_start_with_a_wrong_revision_is_refused_by_name(bench, override, name):
    first(bench, ("Build", [action("Work")]))
    with pytest.raises(ServiceError, match=name):
        bench.run(sourceRevisions=[override])


def test_what_this_machine_lacks_is_refused_by_name(bench):
    kind = {"category": "Invoke", "owner": "AWS", "provider": "Lambda", "version": "1"}
    lambda_ = action("Call") | {"actionTypeId": kind}
    for stages, members, words in [
            ([("Build", [lambda_])], {}, "Invoke/AWS/Lambda"),
            ([("Build", [action("Work")])], {"executionMode": "QUEUED"}, "QUEUED"),
            ([("Build", [action("Work", commands=["ls"])])], {}, "Commands")]:
        with pytest.raises(UnsupportedError, match=words):
            bench.call("create_pipeline", pipeline=pipeline(*stages, **members))


@pytest.mark.parametrize(("stages", "words"), [
    ([], "minimum of 2 stages"),
    ([("Build", [action("Work", "Source")])], "source actions only"),
    ([("Build", [action("Work"), action("Work")])], "Duplicate action names"),
    ([("Build", [action("Work", inputArtifacts=[{"name": "Nothing"}])])], "Nothing"),
    ([("Build", [action("Work", configuration={"Sing": "la"})])], "unknown configuration 'Sing'"),
    ([("Build", [action("Work", namespace="Fetch")])], "Duplicate namespaces"),
    ([("Build", [action("Work", timeoutInMinutes=5)])], "manual approval")])
def test_a_structure_that_aws_refuses_is_refused(bench, stages, words):
    with pytest.raises(ServiceError, match=words):
        bench.call("create_pipeline", pipeline=pipeline(*stages))


def test_the_arn_of_an_approval_names_stage_and_action(bench):
    request = {"pipelineName": "p", "stageName": "Ask", "actionName": "Ask"}
    assert bench.service.resource_arn("PutApprovalResult", request) == \
        "arn:aws:codepipeline:us-east-1:000000000000:p/Ask/Ask"
    assert bench.service.resource_arn("CreatePipeline", {"pipeline": {"name": "p"}}).endswith(":p")


def test_tags_are_added_changed_and_removed(bench):
    bench.call("create_pipeline", pipeline=pipeline(("Build", [action("Work")])), tags=[{"key": "a", "value": "1"}])
    arn = "arn:aws:codepipeline:us-east-1:000000000000:p"
    bench.call("tag_resource", resourceArn=arn, tags=[{"key": "a", "value": "2"}, {"key": "b", "value": "3"}])
    bench.call("untag_resource", resourceArn=arn, tagKeys=["b"])
    assert bench.call("list_tags_for_resource", resourceArn=arn)["tags"] == [{"key": "a", "value": "2"}]
