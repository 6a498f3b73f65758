"""Data sets and trained models that the tests share: each is prepared and trained once."""

import csv
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from image_jobs import CHURN, SAMPLE_ROWS, Job, run_all  # noqa: E402  (found through the line above)

# As container/__main__.py does, but before a test module imports scikit-learn.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Return a function that runs a program in this process: faster, and imports are paid once."""

    def run(job: Job, *arguments: str) -> int:
        from container.__main__ import main

        monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(job.base))
        return main(list(arguments))

    return run


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Return an empty base folder."""
    return Job(tmp_path)


@pytest.fixture(scope="session")
def churn_rows() -> list[list[str]]:
    """Return the whole sample with its header."""
    with (ROOT / "data" / "churn.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.fixture(scope="session")
def churn(tmp_path_factory: pytest.TempPathFactory, churn_rows: list[list[str]]) -> Job:
    """Return a job in which all programs have run on the sample project's rows, each as its own process."""
    job = Job(tmp_path_factory.mktemp("churn"))
    job.data(churn_rows[: SAMPLE_ROWS + 1])
    job.config(CHURN)
    job.hyperparameters(estimator="HistGradientBoosting")
    run_all(job, job.run)
    return job
