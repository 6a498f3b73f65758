"""docs/faq.md's recipes for data, algorithm and endpoint, done as they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from image_jobs import ROOT, Job

from container.app import create_app
from container.hooks import load_hooks
from tests.unit.recipes import apply, block, copy


def train(checkout: Path, folder: str) -> subprocess.CompletedProcess[str]:
    """Run the recipe's first command in a checkout."""
    command = block("How do I use data of my own?", "text").splitlines()[0].replace("mine", folder).split()
    return subprocess.run(command, cwd=checkout, env={**os.environ, "PYTHON": sys.executable}, capture_output=True, text=True, check=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what a recipe changes, set up, with a folder of somebody's own data."""
    made = copy(tmp_path / "checkout", "container", "model")
    (made / ".venv").symlink_to(ROOT / ".venv")
    rows = ["size,rooms,price", *(f"{30 + index},{index % 4},{1000 * (30 + index) + 5000 * (index % 4)}" for index in range(300))]
    own = Job(made / "mine")
    own.write("processing/input/data/train/prices.csv", "\n".join(rows) + "\n")
    own.write("config.yml", block("How do I use data of my own?", "yaml"))
    return made


def test_data_of_ones_own_is_learned(checkout: Path) -> None:
    ended = train(checkout, "mine")
    assert ended.returncode == 0, ended.stderr
    found = json.loads((checkout / "mine/processing/output/evaluation/evaluation.json").read_text())
    assert found["regression_metrics"]["r2"]["value"] > 0.9


def test_another_algorithm_is_taken_up(checkout: Path) -> None:
    config = checkout / "mine" / "config.yml"
    config.write_text(config.read_text() + "training: {estimator: AdaBoost}\n")
    refused = train(checkout, "mine")
    assert refused.returncode == 1 and 'training.estimator is "AdaBoost"' in refused.stderr
    apply(block("How do I take another algorithm?", "diff"), checkout)
    ended = train(checkout, "mine")
    assert ended.returncode == 0, ended.stderr
    assert json.loads((checkout / "mine/model/model.json").read_text())["estimator"] == "AdaBoost"


def test_a_step_of_ones_own_answers(churn: Job, tmp_path: Path) -> None:
    (tmp_path / "inference.py").write_text(block("How do I change what the endpoint does with a request?", "python"))
    client = create_app(churn.base / "model", "run", 10**6, load_hooks(tmp_path / "inference.py")).test_client()
    reply = client.post("/invocations", data=(churn.outputs / "test" / "test.csv").read_bytes(), content_type="text/csv")
    probabilities = [each["probability"] for each in reply.json["predictions"]]
    assert min(probabilities) == pytest.approx(0.01) and max(probabilities) <= 0.99
