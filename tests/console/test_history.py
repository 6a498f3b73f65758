"""What the console makes of an execution's history: each state's own, also where branches are interleaved."""

import json
from datetime import timedelta

from console.reading.history import FAILED, RUNNING, STOPPED, SUCCEEDED, Job, ending, told
from tests.console.workflow_events import START, History, failed, interleaved


def test_states_of_branches_side_by_side_are_told_apart() -> None:
    found = told(interleaved())
    assert {name: state.status for name, state in found.items()} == {"BaselineAndTrain": RUNNING, "Baseline": SUCCEEDED, "Train": RUNNING}
    assert found["Baseline"].jobs == (Job("demo-1-baseline-abcd", "/aws/sagemaker/ProcessingJobs", "demo-1-baseline-abcd/"),)
    assert found["Train"].jobs == (Job("demo-1-train-abcd", "/aws/sagemaker/TrainingJobs", "demo-1-train-abcd/"),)
    assert (found["Train"].tries, found["Train"].error, found["Baseline"].tries) == (2, "", 1)


def test_a_state_has_its_times_input_and_output() -> None:
    state = told(interleaved())["Baseline"]
    assert (state.entered, state.left) == (START + timedelta(seconds=4), START + timedelta(seconds=11))
    assert (json.loads(state.input), json.loads(state.output)) == ({"RunId": "1"}, {"Done": True})


def test_a_caught_error_is_the_states_failure_and_what_ran_beside_it_was_stopped() -> None:
    found = told(failed(), "FAILED")
    assert {name: state.status for name, state in found.items()} == {
        "BaselineAndTrain": FAILED, "Baseline": STOPPED, "Train": FAILED, "TrainFailed": FAILED}
    assert (found["Train"].error, found["Train"].cause) == ("States.TaskFailed", "the data has no column churn")
    assert ending(failed()) == ("TrainFailed", "the data has no column churn")


def test_what_an_end_from_outside_leaves_has_been_stopped() -> None:
    assert {state.status for state in told(interleaved(), "ABORTED").values()} == {SUCCEEDED, STOPPED}


def test_a_function_logs_to_its_own_group() -> None:
    history = History()
    history.ask(history.enter("Task", "QueryEvaluation", 0), "invoke", FunctionName="demo-query-evaluation", Payload={})
    assert told(history.events)["QueryEvaluation"].jobs == (Job("demo-query-evaluation", "/aws/lambda/demo-query-evaluation", ""),)


def test_parameters_that_were_cut_name_no_job() -> None:
    history = History()
    history.add("TaskScheduled", history.enter("Task", "Train", 0), "taskScheduled", resourceType="sagemaker", resource="x", region="y",
                parameters='{"TrainingJobName": "demo-')
    assert told(history.events)["Train"].jobs == ()


def test_an_execution_that_goes_on_has_no_ending() -> None:
    assert ending(interleaved()) == ("", "")
