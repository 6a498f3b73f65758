"""Each type of problem by configuration alone: prepare, train, evaluate and answers through the predictor."""

import json

import numpy as np
import pytest
from image_jobs import Job, run_all
from sklearn.datasets import load_diabetes, load_iris, load_wine

from container.encoding import encode
from container.media import JSONLINES, Wish
from container.predictor import OnnxPredictor, load_predictor
from container.reply import write_reply
from container.schema import read_schema
from container.table import read_table

# name: (data, problem, section of evaluation.json, metric, at least)
PROBLEMS = {
    "iris": (load_iris, "multiclass", "multiclass_classification_metrics", "accuracy", 0.85),
    "wine": (load_wine, "multiclass", "multiclass_classification_metrics", "weighted_f1", 0.85),
    "diabetes": (load_diabetes, "regression", "regression_metrics", "r2", 0.25),
}


def done(job: Job, in_process, name: str) -> Job:
    """Run all programs on one of scikit-learn's data sets, with its labels as names where it has some."""
    load, problem, *_ = PROBLEMS[name]
    data = load()
    targets = [str(data.target_names[place]) for place in data.target] if problem == "multiclass" else data.target.tolist()
    names = [each.replace("/", " ") for each in data.feature_names]
    job.data([[*names, "answer"], *([*row, target] for row, target in zip(data.data.tolist(), targets, strict=True))])
    job.config({"problem": {"type": problem, "target": "answer"}})
    run_all(job, lambda *arguments: in_process(job, *arguments))
    return job


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_problem_is_learned_and_its_model_answers(job: Job, in_process, name):
    _, problem, section, metric, least = PROBLEMS[name]
    metrics = done(job, in_process, name).json("processing/output/evaluation/evaluation.json")[section]
    assert metrics[metric]["value"] > least and metrics[metric]["standard_deviation"] < 0.2
    # Of a metric that a perfect score pins, resamples cannot vary; the others must.
    assert metrics["mae" if problem == "regression" else "log_loss"]["standard_deviation"] > 0.001
    onnx = job.json("model/model.json")["onnx"]
    assert onnx["converted"] and onnx["max_difference"] < 1e-5
    schema, table = read_schema(job.base / "model" / "schema.json"), read_table(job.outputs / "test" / "test.csv")
    predictor = load_predictor(job.base / "model")
    reply = write_reply(predictor.scores(encode(table.columns(schema.names), schema)), schema, Wish(JSONLINES, "both"))
    answers = [json.loads(line) for line in reply.splitlines()]
    labels, probabilities = ([answer[name] for answer in answers] for name in ("label", "probability"))
    assert isinstance(predictor, OnnxPredictor)
    truth = table.cells("answer")
    if problem == "regression":
        assert np.corrcoef(np.array(truth, dtype=float), labels)[0, 1] > 0.5 and set(probabilities) == {None}
    else:
        assert np.mean(np.array(labels) == truth) == pytest.approx(metrics["accuracy"]["value"])
        assert all(1 / 3 <= probability <= 1 for probability in probabilities)


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_report_shows_pictures_of_its_problem(job: Job, in_process, name):
    page = (done(job, in_process, name).outputs / "evaluation" / "report.html").read_text()
    words = "Predicted and actual" if name == "diabetes" else "Receiver operating characteristic"
    assert words in page and page.count("<svg") == 2


def test_two_runs_give_the_same_model_bytes(job: Job, in_process):
    models = []
    for _ in range(2):
        done(job, in_process, "wine")
        models.append(((job.base / "model" / "model.onnx").read_bytes(), (job.base / "model" / "model.json").read_bytes()))
    assert models[0] == models[1]


def test_the_description_says_data_versions_and_types(churn: Job):
    model = churn.json("model/model.json")
    assert set(model["data"]) == {"train.csv", "validation.csv", "schema.json"} and all(len(each) == 64 for each in model["data"].values())
    assert set(model["versions"]) == {"python", "scikit-learn", "numpy", "skl2onnx", "onnx", "onnxruntime", "skops"}
    assert "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor" in model["types"]


def test_other_data_have_another_hash(churn: Job, job: Job, in_process):
    assert done(job, in_process, "iris").json("model/model.json")["data"] != churn.json("model/model.json")["data"]
