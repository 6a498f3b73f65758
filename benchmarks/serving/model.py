"""The model that is served: this image's own, trained on the sample by its own programs."""

import csv
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.serving.errors import BenchmarkError

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / "build" / "env" / "image" / "bin" / "python"
PANDAS = ROOT / "build" / "env" / "bench-seed" / "bin" / "python"
SAMPLE, TARGET, TRAINING_ROWS = ROOT / "data" / "churn.csv", "churn", 3333
CONFIG = {"problem": {"type": "binary", "target": TARGET, "positive": "yes"}, "data": {"seed": 42}}
HANDED_ON = {"train/train.csv": "train/train.csv", "validation/validation.csv": "validation/validation.csv",
             "schema/schema.json": "schema/schema.json"}


def train(base: Path) -> None:
    """Make a base folder with a trained model; raises BenchmarkError with what the program said."""
    shutil.rmtree(base, ignore_errors=True)
    lines = SAMPLE.read_text().splitlines(keepends=True)[: TRAINING_ROWS + 1]
    for name, content in (("data/train/churn.csv", "".join(lines)), ("config/config.json", json.dumps(CONFIG))):
        file = base / "processing" / "input" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    _run(base, "prepare")
    for output, name in HANDED_ON.items():
        file = base / "input" / "data" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(base / "processing" / "output" / output, file)
    _run(base, "train")


def expected(base: Path, rows: list[dict[str, Any]]) -> list[float]:
    """Make the pipeline that the other stacks serve and return its probabilities; raises BenchmarkError."""
    return json.loads(_output([PANDAS, "-m", "benchmarks.serving.pipeline", base / "model"], json.dumps(rows)))


def _run(base: Path, program: str) -> None:
    _output([PYTHON, "-m", "container", program], SAGEMAKER_BASE_DIR=str(base))


def _output(words: list[Any], stdin: str = "", **variables: str) -> str:
    if not Path(words[0]).exists():
        raise BenchmarkError(f"{words[0]} is missing; bash scripts/bench.sh installs it")
    ended = subprocess.run(words, cwd=ROOT, env={**os.environ, **variables}, input=stdin, capture_output=True, check=False, text=True)
    if ended.returncode:
        raise BenchmarkError(f"{' '.join(map(str, words[1:4]))} failed: {ended.stderr[-2000:]}")
    return ended.stdout


def unseen_rows(count: int) -> list[dict[str, Any]]:
    """Return rows that the model was not trained on, without their label; numbers as numbers."""
    with SAMPLE.open(newline="") as file:
        rows = list(csv.DictReader(file))[TRAINING_ROWS:]
    return [{name: _number(text) for name, text in row.items() if name != TARGET}
            for row in (rows[place % len(rows)] for place in range(count))]


def _number(text: str) -> float | int | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
