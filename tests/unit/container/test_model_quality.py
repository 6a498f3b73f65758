"""Ground truth joined with answers, and what it says of the model."""

import json
from pathlib import Path

import numpy as np
import pytest
from captured_requests import SCHEMA, line
from image_jobs import Job

from container.answers import Answer
from container.ground_truth import Merged, Truths, merge, read_truths
from container.metrics import measure
from container.model_quality import model_quality
from container.rules import Rules
from container.schema import Problem, Schema

RULES = Rules(0.01, 0.05, 20)
MANY = Schema(Problem("multiclass", "kind"), ("a", "b", "c"), ())
NUMBER = Schema(Problem("regression", "price"), (), ())


def truth(event: str, data: str, encoding: str = "CSV") -> str:
    return json.dumps({"groundTruthData": {"data": data, "encoding": encoding}, "eventMetadata": {"eventId": event}, "eventVersion": "0"})


def evaluation(folder: Path, section: str, **metrics: float) -> Path:
    path = folder / "evaluation.json"
    path.write_text(json.dumps({section: {name: {"value": value, "standard_deviation": 0.005} for name, value in metrics.items()}}))
    return path


def answers(rows: int, right: float, seed: int = 0) -> Merged:
    """Return rows whose label is right with a probability."""
    random = np.random.default_rng(seed)
    truths = random.random(rows) < 0.3
    told = np.where(random.random(rows) < right, truths, ~truths)
    return Merged([("yes" if is_true else "no", Answer(str(row), 0, "yes" if said else "no", 0.5 + (0.4 if said else -0.4) * random.random()))
                   for row, (is_true, said) in enumerate(zip(truths, told, strict=True))])


def test_truths_are_read_in_each_form(tmp_path: Path):
    (tmp_path / "2026/01/01/00").mkdir(parents=True)
    (tmp_path / "2026/01/01/00/a.jsonl").write_text("\n".join([
        truth("one", "yes"), truth("two", "yes\nno\n"), truth("json", '["no", 1, true]', "JSON"), truth("b64", "eWVz", "BASE64"),
        truth("one", "no"), "", "no json", json.dumps({"groundTruthData": {"data": "yes"}}), truth("bad", "?", "BASE64")]))
    found = read_truths(tmp_path)
    assert found.labels == {"one": ["no"], "two": ["yes", "no"], "json": ["no", "1", "true"], "b64": ["yes"]} and found.unreadable == 3


def test_truths_meet_the_answers_of_their_requests():
    told = Truths({"a": ["yes"], "b": ["no", "yes"], "c": ["yes", "no"], "d": ["no"]}, unreadable=1)
    found = merge(told, [Answer("b", 1, "no", 0.2), Answer("a", 0, "yes", 0.9), Answer("b", 0, "no", 0.1), Answer("c", 0, "no", None)])
    assert found.rows == [("yes", Answer("a", 0, "yes", 0.9)), ("no", Answer("b", 0, "no", 0.1)), ("yes", Answer("b", 1, "no", 0.2))]
    assert (found.unmatched, found.unreadable) == (1, 2)


def test_metrics_are_those_of_the_evaluation(tmp_path: Path):
    merged = answers(500, 0.9)
    told, _ = model_quality(merged, SCHEMA, evaluation(tmp_path, "binary_classification_metrics", accuracy=0.9, auc=0.9, f1=0.85), RULES)
    targets = np.array([truth == "yes" for truth, _ in merged.rows], dtype=int)
    scores = np.array([[1 - answer.probability, answer.probability] for _, answer in merged.rows])
    expected = measure(targets, scores, "binary")
    assert {name: metric["value"] for name, metric in told["metrics"].items()} == pytest.approx(expected)
    assert told["verdict"] == "not worse" and told["metrics"]["auc"]["baseline"] == 0.9 and told["violations"] == []


def test_a_model_that_became_worse_is_told_so(tmp_path: Path):
    told, _ = model_quality(answers(1000, 0.8), SCHEMA, evaluation(tmp_path, "binary_classification_metrics", accuracy=0.9, auc=0.9, f1=0.85), RULES)
    assert told["verdict"] == "worse" and told["metrics"]["accuracy"]["worse"] and not told["metrics"]["recall"]["worse"]
    violation = next(each for each in told["violations"] if each["metric_name"] == "accuracy")
    assert violation["constraint_check_type"] == "LessThanThreshold"


def test_chance_alone_is_no_worse_model(tmp_path: Path):
    path = evaluation(tmp_path, "binary_classification_metrics", accuracy=0.9, f1=0.8438)
    found = [model_quality(answers(300, 0.9, seed), SCHEMA, path, RULES)[0]["verdict"] for seed in range(60)]
    assert found.count("worse") <= 2


