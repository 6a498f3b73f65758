"""The scikit-learn pipeline that every stack but ours serves: this image's own estimator behind pandas' frames.

One estimator for all, so that all must give the same answers and only the way to them differs.
As a program it makes the pipeline, where pandas and skops are: python -m benchmarks.serving.pipeline MODEL_FOLDER
reads rows as JSON records and prints their probabilities.
"""

import json
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder

FILE = Path(__file__).resolve().parents[2] / "build" / "bench" / "pipeline.joblib"


def in_model_order(matrix: np.ndarray, order: list[int]) -> np.ndarray:
    """Return the columns as the estimator was fitted on them, as the numbers that it was fitted on."""
    return matrix[:, order].astype(np.float32)


def assemble(estimator: Any, features: list[dict[str, Any]], sample: pd.DataFrame) -> Pipeline:
    """Return a pipeline from a frame of raw rows to probabilities; ``sample`` shows its columns."""
    named = {kind: [each for each in features if each["type"] == kind] for kind in ("categorical", "boolean", "numeric")}
    names = {kind: [each["name"] for each in found] for kind, found in named.items()}
    columns = ColumnTransformer([
        ("categorical", OneHotEncoder(categories=[each["categories"] for each in named["categorical"]],
                                      handle_unknown="ignore", sparse_output=False), names["categorical"]),
        ("boolean", OrdinalEncoder(categories=[["no", "yes"]] * len(named["boolean"])), names["boolean"]),
        ("numeric", "passthrough", names["numeric"])])
    widths = {each["name"]: len(each.get("categories") or [0]) for each in features}
    starts, start = {}, 0
    for name in (name for group in names.values() for name in group):
        starts[name], start = start, start + widths[name]
    order = [starts[each["name"]] + place for each in features for place in range(widths[each["name"]])]
    return Pipeline([("columns", columns.fit(sample)), ("order", FunctionTransformer(in_model_order, kw_args={"order": order})),
                     ("estimator", estimator)])


def save(model: Path, sample: pd.DataFrame) -> Pipeline:
    """Write the pipeline of a model folder for the stacks and return it."""
    import skops.io

    file = model / "model.skops"  # this run has just trained it: its types need no second look
    estimator = skops.io.load(file, trusted=skops.io.get_untrusted_types(file=file))
    pipeline = assemble(estimator, json.loads((model / "schema.json").read_text())["features"], sample)
    joblib.dump(pipeline, FILE)
    return pipeline


def load() -> Pipeline:
    """Return the pipeline; for the stacks."""
    return joblib.load(FILE)


def probabilities(pipeline: Pipeline, frame: pd.DataFrame) -> list[float]:
    """Return the positive class's probability of each row."""
    return [float(value) for value in pipeline.predict_proba(frame)[:, 1]]


if __name__ == "__main__":
    # Under its own name: what is pickled as a part of __main__ would be found by no stack.
    from benchmarks.serving.pipeline import probabilities, save

    rows = pd.DataFrame(json.load(sys.stdin))
    json.dump(probabilities(save(Path(sys.argv[1]), rows), rows), sys.stdout)
