"""The same rows as CSV and as SageMaker's captured lines, and the training data that they are compared with."""

import json
import shutil
from itertools import chain
from pathlib import Path

from benchmarks.jobs.job import run
from benchmarks.jobs.rows import Cells, header, rows
from benchmarks.serving.model import CONFIG, SAMPLE, TRAINING_ROWS

DRIFTED = "total_day_minutes"
LONGER = 1.2
LINE = json.dumps({
    "captureData": {
        "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": "ROW", "encoding": "CSV"},
    },
    "eventMetadata": {"eventId": "00000000-0000-0000-0000-EVENT", "inferenceTime": "2026-01-01T00:00:00Z"},
    "eventVersion": "0",
}, separators=(",", ":")).replace("EVENT", "%012x").replace("ROW", "%s") + "\n"


def write_csv(folder: Path, count: int) -> None:
    """Write the rows of a size below a folder, with a header and labels."""
    with _file(folder, "rows.csv").open("w") as out:
        out.write(f"{header()}\n")
        for chunk in rows(count, change=_drifted):
            out.writelines(f"{row}\n" for row in chunk)


def write_captures(folder: Path, count: int) -> None:
    """Write the rows of a size as requests of one row each."""
    with _file(folder, "captured.jsonl").open("w") as out:
        every = chain.from_iterable(rows(count, change=_drifted))
        out.writelines(LINE % (row.rpartition(",")[0], event) for event, row in enumerate(every))


WRITERS = {"captures": write_captures, "csv": write_csv}


def _file(folder: Path, name: str) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder / name


def _drifted(cells: Cells) -> Cells:
    place = header().split(",").index(DRIFTED)
    return [*cells[:place], f"{float(cells[place]) * LONGER:.1f}", *cells[place + 1 :]]


def write_baseline(base: Path) -> Path:
    """Describe the training data with this image's programs; return its rows, which all frameworks read."""
    shutil.rmtree(base, ignore_errors=True)
    given = base / "processing" / "input"
    lines = SAMPLE.read_text().splitlines(keepends=True)[: TRAINING_ROWS + 1]
    for name, content in (("data/train/churn.csv", "".join(lines)), ("config/config.json", json.dumps(CONFIG))):
        (given / name).parent.mkdir(parents=True, exist_ok=True)
        (given / name).write_text(content)
    run(base, "prepare")
    for name in ("baseline/baseline.csv", "schema/schema.json"):
        _handed_on(base, name)
    run(base, "monitor", "baseline")
    for name in ("statistics.json", "constraints.json"):
        _handed_on(base, f"baseline/{name}")
    return given / "baseline" / "baseline.csv"


def _handed_on(base: Path, name: str) -> None:
    target = base / "processing" / "input" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(base / "processing" / "output" / name, target)
