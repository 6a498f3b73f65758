"""A base folder in which the image's programs run as SageMaker would run them."""

import csv
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
Rows = Iterable[Iterable[Any]]
CHURN = {"problem": {"type": "binary", "target": "churn", "positive": "yes"}, "data": {"seed": 42}}
SAMPLE_ROWS = 3333


class Job:
    """One base folder in which programs run as SageMaker would run them."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.outputs = base / "processing" / "output"

    def write(self, name: str, content: str) -> Path:
        """Write a file below the base folder."""
        path = self.base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return path

    def data(self, rows: Rows, folder: str = "train", name: str = "rows.csv") -> None:
        """Write a CSV file of the data that prepare reads."""
        path = self.write(f"processing/input/data/{folder}/{name}", "")
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)

    def config(self, content: Any) -> None:
        """Write the configuration that prepare reads."""
        self.write("processing/input/config/config.json", json.dumps(content))

    def hyperparameters(self, **texts: str) -> None:
        """Write the hyperparameters that train reads."""
        self.write("input/config/hyperparameters.json", json.dumps(texts))

    def hand_on(self, *moves: tuple[str, str]) -> None:
        """Copy outputs of a job to where the next one expects them, as the workflow does through S3."""
        for output, name in moves:
            self.write(name, (self.outputs / output).read_text(encoding="utf-8"))

    def pack_model(self) -> None:
        """Make the archive that SageMaker makes of the model folder."""
        archive = self.write("processing/input/model/model.tar.gz", "")
        with tarfile.open(archive, "w:gz") as packed:
            packed.add(self.base / "model", arcname=".")

    def json(self, name: str) -> Any:
        """Return a JSON file below the base folder."""
        return json.loads((self.base / name).read_text(encoding="utf-8"))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m container` as the image does, with warnings as errors."""
        environment = {**os.environ, "SAGEMAKER_BASE_DIR": str(self.base)}
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "container", *arguments],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
        )


TO_TRAIN = (
    ("train/train.csv", "input/data/train/train.csv"),
    ("validation/validation.csv", "input/data/validation/validation.csv"),
    ("schema/schema.json", "input/data/schema/schema.json"),
)
TO_EVALUATE = (("test/test.csv", "processing/input/test/test.csv"),)
TO_MONITOR = (
    ("baseline/baseline.csv", "processing/input/baseline/baseline.csv"),
    ("schema/schema.json", "processing/input/schema/schema.json"),
)


def run_all(job: Job, run: Callable[..., Any]) -> None:
    """Run the programs in the workflow's order, with the data handed on between them."""
    stages = [
        (("prepare",), TO_TRAIN),
        (("train",), TO_EVALUATE),
        (("evaluate",), TO_MONITOR),
        (("monitor", "baseline"), ()),
    ]
    for arguments, moves in stages:
        ended = run(*arguments)
        status = getattr(ended, "returncode", ended)
        assert status == 0, getattr(ended, "stderr", f"{arguments} ended with {status}")
        job.hand_on(*moves)
        if arguments == ("train",):
            job.pack_model()