def test_few_truths_are_too_few_and_without_evaluation_there_is_nothing_to_compare(tmp_path: Path):
    assert model_quality(answers(99, 0.9), SCHEMA, tmp_path / "none", RULES)[0]["verdict"] == "too few rows"
    told, _ = model_quality(answers(200, 0.9), SCHEMA, tmp_path / "none", RULES)
    assert told["verdict"] == "nothing to compare with" and told["metrics"]["accuracy"]["baseline"] is None


def test_labels_that_the_model_does_not_know_are_unreadable(tmp_path: Path):
    merged = answers(200, 0.9)
    merged.rows[0] = ("perhaps", merged.rows[0][1])
    told, _ = model_quality(merged, SCHEMA, tmp_path / "none", RULES)
    assert (told["rows"], told["unreadable"]) == (199, 1)


def test_answers_without_probability_have_no_metrics_of_it(tmp_path: Path):
    plain = Merged([(truth, answer._replace(probability=None)) for truth, answer in answers(200, 0.9).rows])
    metrics = model_quality(plain, SCHEMA, tmp_path / "none", RULES)[0]["metrics"]
    assert "accuracy" in metrics and not {"auc", "log_loss"} & set(metrics)


def test_several_labels_and_numbers_are_measured(tmp_path: Path):
    random = np.random.default_rng(4)
    labels = random.choice(["a", "b", "c"], 600)
    rows = [(label, Answer(str(row), 0, label if row % 2 else "a", 0.7)) for row, label in enumerate(labels.tolist())]
    told, _ = model_quality(Merged(rows), MANY, evaluation(tmp_path, "multiclass_classification_metrics", accuracy=0.9, weighted_f1=0.9), RULES)
    assert told["verdict"] == "worse" and "auc" not in told["metrics"]
    prices = random.normal(100, 10, 600)
    rows = [(f"{price}", Answer(str(row), 0, f"{price + error}", None))
            for row, (price, error) in enumerate(zip(prices, random.normal(0, 3, 600), strict=True))]
    path = evaluation(tmp_path, "regression_metrics", r2=0.99, rmse=1.0)
    told, _ = model_quality(Merged([*rows, ("none", rows[0][1])]), NUMBER, path, RULES)
    assert told["verdict"] == "worse" and told["unreadable"] == 1 and told["metrics"]["rmse"]["value"] == pytest.approx(3, rel=0.1)
    assert told["violations"][-1]["constraint_check_type"] in ("GreaterThanThreshold", "LessThanThreshold")
    assert model_quality(Merged(rows), NUMBER, evaluation(tmp_path, "regression_metrics", r2=0.9, rmse=3.1), RULES)[0]["verdict"] == "not worse"


def test_a_look_merges_ground_truth(job: Job, in_process):
    rows = answers(300, 0.9).rows
    job.write("processing/input/schema/schema.json", json.dumps(SCHEMA.to_json()))
    job.write("processing/input/baseline/baseline.csv", "state,calls,plan\n" + "KS,1,yes\nOH,2,no\n" * 300)
    job.config({"monitoring": {"threshold": 0.2}})
    assert in_process(job, "monitor", "baseline") == 0
    job.hand_on(("baseline/statistics.json", "processing/input/baseline/statistics.json"),
                ("baseline/constraints.json", "processing/input/baseline/constraints.json"))
    job.write("processing/input/captures/a.jsonl", "\n".join(
        line("KS,1,yes", event="e" + answer.id, inference=answer.id, answer=("text/csv", f"{answer.label},{answer.probability}")) for _, answer in rows))
    job.write("processing/input/ground_truth/2026/01/01/00/a.jsonl", "\n".join(truth(answer.id, label) for label, answer in rows[:250]))
    evaluation(job.write("processing/input/evaluation/.keep", "").parent, "binary_classification_metrics", accuracy=0.99)
    assert in_process(job, "monitor") == 0
    told = job.json("processing/output/drift.json")
    assert (told["model_quality"]["rows"], told["model_quality"]["unmatched"], told["model_quality"]["verdict"]) == (250, 0, "worse")
    metric = told["features"][-1]
    assert (metric["name"], metric["type"], metric["drifted"], metric["checks"][0]["check"]) == ("accuracy", "metric", True, "model quality")
    assert "at the model's evaluation it was 0.99" in metric["checks"][0]["description"]
    named = [each for each in job.json("processing/output/constraint_violations.json")["violations"] if each["feature_name"] == "accuracy"]
    assert told["verdict"] == "drift" and len(named) == 1
