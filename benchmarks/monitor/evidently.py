"""Evidently: its summary of the data and its drift preset, which picks distances by itself."""

import json
from typing import Any

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset, DataSummaryPreset

from benchmarks.monitor.frames import answer, texts


def look(reference: pd.DataFrame, current: pd.DataFrame) -> dict[str, Any]:
    """Return statistics and verdicts by column."""
    words = texts(reference)
    kinds = DataDefinition(numerical_columns=[name for name in reference.columns if name not in words], categorical_columns=words)
    data, before = (Dataset.from_pandas(frame, kinds) for frame in (current, reference))
    report = Report([DataSummaryPreset(), DataDriftPreset()]).run(data, before)
    found: dict[str, Any] = {"rows": len(current), "columns": {name: {} for name in current.columns}, "drifted": []}
    for metric in json.loads(report.json())["metrics"]:
        config, value = metric["config"], metric["value"]
        kind, column = config["type"].rpartition(":")[2], config.get("column")
        if kind == "MeanValue":
            found["columns"][column]["mean"] = value
        elif kind == "StdValue":
            found["columns"][column]["std_dev"] = value
        elif kind == "UniqueValueCount":
            found["columns"][column]["counts"] = value["counts"]
        elif kind == "ValueDrift" and value > config["threshold"]:
            found["drifted"].append(column)
    return found


if __name__ == "__main__":
    answer(look)
