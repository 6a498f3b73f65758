"""whylogs: a profile of each data set, and drift scores with their default limits."""

from typing import Any

import pandas as pd
import whylogs as why
from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores

from benchmarks.monitor.frames import answer, texts


def look(reference: pd.DataFrame, current: pd.DataFrame) -> dict[str, Any]:
    """Return statistics and verdicts by column; counts of texts are estimates, exact where there are few."""
    profile, baseline = why.log(current).view(), why.log(reference).view()
    scores = calculate_drift_scores(profile, baseline, with_thresholds=True)
    words = set(texts(current))
    columns = {name: _texts(profile.get_column(name)) if name in words else _numbers(profile.get_column(name)) for name in current.columns}
    return {"rows": len(current), "columns": columns,
            "drifted": [name for name, score in scores.items() if score and score["drift_category"] == "DRIFT"]}


def _numbers(column: Any) -> dict[str, Any]:
    found = column.get_metric("distribution")
    return {"mean": found.mean.value, "std_dev": found.stddev}


def _texts(column: Any) -> dict[str, Any]:
    return {"counts": {item.value: item.est for item in column.get_metric("frequent_items").strings}}


if __name__ == "__main__":
    answer(look)
