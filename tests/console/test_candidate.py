"""What a person is shown before answering: the question, the numbers, what serves, and in what they differ."""

import pytest

from console.faults import Refused
from console.reading.candidate import read
from console.reading.question import standing
from console.reading.revision import Revision, changes, flat
from console.views.candidate_numbers import may_know
from tests.console.any_order import refusal
from tests.console.approval_account import AT, LIVE, NEW, OLDER, approval_state, waiting


def test_the_question_comes_with_numbers_sources_and_what_serves() -> None:
    _, project = waiting("whole")
    found = read(project)
    assert found.standing.question is not None and found.candidate is not None and found.candidate.evaluation is not None
    assert (found.standing.question.run, found.standing.question.token, found.standing.question.asked) == (NEW, "token-1", AT)
    metric = found.candidate.evaluation.metric("auc")
    assert metric is not None and (metric.own.value, metric.verdict) == (0.9, "no certain difference")
    assert found.new is not None and (found.new.message, found.new.data, found.new.uploaded) == ("Grow smaller trees", "data-2", AT)
    assert (found.new.input("MetricName"), found.new.input("Threshold"), found.new.compared_with) == ("auc", "0.85", LIVE)
    assert found.new.question == "Shall this model be put into production?"
    assert found.live is not None and (found.live.run, found.live.message, found.live.data) == (LIVE, "First model", "data-1")
    assert changes(found.live, found.new) == (("training.hyperparameters.max_leaf_nodes", "", "8"),)


def test_golden_records_come_with_their_proof_in_dev() -> None:
    stubs, project = waiting("golden")
    found = read(project).candidate
    assert found is not None
    assert (found.golden.answers[0], len(found.golden.answers), found.golden.passed, found.golden.proven) == (("yes", "0.8977"), 20, True, AT)
    assert stubs.named("DescribeStackResource") == [{"StackName": "demo-golden-p-abc123def456-605b6ebc-dev", "LogicalResourceId": "Proof"}]


def test_what_does_not_change_is_read_once() -> None:
    stubs, project = waiting("once")
    first = read(project)
    asked = len(stubs.calls)
    assert read(project) == first
    assert [name for name, _ in stubs.calls[asked:]].count("GetObject") == 0
    assert {name for name, _ in stubs.calls[asked:]} == {"GetPipelineState", "GetFunctionConfiguration"}


def test_numbers_that_are_not_all_there_are_read_again() -> None:
    stubs, project = waiting("partly")
    stubs.answer("cloudformation", "DescribeStackResource", refusal("ValidationError", "Stack 'x' does not exist"))
    found = read(project).candidate
    assert found is not None and (found.golden.passed, found.golden.status) == (False, "")
    asked = len(stubs.named("GetObject"))
    read(project)
    assert len(stubs.named("GetObject")) > asked


def test_a_run_that_does_not_wait_is_shown_without_a_question_and_an_unknown_one_is_refused() -> None:
    stubs, project = waiting("named")
    found = read(project, LIVE)
    assert found.new is not None and (found.new.run, found.question) == (LIVE, None)
    assert read(project, NEW).question == found.standing.question
    stubs.answer("codepipeline", "ListActionExecutions", refusal("PipelineExecutionNotFoundException"))
    with pytest.raises(Refused, match="The pipeline has no run 54147b63 with a source"):
        read(project, OLDER)


def test_a_job_without_metrics_is_one_sentence() -> None:
    _, project = waiting("unmeasured", **{f"runs/{NEW}/evaluation/evaluation.json": None})
    found = read(project).candidate
    assert found is not None and found.evaluation is None
    assert found.missing == ("The job evaluate of this run has written no metrics: "
                             f"s3://demo-unmeasured-p-abc123def456-000000000000/runs/{NEW}/evaluation/evaluation.json does not exist.")
    _, project = waiting("odd", **{f"runs/{NEW}/evaluation/evaluation.json": b"{}"})
    found = read(project).candidate
    assert found is not None and found.missing.endswith("evaluation.json: it holds nothing, and no metric.")


def test_before_the_first_release_nothing_serves() -> None:
    stubs, project = waiting("first")
    stubs.answer("lambda", "GetFunctionConfiguration", refusal("ResourceNotFoundException", status=404))
    assert read(project).live is None


def test_what_serves_is_not_guessed_where_it_cannot_be_read() -> None:
    stubs, project = waiting("sealed")
    stubs.answer("lambda", "GetFunctionConfiguration", {"Environment": {"Error": {"ErrorCode": "AccessDeniedException", "Message": "no kms:Decrypt."}}})
    with pytest.raises(Refused, match="no kms:Decrypt"):
        read(project)


def test_missing_rights_are_not_taken_for_missing_files() -> None:
    stubs, project = waiting("denied")
    stubs.answer("s3", "GetObject", refusal("AccessDenied", status=403))
    with pytest.raises(Exception, match="AccessDenied"):
        read(project)


def test_without_a_question_the_state_says_what_runs_and_how_the_last_one_was_answered() -> None:
    stubs, project = waiting("quiet")
    state = approval_state("Succeeded", None, summary="AUC is better", lastUpdatedBy="arn:aws:iam::000000000000:user/ada")
    state["stageStates"][2]["latestExecution"] = {"pipelineExecutionId": OLDER, "status": "InProgress"}
    stubs.answer("codepipeline", "GetPipelineState", state)
    found = standing(project)
    assert found.question is None and found.running == (OLDER, "DeployPrd")
    assert found.answer is not None
    assert (found.answer.word, found.answer.by, found.answer.comment) == ("approved", "arn:aws:iam::000000000000:user/ada", "AUC is better")
    assert [name for name, _ in stubs.calls] == ["GetPipelineState"]


@pytest.mark.parametrize("more, word", [
    ({"summary": "no", "lastUpdatedBy": "arn:aws:iam::000000000000:user/ada"}, "rejected"),
    ({"errorDetails": {"code": "JobFailed", "message": "No approval before 20:00"}}, "Failed")])
def test_what_nobody_answered_was_not_rejected(more: dict, word: str) -> None:
    stubs, project = waiting("ended")
    stubs.answer("codepipeline", "GetPipelineState", approval_state("Failed", None, **more))
    found = standing(project)
    assert found.answer is not None and found.answer.word == word


def test_a_configuration_is_told_field_by_field() -> None:
    assert list(flat({"a": {"b": 1, "c": {}}, "d": [{"x": "y"}], "e": "text"})) == [
        ("a.b", "1"), ("d", '[{"x": "y"}]'), ("e", "text")]


@pytest.mark.parametrize("live, knows", [
    (Revision("old", data="1"), False), (Revision("old", data="2"), True), (Revision("older", data="1"), True), (None, True),
    (Revision("old", data="1", fields=(("data.seed", "7"),)), True), (Revision("old", data="1", fields=(("training.estimator", "x"),)), False)])
def test_a_live_model_of_other_data_may_know_the_rows(live: Revision | None, knows: bool) -> None:
    new = Revision("new", data="1", given=(("LiveModelUri", "s3://demo/runs/old/model/model.tar.gz"),))
    assert may_know(new, live) is knows
