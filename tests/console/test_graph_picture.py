"""The picture of a state machine: what mermaid is given."""

import json

from console.reading.definition import parse
from console.reading.history import told
from console.views.graph_picture import picture, step_of
from tests.console.workflow_definition import definition
from tests.console.workflow_events import training

MACHINE = parse(json.dumps(definition()))


def lines(stop: str = "", cause: str = "", ended: str = "") -> list[str]:
    return picture(MACHINE, told(training("demo-1", {}, stop, cause), ended), bool(ended)).splitlines()


def node(name: str) -> str:
    """Return the id of a step in the picture."""
    return next(f"s{number}" for number, step in enumerate(MACHINE.all()) if step.name == name)


def test_states_are_told_in_a_word_and_a_class() -> None:
    found = lines("Train")
    assert f'{node("PrepareData")}["PrepareData<br>✓ succeeded, 2.0 s"]' in found
    assert f'{node("Train")}["Train<br>◐ running"]' in found and f'class {node("Train")} busy' in found
    assert f'{node("Evaluate")}["Evaluate<br>· to come"]' in found
    assert f'subgraph {node("BaselineAndTrain")}["BaselineAndTrain · ◐ running"]' in found


def test_a_fail_state_is_drawn_where_it_was_reached_or_chosen() -> None:
    assert {step.name for step in MACHINE.all() if any(f"{node(step.name)}([" in line for line in lines("Train"))} == {"GateFailed"}
    found = lines("Train", "no number", "FAILED")
    assert f'{node("TrainFailed")}(["TrainFailed<br>✕ failed"])' in found
    assert f'{node("Train")} -.-> {node("TrainFailed")}' in found
    assert f'{node("Evaluate")}["Evaluate<br>· not reached"]' in found


def test_ways_of_a_choice_say_their_conditions() -> None:
    found = lines()
    assert f'{node("Gate")} -->|"Value #8805; Threshold"| {node("Golden")}' in found
    assert f'{node("Gate")} -->|"otherwise"| {node("GateFailed")}' in found


def test_branches_begin_side_by_side_at_a_fork() -> None:
    found = lines()
    assert f"{node('PrepareData')} --> {node('BaselineAndTrain')}" in found
    fork = f"{node('BaselineAndTrain')}f"
    assert [line for line in found if line.startswith(f"{fork} ")] == [f"{fork} --> {node(name)}" for name in ("Baseline", "Train")]


def test_every_branch_that_is_opened_is_closed() -> None:
    found = lines()
    assert sum(line.startswith("subgraph") for line in found) == found.count("end") == 1


def test_a_name_is_text_whatever_it_holds() -> None:
    odd = parse(json.dumps({"StartAt": 'a"]; click x', "States": {'a"]; click x': {"Type": "Pass", "End": True}}}))
    assert picture(odd, {}, False).splitlines()[1] == 's0["a#34;#93;#59; click x<br>· to come"]'
    assert (step_of(odd, "flowchart-s0"), step_of(odd, "s7")) == ('a"]; click x', "")
