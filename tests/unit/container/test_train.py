"""Train and evaluate: estimators by name, ONNX and its proof, metrics that mean something."""

import random

import numpy as np
import pytest
from image_jobs import TO_TRAIN, Job, run_all

from container.encoding import encode
from container.errors import Refused
from container.estimators import DEFAULT, ESTIMATORS, build, choose
from container.onnx_export import NotConverted, export
from container.predictor import EstimatorPredictor, OnnxPredictor, load_predictor
from container.schema import read_schema
from container.table import read_table


def small_job(job: Job, in_process) -> Job:
    """Prepare a small binary problem with missing numbers and a category."""
    rng = random.Random(3)
    rows = [[rng.gauss(number % 2, 1), "" if number % 7 == 0 else number, "ab"[number % 3 == 0], "ny"[number % 2]]
            for number in range(120)]
    job.data([["x", "n", "kind", "y"], *rows])
    job.config({"problem": {"type": "binary", "target": "y", "positive": "y"}})
    assert in_process(job, "prepare") == 0
    job.hand_on(*TO_TRAIN)
    return job


def test_churn_is_learned_and_onnx_is_proven(churn: Job):
    model = churn.json("model/model.json")
    assert model["onnx"]["converted"] and model["onnx"]["max_difference"] < 1e-5 and model["onnx"]["rows"] == 1000
    assert model["estimator"] == DEFAULT and model["seed"] == 42
    assert model["metrics"]["validation"]["auc"] > 0.85
    assert {path.name for path in (churn.base / "model").iterdir()} == {
        "model.onnx", "model.skops", "schema.json", "model.json"}


def test_unseen_customers_are_told_apart(churn: Job, churn_rows):
    from container.metrics import auc

    schema = read_schema(churn.base / "model" / "schema.json")
    header, unseen = churn_rows[0], churn_rows[3334:]
    columns = [[row[header.index(name)] for row in unseen] for name in schema.names]
    scores = load_predictor(churn.base / "model").scores(encode(columns, schema))
    assert auc(np.array([row[-1] == "yes" for row in unseen]), scores[:, 1]) >= 0.92


def test_the_estimator_file_answers_like_onnx(churn: Job):
    schema = read_schema(churn.base / "model" / "schema.json")
    rows = encode(read_table(churn.outputs / "golden" / "golden.csv").columns(schema.names), schema)
    by_estimator = EstimatorPredictor(churn.base / "model" / "model.skops").scores(rows)
    by_onnx = OnnxPredictor((churn.base / "model" / "model.onnx").read_bytes()).scores(rows)
    assert by_estimator == pytest.approx(by_onnx, abs=1e-5)


def test_the_log_has_lines_for_metric_definitions(churn: Job, job: Job, in_process, capsys):
    small_job(job, in_process)
    job.hyperparameters(max_iter="5")
    assert in_process(job, "train") == 0
    assert "validation:auc=" in capsys.readouterr().out


def test_evaluation_has_sagemakers_layout(churn: Job):
    evaluation = churn.json("processing/output/evaluation/evaluation.json")
    metrics = evaluation["binary_classification_metrics"]
    assert metrics["auc"]["value"] > 0.85 and 0.005 < metrics["auc"]["standard_deviation"] < 0.1
    assert sum(sum(row.values()) for row in metrics["confusion_matrix"].values()) == 500
    curve = metrics["receiver_operating_characteristic_curve"]
    assert curve["false_positive_rates"][0] == 0 and curve["true_positive_rates"][-1] == 1
    assert evaluation["dataset"]["item_count"] == 500
    assert "<svg" in (churn.outputs / "evaluation" / "report.html").read_text()


def test_shuffled_labels_make_the_gates_metric_fall(churn: Job, job: Job, in_process, churn_rows):
    header, *rows = churn_rows[:1501]
    labels = [row[-1] for row in rows]
    random.Random(0).shuffle(labels)
    job.data([header, *([*row[:-1], label] for row, label in zip(rows, labels, strict=True))])
    job.config({"problem": {"type": "binary", "target": "churn", "positive": "yes"}, "data": {"test": 0.4}})
    run_all(job, lambda *arguments: in_process(job, *arguments))
    evaluation = job.json("processing/output/evaluation/evaluation.json")
    assert 0.35 < evaluation["binary_classification_metrics"]["auc"]["value"] < 0.65


# Small settings: what is tested is that each estimator passes through all programs' code.
QUICK = {"RandomForest": {"n_estimators": "5"}, "ExtraTrees": {"n_estimators": "5"}, "GradientBoosting": {"n_estimators": "5"},
         "MLP": {"hidden_layer_sizes": "[4]", "max_iter": "400", "tol": "0.01"}}


