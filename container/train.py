"""Train: fit the configured estimator, write it as ONNX too, and prove that both answer alike.

Reads the channels train, validation and schema and input/config/hyperparameters.json; writes
model.skops, model.onnx (where the estimator converts), schema.json and model.json. With a folder
checkpoints it keeps the half-grown estimator there and goes on from it.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np

from container.checkpoints import FOLDER, Checkpoints
from container.errors import Misused, Refused
from container.estimators import DEFAULT, Choice, build, choose
from container.growth import fit
from container.labelled_rows import read_rows
from container.metrics import Metrics, measure
from container.model_description import data_hashes, described, training_key
from container.onnx_export import NotConverted, export
from container.paths import base, channel, model_folder, read_json, write_json
from container.predictor import ESTIMATOR_FILE, MODEL_FILE, ONNX_FILE, SCHEMA_FILE, TRUSTED, score
from container.schema import Schema, read_schema


def main(arguments: list[str]) -> None:
    """Run the program."""
    if arguments:
        raise Misused("usage: python -m container train")
    choice = choose(_hyperparameters())
    files = [channel("train", "train.csv"), channel("validation", "validation.csv"), channel("schema", "schema.json")]
    schema = read_schema(files[2])
    estimator = build(choice, schema.problem.type)
    train, validation = read_rows(files[0], schema), read_rows(files[1], schema)
    data = data_hashes(files)
    estimator = _fit(estimator, choice, train, Checkpoints(base() / FOLDER, training_key(data, choice)))
    metrics = {"train": _metrics(estimator, schema, *train), "validation": _metrics(estimator, schema, *validation)}
    _print_metrics(metrics)
    folder = model_folder()
    folder.mkdir(parents=True, exist_ok=True)
    onnx = _write_onnx(estimator, choice, validation[0], folder)
    types = _write_estimator(estimator, folder)
    write_json(folder / SCHEMA_FILE, schema.to_json())
    rows = {"train": len(train[1]), "validation": len(validation[1])}
    write_json(folder / MODEL_FILE, described(estimator, choice, rows=rows, data=data, metrics=metrics, onnx=onnx, types=types))


def _hyperparameters() -> dict[str, str]:
    path = base() / "input" / "config" / "hyperparameters.json"
    texts = read_json(path) if path.is_file() else {}
    if not isinstance(texts, dict):
        raise Refused(f"{path.name}: must be an object of names and values")
    return texts


def _fit(estimator: Any, choice: Choice, train: tuple[np.ndarray, np.ndarray], checkpoints: Checkpoints) -> Any:
    start = time.monotonic()
    fitted = fit(estimator, choice, *train, checkpoints)
    rows, columns = train[0].shape
    print(f"train: {choice.name} on {rows} rows of {columns} columns in {time.monotonic() - start:.1f} s")
    return fitted


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


def _write_estimator(estimator: Any, folder: Path) -> list[str]:
    """Write model.skops and return the types in it that are not plain scikit-learn and numpy; serving must know them all."""
    import skops.io

    path = folder / ESTIMATOR_FILE
    skops.io.dump(estimator, path)
    types = sorted(skops.io.get_untrusted_types(file=path))
    unknown = [name for name in types if name not in TRUSTED]
    if unknown:
        raise Refused(f"{ESTIMATOR_FILE} would hold types that are not trusted: {', '.join(unknown)}; "
                      "choose other hyperparameters, or list them in container/predictor.py")
    return types
