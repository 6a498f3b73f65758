"""Train: fit the configured estimator, write it as ONNX too, and prove that both answer alike.

Reads the channels train, validation and schema and input/config/hyperparameters.json; writes
model.skops, model.onnx (where the estimator converts), schema.json and model.json.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np

from container.errors import Misused, Refused
from container.estimators import DEFAULT, Choice, build, choose
from container.labelled_rows import read_rows
from container.metrics import Metrics, measure
from container.onnx_export import NotConverted, export
from container.paths import base, channel, model_folder, read_json, write_json
from container.predictor import ESTIMATOR_FILE, MODEL_FILE, ONNX_FILE, SCHEMA_FILE, score
from container.schema import Schema, read_schema

PACKAGES = ("scikit-learn", "numpy", "skl2onnx", "onnx", "onnxruntime", "skops")


def main(arguments: list[str]) -> None:
    """Run the program."""
    if arguments:
        raise Misused("usage: python -m container train")
    choice = choose(_hyperparameters())
    schema = read_schema(channel("schema", "schema.json"))
    estimator = build(choice, schema.problem.type)
    train = read_rows(channel("train", "train.csv"), schema)
    validation = read_rows(channel("validation", "validation.csv"), schema)
    _fit(estimator, choice, *train)
    metrics = {"train": _metrics(estimator, schema, *train), "validation": _metrics(estimator, schema, *validation)}
    _print_metrics(metrics)
    folder = model_folder()
    folder.mkdir(parents=True, exist_ok=True)
    onnx = _write_onnx(estimator, choice, validation[0], folder)
    _write_rest(estimator, schema, folder)
    rows = {"train": len(train[1]), "validation": len(validation[1])}
    write_json(folder / MODEL_FILE, _description(estimator, choice, rows, metrics, onnx))


def _hyperparameters() -> dict[str, str]:
    path = base() / "input" / "config" / "hyperparameters.json"
    return read_json(path) if path.is_file() else {}


def _fit(estimator: Any, choice: Choice, rows: np.ndarray, targets: np.ndarray) -> None:
    from sklearn.utils._param_validation import InvalidParameterError

    start = time.monotonic()
    try:
        estimator.fit(rows, targets)
    except InvalidParameterError as error:
        raise Refused(f"hyperparameters of {choice.name}: {error}") from None
    print(f"train: {choice.name} on {len(rows)} rows of {rows.shape[1]} columns in {time.monotonic() - start:.1f} s")


def _metrics(estimator: Any, schema: Schema, rows: np.ndarray, targets: np.ndarray) -> Metrics:
    return measure(targets, score(estimator, rows), schema.problem.type)


def _print_metrics(metrics: dict[str, Metrics]) -> None:
    """Print what the training job's MetricDefinitions look for."""
    for part, values in metrics.items():
        for name, value in values.items():
            if value is not None:
                print(f"{part}:{name}={value:.6f};")


def _write_onnx(estimator: Any, choice: Choice, held_out: np.ndarray, folder: Path) -> dict[str, Any]:
    """Write model.onnx and return its parity; without ONNX the default model fails, others are served as they are."""
    try:
        model, parity = export(estimator, held_out)
    except NotConverted as error:
        if choice.name == DEFAULT:
            raise Refused(f"{DEFAULT} with these hyperparameters has no ONNX form ({error}); "
                          "change them, or choose another estimator, which is then served without ONNX") from error
        print(f"train: {choice.name} has no ONNX form, so the estimator serves (slower): {error}")
        return {"converted": False, "reason": str(error)}
    (folder / ONNX_FILE).write_bytes(model)
    print(f"train: ONNX answers within {parity.max_difference:.2g} of the estimator on {parity.rows} rows")
    return parity.to_json()


def _write_rest(estimator: Any, schema: Schema, folder: Path) -> None:
    import skops.io

    skops.io.dump(estimator, folder / ESTIMATOR_FILE)
    write_json(folder / SCHEMA_FILE, schema.to_json())


def _description(estimator: Any, choice: Choice, rows: dict[str, int], metrics: dict[str, Any],
                 onnx: dict[str, Any]) -> dict[str, Any]:
    from importlib.metadata import version

    fitted = estimator[-1] if hasattr(estimator, "steps") else estimator
    return {
        "estimator": choice.name,
        "class": f"{type(fitted).__module__}.{type(fitted).__name__}",
        "hyperparameters": dict(choice.hyperparameters),
        "seed": choice.seed,
        "rows": rows,
        "metrics": metrics,
        "onnx": onnx,
        "versions": {package: version(package) for package in PACKAGES},
    }
