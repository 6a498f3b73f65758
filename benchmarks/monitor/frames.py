"""What all frameworks get and give: frames read through Arrow, and their answers as a file.

Usage of each framework's program: python -m benchmarks.monitor.NAME BASELINE FOLDER captures|csv ANSWERS
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv
from pyarrow import json as arrow_json

TARGET = "churn"
# Only what is read of a line is given a type.
LINES = pa.schema([("captureData", pa.struct([("endpointInput", pa.struct([("data", pa.string())]))]))])
Look = Callable[[pd.DataFrame, pd.DataFrame], dict[str, Any]]


def answer(look: Look) -> None:
    """Read both data sets, let the framework look, and write what it says."""
    baseline, folder, kind, answers = sys.argv[1:]
    reference = csv.read_csv(baseline).to_pandas()
    names = [name for name in reference.columns if name != TARGET]
    current = READERS[kind](Path(folder), names)
    Path(answers).write_text(json.dumps(look(reference[names], current[names]), default=float))


def texts(frame: pd.DataFrame) -> list[str]:
    """Return the columns that hold no numbers."""
    return [name for name in frame.columns if not pd.api.types.is_numeric_dtype(frame[name])]


def _csv(folder: Path, names: list[str]) -> pd.DataFrame:
    return csv.read_csv(folder / "rows.csv").to_pandas()


def _captures(folder: Path, names: list[str]) -> pd.DataFrame:
    lines = arrow_json.read_json(folder / "captured.jsonl", parse_options=arrow_json.ParseOptions(
        explicit_schema=LINES, unexpected_field_behavior="ignore"))
    rows = pc.struct_field(pc.struct_field(lines["captureData"], "endpointInput"), "data")
    # Arrow's texts stand one after the other in memory: with their line ends they are CSV already.
    ended = pc.binary_join_element_wise(rows, "", "\n").combine_chunks()
    _, _, content = ended.buffers()
    return csv.read_csv(pa.BufferReader(content), read_options=csv.ReadOptions(column_names=names)).to_pandas()


READERS: dict[str, Callable[[Path, list[str]], pd.DataFrame]] = {"csv": _csv, "captures": _captures}