@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name != "Ridge"])
def test_every_estimator_trains_and_answers(job: Job, in_process, name):
    small_job(job, in_process)
    job.hyperparameters(estimator=name, **QUICK.get(name, {}))
    assert in_process(job, "train") == 0, (job.base / "output" / "failure").read_text()
    schema = read_schema(job.base / "model" / "schema.json")
    rows = encode([[1.0, None], [5, ""], ["a", "unseen"]], schema)
    scores = load_predictor(job.base / "model").scores(rows)
    assert scores.shape == (2, 2) and scores.sum(axis=1) == pytest.approx([1, 1], abs=1e-5)
    assert EstimatorPredictor(job.base / "model" / "model.skops").scores(rows) == pytest.approx(scores, abs=1e-4)


def test_the_same_seed_gives_the_same_model(job: Job, in_process):
    small_job(job, in_process)
    models = []
    for seed in ("1", "1", "2"):
        job.hyperparameters(estimator="random_forest", n_estimators="5", seed=seed)
        assert in_process(job, "train") == 0
        models.append((job.base / "model" / "model.onnx").read_bytes())
    assert models[0] == models[1] != models[2]


REFUSED = {
    "estimator": ({"estimator": "Oracle"}, "estimator is 'Oracle'; known are HistGradientBoosting"),
    "name": ({"max_itr": "5"}, "hyperparameter max_itr is not known to HistGradientBoosting; known are"),
    "type": ({"max_iter": "many"}, "'max_iter' parameter"),
    "fixed by the seed": ({"random_state": "5"}, "random_state is not known"),
    "seed": ({"seed": "-1"}, "seed is -1"),
    "task": ({"estimator": "Ridge"}, "'Ridge', which does no classification"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_unknown_estimators_and_hyperparameters_are_refused_by_name(job: Job, in_process, case):
    texts, words = REFUSED[case]
    small_job(job, in_process)
    job.hyperparameters(**texts)
    assert in_process(job, "train") == 1
    assert words in (job.base / "output" / "failure").read_text()
    assert not (job.base / "model" / "model.onnx").exists()


def test_texts_become_values_and_sagemakers_own_keys_are_left_out():
    choice = choose({"estimator": '"hist_gradient_boosting"', "max_iter": "7", "max_depth": "None",
                     "l2_regularization": "0.5", "sagemaker_region": "x", "_tuning_objective_metric": "y"})
    assert choice.name == DEFAULT
    assert choice.hyperparameters == {
        "learning_rate": 0.05, "max_leaf_nodes": 15, "max_iter": 7, "max_depth": None, "l2_regularization": 0.5}


def test_the_default_model_fails_the_job_when_onnx_answers_otherwise(job: Job, in_process, monkeypatch):
    small_job(job, in_process)
    monkeypatch.setattr("container.onnx_export._convert", lambda estimator, width: 1 / 0)
    assert in_process(job, "train") == 1
    assert "has no ONNX form (ZeroDivisionError" in (job.base / "output" / "failure").read_text()


def test_another_model_serves_without_onnx_and_the_log_says_why(job: Job, in_process, monkeypatch, capsys):
    small_job(job, in_process)
    job.hyperparameters(estimator="DecisionTree")
    monkeypatch.setattr("container.onnx_export._convert", lambda estimator, width: 1 / 0)
    assert in_process(job, "train") == 0
    assert "has no ONNX form, so the estimator serves (slower): ZeroDivisionError" in capsys.readouterr().out
    assert job.json("model/model.json")["onnx"] == {"converted": False, "reason": "ZeroDivisionError: division by zero"}
    assert isinstance(load_predictor(job.base / "model"), EstimatorPredictor)


def test_a_conversion_that_answers_otherwise_is_no_conversion():
    # skl2onnx leaves out the exponential that a gamma loss needs.
    rows = np.random.default_rng(0).random((60, 2)).astype(np.float32)
    estimator = build(choose({"loss": "gamma", "max_iter": "3"}), "regression").fit(rows, 5 + rows[:, 0])
    with pytest.raises(NotConverted, match="answers differ by"):
        export(estimator, rows)


def test_a_model_of_untrusted_types_is_not_loaded(tmp_path):
    import skops.io
    from sklearn.preprocessing import FunctionTransformer

    skops.io.dump(FunctionTransformer(print), tmp_path / "model.skops")
    with pytest.raises(Refused, match="not trusted: builtins.print"):
        EstimatorPredictor(tmp_path / "model.skops")
