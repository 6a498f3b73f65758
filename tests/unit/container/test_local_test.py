"""container/local_test.sh: train, serve and predict without Docker."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from image_jobs import ROOT, Job
from running_server import RunningServer

SCRIPT = ROOT / "container" / "local_test.sh"


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHON": sys.executable, **environment}
    return subprocess.run(["bash", str(SCRIPT), *map(str, arguments)], env=variables, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [(), ("dance",), ("train", "a", "b")])
def test_a_wrong_call_says_how_to_call(arguments):
    ended = run(*arguments)
    assert ended.returncode == 2 and ended.stderr.startswith("Usage: container/local_test.sh train|serve [FOLDER]")


def test_train_takes_the_folders_own_data_and_configuration(job: Job):
    chance = random.Random(1)
    sizes = [chance.random() for _ in range(300)]
    job.data([["size", "big"], *([size, "yes" if size > 0.5 else "no"] for size in sizes)])
    job.config({"problem": {"type": "binary", "target": "big", "positive": "yes"}})
    job.hyperparameters(estimator="LogisticRegression")
    ended = run("train", job.base)
    assert ended.returncode == 0, ended.stderr
    assert "test:auc=" in ended.stdout and ended.stderr.endswith(f"Next: container/local_test.sh serve {job.base}\n")
    assert job.json("model/model.json")["estimator"] == "LogisticRegression"


REGRESSION = "problem: {type: regression, target: price}\ngate: {metric: r2, threshold: 0.5}\ntraining: {estimator: Ridge, hyperparameters: {alpha: 2}}\n"


def test_train_takes_the_folders_config_file_which_wins_over_an_earlier_run(job: Job):
    job.data([["size", "price"], *([size, 3 * size] for size in range(200))])
    job.config({"problem": {"type": "binary", "target": "left", "positive": "yes"}})
    job.write("config.yml", REGRESSION)
    ended = run("train", job.base)
    assert ended.returncode == 0, ended.stderr
    assert "test:r2=" in ended.stdout and f"{job.outputs}/evaluation: evaluation.json, report.html" in ended.stderr
    model = job.json("model/model.json")
    assert (model["estimator"], model["hyperparameters"]["alpha"]) == ("Ridge", 2)


def test_a_wrong_config_file_is_named_with_field_and_value(job: Job):
    job.data([["size", "price"], ["1", "2"]])
    file = job.write("config.yml", REGRESSION.replace("Ridge", "svm"))
    ended = run("train", job.base)
    assert ended.returncode == 1 and f'{file}: training.estimator is "svm"; allowed: HistGradientBoosting, ' in ended.stderr


def test_train_brings_no_sample_to_data_that_it_does_not_know(job: Job):
    job.write("processing/input/data/train/rows.txt", "size,price\n1,2\n")
    job.config({"problem": {"type": "regression", "target": "price"}})
    ended = run("train", job.base)
    assert ended.returncode == 1 and "holds no .csv file" in ended.stderr


def test_predict_asks_the_server(churn: Job, tmp_path):
    golden = churn.outputs / "golden" / "golden.csv"
    with RunningServer(churn.base, tmp_path, command=("bash", str(SCRIPT), "serve", str(churn.base)), PYTHON=sys.executable) as server:
        ended = run("predict", golden, SAGEMAKER_BIND_TO_PORT=str(server.port))
        assert ended.returncode == 0 and len(ended.stdout.splitlines()) == 20 and '"probability"' in ended.stdout
        (tmp_path / "bad.csv").write_text("a,b\n")
        ended = run("predict", tmp_path / "bad.csv", SAGEMAKER_BIND_TO_PORT=str(server.port))
        assert ended.returncode != 0 and "it must have 19" in ended.stdout
    ended = run("predict", golden, SAGEMAKER_BIND_TO_PORT=str(server.port))
    assert ended.returncode == 1 and "no healthy server" in ended.stderr


def test_serve_without_a_model_says_what_to_do(tmp_path):
    ended = run("serve", tmp_path)
    assert ended.returncode == 1 and "local_test.sh train" in ended.stderr
