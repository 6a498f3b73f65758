"""An interrupted training goes on where it was, and comes out as if nothing had happened."""

import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from image_jobs import ROOT, TO_TRAIN, Job

from container.checkpoints import Checkpoints
from container.estimators import build, choose
from container.growth import fit
from container.interruption import Interrupted
from container.predictor import score

RNG = np.random.default_rng(5)
ROWS = RNG.normal(size=(400, 5)).astype(np.float32)
ROWS[RNG.random(ROWS.shape) < 0.05] = np.nan
NUMBERS = np.nan_to_num(ROWS[:, 0] * ROWS[:, 1]) + RNG.normal(scale=0.3, size=400)
TARGETS = {"binary": (NUMBERS > 0).astype(int), "multiclass": (NUMBERS > 0).astype(int) + (NUMBERS > 0.8), "regression": NUMBERS}
CASES = {
    "default": ({}, "binary"),
    "default, multiclass": ({"max_iter": "33"}, "multiclass"),
    "default, regression": ({}, "regression"),
    "columns at random": ({"max_features": "0.4"}, "binary"),
    "stops early": ({"early_stopping": "true", "n_iter_no_change": "3", "learning_rate": "0.3"}, "binary"),
    "stops early by the training rows": ({"early_stopping": "true", "validation_fraction": "None", "tol": "0.01"}, "binary"),
    "forest": ({"estimator": "RandomForest", "n_estimators": "20"}, "multiclass"),
    "extra trees": ({"estimator": "ExtraTrees", "n_estimators": "15"}, "regression"),
    "gradient boosting": ({"estimator": "GradientBoosting", "n_estimators": "20", "subsample": "0.5"}, "regression"),
    "gradient boosting that stops early": ({"estimator": "GradientBoosting", "n_iter_no_change": "2"}, "binary"),
    "what cannot grow": ({"estimator": "LogisticRegression"}, "binary"),
}


class InterruptedAfter(Checkpoints):
    """Checkpoints whose training is interrupted after so many."""

    left = 2

    def save(self, grown, estimator):
        super().save(grown, estimator)
        self.left -= 1
        if not self.left:
            raise Interrupted


def answers(case: str, checkpoints: Checkpoints) -> np.ndarray:
    texts, problem = CASES[case]
    choice = choose(texts)
    return score(fit(build(choice, problem), choice, ROWS, TARGETS[problem], checkpoints), ROWS)


@pytest.mark.parametrize("case", CASES)
def test_one_fit_rounds_and_an_interrupted_training_give_the_same_model(tmp_path, case, monkeypatch):
    monkeypatch.setattr("container.growth.SECONDS_OF_A_ROUND", 0.0)
    at_once = answers(case, Checkpoints(tmp_path / "none", "key"))
    for folder in ("rounds", "interrupted"):
        (tmp_path / folder).mkdir()
    np.testing.assert_array_equal(answers(case, Checkpoints(tmp_path / "rounds", "key")), at_once)
    try:
        answers(case, InterruptedAfter(tmp_path / "interrupted", "key"))
    except Interrupted:
        assert len(list((tmp_path / "interrupted").iterdir())) == 1
    np.testing.assert_array_equal(answers(case, Checkpoints(tmp_path / "interrupted", "key")), at_once)


@pytest.mark.parametrize("name", ["HistGradientBoosting", "RandomForest", "LogisticRegression"])
def test_a_column_without_values_in_training_may_have_some_later(tmp_path, name):
    rows = ROWS.copy()
    rows[:, 3] = np.nan
    choice = choose({"estimator": name})
    fitted = fit(build(choice, "binary"), choice, rows, TARGETS["binary"], Checkpoints(tmp_path / "none", "key"))
    some, none = ROWS.copy(), ROWS.copy()
    some[:, 3], none[:, 3] = 7.0, np.nan
    assert np.isfinite(score(fitted, some)).all() and np.isfinite(score(fitted, none)).all()


def test_rounds_grow_to_what_takes_minutes(tmp_path):
    saved = []

    class Noted(Checkpoints):
        def save(self, grown, estimator):
            saved.append(grown)

    answers("default", Noted(tmp_path, "key"))
    assert saved == [10, 100]


def test_a_checkpoint_of_another_training_or_none_at_all_is_passed_over(tmp_path, capsys):
    expected = answers("default", Checkpoints(tmp_path / "none", "key"))
    (tmp_path / "other-50.skops").write_text("of other data")
    (tmp_path / "key-90.skops").write_text("cut short")
    np.testing.assert_array_equal(answers("default", Checkpoints(tmp_path, "key")), expected)
    assert "checkpoint key-90.skops cannot be read and is passed over" in capsys.readouterr().out


def test_a_training_ends_at_sigterm_and_the_next_one_goes_on(churn: Job, tmp_path: Path):
    whole, halted = Job(tmp_path / "whole"), Job(tmp_path / "halted")
    for job in (whole, halted):
        for output, name in TO_TRAIN:
            job.write(name, (churn.outputs / output).read_text())
        job.hyperparameters(max_iter="400", learning_rate="0.02")
    (halted.base / "checkpoints").mkdir()
    assert whole.run("train").returncode == 0
    assert interrupted(halted) == 143
    assert not (halted.base / "output" / "failure").exists() and not (halted.base / "model" / "model.onnx").exists()
    ended = halted.run("train")
    assert ended.returncode == 0 and "goes on from a checkpoint, max_iter" in ended.stdout
    first, second = ((job.base / "model" / "model.onnx").read_bytes() for job in (whole, halted))
    assert first == second


def interrupted(job: Job) -> int:
    """Start a training, send SIGTERM once a checkpoint is there, and return its exit status."""
    environment = {"SAGEMAKER_BASE_DIR": str(job.base), "PATH": "", "OMP_WAIT_POLICY": "PASSIVE"}
    with subprocess.Popen([sys.executable, "-m", "container", "train"], cwd=ROOT, env=environment) as process:
        while process.poll() is None and not list((job.base / "checkpoints").glob("*.skops")):
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.01)
        process.send_signal(signal.SIGTERM)
        return process.wait(timeout=60)
